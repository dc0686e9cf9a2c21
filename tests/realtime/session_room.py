"""A session with a clock in the hand: say what happens, see what it answers."""

from __future__ import annotations

from typing import Any

from bot.realtime.dialect import Capabilities
from bot.realtime.events import (
    AppendAudio,
    ClientEvent,
    CommitUtterance,
    ModelCommand,
    ModelEvent,
    Respond,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    TurnMode,
)
from bot.realtime.outcome import Outcome
from bot.realtime.session import Session, SessionOptions

FRAME = b"\x01\x00" * 480
STEPFUN_LIKE = Capabilities(session_s=1800.0)


class Room:
    """`sent` and `told` hold what the last step caused; `outcomes` everything."""

    def __init__(
        self,
        capabilities: Capabilities = STEPFUN_LIKE,
        config: SessionConfig | None = None,
        options: SessionOptions | None = None,
        *,
        is_open: bool = True,
    ) -> None:
        self.session = Session(capabilities, config or SessionConfig("Be kind."), options or SessionOptions())
        self.now = 100.0
        self.outcomes: list[Outcome] = []
        self.sent: list[ClientEvent] = []
        self.told: list[ModelEvent] = []
        if is_open:
            self.open()

    def open(self, detection_on: bool | None = None) -> None:
        self.hear(SessionCreated("s"), SessionUpdated(detection_on))

    def do(self, *commands: ModelCommand) -> None:
        self._take([self.session.command(command, self.now) for command in commands])

    def hear(self, *events: ServerEvent) -> None:
        self._take([self.session.receive(event, self.now) for event in events])

    def wait(self, seconds: float) -> None:
        """Time goes by, with a tick at least every 100 ms."""
        outcomes = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.1)
            outcomes.append(self.session.tick(self.now))
        self._take(outcomes)

    def lose(self) -> None:
        self._take([self.session.lost(self.now)])

    def say(self, speaker: str = "Alice", frames: int = 10) -> None:
        """A whole manual turn."""
        self.do(*[AppendAudio(FRAME)] * frames, CommitUtterance(speaker), Respond())

    def _take(self, outcomes: list[Outcome]) -> None:
        self.outcomes += outcomes
        self.sent = [event for outcome in outcomes for event in outcome.send]
        self.told = [event for outcome in outcomes for event in outcome.events]

    @property
    def names(self) -> str:
        """The kinds of what was sent, runs written once."""
        kinds: list[str] = []
        for event in self.sent:
            kind = type(event).__name__
            if not kinds or kinds[-1] != kind:
                kinds.append(kind)
        return " ".join(kinds)

    @property
    def all_sent(self) -> list[ClientEvent]:
        return [event for outcome in self.outcomes for event in outcome.send]

    @property
    def all_told(self) -> list[ModelEvent]:
        return [event for outcome in self.outcomes for event in outcome.events]

    @property
    def restarted(self) -> bool:
        return any(outcome.restart for outcome in self.outcomes)

    @property
    def faults(self) -> list[Any]:
        return [outcome.fault for outcome in self.outcomes if outcome.fault is not None]


def vad(instructions: str = "Be kind.") -> SessionConfig:
    return SessionConfig(instructions, turn_mode=TurnMode.SERVER_VAD)
