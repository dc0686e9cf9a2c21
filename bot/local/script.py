"""What the companion that ships with the bot can understand and say: `data/*.toml` and `names.txt` as values, read once.

Data, not behaviour: which line answers which question is here; choosing among lines, acts and memory are the brain's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from bot.local.phrases import expand, normal

TONES: Final = ("plain", "witty", "gentle", "bright", "zh")
"""`zh` is a language among the tones: there is one manner of speaking it."""


NUMBERS: Final = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "fifty": 50,
    "hundred": 100,
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that people say. `asks` and `typed` in the phrase notation, `says` by tone."""

    name: str
    asks: tuple[str, ...]
    typed: tuple[str, ...]
    zh_asks: tuple[str, ...]
    does: str | None
    says: Mapping[str, tuple[str, ...]]

    def lines(self, tone: str) -> tuple[str, ...]:
        return self.says.get(tone) or self.says["plain"]


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A riddle or a quiz question. The first of `answers` is the one that is told."""

    question: str
    answers: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class Script:
    topics: tuple[Topic, ...]
    puzzles: Mapping[str, tuple[Puzzle, ...]]  # riddle, quiz, riddle_zh, quiz_zh
    jokes: Mapping[str, tuple[str, ...]]  # by language
    facts: Mapping[str, tuple[str, ...]]
    poems: Mapping[str, tuple[str, ...]]
    stories: Mapping[str, tuple[tuple[str, ...], ...]]  # by tone
    names: tuple[str, ...]
    fillings: Mapping[str, tuple[str, ...]]  # what the ears may hear in a slot: things, places, months
    sentences: Mapping[str, Topic]  # every plain English sentence without a slot → its topic
    slots: tuple[tuple[str, Topic], ...]  # sentences with a slot

    @property
    def solutions(self) -> tuple[str, ...]:
        """Every right answer to an English puzzle."""
        puzzles = (*self.puzzles["riddle"], *self.puzzles["quiz"])
        return tuple(dict.fromkeys(answer for puzzle in puzzles for answer in puzzle.answers))

    def has_question(self, text: str) -> bool:
        """A puzzle was asked in this text."""
        return any(puzzle.question in text for puzzles in self.puzzles.values() for puzzle in puzzles)

    def topic(self, name: str) -> Topic:
        return next(topic for topic in self.topics if topic.name == name)


@cache
def script() -> Script:
    """The shipped script."""
    talk, acts = _toml("talk.toml"), _toml("acts.toml")
    topics = tuple(_topic(entry) for entry in talk["topic"])
    plain = [
        (normal(ask), topic)
        for topic in topics
        for phrase in (*topic.asks, *topic.typed)
        for ask in _slots_kept(phrase)
    ]
    stories: dict[str, list[tuple[str, ...]]] = {}
    for entry in acts["story"]:
        stories.setdefault(entry["tone"], []).append(tuple(entry["lines"]))
    return Script(
        topics=topics,
        puzzles={kind: _puzzles(acts[kind]) for kind in ("riddle", "quiz", "riddle_zh", "quiz_zh")},
        jokes=_lists(acts["jokes"]),
        facts=_lists(acts["facts"]),
        poems=_lists(acts["poems"]),
        stories={tone: tuple(told) for tone, told in stories.items()},
        names=tuple(
            word for line in _text("names.txt").splitlines() if not line.startswith("#") for word in line.split()
        ),
        fillings=_lists(talk["slots"]),
        sentences={sentence: topic for sentence, topic in plain if "slot" not in sentence},
        slots=tuple((sentence, topic) for sentence, topic in plain if "slot" in sentence),
    )


def _slots_kept(phrase: str) -> list[str]:
    # normal() drops angle brackets: `<name>` becomes the word `slotname`.
    return [sentence.replace("<", "slot").replace(">", "") for sentence in expand(phrase)]


def _topic(entry: Mapping[str, Any]) -> Topic:
    return Topic(
        name=entry["name"],
        asks=tuple(entry.get("asks", ())),
        typed=tuple(entry.get("typed", ())),
        zh_asks=tuple(entry.get("zh_asks", ())),
        does=entry.get("does"),
        says={tone: tuple(entry[tone]) for tone in TONES if tone in entry},
    )


def _puzzles(entries: list[Mapping[str, Any]]) -> tuple[Puzzle, ...]:
    return tuple(Puzzle(entry["question"], tuple(entry["answers"]), entry["hint"]) for entry in entries)


def _lists(table: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {language: tuple(lines) for language, lines in table.items()}


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(_text(name))


def _text(name: str) -> str:
    return resources.files("bot.local").joinpath("data", name).read_text(encoding="utf-8")
