"""The states of a voice connection, how long each may last, and what is counted over all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class State(StrEnum):
    IDLE = "idle"
    PAUSING = "pausing"  # before a resume or a rejoin
    REJOINING = "rejoining"  # the main gateway was asked
    WAITING = "waiting"  # the main gateway may tell where we are now
    CONNECTING = "connecting"  # until hello
    RESUMING = "resuming"
    IDENTIFYING = "identifying"
    DISCOVERING = "discovering"
    SELECTING = "selecting"
    ESTABLISHED = "established"
    CLOSED = "closed"


TIMEOUT_S: Final = {
    State.REJOINING: 15.0,
    State.CONNECTING: 10.0,
    State.RESUMING: 5.0,
    State.IDENTIFYING: 5.0,
    State.DISCOVERING: 1.0,
    State.SELECTING: 5.0,
}
"""How long a state may last. PAUSING and WAITING last as the plan says, the rest for ever."""

HAS_SOCKET: Final = frozenset(
    {State.CONNECTING, State.RESUMING, State.IDENTIFYING, State.DISCOVERING, State.SELECTING, State.ESTABLISHED}
)
HAS_SESSION: Final = frozenset({State.ESTABLISHED, State.RESUMING})


@dataclass(slots=True)
class GatewayStats:
    """Counts of one call. `ignored` are messages that made no sense when they came, by opcode; `unknown` likewise."""

    received: int = 0
    malformed: int = 0
    heartbeats: int = 0
    latency_ms: float | None = None
    resumes: int = 0
    rejoins: int = 0
    unknown: Counter[int] = field(default_factory=Counter)
    ignored: Counter[int] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)  # 0: without a code
