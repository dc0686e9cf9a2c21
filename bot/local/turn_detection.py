"""When does somebody begin and stop speaking: the local model's own turn detection, on the clock of the sound that comes in.

Like the service's it hears energy, and like the service's it needs silence in the stream to end a turn: sound that just stops ends
nothing. The threshold follows the background, so that a quiet voice in a quiet room is heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.audio.frame import pcm_bytes, pcm_ms
from bot.audio.level import NoiseFloor, level_dbfs

ONSET_MS: Final = 80
FRAME_BYTES: Final = pcm_bytes(20)
TURN_LIMIT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Detection:
    """`turn_detection` of a session. `energy` 0 to 5000 as StepFun has it: how loud speech must at least be."""

    prefix_ms: int = 500
    silence_ms: int = 500
    energy: int = 2500

    @classmethod
    def of(cls, data: Any) -> Detection | None:
        """From the wire. Raises ValueError or TypeError for what is neither null nor a server_vad object."""
        if data is None:
            return None
        if data["type"] != "server_vad":
            raise ValueError(data["type"])
        return cls(
            min(5_000, max(0, int(data.get("prefix_padding_ms", 500)))),
            min(10_000, max(40, int(data.get("silence_duration_ms", 500)))),
            min(5_000, max(0, int(data.get("energy_awakeness_threshold", 2500)))),
        )

    def as_data(self) -> dict[str, Any]:
        return {
            "type": "server_vad",
            "prefix_padding_ms": self.prefix_ms,
            "silence_duration_ms": self.silence_ms,
            "energy_awakeness_threshold": self.energy,
        }

    @property
    def least_dbfs(self) -> float:
        """2500, the documented default, is -45 dBFS: the level of soft speech close to a microphone."""
        return -55.0 + self.energy / 250.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn began, or ended with all its sound."""

    has_begun: bool
    at_ms: float
    pcm: bytes = b""


class TurnDetector:
    """Feed it the stream; it tells where turns begin and end."""

    def __init__(self, detection: Detection) -> None:
        self._detection = detection
        self._floor = NoiseFloor()
        self._rest = b""
        self._kept = bytearray()
        self._clock_ms = 0.0
        self._loud_ms = 0.0
        self._quiet_ms = 0.0
        self._is_turn = False

    def feed(self, pcm: bytes) -> Iterator[Turn]:
        pcm = self._rest + pcm
        whole = len(pcm) // FRAME_BYTES * FRAME_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, FRAME_BYTES):
            turn = self._hear(pcm[start : start + FRAME_BYTES])
            if turn is not None:
                yield turn

    def _hear(self, frame: bytes) -> Turn | None:
        level = level_dbfs(frame)
        is_loud = level >= self._detection.least_dbfs and self._floor.is_speech(level)
        self._floor.update(level)
        self._clock_ms += pcm_ms(len(frame))
        self._loud_ms = self._loud_ms + 20 if is_loud else 0.0
        self._quiet_ms = 0.0 if is_loud else self._quiet_ms + 20
        self._kept += frame
        if not self._is_turn:
            del self._kept[: -pcm_bytes(self._detection.prefix_ms + ONSET_MS)]
            if self._loud_ms < ONSET_MS:
                return None
            self._is_turn = True
            return Turn(has_begun=True, at_ms=self._clock_ms - ONSET_MS)
        is_too_long = pcm_ms(len(self._kept)) >= TURN_LIMIT_MS
        if self._quiet_ms < self._detection.silence_ms and not is_too_long:
            return None
        self._is_turn = False
        ended = Turn(has_begun=False, at_ms=self._clock_ms, pcm=bytes(self._kept))
        self._kept.clear()
        return ended
