"""When somebody speaks of ending their life: recognising it in English and Chinese, what the model is told, and which help line the room reads.

Words of despair are also idioms ("this homework is killing me", 笑死我了) and parts of games and films, so a cue counts only where its clause is none of
those. In doubt about a clear first person it counts: the cost is one plain sentence. Nothing of this is kept or logged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, Self

from bot.errors import SettingError

CRISIS_NOTE: Final = (
    "Out of character from here on: somebody in the room may be thinking of ending their life or of hurting themselves. "
    "Drop the role, the jokes, the scene and every catchphrase, and speak plainly, calmly and warmly, in their language, in two or three short sentences. "
    "Say that you are an AI, that you take it seriously, and that a person can help better than you can. Ask whether they are safe right now. "
    "Encourage them to talk with somebody they trust, and say that a help line stands in the chat; name no number yourself. "
    "Never speak of methods, never judge, never argue, never promise secrecy. Stay so until they say that they are safe and want to talk about something else."
)
"""The host's note for the model, when `Watch.heard` says so."""

TEXT_CHARS: Final = 2_000
AGAIN_S: Final = 600.0
"""The same member raises the alarm once in so long: the model knows, and the line still stands in the chat."""

MEMBERS: Final = 64
"""Whose last alarm is remembered; the oldest goes."""

_WISH: Final = (
    r"(?:want(?:s|ed)? to|wanna|wish to|going to|gonna|plan(?:ning|s)? (?:to|on)|need to|feel(?:ing|s)? like|about to|ready to|tempted to|trying to|try to"
    r"|tried to|decided to|(?:thinking|thought|think|thoughts) (?:about|of)|considering|urge to)"
)
_WILL: Final = rf"(?:{_WISH}|will|'ll|'d|would|might|may|should|could|have to|got to|gotta|rather)"
_SOME: Final = r"(?:\w+ ){0,2}?"
_ENGLISH: Final = re.compile(
    rf"\b{_WILL} {_SOME}(?:kill(?:ing)?|hang(?:ing)?|shoot(?:ing)?|drown(?:ing)?|unaliv(?:e|ing)) (?:myself|himself|herself|themselves|themself)\b"
    rf"|\b{_WISH} {_SOME}(?:hurt(?:ing)?|harm(?:ing)?|cut(?:ting)?|burn(?:ing)?) (?:myself|himself|herself|themselves|themself)\b"
    r"|\b(?:keep|kept|started|been) (?:cutting|hurting|harming|burning) myself\b|\bi(?:'ve| have)?(?: \w+)? self[- ]harm(?:ed|ing)?\b"
    rf"|{_WILL} {_SOME}(?:end(?:ing)?|tak(?:e|ing)) (?:my|his|her|their) (?:own )?life\b"
    rf"|{_WILL} {_SOME}end(?:ing)? it all\b|\b{_WILL} {_SOME}(?:commit(?:ting)? )?suicide\b"
    r"|\bi(?:'m| am| feel| have been|'ve been)(?: \w+){0,2}? (?:suicidal|self[- ]harming)\b"
    r"|\bi(?: \w+){0,2}? (?:want to|wanna|wish to|wish i could|would rather|'d rather) (?:just )?die\b"
    r"|\bi(?: \w+)? wish (?:that )?i (?:was|were) (?:dead|never born)\b"
    r"|\b(?:i|they|world|people|family|friends|parents|everyone|everybody)(?:'d| would|'m| am|'s| is)?(?: be| are)? better off (?:dead|without me)\b"
    r"|\b(?:do not|don't|dont|never) want to (?:live|be alive|exist)\b(?! (?:in|with|at|near|on|there|here|next|by|under|together|alone|through|to)\b)"
    r"|\b(?:can't|cannot|can not) go on living\b|\b(?:no reason to live|nothing to live for|no point in (?:living|being alive))\b"
    r"|\blife(?: is|'s)? (?:not|isn't) worth living\b|\btired of (?:living|being alive)\b(?! (?:in|with|at|near|on|out|here|there)\b)"
    r"|\b(?:do not|don't|dont|never) want to wake up (?:again|anymore|any more|ever)\b|\bwish i (?:could|would) (?:never|not) wake up\b"
    rf"|\b{_WISH} {_SOME}(?:overdose|take all (?:of )?my pills|jump off (?:a|the|this|that) (?:bridge|roof|building|balcony)|slit my wrists?|kms)\b"
)
_ENGLISH_IDIOM: Final = re.compile(
    r"\bkill(?:ing)? myself (?:laughing|for|trying|with work)\b|\bcut(?:ting)? myself (?:shaving|cooking|some|off|a|another|on)\b"
    r"|\b(?:hurt|harm|burn)(?:ing)? myself (?:if|at|lifting|doing|trying|playing|running|on|in|while|when|with)\b|\b(?:rather|sooner) (?:kill myself|die) than\b"
    r"|\bdie (?:of|from|laughing|happy|old|on (?:this|that)|for)\b"
    r"|\b(?:social|career|political|commercial) suicide\b|\bsuicide (?:squad|rates?|prevention|hotline|doors?|silence|mission)\b"
)
_ENGLISH_DENIAL: Final = re.compile(
    rf"(?:\bnot|n't|\bnever|\bno longer|\bdont) (?:\w+ )?{_WILL} (?:\w+ )?(?:kill|hurt|harm|cut|burn|hang|shoot|die\b|end|take|commit|suicid)|\bnot (?:\w+ )?suicidal\b"
    r"|\b(?:won't|wouldn't|shouldn't|couldn't|can't) (?:\w+ )?(?:kill|hurt|harm|cut) "
)
_OTHERS: Final = re.compile(r"himself|herself|themsel|\b(?:his|her|their)\b")

_NOT: Final = r"(?<!不)(?<!不是)(?<!没)(?<!没有)(?<!别)(?<!不会)"
_CHINESE: Final = re.compile(
    rf"{_NOT}(?:想|要|打算|准备|考虑|计划|决定|试过|试图|干脆|不如|怎么|如何)(?:着)?(?:要|去|过|就)?"
    r"(?:自杀|自尽|寻死|轻生|上吊|割腕|跳楼|跳河|投河|自残)"
    r"|自杀算了|(?:有|产生|起)(?:了|过)?(?:想)?(?:自杀|轻生)的?(?:念头|想法|冲动)"
    rf"|{_NOT}想(?:要|去|就这么|一)?死(?!你|他|她|它|我|妈|爸|家|那|这|大家|的心|在|党|灰|磕|记|守|撑|不)"
    r"|我(?:要|还不如|不如)去死|不如死了|死了算了|一死了之"
    r"|(?:不想|不愿|不愿意|没法|无法)再?活(?:了|下去|着)|活不下去|活够了|活腻了"
    r"|活着(?:真的|真|也|就|又|好)?(?:没有什么|没什么|没有|没|有什么|毫无)(?:意思|意义)"
    r"|(?:想|要|打算|准备)(?:结束|了结)(?:掉|了)?(?:我)?(?:自己)?(?:的)?(?:生命|性命|一生|自己)"
    r"|(?<!不)(?:想|要|打算|准备|忍不住|又|在|开始)(?:伤害|残害)(?:我)?自己|我(?:又|在|开始|一直)(?:自残|割腕)"
    r"|(?<!不)(?:想|要|准备)(?:就此|永远)?离开(?:这个世界|这世界|人世)|(?:不想|希望不要|希望再也不用)(?:再)?醒(?:过)?来了?(?=$|了)|写好了?遗书"
)
_CHINESE_HARMLESS: Final = re.compile(r"跳楼[价机]|自杀(?:小队|式|率|突击)|(?:预防|防止|反对|劝阻)自杀|自残(?:式)?打法")

_PLAY: Final = re.compile(
    r"\b(?:respawn(?:ing|s)?|spawn|minecraft|fortnite|valorant|gta|roblox|creeper|grenade|lobby|boss fight|final boss|raid|checkpoint|in[- ]game|(?:this|next) round"
    r"|my character|this match)\b"
    r"|游戏里|复活|[这下]一?[局把]|团灭|副本|出生点|我的角色|boss战"
)
"""Dying in a game is no matter of life: a sentence with such a word is none."""

_TALE: Final = re.compile(
    r"\b(?:movies?|films?|novels?|books?|songs?|lyrics?|shows?|series|story|stories|play|episode|characters?|anime|documentary|news|article|hamlet|juliet|romeo)\b"
    r"|电影|小说|电视剧|剧里|动漫|漫画|歌词|歌里|故事|主角|主人公|角色|新闻|纪录片|历史|书里|剧本|这本书|戏里"
)
"""Told of others in a tale. Of oneself it counts all the same."""

_PERSONS: Final = re.compile(r"[我他她它谁]|有人|主角|主人公|角色")
_SENTENCES: Final = re.compile(r"[.!?。！？…\n]+")
_CLAUSES: Final = re.compile(r"[,;:，；：]+")
_SPACE: Final = re.compile(r"\s+")
_BETWEEN_CHINESE: Final = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
_SIMPLE: Final = str.maketrans(
    "殺結輕殘傷樓離開這個沒還遺書藥義著別說們會夠願無於戲電劇麼準備慮計劃決試圖盡尋過傢愛",
    "杀结轻残伤楼离开这个没还遗书药义着别说们会够愿无于戏电剧么准备虑计划决试图尽寻过家爱",
)
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "＇": "'", "`": "'", "＂": '"'})


def is_crisis(text: str) -> bool:
    """Whether these words say that somebody thinks of ending their life or of hurting themselves.

    Linear in the text, of which the first 2 000 characters count.
    """
    plain = _plain(text)
    is_tale = _TALE.search(plain) is not None
    sentences = [sentence for sentence in _SENTENCES.split(plain) if not _PLAY.search(sentence)]
    return any(_says_so(clause.strip(), is_tale) for sentence in sentences for clause in _CLAUSES.split(sentence))


def _says_so(clause: str, is_tale: bool) -> bool:
    if not _ENGLISH_IDIOM.search(clause) and not _ENGLISH_DENIAL.search(clause):
        found = _ENGLISH.search(clause)
        if found is not None and not (is_tale and _OTHERS.search(found.group())):
            return True
    said = _CHINESE_HARMLESS.sub("", clause)
    cue = _CHINESE.search(said)
    if cue is None:
        return False
    persons = _PERSONS.findall(said[: cue.end()])
    return not is_tale or (bool(persons) and persons[-1] == "我")


def _plain(text: str) -> str:
    """Small letters, straight quotes, one space, nothing hidden, simplified characters."""
    visible = "".join(
        char
        for char in unicodedata.normalize("NFKC", text[:TEXT_CHARS])
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    folded = visible.translate(_QUOTES).casefold().translate(_SIMPLE)
    return _BETWEEN_CHINESE.sub("", _SPACE.sub(" ", folded))


class Watch:
    """Of one call. `heard` answers whether the alarm is to be raised now: a member raises it once in ten minutes."""

    def __init__(self, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._raised: dict[int, float] = {}  # bounded by MEMBERS

    def heard(self, user_id: int, text: str, now: float) -> bool:
        """Seconds, monotonic."""
        if not is_crisis(text) or now - self._raised.get(user_id, now - self._again_s) < self._again_s:
            return False
        self._raised.pop(user_id, None)
        self._raised[user_id] = now
        if len(self._raised) > MEMBERS:
            del self._raised[next(iter(self._raised))]
        return True


# ---------------------------------------------------------------------------- help lines

ANYWHERE: Final = "*"
WORDS_CHARS: Final = 160
LINES: Final = 64

PUBLIC_LINES: Final[Mapping[str, str]] = {
    "en-us": "988 Suicide & Crisis Lifeline, call or text 988 (US and Canada)",
    "en-gb": "Samaritans, 116 123 (UK and Ireland)",
    "zh-cn": "全国统一心理援助热线 12356",
    "zh-tw": "安心專線 1925",
    "de": "TelefonSeelsorge, 0800 111 0 111",
    "fr": "3114, numéro national de prévention du suicide",
    "es-es": "024, línea de atención a la conducta suicida",
    "nl": "113 Zelfmoordpreventie, 113",
    "pt-br": "CVV, 188",
    "ko": "자살예방 상담전화 109",
}
"""National, free of charge, and known by number; for Discord's locales. Everybody else reads of their local emergency number."""

_LOCALE: Final = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,4})?")


class HelpLines:
    """Which line is told to whom: the operator's words first, then the public ones."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self._chosen = {locale.lower(): words for locale, words in chosen.items()}

    @classmethod
    def parse(cls, setting: str | None) -> Self:
        """`LOCALE=words; …` with Discord's locales (`en-GB`), languages (`en`) or `*`. Raises `SettingError` naming the entry and what was expected."""
        chosen: dict[str, str] = {}
        parts = [part.strip() for part in (setting or "").split(";")]
        if parts and not parts[-1]:
            parts.pop()
        for number, part in enumerate(parts, 1):
            locale, equals, words = (piece.strip() for piece in part.partition("="))
            where = f"KITH_HELPLINES: entry {number}"
            if not equals or not words:
                raise SettingError(f"{where}: expected LOCALE=words, entries separated by semicolons")
            if locale != ANYWHERE and not _LOCALE.fullmatch(locale.lower()):
                raise SettingError(f"{where}: expected a locale such as en-GB, a language such as en, or *")
            if len(words) > WORDS_CHARS or any(unicodedata.category(char)[0] == "C" for char in words):
                raise SettingError(f"{where}: expected at most {WORDS_CHARS} visible characters")
            if locale.lower() in chosen:
                raise SettingError(f"{where}: this locale stands there twice")
            chosen[locale.lower()] = words
        if len(chosen) > LINES:
            raise SettingError(f"KITH_HELPLINES: expected at most {LINES} entries")
        return cls(chosen)

    def for_locale(self, locale: str) -> str:
        """The line's words; empty where none is known. The operator's for the locale, then for its language, then for everybody, then the public one."""
        wanted = locale.lower()
        language = wanted.partition("-")[0]
        for known, name in (
            (self._chosen, wanted),
            (self._chosen, language),
            (self._chosen, ANYWHERE),
            (PUBLIC_LINES, wanted),
            (PUBLIC_LINES, language),
        ):
            if name in known:
                return known[name]
        return ""

    def sentence(self, locale: str) -> tuple[str, dict[str, str]]:
        """Key and values of what the room reads. It names nobody."""
        line = self.for_locale(locale)
        return ("room-crisis", {"line": line}) if line else ("room-crisis-nowhere", {})
