"""Words as the host counts and finds them: in transcripts, English and Chinese alike, without a model.

Cheap on purpose: it runs over every reply and every utterance of every call.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from bot.personas.persona import Language

CJK: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN: Final = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_BETWEEN_CJK: Final = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")

CHARACTERS_A_WORD: Final = 1.6
"""So many Chinese characters last as long as an English word."""

MINORITY: Final = 0.25
"""A language that has a smaller part of a sentence is a quotation in it."""


def bare(text: str) -> str:
    """Small letters and characters, one space between words, none between Chinese characters, no punctuation."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = "".join(char if char.isalnum() or char == "'" else " " for char in text)
    return _BETWEEN_CJK.sub("", " ".join(text.split()))


def has_phrase(bared: str, phrase: str) -> bool:
    """Whether `phrase` stands in a text that is `bare` already: whole words in English, anywhere in Chinese."""
    return count_phrase(bared, bare(phrase)) > 0


def count_phrase(bared: str, wanted: str) -> int:
    """How often. Both are `bare`."""
    if not wanted:
        return 0
    if CJK.search(wanted):
        return bared.count(wanted)
    return f" {bared.replace(' ', '  ')} ".count(f" {wanted.replace(' ', '  ')} ")


def first_phrase(bared: str, phrases: Iterable[str]) -> str | None:
    return next((phrase for phrase in phrases if has_phrase(bared, phrase)), None)


def length_words(text: str) -> float:
    """How long it is to say, in English words."""
    return len(_LATIN.findall(text.casefold())) + len(CJK.findall(text)) / CHARACTERS_A_WORD


def language_of_text(text: str) -> Language | None:
    """The language that a text is in; `None` when it is too short to tell, or truly in both."""
    chinese = len(CJK.findall(text)) / CHARACTERS_A_WORD
    english = float(len(_LATIN.findall(text.casefold())))
    total = chinese + english
    if total < 2:
        return None
    if english <= MINORITY * total:
        return Language.ZH
    return Language.EN if chinese <= MINORITY * total else None


def sentences(text: str) -> list[str]:
    return [found.strip() for found in _SENTENCE.findall(text) if bare(found)]


def likeness(one: str, other: str) -> float:
    """0 to 1: how much two `bare` texts have in common, by groups of three characters."""
    first, second = _triples(one), _triples(other)
    return len(first & second) / len(first | second) if first and second else 0.0


def _triples(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}
