"""Who the small brain is: what it reads of itself in the session's instructions.

It reads no more than labelled lines (`Name:`, `Language:`, `Manner:`, `Catchphrases: a | b`), the examples of how it sounds, what is remembered
of the people there, and who speaks now where the host says it there. A manner in any words becomes one of four tones, for which the script has lines of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.local.statements import pairs

_TONES: Final = {
    "bright": (
        "quiz",
        "host",
        "show",
        "bell",
        "bright",
        "rhythm",
        "energetic",
        "game",
        "cheer",
        "响亮",
        "节奏",
        "主持",
    ),
    "gentle": ("bedtime", "gentle", "soft", "quiet", "calm", "sleep", "slow", "low", "warm voice", "轻", "慢", "温柔"),
    "witty": ("witty", "dry", "tease", "banter", "opinion", "quick", "humour", "humor", "joke", "损", "机灵", "松弛"),
}
_MANNER_CHARACTERS: Final = 1_500
_EXAMPLE: Final = re.compile(r'^- "(?P<heard>[^"\n]{1,200})" → "(?P<said>.{1,400})"$', re.MULTILINE)
_SPEAKING_NOW: Final = re.compile(
    r"^(?:whoever speaks now is called|now speaking):\s*(.{1,64})$", re.MULTILINE | re.IGNORECASE
)
_REMEMBERED: Final = re.compile(r"^What you remember of the people here[^\n]*\n((?:- [^\n]+(?:\n|$))+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Self:
    """`tone` is witty, gentle, bright or plain; `examples` are pairs of what is heard and what is said to it, `memories` of a name and what is
    remembered of them."""

    name: str = "Kith"
    language: str = "en"
    tone: str = "plain"
    catchphrases: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    speaking_now: str = ""
    memories: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, instructions: str) -> Self:
        now = _SPEAKING_NOW.findall(instructions)
        return cls(
            name=_line(instructions, "Name") or "Kith",
            language=_line(instructions, "Language") or "en",
            tone=_tone(_line(instructions, "Manner") or instructions[:_MANNER_CHARACTERS]),
            catchphrases=tuple(part.strip() for part in _line(instructions, "Catchphrases").split("|") if part.strip()),
            examples=tuple((found["heard"], found["said"]) for found in _EXAMPLE.finditer(instructions)),
            speaking_now=now[-1].strip() if now else "",
            memories=_memories(instructions),
        )

    def remembered_of(self, name: str) -> tuple[str, ...]:
        """What is remembered of whoever is called so."""
        return tuple(text for who, text in self.memories if who.lower() == name.lower())


def _memories(instructions: str) -> tuple[tuple[str, str], ...]:
    """The lines under their heading, up to the first empty one."""
    found = _REMEMBERED.findall(instructions)
    return tuple(pairs(found[-1])) if found else ()


def _line(instructions: str, label: str) -> str:
    found = re.search(rf"^{label}:[^\S\n]*(\S.*)$", instructions, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def _tone(manner: str) -> str:
    manner = manner.lower()
    scores = {tone: sum(manner.count(word) for word in words) for tone, words in _TONES.items()}
    best = max(scores, key=lambda tone: scores[tone])
    return best if scores[best] else "plain"
