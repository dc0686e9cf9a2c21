"""Does someone who speaks over a reply mean to interrupt it?

Speech over a reply ducks it at once. It is an interruption when it lasts: a listener's "mm-hm", "yeah", "嗯" is shorter than 350 ms of
speech. Its words come later, from the model's transcription, and then they decide what the length could not: "stop" and "等等"
always stop, and a short question is owed an answer after all.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

CONFIRM_MS: Final = 350.0
DUCKED_GAIN: Final = 0.2


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for line in text.split("\n") for phrase in line.split("|")) - {""}


STOP_WORDS: Final = _phrases(
    """
    stop|stop it|stop talking|stop please|please stop|stop stop|stop stop stop|okay stop|ok stop|hey stop|wait|wait wait|wait a second
    wait a minute|wait a moment|hold on|hang on|hold on a second|shut up|be quiet|quiet|quiet please|silence|enough|that's enough|shush|hush
    停|停停|停一下|停下|停下来|别说了|别说话|不要说了|等等|等等等等|等一下|等一等|等会|等会儿|打住|闭嘴|安静|安静点|够了|行了|好了好了
    """
)

BACKCHANNELS: Final = _phrases(
    """
    mm|mmm|mhm|mm hm|mm-hm|mm hmm|mmhmm|uh huh|uh-huh|uhuh|hm|hmm|yeah|yeah yeah|yep|yup|yes|okay|ok|right|sure|i see|oh|ah|aha|wow|cool|nice
    really|haha|ha|ha ha|great|good|true|exactly|got it
    嗯|嗯嗯|嗯哼|哦|噢|喔|啊|呃|对|对对|对对对|对啊|是|是的|是啊|好|好的|好啊|行|可以|哈|哈哈|哈哈哈|真的|真的吗|哇|原来如此|这样啊|没错
    """
)


def is_stop(text: str) -> bool:
    """Whether the whole of what was said is a wish for silence."""
    return _bare(text) in STOP_WORDS


def is_backchannel(text: str) -> bool:
    """Whether the whole of what was said only shows that somebody listens. Nothing said is nothing more."""
    bare = _bare(text)
    return not bare or bare in BACKCHANNELS


def is_interruption(speech_ms: float, patience_ms: float = CONFIRM_MS) -> bool:
    """What the length says before there are words. `patience_ms`: this persona's in this scene."""
    return speech_ms >= patience_ms


def _bare(text: str) -> str:
    """Lower case, no punctuation, single spaces, no spaces around Chinese characters."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = "".join(char if char.isalnum() or char in "'-" else " " for char in text)
    text = " ".join(text.split())
    return re.sub(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", text)
