"""Members who talk, as a receiver meets them: sealed datagrams from a voice server, with a stand-in for end-to-end encryption.

Sealing is the loopback server's own (`bot.rehearsal.media_wire`), written apart from what is tested here.
"""

from __future__ import annotations

import numpy as np

from bot.audio.frame import FRAME_SAMPLES, FRAME_TICKS, MODEL_RATE_HZ
from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.rehearsal.media_wire import MediaCipher, MediaPacket, seal_packet
from bot.voice.events import SpeakerFrame, VoiceEvent
from bot.voice.receiver import Receiver
from bot.voice.transport import AES256_GCM, TransportCipher
from bot.voice.undecryptable import Undecryptable

KEY = bytes(range(32))
SILENCE = b"\xf8\xff\xfe"
MARKER = b"\xfa\xfa"


def lock(user_id: int, opus: bytes) -> bytes:
    """Stands for end-to-end encryption: only `user_id` can have made it, and it does not look like Opus."""
    return bytes(byte ^ 0x5A for byte in opus) + user_id.to_bytes(8, "big") + MARKER


def unlock(user_id: int, payload: bytes) -> bytes | Undecryptable:
    """The decryption that belongs to `lock`."""
    if payload[-2:] != MARKER or len(payload) < 10:
        return Undecryptable("unencrypted")
    if payload[-10:-2] != user_id.to_bytes(8, "big"):
        return Undecryptable("no_key")
    return bytes(byte ^ 0x5A for byte in payload[:-10])


def tone_frame(frequency_hz: float, index: int) -> bytes:
    """Frame `index` of an endless tone."""
    times = (np.arange(FRAME_SAMPLES) + index * FRAME_SAMPLES) / MODEL_RATE_HZ
    return np.round(9000 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2").tobytes()


def voice_packets(count: int) -> list[bytes]:
    """Opus packets of something that codecs take for a voice, with FEC."""
    times = np.arange(count * FRAME_SAMPLES) / MODEL_RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * times)) / MODEL_RATE_HZ
    samples = 4000 * sum((np.sin(k * phase) / k for k in range(1, 25)), start=np.zeros(len(times)))
    pcm = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    encoder, size = OpusEncoder(EncoderProfile.SPEECH), 2 * FRAME_SAMPLES
    return [encoder.encode(pcm[start : start + size]) for start in range(0, len(pcm), size)]


class Talker:
    """One member's client behind the voice server: a tone, cut into datagrams."""

    def __init__(
        self,
        user_id: int,
        ssrc: int,
        server: MediaCipher,
        *,
        frequency_hz: float = 1000.0,
        sequence: int = 65_530,
        timestamp: int = 2**32 - 2000,
    ) -> None:
        self.user_id, self.ssrc, self.frequency_hz = user_id, ssrc, frequency_hz
        self.sequence, self.timestamp = sequence, timestamp
        self._server = server
        self._encoder = OpusEncoder(EncoderProfile.ECO)
        self._frames = 0

    def speak(self, *, extension: bytes = b"", padding_bytes: int = 0) -> bytes:
        """The datagram of the next 20 ms."""
        opus = self._encoder.encode(tone_frame(self.frequency_hz, self._frames))
        self._frames += 1
        return self.send(lock(self.user_id, opus), extension=extension, padding_bytes=padding_bytes)

    def send(self, payload: bytes, *, extension: bytes = b"", padding_bytes: int = 0) -> bytes:
        """The datagram of any payload, as the next of the stream."""
        packet = MediaPacket(self.ssrc, self.sequence, self.timestamp, 120, payload)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + FRAME_TICKS) & 0xFFFFFFFF
        return seal_packet(self._server, packet, extension=extension, padding_bytes=padding_bytes)

    def pause(self, duration_ms: int) -> None:
        """Say nothing: the timestamp goes on, the sequence does not."""
        self.timestamp = (self.timestamp + duration_ms * 48) & 0xFFFFFFFF


class Call:
    """A receiver and its members on one clock."""

    def __init__(self, receiver: Receiver | None = None, mode: str = AES256_GCM) -> None:
        self.server = MediaCipher(mode, KEY)
        self.receiver = receiver or Receiver(unlock)
        self.receiver.use_cipher(TransportCipher(mode, KEY))
        self.now = 100.0
        self.events: list[VoiceEvent] = []

    def member(self, user_id: int, ssrc: int, *, allowed: bool = True, frequency_hz: float = 1000.0) -> Talker:
        """Somebody whose SSRC is known."""
        talker = Talker(user_id, ssrc, self.server, frequency_hz=frequency_hz)
        if allowed:
            self.receiver.allow(user_id)
        self.events += self.receiver.map_ssrc(ssrc, user_id, self.now)
        return talker

    def hear(self, *datagrams: bytes) -> list[VoiceEvent]:
        """Datagrams that arrive at this instant."""
        events = [event for data in datagrams for event in self.receiver.receive_datagram(data, self.now)]
        self.events += events
        return events

    def wait(self, duration_ms: float) -> list[VoiceEvent]:
        """Time goes by, with a tick every 10 ms."""
        events: list[VoiceEvent] = []
        for _ in range(round(duration_ms / 10)):
            self.now += 0.01
            events += self.receiver.tick(self.now)
        self.events += events
        return events

    def talk(self, talker: Talker, frames: int) -> list[VoiceEvent]:
        """A member talks for a while."""
        events: list[VoiceEvent] = []
        for _ in range(frames):
            events += self.hear(talker.speak()) + self.wait(20)
        return events


def sound(events: list[VoiceEvent]) -> list[SpeakerFrame]:
    return [event for event in events if isinstance(event, SpeakerFrame)]


def peak_hz(pcm: bytes) -> float:
    """The loudest frequency."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 4 * len(samples)))
    return float(np.argmax(spectrum)) * MODEL_RATE_HZ / (4 * len(samples))
