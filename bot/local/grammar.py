"""The closed grammar that the ears listen with, and the pronunciation of words that no dictionary has.

Built from what the brain can answer (`data/talk.toml`), the answers to its riddles, and the names of the companion and of the people in
the room. A closed grammar is why a small recogniser is right nearly always; what lies outside is for `recognition` to notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from bot.local.phrases import expand, normal, with_contractions, words_of
from bot.local.script import NUMBERS, script

_GUESSES: Final = "[is it | it is | i think it is | the answer is | are they]"

NAMES_AT_MOST: Final = 40
"""Of a room; further names are not listened for."""

_RARELY: Final = 0.05
"""Weight of a courtesy before or after a sentence, and of a name that nobody in the room has: without it every noise after a word would be a
"please", and every name that sounds a little like Bob, Bob."""

_WORD: Final = re.compile(r"[a-z][a-z']{0,19}")


@dataclass(frozen=True)
class Hints:
    """What a session adds to the grammar: names as they are displayed, further lines of the persona's, and guesses while a puzzle is open."""

    companion: str = ""
    people: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    is_guessing: bool = False

    @property
    def companion_words(self) -> str:
        return spoken_name(self.companion)

    @property
    def names(self) -> tuple[str, ...]:
        """Names as words, each once, the room's before the common ones."""
        known = [spoken_name(name) for name in self.people[:NAMES_AT_MOST]]
        return tuple(dict.fromkeys(name for name in (*known, *script().names) if name))


@dataclass(frozen=True)
class Grammar:
    """A network of words for the decoder: `arcs` from state to state, with a weight and a word (`None`: without one).

    `words` must have a pronunciation; `sentences` are all that may be said, in normal form, without courtesies.
    """

    start: int
    final: int
    arcs: tuple[tuple[int, int, float, str | None], ...] = field(repr=False)
    words: frozenset[str] = field(repr=False)
    sentences: frozenset[str] = field(repr=False)
    courtesies: tuple[str, ...] = field(repr=False)

    def understood(self, words: str) -> str | None:
        """The sentence that was said, in normal form; `None` for half of one, which is where a search may end."""
        said = normal(words)
        candidates = {said}
        for courtesy in self.courtesies:
            candidates |= {rest.removesuffix(f" {courtesy}") for rest in candidates}
            candidates |= {rest.removeprefix(f"{courtesy} ") for rest in candidates}
        return max(candidates & self.sentences, key=len, default=None)


def spoken_name(name: str) -> str:
    """A display name as the words that somebody would say: `xX_Ben_Xx` → `xx ben xx`; empty for one in another script."""
    return " ".join(_WORD.findall(normal(re.sub(r"[_\d]", " ", name)))[:3])


def plain_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """The persona's own lines that a closed grammar can hold: English, of at most a dozen words."""
    plain = (" ".join(_WORD.findall(normal(line))) for line in lines if line.isascii())
    return tuple(dict.fromkeys(line for line in plain if 0 < len(line.split()) <= 12))[:32]


@lru_cache(maxsize=32)
def grammar(hints: Hints) -> Grammar:
    """The grammar of a session."""
    called = hints.companion_words
    leads = ["please", "can you", "could you", *((called, f"hey {called}", f"okay {called}") if called else ())]
    tails = ["please", *((called,) if called else ())]
    spoken = set(_sentences(hints))
    start, states, arcs = _network(spoken)
    # entry → (courtesy →) start … end → (courtesy →) final
    entry, end, final = states, states + 1, states + 2
    rare = set(script().names) - {word for name in hints.people for word in spoken_name(name).split()}
    arcs = [
        (source, end if target is None else target, _RARELY if word in rare else weight, word)
        for source, target, weight, word in arcs
    ]
    arcs += [(entry, start, 1.0, None), (end, final, 1.0, None)]
    free = final + 1
    for phrase, source, target in [(lead, entry, start) for lead in leads] + [(tail, end, final) for tail in tails]:
        more, free = _chain(phrase, source, target, free)
        arcs += more
    return Grammar(
        start=entry,
        final=final,
        arcs=tuple(arcs),  # type: ignore[arg-type]  # every target is known by now
        words=frozenset(words_of([*spoken, *leads, *tails])),
        sentences=frozenset(map(normal, spoken)),
        courtesies=tuple(sorted({*leads, *tails}, key=len, reverse=True)),
    )


def _sentences(hints: Hints) -> Iterator[str]:
    book = script()
    fillings = {"name": hints.names, "number": tuple(NUMBERS), **book.fillings}
    slots = {f"<{slot}>": f"({' | '.join(choices)})" for slot, choices in fillings.items()}
    for ask in (*(ask for topic in book.topics for ask in topic.asks), *plain_lines(hints.lines)):
        for slot, choice in slots.items():
            ask = ask.replace(slot, choice)
        yield from expand(with_contractions(ask))
    if hints.is_guessing:  # else every short noise would be a clock or a map
        for solution in book.solutions:
            yield from expand(with_contractions(f"{_GUESSES} {solution}"))


_Arc = tuple[int, int | None, float, str | None]


def _network(sentences: Iterable[str]) -> tuple[int, int, list[_Arc]]:
    """The smallest acyclic network of the sentences: a tree of their words whose equal ends are shared.

    A grammar file would be expanded with a copy of every choice and empty arcs between them, and be searched four times as slowly.

    Returns:
        The start, how many states there are, and the arcs; a target of `None` is the end of a sentence.
    """
    tree: dict[str, Any] = {}
    for sentence in sentences:
        node = tree
        for word in sentence.split():
            node = node.setdefault(word, {})
        node[""] = {}
    known: dict[tuple[tuple[str, int | None], ...], int] = {}

    def state(node: dict[str, Any]) -> int:
        ways = tuple(sorted((word, state(child) if word else None) for word, child in node.items()))
        return known.setdefault(ways, len(known))

    start = state(tree)
    arcs: list[_Arc] = [(number, target, 1.0, word or None) for ways, number in known.items() for word, target in ways]
    return start, len(known), arcs


def _chain(phrase: str, source: int, target: int, free: int) -> tuple[list[_Arc], int]:
    """Arcs that say the phrase on the way from source to target; new states are numbered from `free`."""
    words = phrase.split()
    states = [source, *range(free, free + len(words) - 1), target]
    arcs: list[_Arc] = [(a, b, _RARELY, word) for (a, b), word in zip(pairwise(states), words, strict=True)]
    return arcs, free + len(words) - 1


# espeak-ng's IPA for English → ARPAbet, the phones of the acoustic model; longest spelling first.
_PHONES: Final = {
    "tʃ": "CH", "dʒ": "JH", "aɪə": "AY AH", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY",
    "iːɹ": "IH R", "ɪɹ": "IH R", "ɛɹ": "EH R", "ʊɹ": "UH R", "ɑːɹ": "AA R", "ɔːɹ": "AO R", "oːɹ": "AO R",
    "ɜː": "ER", "ɚ": "ER", "ɝ": "ER", "əl": "AH L", "iː": "IY", "uː": "UW", "ɑː": "AA", "ɔː": "AO", "oː": "AO", "eː": "EY",
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "f": "F", "v": "V", "θ": "TH", "ð": "DH", "s": "S",
    "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "x": "K", "m": "M", "n": "N", "ŋ": "NG", "l": "L", "ɫ": "L", "ɹ": "R", "r": "R",
    "ɾ": "T", "ʔ": "T", "j": "Y", "w": "W", "ç": "HH", "ɬ": "L",
    "i": "IY", "ɪ": "IH", "ᵻ": "IH", "e": "EH", "ɛ": "EH", "æ": "AE", "a": "AA", "ɑ": "AA", "ɐ": "AH", "ʌ": "AH", "ə": "AH",
    "ɒ": "AO", "ɔ": "AO", "o": "OW", "ʊ": "UH", "u": "UW", "y": "UW", "ø": "ER", "œ": "ER", "ɨ": "IH", "ʉ": "UW",
}  # fmt: skip
_IPA: Final = re.compile("|".join(sorted(_PHONES, key=len, reverse=True)))


def pronunciation(word: str, phonemes: Callable[[str], str]) -> str:
    """A word's phones in ARPAbet, by way of espeak-ng's IPA; empty if nothing of it can be said in English."""
    ipa = re.sub(r"[ˈˌ\s.\u0361]", "", phonemes(word))
    return " ".join(_PHONES[sound] for sound in _IPA.findall(ipa))
