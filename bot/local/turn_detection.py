"""When does somebody begin and stop speaking: the local model's own turn detection, on the clock of the sound that comes in.

Like the service's it hears energy, and like the service's it needs silence in the stream to end a turn: sound that just stops ends
nothing. The threshold follows the background, so that a quiet voice in a quiet room is heard; an acoustic model, if there is one, keeps doors
and keyboards from being turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.audio.frame import FRAME_MS, pcm_bytes
from bot.audio.level import NoiseFloor, level_dbfs

ONSET_MS: Final = 80
FRAME_BYTES: Final = pcm_bytes(20)
TURN_LIMIT_MS: Final = 60_000
ASK_EVERY_MS: Final = 40
ASKED_BYTES: Final = pcm_bytes(240)
LEAST_PROBABILITY: Final = 0.3


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
class TurnBegan:
    """Speech began at `at_ms`; `pcm` is what was heard so far, from `prefix_ms` before it."""

    at_ms: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnSound:
    """More of the turn."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnEnded:
    at_ms: float


TurnPart = TurnBegan | TurnSound | TurnEnded


class TurnDetector:
    """Feed it the stream; it tells where turns begin and end, and what sounds between.

    Args:
        probability: how surely there is speech in PCM at 24 kHz, asked where energy says that a turn begins; without it, energy decides.
    """

    def __init__(self, detection: Detection, probability: Callable[[bytes], float] | None = None) -> None:
        self.detection = detection
        self._probability = probability
        self._floor = NoiseFloor()
        self._rest = b""
        self._kept = bytearray()
        self._clock_ms = 0.0
        self._loud_ms = 0.0
        self._quiet_ms = 0.0
        self._turn_ms: float | None = None

    def feed(self, pcm: bytes) -> Iterator[TurnPart]:
        pcm = self._rest + pcm
        whole = len(pcm) // FRAME_BYTES * FRAME_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, FRAME_BYTES):
            yield from self._hear(pcm[start : start + FRAME_BYTES])

    def _hear(self, frame: bytes) -> Iterator[TurnPart]:
        level = level_dbfs(frame)
        is_loud = level >= self.detection.least_dbfs and self._floor.is_speech(level)
        self._floor.update(level)
        self._clock_ms += FRAME_MS
        self._loud_ms = self._loud_ms + FRAME_MS if is_loud else 0.0
        self._quiet_ms = 0.0 if is_loud else self._quiet_ms + FRAME_MS
        if self._turn_ms is not None:
            yield from self._go_on(frame)
        else:
            self._kept += frame
            del self._kept[: -pcm_bytes(self.detection.prefix_ms + ONSET_MS)]
            if self._is_onset():
                self._turn_ms = 0.0
                yield TurnBegan(self._clock_ms - self._loud_ms, bytes(self._kept))
                self._kept.clear()

    def _go_on(self, frame: bytes) -> Iterator[TurnPart]:
        assert self._turn_ms is not None
        self._turn_ms += FRAME_MS
        yield TurnSound(frame)
        if self._quiet_ms >= self.detection.silence_ms or self._turn_ms >= TURN_LIMIT_MS:
            self._turn_ms = None
            yield TurnEnded(self._clock_ms)

    def _is_onset(self) -> bool:
        """Loud for long enough, and, where somebody can tell, more like speech than like a door."""
        if self._loud_ms < ONSET_MS or self._loud_ms % ASK_EVERY_MS:
            return False
        return self._probability is None or self._probability(bytes(self._kept[-ASKED_BYTES:])) >= LEAST_PROBABILITY
