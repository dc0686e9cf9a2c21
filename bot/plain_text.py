"""What strangers wrote, as it can be seen: one line in one form, and nothing in it that hides. Every other cleaning of words begins with this."""

from __future__ import annotations

import unicodedata
from typing import Final, Literal

BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols by category that show nothing: Hangul fillers, the empty Braille cell."""


def visible(text: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """On one line, in this normal form, without control, format (direction marks, zero-width joiners, tags), surrogate, private and unassigned characters."""
    spaced = "".join(" " if char.isspace() else char for char in unicodedata.normalize(form, text))
    return " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())


def without_blanks(text: str) -> str:
    """Without letters that show nothing, on one line still."""
    return " ".join("".join(char for char in text if char not in BLANK_LETTERS).split())
