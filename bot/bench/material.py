"""What members say during a measurement: synthesised speech with pauses and a microphone's noise, as Discord's clients encode it.

"Voice data should be encoded with Opus, using two channels (stereo) and a sample rate of 48 kHz" (Discord, voice connections); clients send
20 ms packets of 64 kbit/s with in-band FEC. Noise reaches up to 20 kHz, so that the whole band is at work. The same seed gives the same
bytes.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.opus import OpusError, library
from bot.audio.opus_library import OpusLibrary
from bot.local.speech import synthesise

CLIENT_RATE_HZ: Final = 48_000
CLIENT_CHANNELS: Final = 2
CLIENT_BITRATE: Final = 64_000
CLIENT_FRAME_SAMPLES: Final = CLIENT_RATE_HZ // 50
NOISE: Final = 0.002
"""-54 dBFS: a quiet room."""

_VOIP, _LOW_DELAY = 2048, 2051
_BITRATE, _COMPLEXITY, _FEC, _LOSS = 4002, 4010, 4012, 4014

_LINES: Final = (
    ("en-us+f3", "Good evening, everybody. I was wondering whether you have heard about the lantern festival by the river."),
    ("en+m3", "We could take the early train, have breakfast on the way, and be there before the crowd arrives."),
    ("en-us+m1", "Seven sleepy sailors sold sixty silver shells, and nobody ever asked them where they had found a single one."),
    ("cmn+f2", "今天晚上我们一起去看电影吧，我已经把票买好了，你们谁还没吃饭？"),
)  # fmt: skip
_PAUSE_S: Final = 0.6


@cache
def speech(seconds: float, rate_hz: int = MODEL_RATE_HZ, pause_s: float = _PAUSE_S) -> NDArray[np.int16]:
    """Several voices in turn, with pauses and noise, for exactly `seconds`."""
    parts: list[NDArray[np.int16]] = []
    for voice, line in _LINES:
        parts += [synthesise(line, voice, rate_hz), np.zeros(round(pause_s * rate_hz), np.int16)]
    once = np.concatenate(parts)
    sound = np.resize(once, round(seconds * rate_hz)).astype(np.float32)
    noise = np.random.default_rng(7).standard_normal(len(sound)).astype(np.float32) * (NOISE * 32767)
    mixed: NDArray[np.int16] = np.clip(sound + noise, -32768, 32767).astype(np.int16)
    return mixed


@cache
def packets(seconds: float, pause_s: float = _PAUSE_S) -> tuple[bytes, ...]:
    """Opus packets of 20 ms as a member's client sends them."""
    mono = speech(seconds, CLIENT_RATE_HZ, pause_s)
    encoder = BareEncoder(CLIENT_RATE_HZ, CLIENT_CHANNELS, CLIENT_BITRATE, complexity=9)
    made: list[bytes] = []
    for start in range(0, len(mono) - CLIENT_FRAME_SAMPLES + 1, CLIENT_FRAME_SAMPLES):
        stereo = np.repeat(mono[start : start + CLIENT_FRAME_SAMPLES], CLIENT_CHANNELS)
        made.append(encoder.encode(stereo.astype("<i2").tobytes()))
    return tuple(made)


class BareEncoder:
    """libopus by one ctypes call a frame, into one buffer: a client's encoder, and the floor of ours."""

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        bitrate: int,
        *,
        complexity: int,
        is_low_delay: bool = False,
        opus: OpusLibrary | None = None,
    ) -> None:
        opus = opus or library()
        self.samples = rate_hz // 50
        self.memory = ctypes.create_string_buffer(opus.encoder_size(channels))
        self.state = ctypes.addressof(self.memory)
        application = _LOW_DELAY if is_low_delay else _VOIP
        if opus.encoder_init(self.state, rate_hz, channels, application) != 0:
            raise OpusError("libopus made no encoder")
        settings = {_BITRATE: bitrate, _COMPLEXITY: complexity}
        if not is_low_delay:
            settings |= {_FEC: 1, _LOSS: 10}
        for request, value in settings.items():
            opus.encoder_ctl(self.state, request, c_int32(value))
        self.capacity = 1275
        self.output = ctypes.create_string_buffer(self.capacity)
        self.output_at = ctypes.addressof(self.output)
        self.call = opus.encode

    def encode(self, pcm: bytes) -> bytes:
        size = self.call(self.state, pcm, self.samples, self.output_at, self.capacity)
        if size < 0:
            raise OpusError("libopus refused a frame")
        return self.output.raw[:size]


class BareDecoder:
    """libopus by one ctypes call a packet, into one buffer: the floor of whatever decodes."""

    def __init__(self, rate_hz: int = MODEL_RATE_HZ, opus: OpusLibrary | None = None) -> None:
        opus = opus or library()
        self.memory = ctypes.create_string_buffer(opus.decoder_size(1))
        self.state = ctypes.addressof(self.memory)
        if opus.decoder_init(self.state, rate_hz, 1) != 0:
            raise OpusError("libopus made no decoder")
        self.capacity = rate_hz * 120 // 1000
        self.output = ctypes.create_string_buffer(2 * self.capacity)
        self.output_at = ctypes.addressof(self.output)
        self.call = opus.decode
