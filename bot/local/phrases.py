"""The little notation of `data/talk.toml`: ways to put a question, their plain sentences, and the normal form that text is compared in.

`(a | b)` is a choice, `[x]` may be left out, `<name>` and `<number>` are slots. It is a subset of JSGF, so that the ears can listen for
the same lines that the brain understands. Chinese is not written in it: characters are found, not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

_PIECE: Final = re.compile(r"[()\[\]|]|<[a-z]+>|[^\s()\[\]|<>]+")

CONTRACTIONS: Final = {
    "what is": "what's",
    "who is": "who's",
    "how is": "how's",
    "where is": "where's",
    "it is": "it's",
    "that is": "that's",
    "i am": "i'm",
    "you are": "you're",
    "let us": "let's",
    "do not": "don't",
    "cannot": "can't",
}
_LONG: Final = {short: long for long, short in CONTRACTIONS.items()} | {
    "can not": "cannot",
    "there's": "there is",
    "we're": "we are",
    "they're": "they are",
    "i've": "i have",
    "i'll": "i will",
    "didn't": "did not",
    "doesn't": "does not",
    "isn't": "is not",
    "ai": "a i",
    "ok": "okay",
}
_PROPER: Final = frozenset(
    ["chinese", "mandarin", "english", "french", "german", "canberra", "tokyo", "mars", "pacific", "amazon", "mondays"]
)
_ASKING: Final = frozenset([
    "what", "who", "how", "where", "when", "why", "which", "do", "does", "did", "are", "is", "am",
    "can", "could", "will", "would", "should", "shall", "have", "has",
])  # fmt: skip
_NOT_A_WORD: Final = re.compile(r"[^\w\s']|_")


class PhraseError(ValueError):
    """A line of the notation that does not parse. Of concern to whoever edits the data."""


def expand(phrase: str) -> list[str]:
    """Every plain sentence that a phrase stands for. Raises PhraseError."""
    pieces = _PIECE.findall(phrase)
    options, rest = _choice(pieces, 0)
    if rest != len(pieces):
        raise PhraseError(f"unexpected {pieces[rest]!r} in {phrase!r}")
    return [" ".join(words.split()) for words in options]


def _choice(pieces: list[str], at: int) -> tuple[list[str], int]:
    options, at = _sequence(pieces, at)
    while at < len(pieces) and pieces[at] == "|":
        more, at = _sequence(pieces, at + 1)
        options += more
    return options, at


def _sequence(pieces: list[str], at: int) -> tuple[list[str], int]:
    parts: list[list[str]] = []
    while at < len(pieces) and pieces[at] not in ")]|":
        piece = pieces[at]
        if piece in "([":
            inner, at = _choice(pieces, at + 1)
            if at >= len(pieces) or pieces[at] != (")" if piece == "(" else "]"):
                raise PhraseError(f"{piece} is not closed")
            parts.append([*inner, ""] if piece == "[" else inner)
        else:
            parts.append([piece])
        at += 1
    if not parts:
        raise PhraseError("an empty phrase")
    return [" ".join(words) for words in product(*parts)], at


def with_contractions(phrase: str) -> str:
    """The phrase with both forms wherever people contract: `what is` → `(what is | what's)`."""
    for long, short in CONTRACTIONS.items():
        phrase = re.sub(rf"\b{long}\b", f"({long} | {short})", phrase)
    return phrase


def normal(text: str) -> str:
    """English as it is compared: lower case, no punctuation, no contractions, single spaces."""
    text = _NOT_A_WORD.sub(" ", text.lower().replace("’", "'"))
    text = re.sub(r"\b\w+'\w+\b|\bcan not\b|\bai\b|\bok\b", lambda match: _LONG.get(match[0], match[0]), text)
    return " ".join(text.replace(" '", " ").replace("' ", " ").strip("'").split())


def written(sentence: str, names: Iterable[str] = ()) -> str:
    """A sentence in normal form as people write it, for captions: `what is my name` → `What is my name?`"""
    capital = {word for name in names for word in name.split()} | _PROPER
    words = [word.capitalize() if word in capital or word == "i" else word for word in sentence.split()]
    text = " ".join(words).replace(" a I", " AI").replace(" a i", " AI")
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("?" if words[0].lower() in _ASKING else ".")


def windows(words: list[str], least: int) -> Iterator[str]:
    """Every run of at least so many words, the longest first."""
    for size in range(len(words), least - 1, -1):
        for start in range(len(words) - size + 1):
            yield " ".join(words[start : start + size])


def words_of(phrases: Iterable[str]) -> set[str]:
    """Every word that the phrases use, without slots."""
    return {piece for phrase in phrases for piece in _PIECE.findall(phrase) if piece[0].isalnum()}
