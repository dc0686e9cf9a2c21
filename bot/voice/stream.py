"""One SSRC of a member who has agreed to be heard: a jitter buffer, a decoder, and whether the member is speaking.

What comes in has been decrypted already, or has failed to. A frame that failed is a gap like a lost one and never gets near the
decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.audio.frame import FRAME_MS, pcm_bytes
from bot.audio.opus import OpusDecoder, OpusError, has_fec
from bot.voice.events import Origin, SpeakerFrame, SpeakerPaused, VoiceEvent
from bot.voice.jitter import JitterBuffer, Slot
from bot.voice.silence import SILENCE

PAUSE_S: Final = 0.1
"""Without a packet for so long a client has closed its gate, even if its silence frames were lost."""


@dataclass(slots=True)
class StreamCounts:
    """Frames made up for lost ones, by origin, and packets that decrypted and yet were no Opus."""

    recovered: int = 0
    concealed: int = 0
    silent: int = 0
    broken: int = 0


class Stream:
    """The sound of one member; PCM at `rate_hz`. Raises AudioError when there is no libopus."""

    __slots__ = (
        "_decode",
        "_decoder",
        "_heard_at",
        "_heard_bytes",
        "_is_silent",
        "_made_up_bytes",
        "_rate_hz",
        "counts",
        "is_speaking",
        "jitter",
        "user_id",
    )

    def __init__(self, user_id: int, rate_hz: int) -> None:
        self.user_id = user_id
        self.jitter = JitterBuffer()
        self.counts = StreamCounts()
        self.is_speaking = False
        self._rate_hz = rate_hz
        self._decoder = OpusDecoder(rate_hz)
        self._decode = self._decoder.decode
        self._heard_at = 0.0
        self._heard_bytes = self._made_up_bytes = 0
        self._is_silent = True  # its last packet said so, or it has not begun

    @property
    def concealment(self) -> float:
        """The share of the sound that was made up, 0 to 1."""
        total = self._heard_bytes + self._made_up_bytes
        return self._made_up_bytes / total if total else 0.0

    def hear(self, sequence: int, timestamp: int, frame: bytes | None, now: float, events: list[VoiceEvent]) -> None:
        """A packet arrived: Opus, nothing (padding only), or None (it could not be decrypted). Adds what is heard to `events`."""
        if frame:
            self._heard_at = now
        for slot in self.jitter.push(sequence, timestamp, frame, now):
            self._play(slot, events)

    def tick(self, now: float, events: list[VoiceEvent]) -> None:
        """Time went by: a gap is given up, the end of speech is noticed."""
        for slot in self.jitter.expire(now):
            self._play(slot, events)
        if self.is_speaking and now - self._heard_at >= PAUSE_S:
            self.pause(events)

    def pause(self, events: list[VoiceEvent]) -> None:
        """The member's gate is closed; said once."""
        if self.is_speaking:
            self.is_speaking = False
            events.append(SpeakerPaused(self.user_id))

    def _play(self, slot: Slot, events: list[VoiceEvent]) -> None:
        payload = slot.payload
        if slot.origin is not Origin.HEARD:
            self._make_up(slot, events)
        elif payload == SILENCE:
            # Not decoded: whoever listens fills pauses from the clock, since packets stop in them.
            self._is_silent = True
            self.pause(events)
        else:
            if slot.is_fresh:
                self._decoder.reset()
            try:
                pcm = self._decode(payload)
            except OpusError:
                self._replace(events)
                return
            self._heard_bytes += len(pcm)
            self._is_silent, self.is_speaking = False, True
            events.append(SpeakerFrame(self.user_id, pcm))

    def _replace(self, events: list[VoiceEvent]) -> None:
        """A packet that decrypted and yet is no Opus: a frame is made up, and the decoder begins anew."""
        self.counts.broken += 1
        self._make_up(Slot(Origin.CONCEALED, b"", FRAME_MS), events)
        self._decoder.reset()

    def _make_up(self, slot: Slot, events: list[VoiceEvent]) -> None:
        pcm: bytes | None = None
        origin = slot.origin
        if origin is Origin.RECOVERED:
            pcm = self._recover(slot)
            origin = Origin.CONCEALED if pcm is None else origin
        if pcm is None and self._is_silent:
            return  # lost between silence frames: nothing was being said
        if pcm is not None:
            self.counts.recovered += 1
        elif origin is Origin.CONCEALED:
            pcm = self._decoder.conceal(slot.duration_ms)
            self.counts.concealed += 1
        else:
            pcm = bytes(pcm_bytes(slot.duration_ms, self._rate_hz))
            self.counts.silent += 1
        self._made_up_bytes += len(pcm)
        self.is_speaking = True
        events.append(SpeakerFrame(self.user_id, pcm, origin))

    def _recover(self, slot: Slot) -> bytes | None:
        """What was lost, from the next packet; None where that does not tell."""
        if not has_fec(slot.payload):
            return None
        try:
            return self._decoder.recover(slot.payload, slot.duration_ms)
        except OpusError:
            return None
