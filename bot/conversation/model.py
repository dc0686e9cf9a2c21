"""The model of one room, as the conversation knows it: whether it is there, what it has been told of itself, and what it is still to be told.

A session's configuration changes at any time and is told in a pause, because another voice may mean another session. What must not be known any
more ends the session that knew it.
"""

from __future__ import annotations

from bot.conversation.events import Command, TellRoom, ToModel
from bot.errors import ModelFault
from bot.realtime.events import Reconfigure, SessionConfig


class Model:
    """One per call; sessions come and go. `config`: what a session is told, the next as the present one."""

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self.is_ready = False
        self.has_untold = False
        """The session that is open was told something older."""

        self._had_session = False
        self._is_outage_told = False
        self._has_failed = False
        self._is_renewing = False  # the session is closed, to be opened afresh with the next tick

    @property
    def is_possible(self) -> bool:
        """A session may be open at present."""
        return not self._has_failed and not self._is_renewing

    # ------------------------------------------------------------------------ what it is told

    def tell(self, config: SessionConfig) -> list[Command]:
        """In the next pause; at once where no session is open."""
        self.config = config
        self.has_untold = self.is_ready
        return [] if self.is_ready else [ToModel(Reconfigure(config))]

    def take_untold(self) -> list[Command]:
        """The pause is here."""
        has_untold, self.has_untold = self.has_untold, False
        return [ToModel(Reconfigure(self.config))] if has_untold else []

    def renew(self, config: SessionConfig) -> None:
        """What the session knows is not to be known any more: another begins with the next tick."""
        self.config = config
        self._is_renewing = True

    def tick(self) -> None:
        self._is_renewing = False

    # ------------------------------------------------------------------------ whether it is there

    def ready(self, *, is_new: bool) -> bool:
        """True: it is not the first session, and this one knows nothing of the talk."""
        has_forgotten = is_new and self._had_session
        self.is_ready = self._had_session = True
        self._is_outage_told = False
        return has_forgotten

    def lost(self, fault: ModelFault) -> list[Command]:
        """The room is told once, until it is there again."""
        self.is_ready = False
        out = self.take_untold()
        if not self._is_outage_told:
            self._is_outage_told = True
            out.append(TellRoom(f"error-model-{fault}"))
        return out

    def failed(self, fault: ModelFault) -> list[Command]:
        """It will not come back."""
        self._has_failed = True
        return [TellRoom(f"error-model-{fault}")]

    def closed(self) -> None:
        """We ended the session."""
        self.is_ready = self.has_untold = False
