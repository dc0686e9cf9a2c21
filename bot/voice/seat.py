"""Our seat in a guild's voice channels, as the main gateway tells of it: sans-I/O.

Voice begins on the main gateway. The steps of a join:

1. We ask for a channel (op 4 Voice State Update).
2. Two answers come in either order: VOICE_STATE_UPDATE (channel and session) and VOICE_SERVER_UPDATE (token and endpoint). A full
   or forbidden channel gets no answer at all; an endpoint of null means that another update will follow.
3. Both together are a `VoiceServer`, and the voice gateway can begin.

Later the same two messages mean other things, and this module tells them apart: a moderator moved us (another channel, then a new
server), the server migrates (a new token or endpoint alone), we were disconnected (no channel), our own flags changed (nothing new).
A rejoin leaves first, because asking again for the channel that we are in may yield no server update.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bot.errors import VoiceFault
from bot.voice.gateway_events import VoiceServer

ANSWER_S: Final = 10.0
"""For a first join: Discord answers within a second or never, but nobody is waiting in mid-call."""

REJOIN_ANSWER_S: Final = 4.0
"""In mid-call: shorter than the gateway waits after a close that may be a move."""

REJOINS: Final = 3
LEAVE_PAUSE_S: Final = 0.5
"""Between leaving and joining again, so that the two do not collapse into "nothing changed"."""

ENDPOINT_S: Final = 600.0
"""How long an outage ("Awaiting Endpoint") may last."""

UNCLAIMED_S: Final = 2.0
"""A new server may be announced shortly before the move that it belongs to."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send op 4 for this channel; None: leave."""

    channel_id: int | None


@dataclass(frozen=True, slots=True)
class Begin:
    """Both answers are here: talk to this server, and to no other."""

    server: VoiceServer


@dataclass(frozen=True, slots=True)
class Moved:
    """We sit in another channel now; its server is still to be announced."""

    channel_id: int


@dataclass(frozen=True, slots=True)
class ServerGone:
    """The server is being replaced; stop talking to it and wait."""


@dataclass(frozen=True, slots=True)
class Vacated:
    """We have no seat any more and will not get one by ourselves."""

    fault: VoiceFault


SeatCommand = Ask | Begin | Moved | ServerGone | Vacated


class _Phase(Enum):
    OUT = auto()
    LEAVING = auto()  # asked to leave, in order to join again
    JOINING = auto()  # asked to join, answers outstanding
    WAITING = auto()  # seated, but the server is still to be announced
    SEATED = auto()


class Seat:
    """Told of both updates and of the time, answers with what to ask and where to begin."""

    def __init__(self, guild_id: int, user_id: int, channel_id: int) -> None:
        self.channel_id = channel_id
        self._guild_id = guild_id
        self._user_id = user_id
        self._phase = _Phase.OUT
        self._session_id: str | None = None
        self._server: tuple[str, str] | None = None
        self._unclaimed_until = 0.0
        self._deadline = float("inf")
        self._tries = 0
        self._is_echo_due = False
        self._is_server_lost = False
        self._is_away = False  # the endpoint is null: an outage, not a refusal

    @property
    def is_seated(self) -> bool:
        """Both answers are here and nothing has happened since."""
        return self._phase is _Phase.SEATED

    @property
    def is_taken(self) -> bool:
        """We are in the channel or have asked for it, and are not about to leave."""
        return self._phase not in {_Phase.OUT, _Phase.LEAVING}

    @property
    def is_awaiting_endpoint(self) -> bool:
        """Discord has no voice server for the channel at the moment."""
        return self._is_away

    def join(self, now: float) -> list[SeatCommand]:
        """Ask for the channel, for the first time: no answer means a refusal, so it is not asked again."""
        self._tries = REJOINS - 1
        return self._ask(now, ANSWER_S)

    def rejoin(self, now: float) -> list[SeatCommand]:
        """Leave and join again, to get a fresh session and a fresh token."""
        if self._phase is _Phase.OUT:
            return []
        self._phase, self._deadline = _Phase.LEAVING, now + LEAVE_PAUSE_S
        self._is_echo_due = True
        self._server = None
        return [Ask(None)]

    def leave(self) -> list[SeatCommand]:
        """Leave for good; the answer to it says nothing new."""
        is_out, self._phase = self._phase is _Phase.OUT, _Phase.OUT
        return [] if is_out else [Ask(None)]

    def server_lost(self) -> None:
        """The voice server hung up: announcing the same one again may be news from now on."""
        self._is_server_lost = True

    def state_updated(self, channel_id: int | None, session_id: str, now: float) -> list[SeatCommand]:
        """Our own VOICE_STATE_UPDATE."""
        if self._phase is _Phase.OUT:
            return []
        if channel_id is None:
            return self._stood_up(now)
        self._session_id = session_id
        if channel_id == self.channel_id:
            return self._begin() if self._phase in {_Phase.JOINING, _Phase.WAITING} else []
        self.channel_id = channel_id
        if self._phase is _Phase.LEAVING:
            return []
        return self._moved(now)

    def server_updated(self, token: str, endpoint: str | None, now: float) -> list[SeatCommand]:
        """VOICE_SERVER_UPDATE of our guild."""
        if self._phase in {_Phase.OUT, _Phase.LEAVING}:
            return []
        if not endpoint:
            return self._server_gone(now)
        if self._phase is _Phase.SEATED:
            if self._server == (token, endpoint):
                return self._begin() if self._is_server_lost else []  # deafening oneself may cause one
            self._unclaimed_until = now + UNCLAIMED_S
        self._server = (token, endpoint)
        return self._begin()

    def tick(self, now: float) -> list[SeatCommand]:
        """Answers that did not come."""
        if now < self._deadline:
            return []
        if self._phase is _Phase.LEAVING:
            return self._ask(now, REJOIN_ANSWER_S)
        if self._is_away or self._tries >= REJOINS:
            self._phase, self._deadline = _Phase.OUT, float("inf")
            return [Ask(None), Vacated(VoiceFault.NO_ANSWER)]
        return self.rejoin(now)

    def _ask(self, now: float, answer_s: float) -> list[SeatCommand]:
        self._phase, self._deadline = _Phase.JOINING, now + answer_s
        self._tries += 1
        self._session_id = self._server = None
        return [Ask(self.channel_id)]

    def _begin(self) -> list[SeatCommand]:
        if self._session_id is None or self._server is None:
            return []
        token, endpoint = self._server
        self._phase, self._deadline, self._tries = _Phase.SEATED, float("inf"), 0
        self._is_away = self._is_echo_due = self._is_server_lost = False
        return [Begin(VoiceServer(self._guild_id, self.channel_id, self._user_id, self._session_id, token, endpoint))]

    def _stood_up(self, now: float) -> list[SeatCommand]:
        if self._is_echo_due:
            self._is_echo_due = False
            return []  # our own leaving, on the way to joining again
        self._phase, self._deadline = _Phase.OUT, float("inf")
        return [Vacated(VoiceFault.KICKED)]

    def _moved(self, now: float) -> list[SeatCommand]:
        moved: list[SeatCommand] = [Moved(self.channel_id)]
        if self._phase is _Phase.SEATED and now >= self._unclaimed_until:
            self._server = None  # a token is good for one channel, even where the endpoint stays
        self._unclaimed_until = 0.0
        self._phase, self._deadline = _Phase.WAITING, now + REJOIN_ANSWER_S
        return moved + self._begin()

    def _server_gone(self, now: float) -> list[SeatCommand]:
        was_seated = self._phase is _Phase.SEATED
        self._server, self._is_away = None, True
        self._deadline = now + ENDPOINT_S
        if was_seated:
            self._phase = _Phase.WAITING
        return [ServerGone()] if was_seated else []
