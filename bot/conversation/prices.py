"""What a response costs, as far as that can be known: tokens as the provider reports them, or reckoned from the sound.

Money is in millionths of the operator's currency, rounded up. A response pays for the whole talk so far (cached price), for what is new in it
(input price) and for what it says (output price). Where the provider says what a response used, that counts. Where it does not (StepFun documents no
`usage`), or says what cannot be, tokens are reckoned from the sound: 12.5 a second heard and 31.25 a second said (25 of sound, one of text with every
four), which are the rates of Step-Audio 2 mini, the vendor's open model, and more than OpenAI's 10 and 20. StepFun publishes none for its service;
the sound of an hour, half heard and half said, comes to 4.40 CNY by these rates, a little above the vendor's own estimate of 3.80, and reading the talk again
comes on top. `kith check` shows whether a live service reports usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any, Final

HEARD_TOKENS_PER_S: Final = 12.5
SAID_TOKENS_PER_S: Final = 31.25
INSTRUCTION_TOKENS: Final = 3_500
"""The instructions, at most (`instructions.BUDGET_TOKENS`), and the tools (about 1 000)."""

NOTE_TOKENS: Final = 100
"""Names and notes between two replies."""

TALK_TOKENS: Final = 65_536
"""A session of thirty minutes, the longest that StepFun allows, stays below: the talk is not billed longer than this."""

INPUT_TOKENS_LIMIT: Final = 131_072
OUTPUT_TOKENS_LIMIT: Final = 16_384
"""A count beyond these is none: StepFun ends a response at 4 096 tokens."""

BYTES_A_TOKEN: Final = 3
CHAT_NAMES: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "prompt_tokens_details": "input_token_details",
}
"""How a chat completion calls what a response reports."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in the currency: which is of one token, in millionths."""

    input: float = 0.0
    cached: float = 0.0
    output: float = 0.0

    def cost(self, input_tokens: float, cached_tokens: float, output_tokens: float) -> int:
        """Millionths. `input_tokens` are those that are not cached."""
        exact = input_tokens * self.input + cached_tokens * self.cached + output_tokens * self.output
        return ceil(round(exact, 6))


def tokens_of(usage: Mapping[str, Any], said: float) -> tuple[float, float, float] | None:
    """Input that is not cached, cached input, output: as a provider reported them, in OpenAI's shape. `None`: it did not, or not believably.

    Where there is only a total, `said` (tokens reckoned from the sound) are output. What is not known to be cached is not.
    """
    read, output = (_count(usage, name) for name in ("input_tokens", "output_tokens"))
    total = _count(usage, "total_tokens")
    if read is None and output is None and total:
        output = min(said, total)
    if read is None and output is not None and total is not None and total >= output:
        read = total - output
    if output is None and read is not None and total is not None and total >= read:
        output = total - read
    if read is None or output is None or read > INPUT_TOKENS_LIMIT or output > OUTPUT_TOKENS_LIMIT:
        return None
    if said and not output:
        return None  # something was said
    details = usage.get("input_token_details")
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else None
    cached = min(cached or 0.0, read)
    return read - cached, cached, output


def chat_usage(reported: Any, asked: str, answered: str) -> Mapping[str, Any]:
    """What a chat completion used, named as responses name it (`tokens_of`).

    `reported`: the completion's own `usage`, in OpenAI's shape. Where a service reports none, or not believably, a token is reckoned for every
    `BYTES_A_TOKEN` bytes of what was asked and answered: a little more than OpenAI's tokenizers make of English (four letters) and of Chinese (a
    character or less, which is three bytes).
    """
    said = float(ceil(len(answered.encode("utf-8", "replace")) / BYTES_A_TOKEN))
    if isinstance(reported, Mapping):
        used = {ours: reported.get(theirs) for theirs, ours in CHAT_NAMES.items()}
        if tokens_of(used, said) is not None:
            return used
    read = float(ceil(len(asked.encode("utf-8", "replace")) / BYTES_A_TOKEN))
    return {"input_tokens": min(read, INPUT_TOKENS_LIMIT), "output_tokens": min(said, OUTPUT_TOKENS_LIMIT)}


def _count(usage: Mapping[str, Any], name: str) -> float | None:
    value = usage.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= INPUT_TOKENS_LIMIT + OUTPUT_TOKENS_LIMIT or not isfinite(value):
        return None
    return float(value)
