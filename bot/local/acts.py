"""What needs more than a sentence: riddles and quiz questions with their answers and score, jokes, stories, dice, counting.

One `Acts` per talk: it knows which riddle is open, what has been told already, and who has how many points.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Final

from bot.local.phrases import normal
from bot.local.script import Puzzle, script

COUNT_AT_MOST: Final = 20
_NUMBERS: Final = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]  # fmt: skip
_ZH_NUMBERS: Final = tuple("一二三四五六七八九十")


@dataclass(frozen=True, slots=True)
class Answered:
    """`line` replaces the topic's own; `facts` fill it; `more` are sentences after it."""

    line: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """Somebody gave the right answer."""

    solution: str
    points: int

    def text(self, you: str, tone: str) -> str:
        if tone == "zh":
            return f"{you}，对了！就是{self.solution}。你现在{self.points}分。"
        score = "one point" if self.points == 1 else f"{self.points} points"
        praise = {"bright": "Correct", "gentle": "Yes, that is it", "witty": "Annoyingly right"}.get(
            tone, "That is right"
        )
        return (
            f"{praise}, {you}! It is {self.solution}. You have {score}." if you else f"{praise}! It is {self.solution}."
        )


class Acts:
    def __init__(self) -> None:
        self.last_act = ""
        self._open: Puzzle | None = None
        self._points: dict[str, int] = {}
        self._told: dict[str, int] = {}

    @property
    def is_open(self) -> bool:
        """A question waits for its answer."""
        return self._open is not None

    def perform(self, act: str, text: str, speaker: str, tone: str, chance: random.Random) -> Answered:
        """What the act has to say; an empty answer for a topic that is only lines."""
        doing = getattr(self, f"_{act}", None) if act else None
        if act in {"riddle", "quiz", "joke", "story", "fact", "poem", "dice", "coin", "number"}:
            self.last_act = act
        if doing is None:
            return Answered()
        made: Answered = doing(text, speaker, tone, chance)
        return made

    def solved(self, text: str, speaker: str) -> Solved | None:
        """The right answer to what is open, wherever it stands in the text."""
        if self._open is None or not text:
            return None
        words = f" {normal(text)} "
        if not any(
            f" {normal(answer)} " in words or (not answer.isascii() and answer in text) for answer in self._open.answers
        ):
            return None
        solution, self._open = self._open.answers[0], None
        self._points[speaker] = self._points.get(speaker, 0) + 1
        return Solved(solution, self._points[speaker])

    def is_wrong_guess(self, text: str) -> bool:
        """Something is open, and this is the answer to something else."""
        words = f" {normal(text)} "
        return self._open is not None and any(f" {answer} " in words for answer in script().solutions)

    def _next(self, kind: str, count: int, chance: random.Random) -> int:
        """Which of so many is next: all of them before one comes again."""
        at = self._told.get(kind, chance.randrange(count))
        self._told[kind] = (at + 1) % count
        return at

    # ------------------------------------------------------------------------ acts, by the script's names

    def _puzzle(self, kind: str, tone: str, chance: random.Random) -> Answered:
        puzzles = script().puzzles[f"{kind}_zh" if tone == "zh" else kind]
        self._open = puzzles[self._next(f"{kind}/{tone == 'zh'}", len(puzzles), chance)]
        return Answered(more=(self._open.question,))

    def _riddle(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        return self._puzzle("riddle", tone, chance)

    def _quiz(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        return self._puzzle("quiz", tone, chance)

    def _answer(self, _: str, __: str, tone: str, ___: random.Random) -> Answered:
        if self._open is None:
            return Answered(line="我还没出题呢，{you}。" if tone == "zh" else "I have not asked anything yet, {you}.")
        solution, self._open = self._open.answers[0], None
        return Answered(facts={"solution": solution})

    def _hint(self, _: str, __: str, tone: str, ___: random.Random) -> Answered:
        if self._open is None:
            return self._answer("", "", tone, random.Random(0))
        return Answered(facts={"hint": self._open.hint})

    def _score(self, _: str, __: str, tone: str, ___: random.Random) -> Answered:
        if not self._points:
            return Answered(facts={"score": "现在都是零分" if tone == "zh" else "Nobody has a point yet"})
        ranked = sorted(self._points.items(), key=lambda entry: -entry[1])
        if tone == "zh":
            return Answered(facts={"score": "，".join(f"{name}{points}分" for name, points in ranked)})
        return Answered(facts={"score": ", ".join(f"{name} has {points}" for name, points in ranked)})

    def _told_of(self, kind: str, lines: tuple[str, ...], chance: random.Random) -> Answered:
        return Answered(more=(lines[self._next(kind, len(lines), chance)],))

    def _joke(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        return self._told_of(f"joke/{tone == 'zh'}", script().jokes[_language(tone)], chance)

    def _fact(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        return self._told_of(f"fact/{tone == 'zh'}", script().facts[_language(tone)], chance)

    def _poem(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        return self._told_of(f"poem/{tone == 'zh'}", script().poems[_language(tone)], chance)

    def _story(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        stories = script().stories.get(tone) or script().stories["plain"]
        return Answered(more=stories[self._next(f"story/{tone}", len(stories), chance)])

    def _dice(self, text: str, _: str, tone: str, chance: random.Random) -> Answered:
        sides = 20 if "twenty" in text.lower() or "20" in text else 6
        rolls = [chance.randint(1, sides) for _ in range(2 if "two" in text.lower() or "两" in text else 1)]
        if tone == "zh":
            return Answered(facts={"roll": "和".join(str(roll) for roll in rolls)})
        return Answered(facts={"roll": " and ".join("a " + _word(roll) if roll != 8 else "an eight" for roll in rolls)})

    def _coin(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        sides = ("正面", "反面") if tone == "zh" else ("heads", "tails")
        return Answered(facts={"coin": sides[chance.randrange(2)]})

    def _number(self, _: str, __: str, tone: str, chance: random.Random) -> Answered:
        number = chance.randint(1, 10)
        return Answered(facts={"number": str(number) if tone == "zh" else _word(number).capitalize()})

    def _count(self, text: str, _: str, tone: str, __: random.Random) -> Answered:
        said = normal(text)
        digits = re.search(r"\d{1,3}", text)
        named = [_NUMBERS.index(word) + 1 for word in said.split() if word in _NUMBERS]
        upto = min(int(digits[0]) if digits else named[-1] if named else 10, COUNT_AT_MOST) or 10
        if tone == "zh":
            return Answered(more=("，".join((*_ZH_NUMBERS, *map(str, range(11, 21)))[:upto]) + "。",))
        return Answered(more=(", ".join(_NUMBERS[:upto]).capitalize() + ".",))


def _language(tone: str) -> str:
    return "zh" if tone == "zh" else "en"


def _word(number: int) -> str:
    return _NUMBERS[number - 1]
