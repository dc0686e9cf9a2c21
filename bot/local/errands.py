"""What the small brain does with tools: which call fits what somebody said, and what an answer means for what it says next.

It calls only what was offered by a name that it knows: remember, recall, roll_dice, current_time, set_timer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bot.local.mind import Call
from bot.local.persona import Self
from bot.local.phrases import normal
from bot.local.script import NUMBERS, Topic
from bot.local.statements import statements, to_you
from bot.local.talk import Said, listed

MOST_TOLD: Final = 3
"""Of what it remembers, in one breath."""

_SIDES: Final = {"dice": 6, "coin": 2, "number": 10}
_ZH_NUMBERS: Final = {
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
}
_OUTCOMES: Final = (
    # The words of an answer that tell its kind, the more telling first.
    ("not kept yet", "remembered-proposed"),
    ("agreed", "remembered-not-agreed"),
    ("off the record", "remembered-off-record"),
    ("nothing is remembered", "remembered-off"),
    ("not kept", "remembered-unclear"),
    ("kept", "remembered-kept"),
)


@dataclass(frozen=True, slots=True)
class Errand:
    """A call that was made, for whom, and how they are spoken to."""

    call: Call
    topic: Topic
    heard: Said
    tone: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to say now: a line of the topic of that name, with these facts; `now` is the time of day that a clock told."""

    topic: str
    facts: dict[str, str] = field(default_factory=dict)
    now: datetime | None = None


def call_for(topic: Topic, heard: Said, me: Self, offered: Collection[str]) -> Call | None:
    """The call that what was said asks for, if it was offered."""
    match topic.does:
        case "remember" if "remember" in offered:
            found = next(iter(statements(heard.text)), None)
            return _call("remember", about="me", text=found.text, kind=found.kind) if found is not None else None
        case "recollect" if "recall" in offered and not me.remembered_of(heard.speaker):
            return _call("recall", words=heard.speaker or "me")
        case "dice" | "coin" | "number" if "roll_dice" in offered:
            return _call("roll_dice", sides=_sides(topic.does, heard.text), count=_count(topic.does, heard.text))
        case "time" | "date" if "current_time" in offered:
            return _call("current_time")
        case "timer" if "set_timer" in offered:
            return _call("set_timer", minutes=_minutes(heard.text))
    return None


def outcome(errand: Errand, output: str) -> Outcome:
    """What the answer means. Whatever it is, there is something to say."""
    found = _parsed(output)
    you = errand.heard.speaker
    match errand.call.name:
        case "remember":
            result = str(found.get("result") or "not kept").lower()
            return Outcome(next((name for words, name in _OUTCOMES if words in result), "remembered-unclear"))
        case "recall":
            lines = [one for one in found.get("remembered") or [] if isinstance(one, dict)]
            return recollected([str(one.get("words", "")) for one in lines if one.get("about") == you], you)
        case "roll_dice":
            rolls = found.get("rolls")
            if isinstance(rolls, list) and rolls and all(isinstance(roll, int) for roll in rolls):
                return Outcome(errand.topic.name, _rolled(errand, rolls))
        case "current_time":
            try:
                return Outcome(errand.topic.name, now=datetime.fromisoformat(f"{found['date']}T{found['time']}"))
            except (KeyError, ValueError):
                pass
        case "set_timer" if "error" not in found:
            return Outcome("timer-set")
    return Outcome("not-understood")


def recollected(texts: Iterable[str], you: str) -> Outcome:
    """What is remembered of somebody, told to them."""
    told = [to_you(text, you) for text in texts if text.strip()][:MOST_TOLD]
    if not told:
        return Outcome("nothing-remembered")
    is_chinese = any(not fact.isascii() and fact.startswith("你") for fact in told)
    return Outcome("recollect", {"facts": "，".join(told) if is_chinese else listed(told)})


def _call(name: str, **arguments: object) -> Call:
    return Call(name, json.dumps(arguments, ensure_ascii=False))


def _parsed(output: str) -> dict[str, Any]:
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return {"result": output}
    return found if isinstance(found, dict) else {"result": str(found)}


def _sides(does: str, text: str) -> int:
    return 20 if does == "dice" and ("twenty" in text.lower() or "20" in text) else _SIDES[does]


def _count(does: str, text: str) -> int:
    return 2 if does == "dice" and ("two" in text.lower() or "两" in text) else 1


def _minutes(text: str) -> int:
    """The number in it; five, if there is none."""
    if digits := re.search(r"\d{1,3}", text):
        return max(1, int(digits[0]))
    named = [NUMBERS[word] for word in normal(text).split() if word in NUMBERS]
    named += [_ZH_NUMBERS[char] for char in text if char in _ZH_NUMBERS]
    return named[0] if named else 5


def _rolled(errand: Errand, rolls: list[int]) -> dict[str, str]:
    """The facts of the topic's lines, as the acts would give them."""
    is_chinese = errand.tone == "zh"
    words = {number: word for word, number in NUMBERS.items()}
    match errand.topic.does:
        case "coin":
            sides = ("正面", "反面") if is_chinese else ("heads", "tails")
            return {"coin": sides[(rolls[0] - 1) % 2]}
        case "number":
            return {"number": str(rolls[0]) if is_chinese else words.get(rolls[0], str(rolls[0])).capitalize()}
    if is_chinese:
        return {"roll": "和".join(map(str, rolls))}
    said = [words.get(roll, str(roll)) for roll in rolls]
    return {"roll": " and ".join(f"{'an' if word[0] == 'e' else 'a'} {word}" for word in said)}
