"""From a frame to a datagram, sans-I/O: Opus, end-to-end encryption, RTP header, transport encryption.

What a pause looks like is decided here too. The steps of one stretch of speech:

1. The first frame switches the speaking flag on (Discord forwards nothing of an SSRC that never announced itself) and jumps
   the timestamp by the time that went by since the last frame, while the sequence stays contiguous.
2. Every frame of 20 ms adds 960 to the timestamp, whether it is sent or not.
3. A reply that runs dry sends nothing for up to 100 ms. After that, or at once when it is finished, five silence frames go
   out 20 ms apart, so that listeners' decoders do not interpolate (Discord: "Voice Data Interpolation").
4. The speaking flag goes off, and the grid ends.

Nothing leaves in plain text: as long as the end-to-end encryption is not ready, a frame yields no datagram.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bot.audio.frame import FRAME_MS, FRAME_TICKS, MODEL_RATE_HZ
from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.voice.silence import SILENCE, SILENCE_FRAMES
from bot.voice.transport import TransportCipher

UNDERRUN_FRAMES: Final = 5
"""100 ms: a network's hiccup is bridged without a pause that listeners' clients would show."""

RTP_VERSION: Final = 0x80
PAYLOAD_TYPE: Final = 120
FRAME_S: Final = FRAME_MS / 1000

_HEADER = struct.Struct(">BBHII")


class _Phase(Enum):
    QUIET = auto()
    TALKING = auto()
    TRAILING = auto()  # the silence frames after speech


@dataclass(frozen=True, slots=True)
class SenderStats:
    """Datagrams of sound and of silence, frames that found no sound in mid-reply, frames withheld for want of encryption."""

    sent: int
    silences: int
    underruns: int
    withheld: int


class Sender:
    """The outgoing stream of one voice connection; it outlives the voice sessions.

    Args:
        encrypt: end-to-end encryption of an Opus frame; None while it is not ready.
        profile, rate_hz: of the encoder.
        sequence, timestamp: first values (RFC 3550 5.1 wants them random).
    """

    def __init__(
        self,
        encrypt: Callable[[bytes], bytes | None],
        profile: EncoderProfile,
        rate_hz: int = MODEL_RATE_HZ,
        *,
        sequence: int = 0,
        timestamp: int = 0,
    ) -> None:
        self._encrypt = encrypt
        self._encoder = OpusEncoder(profile, rate_hz)
        self._cipher: TransportCipher | None = None
        self._ssrc = 0
        self._sequence = sequence & 0xFFFF
        self._timestamp = timestamp & 0xFFFFFFFF
        self._last_at: float | None = None
        self._phase = _Phase.QUIET
        self._dry_frames = self._trailing_frames = 0
        self._sent = self._silences = self._underruns = self._withheld = 0

    def use_cipher(self, cipher: TransportCipher | None, ssrc: int = 0) -> None:
        """A new voice session, or none: speech in progress is cut, and the speaking flag has to be sent anew."""
        self._cipher, self._ssrc = cipher, ssrc
        self._phase = _Phase.QUIET

    @property
    def has_cipher(self) -> bool:
        return self._cipher is not None

    @property
    def is_speaking(self) -> bool:
        """What the speaking flag has to be; it must be announced before the datagram that `next` returned leaves."""
        return self._phase is not _Phase.QUIET

    def next(self, frame: bytes | None, now: float, *, is_finished: bool) -> bytes | None:
        """The datagram of this 20 ms, or None: nothing to send.

        Args:
            frame: 20 ms of PCM; None: there is none at the moment.
            now: the deadline of this frame on its grid, in seconds; the timestamp follows it.
            is_finished: no more will come for now, so that silence is the end and not an underrun.
        """
        if self._cipher is None:
            self._phase = _Phase.QUIET
            return None
        if frame is not None:
            return self._speak(frame, now)
        if self._phase is _Phase.TALKING:
            self._dry_frames += 1
            self._underruns += not is_finished
            if is_finished or self._dry_frames > UNDERRUN_FRAMES:
                self._phase, self._trailing_frames = _Phase.TRAILING, 0
        if self._phase is _Phase.TRAILING:
            return self._trail(now)
        return None

    def announcement(self, now: float) -> bytes | None:
        """One silence frame for a fresh session, unless speech says it already: a server forwards audio only to an
        address that it heard audio from.
        """
        return None if self.is_speaking else self._seal(SILENCE, now)

    def stats(self) -> SenderStats:
        return SenderStats(self._sent, self._silences, self._underruns, self._withheld)

    def _speak(self, frame: bytes, now: float) -> bytes | None:
        if self._phase is _Phase.QUIET:
            self._encoder.reset()
        payload = self._encrypt(self._encoder.encode(frame))
        if payload is None:
            self._withheld += 1
            return None
        self._phase, self._dry_frames = _Phase.TALKING, 0
        self._sent += 1
        return self._seal(payload, now)

    def _trail(self, now: float) -> bytes | None:
        if self._trailing_frames == SILENCE_FRAMES:
            self._phase = _Phase.QUIET
            return None
        self._trailing_frames += 1
        self._silences += 1
        return self._seal(SILENCE, now)

    def _seal(self, payload: bytes, now: float) -> bytes | None:
        if self._cipher is None:
            return None
        if self._last_at is not None:
            frames = max(1, round((now - self._last_at) / FRAME_S))
            self._timestamp = (self._timestamp + frames * FRAME_TICKS) & 0xFFFFFFFF
            self._sequence = (self._sequence + 1) & 0xFFFF
        self._last_at = now
        header = _HEADER.pack(RTP_VERSION, PAYLOAD_TYPE, self._sequence, self._timestamp, self._ssrc)
        return self._cipher.seal(header, payload)
