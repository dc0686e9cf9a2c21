"""Whether an utterance is answered, and why.

For now every utterance is. Later the room's own manners decide here (only when addressed, moderated, quiet); what they need is
passed in, and the reason is what people are shown who ask why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.barge_in import is_interruption
from bot.conversation.floor import Utterance


class Reason(StrEnum):
    OPEN = "open"  # whatever is said is answered
    BACKCHANNEL = "backchannel"  # somebody only showed that they listen
    QUESTION = "question"  # it was short, but its words say that it was more
    STOP = "stop"  # they wanted silence
    TYPED = "typed"
    MODEL_DECIDES = "model-decides"  # the model's own detection ends turns and answers


@dataclass(frozen=True, slots=True)
class Decision:
    will_answer: bool
    reason: Reason
    user_id: int
    at: float


def should_answer(utterance: Utterance, *, is_model_deciding: bool, now: float) -> Decision:
    """The decision about an utterance that is over, before its words are known."""
    if is_model_deciding:
        return Decision(False, Reason.MODEL_DECIDES, utterance.user_id, now)
    if utterance.is_over_reply and not utterance.did_interrupt and not is_interruption(utterance.speech_ms):
        return Decision(False, Reason.BACKCHANNEL, utterance.user_id, now)
    return Decision(True, Reason.OPEN, utterance.user_id, now)
