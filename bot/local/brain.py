"""The small mind that needs no network: finds what was meant in the script, and says it in the persona's manner, to whoever spoke.

    (instructions, items, tools) ─▶ who am I (`persona`) · who said what (`talk`) ─▶ topic ─▶ errand ─▶ call
                                                                                        └▶ act or line ─▶ reply

It knows a few hundred sentences and nothing else; what it does not know it says so. Everything that looks random comes from
a seed and what has been said, so that the same talk gives the same replies.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.local.acts import Acts, Answered
from bot.local.digesting import digest, is_digest
from bot.local.errands import Errand, call_for, outcome, recollected
from bot.local.mind import Item, Thought, Tool
from bot.local.persona import Self
from bot.local.phrases import normal, windows
from bot.local.protocol import ITEMS_KEPT
from bot.local.script import Topic, script
from bot.local.statements import asking_after, statements
from bot.local.talk import Said, listed, owed, people, said

LEAST_WORDS_INSIDE: Final = 3
"""A topic's sentence of so many words is recognised inside a longer one."""

WORDS_AT_MOST: Final = 40
ERRANDS_AT_MOST: Final = 16
"""Calls that have not been answered; of the oldest nothing more is said."""

UNSAID_AT_MOST: Final = 6

_COURTESIES: Final = (
    "please", "hey", "hi", "hello", "okay", "so", "well", "um", "uh", "and", "but", "now", "then", "just", "oh",
    "can you", "could you", "would you", "will you", "for me", "i want you to", "let me ask",
)  # fmt: skip
_SERIOUS: Final = frozenset(["tired", "sad", "angry", "sorry", "you-are-bad", "not-caught"])
"""Topics in which nobody wants to hear a catchphrase."""

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_SPLIT: Final = re.compile(r"[.!?。！？]+")


@dataclass(slots=True)
class Memory:
    """What the brain keeps of one talk; it forgets all of it with the session."""

    is_brief: bool = False
    is_talkative: bool = False
    turns: int = 0
    catchphrase_at: int = -10
    last: str = ""
    called: dict[str, str] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    quoted: set[str] = field(default_factory=set)
    has_greeted: bool = False
    acts: Acts = field(default_factory=Acts)


class Brain:
    """The mind of one session. `now` gives the wall-clock time that people ask for."""

    def __init__(self, seed: int = 0, now: type[datetime] = datetime) -> None:
        self._random = random.Random(seed)
        self._now = now
        self._memory = Memory()
        self._answered: deque[str] = deque(maxlen=2 * ITEMS_KEPT)
        self._errands: deque[Errand] = deque(maxlen=ERRANDS_AT_MOST)
        self._unsaid: list[str] = []  # bounded by what is owed at once; emptied by the next reply

    async def answer(self, instructions: str, items: Iterable[Item], tools: tuple[Tool, ...] = ()) -> Thought:
        """What to say or to call next: for each who spoke since the last reply. Never raises for what people say."""
        told = list(items)
        if is_digest(instructions):
            return Thought(digest(told))
        me = Self.of(instructions)
        heard = said(told, me.speaking_now)
        if not self._answered:  # a talk that was begun elsewhere: what came before the last reply has been answered
            replies = [number for number, item in enumerate(told) if item.role == "assistant"]
            self._answered.extend(item.item_id for item in told[: replies[-1] if replies else 0])
        room = people(told)
        concluded = [self._conclude(me, errand, output, room) for errand, output in self._returned(told)]
        is_fresh = any(one.item_id not in self._answered for one in heard)
        now = owed(heard, self._answered) if is_fresh or not concluded else []
        self._answered.extend(one.item_id for one in heard if one.item_id not in self._answered)
        stops = [one for one in now if self._means(me, one, "stop")]
        now = stops[-1:] or now or ([] if concluded else [Said("", "")])
        errands = [errand for one in now if (errand := self._errand(me, one, {tool.name for tool in tools}))]
        done = [errand.heard for errand in errands]
        self._unsaid += [*concluded, *(self.reply(me, one, room) for one in now if one not in done)]
        if errands:  # the rest is said with what comes of it
            self._errands.extend(errands)
            return Thought(calls=tuple(errand.call for errand in errands))
        words, self._unsaid = " ".join(self._unsaid[-UNSAID_AT_MOST:]), []
        return Thought(words)

    def _errand(self, me: Self, heard: Said, offered: set[str]) -> Errand | None:
        topic = None if heard.order else self._topic(me, heard)
        call = call_for(topic, heard, me, offered) if topic is not None else None
        if topic is None or call is None:
            return None
        return Errand(call, topic, heard, self._tone(me, heard))

    def _returned(self, told: list[Item]) -> list[tuple[Errand, str]]:
        """Our calls that have been answered since the last time, with the answers."""
        calls = {item.call_id: item for item in told if item.role == "call"}
        found: list[tuple[Errand, str]] = []
        for item in told:
            call = calls.get(item.call_id) if item.role == "tool" and item.item_id not in self._answered else None
            if call is None:
                continue
            self._answered.append(item.item_id)
            made = (call.name, call.text)
            errand = next((one for one in self._errands if (one.call.name, one.call.arguments) == made), None)
            if errand is not None:
                self._errands.remove(errand)
                found.append((errand, item.text))
        return found

    def _conclude(self, me: Self, errand: Errand, output: str, room: list[str]) -> str:
        """What is said when a tool has answered."""
        memory, heard = self._memory, errand.heard
        memory.turns += 1
        meant = outcome(errand, output)
        you = memory.called.get(heard.speaker, heard.speaker)
        facts = self._facts(me, you, room, errand.tone, meant.now) | meant.facts
        memory.last = _filled(self._line(script().topic(meant.topic), errand.tone), facts)
        return memory.last

    def _tone(self, me: Self, heard: Said) -> str:
        is_chinese = bool(_HAN.search(heard.text)) or (me.language == "zh" and not heard.text.isascii())
        return "zh" if is_chinese or (heard.order and me.language == "zh") else me.tone

    def reply(self, me: Self, heard: Said, people: list[str]) -> str:
        """The reply to what was said, in the persona's manner and the speaker's language."""
        memory = self._memory
        memory.turns += 1
        tone = self._tone(me, heard)
        topic = self._topic(me, heard)
        you = memory.called.get(heard.speaker, heard.speaker)
        solved = memory.acts.solved(heard.text, heard.speaker) if not heard.order else None
        if solved is not None and (topic is None or topic.does in {None, "number", "yes", "no"}):
            text = solved.text(you, tone)
        elif topic is None and memory.acts.is_wrong_guess(heard.text):
            text = _filled(self._line(script().topic("wrong-guess"), tone), {"you": you})
        elif (own := self._own_words(me, heard, topic, you)) is not None:
            text = own
        else:
            text = self._say(topic or script().topic(_unknown(heard)), me, heard, tone, people)
        if not heard.order and (topic.name if topic else _unknown(heard)) not in _SERIOUS:
            text = self._seasoned(text, me, tone)
        if topic is None or topic.does != "repeat":
            memory.last = text
        return text

    def _means(self, me: Self, heard: Said, does: str) -> bool:
        topic = self._topic(me, heard)
        return topic is not None and topic.does == does

    def _own_words(self, me: Self, heard: Said, topic: Topic | None, you: str) -> str | None:
        """What the persona's own examples say to this; each once in a talk, and never instead of an act."""
        if heard.order or not heard.text or (topic is not None and topic.does):
            return None
        for asked, answer in me.examples:
            if _same(asked, heard.text) and asked not in self._memory.quoted:
                self._memory.quoted.add(asked)
                return _addressed(answer, you, me)
        return None

    def _topic(self, me: Self, heard: Said) -> Topic | None:
        if heard.order:
            return script().topic(heard.order)
        topic = find_topic(heard.text, me.name)
        if (topic is None or topic.does == "remember") and not self._memory.acts.is_open:
            found = statements(heard.text)
            if found:
                return script().topic("remember" if any(one.is_asked for one in found) else "told")
            if topic is not None and topic.name == "remember":
                return script().topic("remembered-unclear")
        return topic

    def _say(self, topic: Topic, me: Self, heard: Said, tone: str, people: list[str]) -> str:
        memory = self._memory
        if topic.does == "call_me":
            memory.called[heard.speaker] = _name_in(heard.text) or heard.speaker
        if topic.does in {"brief", "talkative"}:
            memory.is_brief, memory.is_talkative = topic.does == "brief", topic.does == "talkative"
        you = memory.called.get(heard.speaker, heard.speaker)
        if topic.name == "greeting" and (text := self._greeting(me, people, tone)):
            return text
        if topic.does == "recollect":
            meant = recollected(me.remembered_of(heard.speaker), you)
            return _filled(
                self._line(script().topic(meant.topic), tone), self._facts(me, you, people, tone) | meant.facts
            )
        act = topic.does or ""
        if act == "more" and memory.acts.last_act:
            act = memory.acts.last_act
            topic = next((one for one in script().topics if one.does == act), topic)
        answered = memory.acts.perform(act, heard.text, heard.speaker, tone, self._random)
        line = self._line(topic, tone) if answered.line is None else answered.line
        facts = self._facts(me, you, people, tone) | answered.facts | {"what": heard.text, "ask": ""}
        text = _filled(line, facts)
        return " ".join(part for part in (text, *self._shortened(answered)) if part)

    def _greeting(self, me: Self, people: list[str], tone: str) -> str:
        """The first greeting of a call to somebody who was here before: one thing that is remembered of one of them, not more."""
        known = [(name, me.remembered_of(name)) for name in people if me.remembered_of(name)]
        if self._memory.has_greeted or not known:
            self._memory.has_greeted = True
            return ""
        self._memory.has_greeted = True
        name, texts = known[0]
        spoken = "zh" if _HAN.search(texts[0]) else "plain" if tone == "zh" else tone
        again = self._line(script().topic("again"), spoken)
        again = _filled(again, {"you": name, "ask": asking_after(texts[0], name)})
        if len(people) == 1:
            return again
        hello = _filled(self._line(script().topic("greeting"), tone), self._facts(me, name, people, tone))
        return f"{hello} {again}"

    def _shortened(self, answered: Answered) -> tuple[str, ...]:
        """A manner that was asked for: a brief story is its beginning and its end."""
        if self._memory.is_brief and len(answered.more) > 4:
            return (*answered.more[:2], answered.more[-1])
        return answered.more

    def _line(self, topic: Topic, tone: str) -> str:
        """The next line of the topic: none twice before all have been used."""
        lines = topic.lines(tone)
        key = f"{topic.name}/{tone}"
        at = self._memory.used.get(key, self._random.randrange(len(lines)))
        self._memory.used[key] = (at + 1) % len(lines)
        return lines[at % len(lines)]

    def _facts(self, me: Self, you: str, people: list[str], tone: str, now: datetime | None = None) -> dict[str, str]:
        now = now or self._now.now()
        others = [name for name in people if name] or [you]
        zh = tone == "zh"
        clock = f"{now.hour}点{now.minute:02}分" if zh else _clock(now)
        date = f"{now.month}月{now.day}日" if zh else f"{now:%A}, the {_ordinal(now.day)} of {now:%B}"
        room = "、".join(others) if zh else listed(others)
        facts = {"me": me.name, "you": you, "time": clock, "date": date, "day": f"{now:%A}", "last": self._memory.last}
        return facts | {"others": room, "room": room}

    def _seasoned(self, text: str, me: Self, tone: str) -> str:
        """A catchphrase now and then: at most one in six replies, never twice running, and not beside words that hold one already."""
        memory = self._memory
        fitting = [phrase for phrase in me.catchphrases if bool(_HAN.search(phrase)) == (tone == "zh")]
        just_said = f"{memory.last} {text}".lower()
        fitting = [] if any(phrase.lower().rstrip(".") in just_said for phrase in fitting) else fitting
        if not fitting or memory.is_brief or memory.turns - memory.catchphrase_at < 6 or memory.turns < 3:
            return text
        memory.catchphrase_at = memory.turns
        phrase = fitting[self._random.randrange(len(fitting))]
        end = "" if phrase[-1] in ".!?。！？" else ("。" if tone == "zh" else ".")
        return f"{phrase[0].upper()}{phrase[1:]}{end} {text}"


# ---------------------------------------------------------------------------- understanding


def find_topic(text: str, name: str = "") -> Topic | None:
    """What is meant by a text: a sentence of the script, one inside it, or Chinese characters that stand in it. `name` is our own."""
    if _HAN.search(text):
        hits = [(len(ask), topic) for topic in script().topics for ask in topic.zh_asks if ask in text]
        return max(hits, key=lambda hit: hit[0])[1] if hits else None
    for sentence in [normal(text), *(normal(part) for part in reversed(_SPLIT.split(text)))]:
        found = _without_courtesies(sentence, normal(name)) or _inside(sentence)
        if found is not None:
            return found
    return None


def _without_courtesies(sentence: str, name: str) -> Topic | None:
    """The topic of a sentence, taking off what people say around it: "hey Yue, could you … please"."""
    courtesies = [*_COURTESIES, *([name] if name else [])]
    for _ in range(6):
        found = _known(sentence)
        if found is not None or not sentence:
            return found
        before = sentence
        for courtesy in courtesies:
            sentence = sentence.removeprefix(f"{courtesy} ").removesuffix(f" {courtesy}")
            if sentence != before:
                break
        else:
            return None
    return None


def _inside(sentence: str) -> Topic | None:
    words = sentence.split()[:WORDS_AT_MOST]
    return next((topic for window in windows(words, LEAST_WORDS_INSIDE) if (topic := _known(window))), None)


def _known(sentence: str) -> Topic | None:
    topic = script().sentences.get(sentence)
    if topic is not None or not sentence:
        return topic
    for pattern, slotted in script().slots:
        before, _, after = re.sub(r"slot\w+", "\0", pattern).partition("\0")
        if sentence.startswith(before) and sentence.endswith(after) and len(sentence) > len(before) + len(after):
            return slotted
    return None


def _unknown(heard: Said) -> str:
    """Nothing was recognised, or it was and means nothing to us."""
    return "not-understood" if heard.text.strip() else "not-caught"


def _name_in(text: str) -> str:
    found = re.search(
        r"(?:my name is|call me)\s+([\w'-]{1,32})|(?:我叫|叫我|名字是)([^\s，。,.!！?？]{1,16})", text, re.IGNORECASE
    )
    return (found[1] or found[2]).strip().capitalize() if found else ""


# ---------------------------------------------------------------------------- wording


def _filled(line: str, facts: dict[str, str]) -> str:
    """The line with its placeholders; without a name, the address goes with its comma."""
    if not facts.get("you"):
        line = re.sub(r",?\s*\{you\}(?=[,.!?])|\{you\}[,，]?\s*|[,，]\s*\{you\}", "", line)
    for name, value in facts.items():
        line = line.replace("{" + name + "}", value).replace(
            "{" + name.capitalize() + "}", value[:1].upper() + value[1:]
        )
    return line[:1].upper() + line[1:]


def _same(asked: str, text: str) -> bool:
    return normal(asked) == normal(text) if text.isascii() else _bare(asked) == _bare(text)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def _addressed(answer: str, you: str, me: Self) -> str:
    """The example said to whoever asks: a name in it belongs to the example, and becomes theirs; without one, theirs is put in."""
    others = [name.capitalize() for name in script().names if name != me.name.lower() and name != you.lower()]
    found = re.search(rf"\b({'|'.join(others)})\b", answer)
    if found:
        return answer.replace(found[1], you) if you else re.sub(rf",? ?\b{found[1]}\b", "", answer)
    if not you or you in answer:
        return answer
    if _HAN.search(answer):
        return f"{you}，{answer}"
    return re.sub(r"(?=[.!?])", f", {you}", answer, count=1)


def _clock(now: datetime) -> str:
    half = "in the morning" if now.hour < 12 else "in the afternoon" if now.hour < 18 else "in the evening"
    hour = now.hour % 12 or 12
    if now.minute == 0:
        return f"{hour} o'clock {half}"
    minute = f"oh {now.minute}" if now.minute < 10 else str(now.minute)
    return f"{hour} {minute} {half}"


def _ordinal(day: int) -> str:
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
