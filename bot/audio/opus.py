"""Opus, straight from and to the model's rate in mono: the codec is the resampler (DESIGN D3).

An Opus decoder gives any of 8, 12, 16, 24 or 48 kHz, mono or stereo, whatever the packet was made from (RFC 6716 2), so
nothing else stands between Discord and a model. It is a stateful thing: one decoder for each stream, never shared, and only
packets that decrypted may reach it.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32
from enum import StrEnum
from typing import Final

from bot.audio.frame import BYTES_PER_SAMPLE, DISCORD_CLOCK_HZ, FRAME_MS, MODEL_RATE_HZ
from bot.audio.opus_library import OpusLibrary, library

__all__ = [
    "EncoderProfile",
    "OpusDecoder",
    "OpusEncoder",
    "OpusError",
    "OpusLibrary",
    "has_fec",
    "library",
    "packet_ms",
]

RATES_HZ: Final = (8000, 12_000, 16_000, 24_000, 48_000)
LONGEST_PACKET_MS: Final = 120
MAX_PACKET_BYTES: Final = 1275
"""Of one frame (RFC 6716 3.4 R2); our encoder makes packets of one frame."""

_STEP_MS: Final = 2.5
"""Concealment comes in multiples of this (opus.h, `opus_decode`)."""

_MONO: Final = 1
_APPLICATION_VOIP: Final = 2048
_APPLICATION_RESTRICTED_LOWDELAY: Final = 2051
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_RESET_STATE: Final = 4028
_CELT_ONLY: Final = 0x80
"""TOC configurations 16 to 31 are CELT only (RFC 6716 3.1), which has no in-band FEC."""

BITRATE: Final = 96_000
EXPECTED_LOSS_PERCENT: Final = 10


class OpusError(ValueError):
    """libopus refused: a packet that is no Opus, or a frame of the wrong length. Of concern to a counter, not to a person."""


class EncoderProfile(StrEnum):
    """How our own voice is encoded; the values are those of the setting KITH_ENCODER_PROFILE."""

    SPEECH = "speech"
    """Voice with in-band FEC: 5 % loss is hardly heard. Half the cost of discord.py's defaults at the same quality."""

    ECO = "eco"
    """CELT with low delay: a seventh of the cost and 4 ms less delay, but nothing repairs a loss."""


class OpusDecoder:
    """One member's stream. All answers are PCM: s16le, mono, `rate_hz`.

    Raises:
        ValueError: a rate that Opus does not have.
        AudioError: there is no libopus.
    """

    def __init__(self, rate_hz: int = MODEL_RATE_HZ, opus: OpusLibrary | None = None) -> None:
        _check_rate(rate_hz)
        self._opus = opus or library()
        self._decode = self._opus.decode
        # The state lives in memory of our own, so that there is nothing to destroy.
        self._memory = ctypes.create_string_buffer(self._opus.decoder_size(_MONO))
        self._state = ctypes.addressof(self._memory)
        _check(self._opus, self._opus.decoder_init(self._state, rate_hz, _MONO))
        self._capacity_samples = rate_hz * LONGEST_PACKET_MS // 1000
        self._output = ctypes.create_string_buffer(self._capacity_samples * BYTES_PER_SAMPLE)
        self._output_address = ctypes.addressof(self._output)
        self._view = memoryview(self._output).cast("B")
        self._samples_per_step = round(rate_hz * _STEP_MS / 1000)

    def decode(self, packet: bytes) -> bytes:
        """The sound of one packet, as long as the packet is (2.5 to 120 ms). Raises OpusError; the decoder stays usable."""
        if not packet:
            raise OpusError("an empty packet is not Opus")  # libopus would take it for a request to conceal
        samples = self._decode(self._state, packet, len(packet), self._output_address, self._capacity_samples, 0)
        if samples < 0:
            raise OpusError(self._opus.error_text(samples))
        return self._view[: samples * BYTES_PER_SAMPLE].tobytes()

    def recover(self, next_packet: bytes, duration_ms: float) -> bytes:
        """What was lost just before `next_packet`, from its in-band FEC; concealment where it has none (see `has_fec`).

        `next_packet` still has to be decoded afterwards. Raises OpusError.
        """
        if not next_packet:
            raise OpusError("an empty packet is not Opus")
        return self._invent(next_packet, duration_ms, fec=1)

    def conceal(self, duration_ms: float) -> bytes:
        """A plausible continuation of what was heard last, fading with length; up to 120 ms."""
        return self._invent(None, duration_ms, fec=0)

    def reset(self) -> None:
        """Forget what was heard: the next packet is the first of its stream."""
        self._opus.decoder_ctl(self._state, _RESET_STATE)

    def _invent(self, packet: bytes | None, duration_ms: float, fec: int) -> bytes:
        steps = min(max(round(duration_ms / _STEP_MS), 1), int(LONGEST_PACKET_MS / _STEP_MS))
        wanted, size = steps * self._samples_per_step, len(packet) if packet else 0
        samples = self._decode(self._state, packet, size, self._output_address, wanted, fec)
        if samples < 0:
            raise OpusError(self._opus.error_text(samples))
        return self._view[: samples * BYTES_PER_SAMPLE].tobytes()


class OpusEncoder:
    """Our own voice: 20 ms of PCM in, one packet of one frame out.

    Raises:
        ValueError: a rate that Opus does not have.
        AudioError: there is no libopus.
    """

    def __init__(self, profile: EncoderProfile, rate_hz: int = MODEL_RATE_HZ, opus: OpusLibrary | None = None) -> None:
        _check_rate(rate_hz)
        self._opus = opus or library()
        self._memory = ctypes.create_string_buffer(self._opus.encoder_size(_MONO))
        self._state = ctypes.addressof(self._memory)
        speech = profile is EncoderProfile.SPEECH
        application = _APPLICATION_VOIP if speech else _APPLICATION_RESTRICTED_LOWDELAY
        _check(self._opus, self._opus.encoder_init(self._state, rate_hz, _MONO, application))
        self._set(_SET_BITRATE, BITRATE)
        # Before 1.5, complexity 6 costs much more than 5 and sounds no better.
        self._set(_SET_COMPLEXITY, 6 if speech and self._opus.version >= (1, 5) else 5)
        if speech:
            self._set(_SET_INBAND_FEC, 1)
            self._set(_SET_PACKET_LOSS_PERC, EXPECTED_LOSS_PERCENT)
        self._frame_samples = rate_hz * FRAME_MS // 1000
        self._frame_bytes = self._frame_samples * BYTES_PER_SAMPLE
        self._output = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._output_address = ctypes.addressof(self._output)
        self._view = memoryview(self._output).cast("B")

    def encode(self, frame: bytes) -> bytes:
        """The packet of one frame: exactly 20 ms, s16le, mono. Raises OpusError for any other length."""
        if len(frame) != self._frame_bytes:
            raise OpusError(f"a frame of {len(frame)} bytes, expected {self._frame_bytes}")
        size = self._opus.encode(self._state, frame, self._frame_samples, self._output_address, MAX_PACKET_BYTES)
        if size < 0:
            raise OpusError(self._opus.error_text(size))
        return self._view[:size].tobytes()

    def reset(self) -> None:
        """Forget what was said: the next frame begins a new stretch of speech."""
        self._opus.encoder_ctl(self._state, _RESET_STATE)

    def _set(self, request: int, value: int) -> None:
        _check(self._opus, self._opus.encoder_ctl(self._state, request, c_int32(value)))


def packet_ms(packet: bytes) -> float:
    """How much sound a packet holds: 2.5 to 120 ms. Raises OpusError when it is no Opus."""
    samples = library().packet_samples(packet, len(packet), DISCORD_CLOCK_HZ)
    if samples <= 0:
        raise OpusError("not an Opus packet")
    return float(samples) * 1000 / DISCORD_CLOCK_HZ


def has_fec(packet: bytes) -> bool:
    """Whether a packet describes the frame before it a second time (RFC 6716 2.1.7)."""
    if not packet or packet[0] & _CELT_ONLY:
        return False
    asks = library().packet_has_lbrr
    return asks is None or asks(packet, len(packet)) > 0


def _check_rate(rate_hz: int) -> None:
    if rate_hz not in RATES_HZ:
        raise ValueError(f"{rate_hz} Hz is not a rate of Opus; expected one of {RATES_HZ}")


def _check(opus: OpusLibrary, code: int) -> None:
    if code != 0:
        raise OpusError(opus.error_text(code))
