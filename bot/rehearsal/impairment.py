"""A link that is not perfect: loss, bursts, delay, jitter, reordering, duplicates, damage and blackouts, by seed. Sans-I/O.

One `Impairment` is one direction of one member's link. The same seed and the same datagrams at the same times give the same
plan, so a scene that failed fails again.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

REORDER_MS: Final = 30.0
"""A reordered datagram is held this much longer than its delay: one to two packets of 20 ms overtake it."""

DUPLICATE_MS: Final = 5.0


@dataclass
class Impairment:
    """What a link does to datagrams.

    Attributes:
        seed: of every choice below.
        loss: share of datagrams lost, 0 to 1.
        burst: mean length of a run of losses, in datagrams; 1 loses each independently (Gilbert's two-state model).
        delay_ms: what every datagram takes.
        jitter_ms: added to it, uniformly from 0; order is kept, as on one path.
        reorder: share of datagrams that are overtaken by those behind them.
        duplicate: share that arrives twice.
        corrupt: share in which one bit is flipped or the tail is cut off.
        blackout: spans in seconds since the first datagram, in which nothing passes.
    """

    seed: int = 0
    loss: float = 0.0
    burst: float = 1.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    blackout: tuple[tuple[float, float], ...] = ()
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for name in ("loss", "reorder", "duplicate", "corrupt"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share from 0 to 1")
        if self.burst < 1 or self.delay_ms < 0 or self.jitter_ms < 0:
            raise ValueError("burst: expected at least 1; delay_ms and jitter_ms: at least 0")
        self._random = random.Random(self.seed)
        self._is_losing = False
        self._started_at: float | None = None
        self._last_due = 0.0

    def plan(self, datagram: bytes, now: float) -> list[tuple[float, bytes]]:
        """When which bytes arrive, in seconds on `now`'s clock; nothing when the datagram is lost."""
        if self._started_at is None:
            self._started_at = now
        self.counts["seen"] += 1
        if self._is_dark(now - self._started_at) or self._loses():
            self.counts["lost"] += 1
            return []
        if self._random.random() < self.corrupt:
            self.counts["corrupted"] += 1
            datagram = self._damage(datagram)
        due = now + (self.delay_ms + self._random.random() * self.jitter_ms) / 1000
        if self._random.random() < self.reorder:
            self.counts["reordered"] += 1
            due += REORDER_MS / 1000  # those behind may overtake it
        else:
            due = self._last_due = max(due, self._last_due)
        planned = [(due, datagram)]
        if self._random.random() < self.duplicate:
            self.counts["duplicated"] += 1
            planned.append((due + DUPLICATE_MS / 1000, datagram))
        return planned

    def _is_dark(self, elapsed_s: float) -> bool:
        return any(start <= elapsed_s < end for start, end in self.blackout)

    def _loses(self) -> bool:
        """Gilbert's model: a run ends with probability 1/burst, and begins so that `loss` of all is lost in the long run."""
        if self._is_losing:
            self._is_losing = self._random.random() >= 1 / self.burst
        if not self._is_losing and self.loss:
            begins = self.loss / (self.burst * (1 - self.loss) + self.loss)
            self._is_losing = self._random.random() < begins
        return self._is_losing

    def _damage(self, datagram: bytes) -> bytes:
        if self._random.random() < 0.2:
            return datagram[: self._random.randrange(len(datagram) + 1)]
        damaged = bytearray(datagram)
        if damaged:
            damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)
