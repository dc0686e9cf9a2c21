"""What a stand-in is to say and to do wrong, and the record of what was said to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bot.audio.frame import MODEL_RATE_HZ, pcm_bytes, pcm_ms


@dataclass(slots=True)
class HistoryItem:
    """What the model remembers: text that was written or spoken, and the sound of an utterance."""

    item_id: str
    role: str
    text: str
    pcm: bytes = b""


@dataclass(frozen=True, slots=True)
class SpokenReply:
    """`pcm`: s16le mono at 24 kHz."""

    text: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    arguments: str


ReplyLogic = Callable[[Sequence[HistoryItem]], SpokenReply | ToolUse | Sequence[ToolUse]]
Transcribe = Callable[[bytes], str]


def tone(duration_ms: float, frequency_hz: float = 440.0, level: float = 0.2) -> bytes:
    """A sine at 24 kHz."""
    samples = np.arange(pcm_bytes(duration_ms) // 2)
    wave = np.sin(2 * np.pi * frequency_hz * samples / MODEL_RATE_HZ) * level * 32767
    return wave.astype("<i2").tobytes()


def echo_reply(history: Sequence[HistoryItem]) -> SpokenReply:
    """Says what it got, 60 ms of tone a character."""
    last = next((item.text for item in reversed(history) if item.role != "assistant"), "")
    text = f"I heard: {last}"
    return SpokenReply(text, tone(60 * len(text)))


def duration_transcript(pcm: bytes) -> str:
    return f"{round(pcm_ms(len(pcm)) / 100) / 10} seconds of sound"


@dataclass(slots=True)
class Misbehaviour:
    """What goes wrong. Counted ones happen so often and then no more."""

    refuse_status: int | None = None  # the answer to every upgrade
    refuse_upgrades: int = 0  # so many upgrades get 503
    close_in_reply: int = 0  # the socket dies in the middle of so many replies
    oversized_events: int = 0  # so many 10 MB events, each before a reply
    garbage: bool = False  # malformed JSON, unknown events, missing fields, between all else
    insists_on_detection: bool = False  # server_vad although told null
    says_detection: bool = True  # whether `session.updated` echoes turn_detection
    internal_errors: int = 0  # so many responses fail before any audio
    mute_cancels: bool = False  # a cancelled response never gets its `done`
    cancels_itself: bool = False  # speech_started ends the response
    stalls: bool = False  # responses are created and then nothing comes
    never_updates: bool = False  # no answer to session.update
    insists_on_sound: bool = False  # takes no `modalities` but the documented pair


@dataclass(slots=True)
class Talk:
    """Everything that one connection said to the server. `appends` holds the sound, with seconds since the connection began."""

    model: str
    received: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    appends: list[tuple[float, bytes]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    history: list[HistoryItem] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    close_code: int | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, item: HistoryItem) -> str | None:
        """Into the conversation; answers with the id of the item before it."""
        previous = self.history[-1].item_id if self.history else None
        self.history.append(item)
        return previous

    @property
    def types(self) -> list[str]:
        """Types received, without appends."""
        return [str(event.get("type")) for event in self.received]

    @property
    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.appends)
