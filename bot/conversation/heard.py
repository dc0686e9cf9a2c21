"""The words that fit the audio heard.

What was heard is what was said (DESIGN D6): when a reply is cut, the model's context, the captions and the transcript keep only
the part that was played. A transcript has no times, and it runs ahead of its audio. So every character is given the time that
it usually takes to say, the whole is stretched to the audio's length, and the text is cut where the audio stopped: after a word
or a Chinese character, never inside a word, a surrogate pair or a combining sequence, and rather a word too early than too late.
"""

from __future__ import annotations

import unicodedata
from typing import Final

IDEOGRAPH_MS: Final = 210.0
"""Spoken Mandarin has four to five syllables a second, one character each."""

LETTER_MS: Final = 65.0
"""English at 150 to 160 words a minute, five letters and a space each."""

PAUSE_MS: Final = 180.0
"""A comma or a full stop."""

_PAUSES: Final = frozenset(",.;:!?…，。；：！？、—")
_JOINER: Final = "\u200d"


def heard_text(text: str, heard_ms: float, total_ms: float, *, is_complete: bool = True) -> str:
    """The part of `text` that was heard.

    Args:
        text: the transcript of the item so far.
        heard_ms: how much of the item's audio was played.
        total_ms: how much of the item's audio there is so far.
        is_complete: all audio and all text have come. Otherwise the text may be ahead of the audio, and the time that it
            usually takes to say is believed where it is longer than the audio at hand.
    """
    if heard_ms <= 0:
        return ""
    if is_complete and heard_ms >= total_ms:
        return text
    usual_ms = spoken_ms(text)
    span_ms = total_ms if is_complete else max(total_ms, usual_ms)
    if usual_ms <= 0 or span_ms <= 0:
        return ""
    return text[: _last_cut(text, heard_ms / span_ms * usual_ms)].rstrip()


def spoken_ms(text: str) -> float:
    """How long it usually takes to say `text`."""
    return sum(map(_usual_ms, text))


def _last_cut(text: str, budget_ms: float) -> int:
    cut, spent_ms = 0, 0.0
    for index, char in enumerate(text):
        spent_ms += _usual_ms(char)
        if spent_ms > budget_ms:
            break
        if _may_cut(text, index + 1):
            cut = index + 1
    return cut


def _usual_ms(char: str) -> float:
    if char in _PAUSES:
        return PAUSE_MS
    if _is_ideograph(char):
        return IDEOGRAPH_MS
    return LETTER_MS if char.isalnum() or char.isspace() else 0.0


def _may_cut(text: str, at: int) -> bool:
    """Whether `text[:at]` ends after a whole word, a Chinese character or a punctuation mark."""
    if at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if _binds(before, after):
        return False
    if after in _PAUSES:  # a comma stays with the word before it, if it was reached
        return True
    if _is_ideograph(before) or _is_ideograph(after):
        return True
    return not (_is_of_word(before) and _is_of_word(after))


def _binds(before: str, after: str) -> bool:
    """Two code points of one visible character."""
    if unicodedata.category(after)[0] == "M" or _JOINER in (before, after) or 0x1F3FB <= ord(after) <= 0x1F3FF:
        return True
    if 0xD800 <= ord(before) <= 0xDBFF and 0xDC00 <= ord(after) <= 0xDFFF:
        return True
    return all(0x1F1E6 <= ord(char) <= 0x1F1FF for char in (before, after))  # flags are two letters


def _is_of_word(char: str) -> bool:
    return char.isalnum() or char in "'’-_" or unicodedata.category(char)[0] == "M"


def _is_ideograph(char: str) -> bool:
    """A character that is a syllable or more by itself: Han, kana."""
    code = ord(char)
    return (
        0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x323AF
    )
