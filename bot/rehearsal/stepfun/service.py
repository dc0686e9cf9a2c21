"""The service without its socket: whom it lets in, what it makes of a talk, and what all connections share."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bot.rehearsal.stepfun.script import Misbehaviour, ReplyLogic, Talk, Transcribe, duration_transcript, echo_reply

PATH: Final = "/v1/realtime"
MODELS: Final = frozenset(
    {"stepaudio-2.5-realtime", "stepaudio-3-realtime-preview", "step-1o-audio", "step-audio-2", "step-audio-2-mini"}
)
MINUTE_S: Final = 60.0


@dataclass(kw_only=True, eq=False)
class Service:
    """`voices` of `None` accepts any. `speed`: how much faster than real time replies are generated."""

    reply: ReplyLogic = echo_reply
    transcribe: Transcribe = duration_transcript
    key: str = "test-key"
    models: frozenset[str] = MODELS
    voices: frozenset[str] | None = None
    session_s: float = 1800.0
    responses_per_minute: int = 1000
    thinking_s: float = 0.0
    speed: float = 20.0
    misbehaviour: Misbehaviour = field(default_factory=Misbehaviour)
    talks: list[Talk] = field(init=False, default_factory=list)
    refused: list[int] = field(init=False, default_factory=list)
    _ids: Iterator[int] = field(init=False, repr=False, default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._times: deque[float] = deque(maxlen=self.responses_per_minute)

    @property
    def talk(self) -> Talk:
        """The latest connection."""
        return self.talks[-1]

    def next_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):06d}"

    def refusal(self, target: str, authorization: str | None) -> int | None:
        """The HTTP status for an upgrade that is not let in."""
        parts, bad = urlsplit(target), self.misbehaviour
        if bad.refuse_status is not None:
            return bad.refuse_status
        if bad.refuse_upgrades > 0:
            bad.refuse_upgrades -= 1
            return 503
        if parts.path != PATH:
            return 404
        if authorization != f"Bearer {self.key}":
            return 401
        return None if model_of(target) in self.models else 400

    # ------------------------------------------------------------------------ the cap of responses a minute

    def is_at_cap(self, now: float) -> bool:
        return len(self._times) == self.responses_per_minute and now - self._times[0] < MINUTE_S

    def responded(self, now: float) -> None:
        self._times.append(now)


def model_of(target: str) -> str:
    return parse_qs(urlsplit(target).query).get("model", [""])[0]
