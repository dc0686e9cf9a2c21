"""The words in which a call's memory answers, and how long what it offers is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from bot.storage.memories import Memory, Proposal

STRICT_DAYS: Final = 7
"""So long a proposal waits for its subject where nothing is kept without a word of theirs."""

USUAL_DAYS: Final = 1
"""So long it can be dropped where what nobody dropped is kept."""

RECAP_HOURS: Final = 24


class Outcome(StrEnum):
    """What became of something that the model wanted remembered."""

    KEPT = "kept"  # it is remembered now (or was already)
    PROPOSED = "proposed"  # its subject is asked
    NOT_AGREED = "not_agreed"  # speaker or subject does not want to be remembered, or paused
    OFF_RECORD = "off_record"
    OFF = "off"  # the server keeps nothing
    FULL = "full"  # enough for one call
    UNCLEAR = "unclear"  # no short statement about a person


@dataclass(frozen=True, slots=True)
class Recall:
    """What a room may be told. `is_withdrawn`: something that the model was told before may not be known to somebody who is here now, or is forgotten."""

    memories: tuple[Memory, ...]
    is_withdrawn: bool = False


def is_kept_unasked(proposal: Proposal) -> bool:
    """Whether it is kept when its time is up, where that is the rule: what was proposed under the strict rule, or by somebody else, never is."""
    is_usual = proposal.expires_at - proposal.made_at <= timedelta(days=USUAL_DAYS)
    return is_usual and proposal.speaker_id == proposal.subject_id


def language_of(text: str) -> str:
    """`zh-CN` or `en`: of a text that may hold both, the one with more to say."""
    chinese = sum("\u3400" <= char <= "\u9fff" for char in text)
    words = len([word for word in text.split() if word.isascii() and any(map(str.isalpha, word))])
    return "zh-CN" if chinese / 1.6 > words else "en"
