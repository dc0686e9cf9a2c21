"""A call on the loopback voice server as a test sees it: the connection under test, what it told, and members to talk with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from lobby import ALICE, GUILD, ME, ROOM, STAGE, Lobby
from numpy.typing import NDArray
from waiting import PATIENCE_S, until

from bot.audio.frame import MODEL_RATE_HZ
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.voice_server import VoiceServer
from bot.voice.connection import Connection, voice_protocol
from bot.voice.events import SpeakerFrame, VoiceEvent
from bot.voice.pacer import Pacer
from bot.voice.playout import PlayoutEvent

OUR_HZ, ALICE_HZ, BOB_HZ = 700.0, 1500.0, 2600.0

Event = TypeVar("Event")


def tone(frequency_hz: float, duration_s: float) -> bytes:
    times = np.arange(round(duration_s * MODEL_RATE_HZ)) / MODEL_RATE_HZ
    return (0.3 * 32767 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2").tobytes()


def strength(sound: NDArray[np.int16], frequency_hz: float) -> float:
    """Amplitude, 0 to 1, of a tone in the part of a sound that is not silent; 0 for less than 60 ms of it."""
    heard = sound[np.abs(sound) > 0].astype(np.float64) / 32767
    if len(heard) < 0.06 * MODEL_RATE_HZ:
        return 0.0
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) * 4 / len(heard)
    frequencies = np.fft.rfftfreq(len(heard), 1 / MODEL_RATE_HZ)
    return float(spectrum[np.abs(frequencies - frequency_hz) < 40].max())


class Call:
    """The companion in a room with Alice, who has agreed to be heard, unless told otherwise."""

    def __init__(
        self, voice: VoiceServer, *, allowed: Iterable[int] = (ALICE,), lobby: Lobby | None = None, room: int = ROOM
    ) -> None:
        self.voice = voice
        self.lobby = lobby or Lobby(voice)
        self.events: list[VoiceEvent] = []
        self.playout: list[PlayoutEvent] = []
        self.trace: list[tuple[str, int, int]] = []
        self.members: list[MemberVoice] = []
        self.pacer = Pacer()
        self._allowed = tuple(allowed)
        self._room = room
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        assert self.voice.client_context is not None
        protocol = voice_protocol(
            self.pacer,
            allowed=self._allowed,
            tls=self.voice.client_context,
            trace=lambda *message: self.trace.append(message),
        )
        self.connection: Connection = await self.lobby.join(protocol, self._room)
        self.connection.listen(self._heard)
        self.connection.on_playout(self._played)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            await member.close()
        await self.connection.disconnect(force=False)
        await self.lobby.close()

    async def member(self, user_id: int = ALICE, room: int | None = None) -> MemberVoice:
        """Somebody joins."""
        room = room or self._room
        ticket = self.voice.announce(GUILD, room, user_id, f"session {user_id}", is_stage=room == STAGE)
        self.lobby.enter(user_id, room)
        member = MemberVoice(ticket, self.voice.client_context)
        await member.connect()
        self.members.append(member)
        return member

    async def leave(self, member: MemberVoice) -> None:
        self.members.remove(member)
        await member.close()
        self.voice.left(GUILD, member.ticket.user_id)
        self.lobby.enter(member.ticket.user_id, None)

    # ------------------------------------------------------------------ what is seen of it

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def sound_of(self, user_id: int) -> NDArray[np.int16]:
        """What the companion heard of a member, end to end."""
        frames = [frame.pcm for frame in self.of(SpeakerFrame) if frame.user_id == user_id]
        return np.frombuffer(b"".join(frames), dtype="<i2")

    async def until(self, holds: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Wait until something is so, asked whenever the connection tells something, and now and then."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def hears(self, member: MemberVoice, frequency_hz: float = ALICE_HZ) -> None:
        """The member speaks until the companion has heard them."""
        user_id = member.ticket.user_id
        await member.until_ready(others={ME, user_id})
        self.events.clear()
        async with asyncio.timeout(PATIENCE_S):
            while strength(self.sound_of(user_id), frequency_hz) < 0.1:
                await member.speak(tone(frequency_hz, 0.14))

    async def is_heard_by(self, member: MemberVoice, item_id: str = "hello") -> None:
        """The companion says something, and the member hears it."""
        since = asyncio.get_running_loop().time()
        ends = len(self.playout)
        self.connection.play(item_id, tone(OUR_HZ, 0.2))
        self.connection.finish()
        await self.until(lambda: len(self.playout) >= ends + 2)
        await until(lambda: strength(member.heard(ME, since), OUR_HZ) > 0.1)

    async def talk(self, member: MemberVoice, frequency_hz: float = ALICE_HZ) -> None:
        """Both ways."""
        await self.hears(member, frequency_hz)
        await self.is_heard_by(member)

    def _heard(self, event: VoiceEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def _played(self, event: PlayoutEvent) -> None:
        self.playout.append(event)
        self._changed.set()
