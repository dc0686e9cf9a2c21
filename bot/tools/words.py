"""Words that a model passes on: visible, on one line, within a length. They are quotations from people, never orders."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from bot import plain_text

FIELD_CHARS: Final = 40
"""So much of a stranger's field name is repeated in an answer."""


def visible(text: str) -> str:
    """`bot.plain_text.visible`, where halves of characters that JSON wrote apart are put together."""
    return plain_text.visible(text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore"))


def _some(text: str) -> str:
    shown = visible(text)
    if not any(unicodedata.category(char)[0] in "LNPS" for char in shown):
        raise ValueError("expected words that can be read")
    return shown


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_some)]
Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_some)]
