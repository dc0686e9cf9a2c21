"""A member's display name, as it may be shown to a model.

A name is untrusted: it may hold control characters, direction marks, invisible tags that spell instructions, a pile of combining
marks, or brackets that imitate the host's own attribution. What is left after cleaning is a short line of visible text; the
instructions declare it untrusted all the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from bot.plain_text import visible, without_blanks

NAME_LENGTH: Final = 32
"""Code points; as long as a Discord display name may be."""

NOBODY: Final = "Someone"
"""What a member is called whose name has nothing visible in it."""

MARKS_PER_LETTER: Final = 2
"""Vietnamese and pointed Hebrew need two; more only hides the letter."""

_BRACKETS: Final = str.maketrans("[]", "()")
"""Square brackets are the host's: `[Alice] speaks:`."""


def clean_name(display_name: str) -> str:
    """The name in compatibility form, visible, on one line, at most 32 code points; `Someone` when nothing is left."""
    # Compatibility form first: it turns full-width brackets and exotic spaces into those that the next steps know.
    text = unicodedata.normalize("NFKC", display_name).translate(_BRACKETS)
    name = _cap_marks(without_blanks(visible(text)))[:NAME_LENGTH].rstrip()
    return name if any(unicodedata.category(char)[0] in "LNPS" for char in name) else NOBODY


def tell_apart(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name (2)` and so on when someone in the room is called so already: the model must not confuse two people."""
    known = {other.casefold() for other in taken}
    candidate, count = name, 1
    while candidate.casefold() in known:
        count += 1
        suffix = f" ({count})"
        candidate = name[: NAME_LENGTH - len(suffix)].rstrip() + suffix
    return candidate


def _cap_marks(chars: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in chars:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        if marks <= MARKS_PER_LETTER:
            kept.append(char)
    return "".join(kept)
