"""The two seams of a call, without a Discord and without a model: for tests of `ChannelSession` and of `Calls`.

`FakeVoice` is a voice connection whose playout is the real one and is heard when a test says so. `FakeModel` makes links that answer every
`Respond` with one reply; it keeps what every link was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bot.audio.frame import pcm_bytes
from bot.realtime.events import (
    AddText,
    AppendAudio,
    CommitUtterance,
    ModelCommand,
    ModelEvent,
    ModelReady,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    SessionConfig,
)
from bot.voice.events import SpeakerFrame, VoiceEvent
from bot.voice.playout import ItemHeard, Playout, PlayoutEvent


class FakeVoice:
    """Implements `VoiceLine`. `gate` tells allow and deny in order."""

    def __init__(self, channel_id: int = 7) -> None:
        self.channel_id = channel_id
        self.privacy_code: str | None = "12345"
        self.is_ready = True
        self.playout = Playout()
        self.allowed: set[int] = set()
        self.gate: list[tuple[str, int]] = []
        self.heard = b""
        self.is_disconnected = False
        self._sink: Callable[[VoiceEvent], None] = lambda event: None
        self._playout_sink: Callable[[PlayoutEvent], None] = lambda event: None

    def listen(self, sink: Callable[[VoiceEvent], None]) -> None:
        self._sink = sink

    def on_playout(self, sink: Callable[[PlayoutEvent], None]) -> None:
        self._playout_sink = sink

    def allow(self, user_id: int) -> None:
        self.allowed.add(user_id)
        self.gate.append(("allow", user_id))

    def deny(self, user_id: int) -> None:
        self.allowed.discard(user_id)
        self.gate.append(("deny", user_id))

    def play(self, item_id: str, pcm: bytes, source: str = "reply") -> bool:
        return self.playout.write(item_id, pcm, source)

    def finish(self, source: str = "reply") -> None:
        self.playout.finish(source)

    def stop(self, source: str | None = None) -> tuple[ItemHeard, ...]:
        return self.playout.clear(source)

    def set_gain(self, gain: float, source: str = "reply") -> None:
        self.playout.set_gain(gain, source)

    def stats(self) -> Any:
        return SimpleNamespace(receiver=SimpleNamespace(ok=98, lost=2))

    async def disconnect(self, *, force: bool = False) -> None:
        self.is_disconnected = True

    # ------------------------------------------------------------------------ the test's hand

    def tell(self, event: VoiceEvent) -> None:
        self._sink(event)

    def speak(self, user_id: int, pcm: bytes) -> None:
        """A frame of a member. The gate of the real connection is in front of it."""
        if user_id in self.allowed:
            self._sink(SpeakerFrame(user_id, pcm))

    def tell_frame(self, user_id: int, pcm: bytes) -> None:
        """A frame that passed the gate."""
        self._sink(SpeakerFrame(user_id, pcm))

    def let_hear(self, ms: int) -> None:
        """The room hears the next milliseconds."""
        for _ in range(ms // 20):
            frame = self.playout.read()
            self.heard += frame or b""
            for event in self.playout.events():
                self._playout_sink(event)


class FakeLink:
    """Implements `ModelLine`: ready as soon as it runs, one reply to every `Respond`."""

    def __init__(self, model: FakeModel, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> None:
        self.config = config
        self.told: list[ModelCommand] = []
        self.is_running = False
        self.is_closed = False
        self.tell = sink
        self._model = model
        self._closing = asyncio.Event()
        self._replies = 0

    async def run(self) -> None:
        self.is_running = True
        try:
            self.tell(ModelReady(f"session {len(self._model.links)}", self.config.turn_mode))
            await self._closing.wait()
        finally:
            self.is_running = False
            self.is_closed = True

    def send(self, command: ModelCommand) -> None:
        assert not self.is_closed, "nothing may be said to a closed model"
        self.told.append(command)
        if isinstance(command, Respond) and self._model.answers:
            asyncio.get_running_loop().call_soon(self._reply)

    async def close(self) -> None:
        self._closing.set()
        await asyncio.sleep(0)

    def stats(self) -> Any:
        return SimpleNamespace(messages_sent=len(self.told))

    def _reply(self) -> None:
        self._replies += 1
        response_id = f"r{self._replies}"
        self.tell(ReplyStarted(response_id))
        self.tell(ReplyWords(response_id, f"{response_id}.item", self._model.words))
        self.tell(ReplyAudio(response_id, f"{response_id}.item", b"\x10\x27" * (pcm_bytes(self._model.reply_ms) // 2)))
        self.tell(ReplyDone(response_id, "completed"))

    # ------------------------------------------------------------------------ what it was told

    @property
    def texts(self) -> list[str]:
        return [command.text for command in self.told if isinstance(command, AddText)]

    @property
    def speakers(self) -> list[str]:
        return [command.speaker for command in self.told if isinstance(command, CommitUtterance)]

    @property
    def sound(self) -> bytes:
        return b"".join(command.pcm for command in self.told if isinstance(command, AppendAudio))


class FakeModel:
    """Opens links: `OpenModel`. The last one is `link`."""

    def __init__(self, *, words: str = "Hello there, friends.", reply_ms: int = 600, answers: bool = True) -> None:
        self.words = words
        self.reply_ms = reply_ms
        self.answers = answers
        self.links: list[FakeLink] = []

    def __call__(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> FakeLink:
        self.links.append(FakeLink(self, config, sink))
        return self.links[-1]

    @property
    def link(self) -> FakeLink:
        return self.links[-1]


class FakeClock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def settle(turns: int = 20) -> None:
    """Let everything that is ready on the loop happen."""
    for _ in range(turns):
        await asyncio.sleep(0)
