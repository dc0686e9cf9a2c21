"""What is still to be heard, cut into frames of 20 ms, and how much of each item has been.

Several named sources (a reply, a notice, a chime) are mixed with a gain each. Writes may have any length: the model floods faster
than real time, so what is waiting is bounded per source. When a source is full the newest sound is refused and counted, since
what was promised first is heard first. `clear` forgets what is waiting and tells how much of every item had been heard by then:
what was heard is what was said (DESIGN D6).

A reply in progress that has run dry is not finished: `read` has nothing for the moment, and `finish` alone says that no more
will come. The last part of a frame is then padded with silence.

This module keeps no time: whoever calls `read` every 20 ms is the clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.audio.frame import BYTES_PER_SAMPLE, FRAME_MS, MODEL_RATE_HZ, pcm_bytes, pcm_ms
from bot.audio.mix import mix

BOUND_MS: Final = 600_000.0
"""Ten minutes of 24 kHz sound are 28.8 MB, and longer than any reply; speech models send minutes within seconds."""

ITEMS_REMEMBERED: Final = 64
"""How many items of a source are told of at its end, and how many heard ones `heard_ms` still knows."""


@dataclass(frozen=True, slots=True)
class ItemHeard:
    """How much of one item was played, and how much of it was ever written, milliseconds."""

    item_id: str
    heard_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class PlayoutBegan:
    """The first frame of an item has left."""

    item_id: str
    source: str


@dataclass(frozen=True, slots=True)
class PlayoutEnded:
    """Everything that a finished source held has been heard. `heard` lists its items since its last end or clear."""

    source: str
    heard: tuple[ItemHeard, ...]


PlayoutEvent = PlayoutBegan | PlayoutEnded


class _Item:
    __slots__ = ("heard_bytes", "item_id", "total_bytes")

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        self.heard_bytes = 0
        self.total_bytes = 0


class _Source:
    """One stream of sound: pieces of items in order, the gain, and what has been heard since the last end."""

    def __init__(self) -> None:
        self.pieces: deque[tuple[_Item, memoryview]] = deque()  # bounded by `size_bytes`: no piece is empty
        self.items: OrderedDict[str, _Item] = OrderedDict()
        self.size_bytes = 0
        self.half_sample = b""
        self.writing = ""
        self.is_finished = False
        self.gain = self.gain_before = 1.0

    def append(self, item_id: str, pcm: bytes, room_bytes: int) -> int:
        """Take what fits into `room_bytes`; how many bytes did not. Half a sample waits for its other half."""
        if item_id != self.writing:
            self.writing, self.half_sample = item_id, b""
        pcm = self.half_sample + pcm if self.half_sample else pcm
        whole = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        taken = min(whole, room_bytes)
        # A sample that was refused would shift every later one by a byte if its second half were kept.
        self.half_sample = pcm[whole:] if taken == whole else b""
        if taken:
            item = self._item(item_id)
            item.total_bytes += taken
            self.size_bytes += taken
            self.pieces.append((item, memoryview(pcm)[:taken]))
        return whole - taken

    def take(self, frame_bytes: int, events: deque[PlayoutEvent], name: str) -> bytes | None:
        """The next frame; a short one is padded at the end of a finished source and waits for more otherwise."""
        if self.size_bytes < frame_bytes and not (self.is_finished and self.size_bytes):
            return None
        parts: list[memoryview] = []
        wanted = frame_bytes
        while wanted and self.pieces:
            item, piece = self.pieces.popleft()
            part, rest = piece[:wanted], piece[wanted:]
            if rest:
                self.pieces.appendleft((item, rest))
            if not item.heard_bytes:
                events.append(PlayoutBegan(item.item_id, name))
            item.heard_bytes += len(part)
            wanted -= len(part)
            parts.append(part)
        self.size_bytes -= frame_bytes - wanted
        return b"".join(parts) + bytes(wanted) if wanted else b"".join(parts)

    def forget(self, rate_hz: int) -> tuple[ItemHeard, ...]:
        """Empty the source; what was heard of its items."""
        heard = tuple(
            ItemHeard(item.item_id, pcm_ms(item.heard_bytes, rate_hz), pcm_ms(item.total_bytes, rate_hz))
            for item in self.items.values()
        )
        self.pieces.clear()
        self.items.clear()
        self.size_bytes = 0
        self.writing, self.half_sample = "", b""
        self.is_finished = False
        return heard

    def _item(self, item_id: str) -> _Item:
        item = self.items.get(item_id)
        if item is None:
            item = self.items[item_id] = _Item(item_id)
            if len(self.items) > ITEMS_REMEMBERED:
                self.items.popitem(last=False)
        return item


class Playout:
    """What one call is about to say.

    Args:
        rate_hz: of every PCM written and read; s16le mono.
        bound_ms: how much sound may wait in one source.
    """

    def __init__(self, rate_hz: int = MODEL_RATE_HZ, bound_ms: float = BOUND_MS) -> None:
        self.rate_hz = rate_hz
        self.refused_bytes = 0
        self._frame_bytes = pcm_bytes(FRAME_MS, rate_hz)
        self._bound_bytes = pcm_bytes(bound_ms, rate_hz)
        self._sources: dict[str, _Source] = {}
        self._past: OrderedDict[str, float] = OrderedDict()
        self._events: deque[PlayoutEvent] = deque(maxlen=4 * ITEMS_REMEMBERED)

    def write(self, item_id: str, pcm: bytes, source: str = "reply") -> bool:
        """Append sound of any length. False: the source was full, and the end of `pcm` was refused."""
        stream = self._sources.setdefault(source, _Source())
        stream.is_finished = False
        refused = stream.append(item_id, pcm, self._bound_bytes - stream.size_bytes)
        self.refused_bytes += refused
        return not refused

    def finish(self, source: str = "reply") -> None:
        """No more will come: the last part frame is padded and played, then `PlayoutEnded` is told."""
        stream = self._sources.get(source)
        if stream is not None and stream.items:
            stream.is_finished = True

    def read(self) -> bytes | None:
        """The next 20 ms, mixed; None: nothing to say at the moment."""
        sounding: list[tuple[bytes, float]] = []
        for name, stream in self._sources.items():
            frame = stream.take(self._frame_bytes, self._events, name)
            if frame is not None:
                sounding.append(_ramped(frame, stream))
            elif stream.is_finished:
                self._end(name, stream)
        return mix(sounding) if sounding else None

    def events(self) -> Sequence[PlayoutEvent]:
        """What the last reads began and ended."""
        if not self._events:
            return ()
        events = tuple(self._events)
        self._events.clear()
        return events

    def set_gain(self, gain: float, source: str = "reply") -> None:
        """How loud a source is from the next frame on, 0 to 1 or a little more; the frame ramps, so nothing clicks.

        A gain outlasts the end of a reply.
        """
        stream = self._sources.setdefault(source, _Source())
        stream.gain = gain
        if not stream.items:
            stream.gain_before = gain

    def clear(self, source: str | None = None) -> tuple[ItemHeard, ...]:
        """Forget what is waiting, in one source or all: what was heard of each item since its source's last end.

        No `PlayoutEnded` follows. Milliseconds heard count what `read` handed out.
        """
        names = list(self._sources) if source is None else [source] if source in self._sources else []
        heard: tuple[ItemHeard, ...] = ()
        for name in names:
            heard += self._settle(self._sources[name])
        return heard

    def heard_ms(self, item_id: str) -> float:
        """How much of an item has been played; 0 for one never written or long forgotten."""
        for stream in self._sources.values():
            item = stream.items.get(item_id)
            if item is not None:
                return pcm_ms(item.heard_bytes, self.rate_hz)
        return self._past.get(item_id, 0.0)

    @property
    def is_empty(self) -> bool:
        """Nothing could be read now: less than a frame is waiting, and no end of a reply."""
        return not any(
            stream.size_bytes >= self._frame_bytes or (stream.is_finished and stream.size_bytes)
            for stream in self._sources.values()
        )

    @property
    def is_finished(self) -> bool:
        """Nothing is waiting and no source in progress promises more."""
        return not any(stream.items for stream in self._sources.values())

    @property
    def waiting_ms(self) -> float:
        """How much sound is waiting in the fullest source."""
        return pcm_ms(max((stream.size_bytes for stream in self._sources.values()), default=0), self.rate_hz)

    def _end(self, name: str, stream: _Source) -> None:
        self._events.append(PlayoutEnded(name, self._settle(stream)))

    def _settle(self, stream: _Source) -> tuple[ItemHeard, ...]:
        heard = stream.forget(self.rate_hz)
        for item in heard:
            self._past[item.item_id] = item.heard_ms
            self._past.move_to_end(item.item_id)
        while len(self._past) > ITEMS_REMEMBERED:
            self._past.popitem(last=False)
        return heard


def _ramped(frame: bytes, stream: _Source) -> tuple[bytes, float]:
    """The frame and its gain for `mix`; across a change of gain the ramp is applied here, so that it does not click."""
    before, after = stream.gain_before, stream.gain
    if before == after:
        return frame, after
    stream.gain_before = after
    samples = np.frombuffer(frame, dtype="<i2")
    ramp = np.linspace(before, after, len(samples), dtype=np.float32)
    return np.clip(samples * ramp, -32768, 32767).astype("<i2").tobytes(), 1.0
