"""What to do after a voice connection was lost: the close code's reaction, held to a budget. Sans-I/O.

The first try comes at once, the next ones later and later and never in step with other bots (`jitter`). A connection that
stood for `STABLE_S` starts with a full budget again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.errors import VoiceFault
from bot.voice.close_codes import Reaction, fault_of, reaction_to

STABLE_S: Final = 30.0
REJOINS: Final = 5
RESUMES: Final = 1
OWN_FAULT_WINDOW_S: Final = 300.0
BACKOFF_S: Final = (0.2, 1.0, 2.0, 4.0, 8.0)
WAIT_S: Final = 10.0
"""How long the main gateway may take to say where we were moved to."""

SESSION_REPLACED_S: Final = 60.0
"""The voice server hangs up with 4014 also when our session on the main gateway is gone; so long after that it is no kick."""


class Next(StrEnum):
    RESUME = "resume"
    REJOIN = "rejoin"
    WAIT = "wait"
    END = "end"


@dataclass(frozen=True, slots=True)
class Plan:
    """`next` in `delay_s` seconds; END for `fault`. A WAIT that nothing comes of ends for `fault`."""

    next: Next
    delay_s: float
    fault: VoiceFault


class Reconnection:
    """The budget of one call. `jitter` gives numbers in [0, 1)."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._resumes = 0
        self._rejoins = 0
        self._own_fault_at: float | None = None
        self._established_at: float | None = None
        self._session_replaced_at: float | None = None

    def established(self, now: float) -> None:
        """Hello, handshake and key are done, or a resume succeeded."""
        self._established_at = now

    def moved(self, now: float) -> None:
        """Another voice session begins: what is not established yet cannot be resumed."""
        self._lost(now)

    def after_close(self, code: int | None, now: float) -> Plan:
        """The websocket ended; `code` None: without a close frame."""
        was_established = self._lost(now)
        fault = VoiceFault.NO_ANSWER if code is None else fault_of(code)
        match reaction_to(code):
            case Reaction.NEVER | Reaction.COOL_DOWN:
                return Plan(Next.END, 0.0, fault)
            case Reaction.WAIT:
                return Plan(Next.WAIT, WAIT_S, fault)
            case Reaction.RESUME if was_established and self._resumes < RESUMES:
                self._resumes += 1
                return Plan(Next.RESUME, self._pause_s(0), fault)
            case Reaction.REJOIN_ONCE:
                if self._own_fault_at is not None and now - self._own_fault_at < OWN_FAULT_WINDOW_S:
                    return Plan(Next.END, 0.0, fault)
                self._own_fault_at = now
                return self._rejoin(fault)
            case _:
                return self._rejoin(fault)

    def session_replaced(self, now: float) -> None:
        """The main gateway knows us by another session: the voice of the old one ends."""
        self._session_replaced_at = now

    def after_wait(self, plan: Plan, since: float) -> Plan:
        """Nobody told what became of us since `since`. A session that was replaced is a reason to come back, once."""
        replaced_at, self._session_replaced_at = self._session_replaced_at, None
        if plan.fault is not VoiceFault.KICKED or replaced_at is None or since - replaced_at > SESSION_REPLACED_S:
            return Plan(Next.END, 0.0, plan.fault)
        return self._rejoin(plan.fault)

    def after_fault(self, now: float, fault: VoiceFault = VoiceFault.FAILED) -> Plan:
        """We gave the connection up ourselves: nonsense arrived, or encryption is beyond mending."""
        self._lost(now)
        return self._rejoin(fault)

    def _lost(self, now: float) -> bool:
        since, self._established_at = self._established_at, None
        if since is not None and now - since >= STABLE_S:
            self._resumes = self._rejoins = 0
        return since is not None

    def _rejoin(self, fault: VoiceFault) -> Plan:
        if self._rejoins >= REJOINS:
            return Plan(Next.END, 0.0, fault)
        self._rejoins += 1
        return Plan(Next.REJOIN, self._pause_s(self._rejoins - 1), fault)

    def _pause_s(self, attempt: int) -> float:
        return BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)] * (0.5 + self._jitter())
