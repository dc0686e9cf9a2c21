"""What people say of themselves, turned into short statements and back: `I like moss` → `Likes moss.` → `you like moss`.

By rules, English and Chinese; for the small brain, which keeps what it is told and digests a talk without any other model. What a rule does not
know is no statement: a small mind rather misses something than makes something up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

STATEMENT_CHARS: Final = 160
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_SENTENCES: Final = re.compile(r"[^.!?。！？;；\n]+[.!?。！？;；]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` in the third person without a subject; `kind` is fact, preference, promise or relationship.

    `topic` is what it is about, as it was said. `is_asked`: they asked for it to be remembered.
    """

    text: str
    kind: str
    topic: str
    is_asked: bool = False


def statements(text: str) -> list[Statement]:
    """What somebody says of themselves in a few sentences. Questions are none."""
    found: list[Statement] = []
    for sentence in _SENTENCES.findall(text[:4_000]):
        if sentence.rstrip().endswith(("?", "？", "吗", "吗。")):
            continue
        body = sentence.strip(" \t\n.!?。！？;；,，")[:STATEMENT_CHARS]
        statement = _chinese(body) if _HAN.search(body) else _english(body)
        if statement is not None and statement not in found:
            found.append(statement)
    return found


# ---------------------------------------------------------------------------- English

_ASKS: Final = re.compile(
    r"^(?:please,? |can you |could you |will you |and |so |well,? |oh,? |hey,? )*(?:remember|do not forget|don't forget|keep in mind|make a note|note|write down)"
    r"(?:,? please)?(?: this)?(?: that|:|,)? (?=(?:i|i'm|i've|my)\b)(?P<said>.+)$",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"^(?:and|but|so|well|oh|um|uh|yes|yeah|no|you know|by the way|actually|honestly),? ", re.IGNORECASE
)
_CLOSING: Final = re.compile(r"(?:,? (?:please|you know|by the way|okay|right|actually|too|as well))+$", re.IGNORECASE)
_FEELING: Final = "like|love|hate|dislike|prefer|enjoy|adore"
_DOING: Final = "live|work|play|study|collect|speak|teach|own|grow|paint|sing|write"
_ADVERBS: Final = r"(?:(?:really|also|just|always|still|absolutely|often|usually|do) )*"
_I_VERB: Final = re.compile(
    rf"^i {_ADVERBS}(?P<not>(?:do not|don't) (?:really )?)?(?P<verb>{_FEELING}|{_DOING}) (?P<object>.+)$", re.IGNORECASE
)
_I_AM: Final = re.compile(
    rf"^i(?: am|'m) {_ADVERBS}(?P<object>(?:a|an|from|afraid of|good at|learning|called|called) .+)$", re.IGNORECASE
)
_I_AM_ANYTHING: Final = re.compile(rf"^i(?: am|'m) {_ADVERBS}(?P<object>.+)$", re.IGNORECASE)
_I_HAVE: Final = re.compile(
    rf"^i(?: have|'ve)(?: got)? {_ADVERBS}(?P<object>(?:a|an|one|two|three|four|five|six|many|no) (?!(?:question|idea|problem|headache|cold|joke|moment|minute|exam|test|meeting|feeling|bad|long|hard)\b).+)$",
    re.IGNORECASE,
)
_I_PROMISE: Final = re.compile(
    r"^i(?: promise(?: you)? (?:to|that i(?:'ll| will))|(?:'ll| will)) (?P<object>.+)$", re.IGNORECASE
)
_I_ELSE: Final = re.compile(
    r"^i (?P<verb>[a-z]+)(?P<object> .+)?$",
    re.IGNORECASE,
)
_MY: Final = re.compile(
    r"^my (?!(?:name|god|mistake|turn|head|day|bad|question|point)\b)(?P<noun>[\w' -]{2,40}?)(?P<is> (?:is|are|was)|'s) (?P<object>.+)$",
    re.IGNORECASE,
)
_NOT_ABOUT_ONESELF: Final = re.compile(
    r"^(?:you|it|that|this|these|those|them|him|her|us|how|what|when|the way|your|to (?:go|know|hear|ask|talk))\b",
    re.IGNORECASE,
)
_PEOPLE: Final = re.compile(
    r"\b(?:wife|husband|partner|girlfriend|boyfriend|mother|father|mum|mom|dad|sister|brother|son|daughter|friend|boss)\b",
    re.IGNORECASE,
)
_THEIRS: Final = {"my": "their", "me": "them", "mine": "theirs", "myself": "themselves", "i": "they", "i'm": "they are", "i've": "they have", "am": "are"}  # fmt: skip
_IRREGULAR: Final = {"have": "has", "do": "does", "go": "goes", "study": "studies", "teach": "teaches", "am": "is", "are": "is"}  # fmt: skip
_PAST: Final = frozenset(["grew", "was", "had", "went", "won", "bought", "met", "made", "wrote", "began", "started", "can", "could", "must", "should", "will", "would"])  # fmt: skip


def _english(body: str) -> Statement | None:
    body = _trimmed(body)
    asked = _ASKS.match(body)
    said = _trimmed(asked["said"]) if asked else body
    for reading in (_feeling_or_doing, _being, _having, _of_theirs):
        if (found := reading(said)) is not None:
            kind, text, topic = found
            return Statement(_sentence(text), kind, _theirs(topic), asked is not None)
    if asked and (found := _anything(said)) is not None:
        return Statement(_sentence(found[1]), found[0], _theirs(found[2]), True)
    return None


def _trimmed(said: str) -> str:
    said = " ".join(said.replace("’", "'").split())
    while (shorter := _OPENING.sub("", _CLOSING.sub("", said))) != said:
        said = shorter
    return said


def _feeling_or_doing(said: str) -> tuple[str, str, str] | None:
    found = _I_VERB.match(said)
    if found is None or _NOT_ABOUT_ONESELF.match(found["object"]):
        return None
    verb = found["verb"].lower()
    kind = "preference" if verb in _FEELING.split("|") else "fact"
    if found["not"]:
        return kind, f"does not {verb} {_theirs(found['object'])}", found["object"]
    return kind, f"{_third(verb)} {_theirs(found['object'])}", found["object"]


def _being(said: str) -> tuple[str, str, str] | None:
    found = _I_AM.match(said)
    return ("fact", f"is {_theirs(found['object'])}", found["object"]) if found else None


def _having(said: str) -> tuple[str, str, str] | None:
    found = _I_HAVE.match(said)
    if found is None:
        return None
    kind = "relationship" if _PEOPLE.search(found["object"]) else "fact"
    return kind, f"has {_theirs(found['object'])}", found["object"]


def _of_theirs(said: str) -> tuple[str, str, str] | None:
    found = _MY.match(said)
    if found is None:
        return None
    kind = "relationship" if _PEOPLE.search(found["noun"]) else "fact"
    verb = " is" if found["is"] == "'s" else found["is"].lower()
    return kind, f"their {found['noun']}{verb} {_theirs(found['object'])}", f"their {found['noun']}"


def _anything(said: str) -> tuple[str, str, str] | None:
    """Somebody asked for it to be remembered: any sentence about themselves will do."""
    if found := _I_PROMISE.match(said):
        return "promise", f"will {_theirs(found['object'])}", found["object"]
    if found := _I_AM_ANYTHING.match(said):
        return "fact", f"is {_theirs(found['object'])}", found["object"]
    found = _I_ELSE.match(said)
    if found is None:
        return None
    verb, rest = found["verb"].lower(), (found["object"] or "").strip()
    is_past = verb.endswith("ed") or verb in _PAST
    return "fact", f"{verb if is_past else _third(verb)} {_theirs(rest)}".strip(), rest or verb


def _theirs(words: str) -> str:
    return re.sub(r"\b[A-Za-z']+\b", lambda word: _THEIRS.get(word[0].lower(), word[0]), words)


def _third(verb: str) -> str:
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if re.search(r"(?:s|x|z|ch|sh)$", verb):
        return f"{verb}es"
    return re.sub(r"(?<![aeiou])y$", "ie", verb) + "s"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


# ---------------------------------------------------------------------------- Chinese

_ZH_ASKS: Final = re.compile(
    r"^(?:请|你|要|帮我|给我|那|好|，|,|一定)*(?:记住|记得|记一下|记下来?|别忘了|不要忘了|别忘记)(?:了|哦|一下|啊)?[，,：:]?(?=我)(?P<said>.+)$"
)
_ZH_DEGREES: Final = "(?:也|还|很|真的|最|特别|超级?|非常|一直|都|其实)*"
_ZH_PREFERENCE: Final = re.compile(
    rf"^我{_ZH_DEGREES}(?P<verb>不喜欢|喜欢|爱吃|爱喝|爱看|爱玩|讨厌|爱)(?P<object>(?![你他她它这那您])[^吗呢]{{1,60}})$"
)
_ZH_FACT: Final = re.compile(
    r"^我(?:现在|一直|家)?(?P<said>(?:住在|住|来自|养了|养着|在读|在学|会弹|会说|怕|属)[^吗呢]{1,60}|在[^吗呢]{1,30}(?:工作|上班|上学|读书)"
    r"|有(?!点|些|空|事|时间|问题|个问题|一个问题|没有)[^吗呢]{1,60}|是(?!谁|不是|说|想|要|在)[^吗呢]{0,14}[人员师生者家迷])$"
)
_ZH_MY: Final = re.compile(
    r"^我的?(?P<noun>(?!名字)[^，,是在叫]{1,12}?)(?P<is>是在|是|在|叫)(?P<object>(?![谁什哪])[^吗呢]{1,40})$"
)
_ZH_NOUNS: Final = re.compile(
    r"生日|家|狗|猫|宠物|老家|工作|专业|爱好|妈|爸|姐|妹|哥|弟|朋友|老婆|老公|女儿|儿子|孩子|学校|公司|星座"
)
_ZH_PEOPLE: Final = re.compile(r"妈|爸|姐|妹|哥|弟|朋友|老婆|老公|女儿|儿子|孩子")


def _chinese(body: str) -> Statement | None:
    asked = _ZH_ASKS.match(body)
    said = re.sub(r"[呀啊哦啦呢哈吧]+$", "", (asked["said"] if asked else body).strip(" ，,"))
    is_asked = asked is not None
    if found := _ZH_PREFERENCE.match(said):
        return Statement(f"{found['verb']}{_zh_theirs(found['object'])}。", "preference", found["object"], is_asked)
    if found := _ZH_FACT.match(said):
        return Statement(f"{_zh_theirs(found['said'])}。", "fact", found["said"], is_asked)
    found = _ZH_MY.match(said)
    if found and (is_asked or _ZH_NOUNS.search(found["noun"])):
        kind = "relationship" if _ZH_PEOPLE.search(found["noun"]) else "fact"
        text = f"{found['noun']}{found['is']}{_zh_theirs(found['object'])}。"
        return Statement(text, kind, found["noun"], is_asked)
    if is_asked and len(said) > 2:
        return Statement(f"{_zh_theirs(said.removeprefix('我'))}。", "fact", said.removeprefix("我"), True)
    return None


def _zh_theirs(words: str) -> str:
    return words.replace("我", "自己")


# ---------------------------------------------------------------------------- back, to whom it is about

_YOURS: Final = {"their": "your", "them": "you", "theirs": "yours", "themselves": "yourself", "they": "you"}
_BASE: Final = {"has": "have", "is": "are", "does": "do", "was": "were", "goes": "go", "studies": "study", "teaches": "teach"}  # fmt: skip


def to_you(text: str, name: str = "") -> str:
    """A remembered statement, said to whom it is about, without a full stop: `Likes moss.` → `you like moss`."""
    body = text.strip().rstrip(".。!！ ")
    if _HAN.search(body):
        body = body.removeprefix(name).removeprefix("，")
        if body.startswith("你"):
            return body
        body = body.removeprefix("自己").removeprefix("的")
        return f"你的{body}" if _ZH_NOUNS.match(body) else f"你{body}"
    if name and re.match(rf"{re.escape(name)}\b", body, re.IGNORECASE):
        body = body[len(name) :].strip()
        body = f"their{body.removeprefix(chr(39) + 's')}" if body.startswith("'s ") else body
    first, _, rest = body.partition(" ")
    rest = _yours(rest)
    lower = first.lower()
    if lower in _YOURS:
        return f"{_YOURS[lower]} {rest}"
    if lower in {"you", "your"}:
        return f"{lower} {rest}"
    return f"you {_base(lower)} {rest}".strip()


def _yours(words: str) -> str:
    return re.sub(r"\b[a-z]+\b", lambda word: _YOURS.get(word[0], word[0]), words)


def _base(verb: str) -> str:
    if verb in _BASE:
        return _BASE[verb]
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    if re.search(r"(?:ss|x|z|ch|sh)es$", verb):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def asking_after(text: str, name: str = "") -> str:
    """A friendly question about something remembered: `Likes moss.` → `Still fond of moss?`"""
    body = text.strip().rstrip(".。!！ ")
    if _HAN.search(body):
        if found := re.match(r"(?:喜欢|爱)(.{1,30})$", body):
            return f"还{found[0]}吗？"
        if found := re.search(r"叫(.{1,12}?)的?(?:狗|猫)?$", body):
            return f"{found[1]}最近好吗？"
        return f"我记得{to_you(text, name)}。"
    if found := re.match(r"(?:likes|loves|enjoys|prefers|adores) (?:to )?(.{1,60})$", body, re.IGNORECASE):
        return f"Still fond of {_yours(found[1])}?"
    if found := re.search(r"\b(?:called|named) ([\w' -]{1,30})$", body):
        return f"How is {found[1]}?"
    if found := re.match(r"lives in (.{1,40})$", body, re.IGNORECASE):
        return f"How are things in {found[1]}?"
    return f"I remember that {to_you(text, name)}."


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Who and what in remembered lines (`- Alice: likes moss.`)."""
    for found in re.finditer(r"^- ([^\n]{1,64}?): ([^\n]{1,400})$", text, re.MULTILINE):
        yield found[1].strip(), found[2].strip()
