"""One pacer for every call of a process: a heap of absolute deadlines on the event loop, 20 ms apart in each grid.

A grid begins with the first frame of a reply and keeps its own phase, so no reply waits for a common beat. Deadlines are
absolute: a late frame makes no later one late. A loop that was held up for up to 100 ms catches up without skipping; after
longer the grid is anchored anew and the frames that had no time are counted as missed, because a burst would only overflow the
listeners' jitter buffers.

There is no thread. Timers of asyncio and uvloop have a grain of 1 ms, so the pacer asks to be woken half a grain early and
takes whatever is due within one: frames leave within half a millisecond of their deadline on an idle loop.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from bot.audio.frame import FRAME_MS

FRAME_S: Final = FRAME_MS / 1000
GRAIN_S: Final = 0.001
CATCH_UP_S: Final = 0.100
DEVIATION_EDGES_MS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, float("inf"))


@dataclass(frozen=True, slots=True)
class PacerStats:
    """Frames asked for, frames whose time went by unused, and how far from their deadlines the rest were.

    `deviation_p99_ms` is the upper edge of the bin of a histogram that holds the 99th percentile.
    """

    active: int
    frames: int
    missed: int
    deviation_p99_ms: float
    deviation_max_ms: float


class PacerHandle:
    """One grid. `due_at` is the deadline of the frame that is being asked for, or of the next."""

    __slots__ = ("_send_frame", "due_at", "frames", "is_active", "missed")

    def __init__(self, send_frame: Callable[[], bool], due_at: float) -> None:
        self._send_frame = send_frame
        self.due_at = due_at
        self.is_active = True
        self.frames = 0
        self.missed = 0

    def cancel(self) -> None:
        """No further frame is asked for."""
        self.is_active = False


class Pacer:
    """Asks every active grid for a frame each 20 ms.

    Args:
        loop: the loop to run on; unset: the running one, at the first `add`.
        clock: monotonic seconds. uvloop's own `time()` stands still within an iteration, hence not that.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._heap: list[tuple[float, int, PacerHandle]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._frames = self._missed = 0
        self._deviations = [0] * len(DEVIATION_EDGES_MS)
        self._deviation_max_ms = 0.0

    def add(self, send_frame: Callable[[], bool], start_at: float | None = None) -> PacerHandle:
        """Begin a grid: `send_frame` is called on the loop at `start_at` (monotonic seconds; unset: as soon as the loop
        turns) and every 20 ms after, until it answers False.

        An exception of `send_frame` goes to the loop's exception handler and ends its grid alone.
        """
        handle = PacerHandle(send_frame, self._clock() if start_at is None else start_at)
        self._push(handle)
        self._arm()
        return handle

    def close(self) -> None:
        """End every grid."""
        for _, _, handle in self._heap:
            handle.cancel()
        self._heap.clear()
        self._disarm()

    def stats(self) -> PacerStats:
        return PacerStats(
            active=sum(handle.is_active for _, _, handle in self._heap),
            frames=self._frames,
            missed=self._missed,
            deviation_p99_ms=self._percentile_ms(0.99),
            deviation_max_ms=self._deviation_max_ms,
        )

    def _push(self, handle: PacerHandle) -> None:
        heapq.heappush(self._heap, (handle.due_at, next(self._order), handle))

    def _arm(self) -> None:
        while self._heap and not self._heap[0][2].is_active:
            heapq.heappop(self._heap)
        if not self._heap:
            self._disarm()
            return
        wake_at = self._heap[0][0] - GRAIN_S / 2
        if self._timer is not None and self._timer_at <= wake_at:
            return
        self._disarm()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(max(0.0, wake_at - self._clock()), self._fire)
        self._timer_at = wake_at

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, float("inf")

    def _fire(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        while self._heap and self._heap[0][0] <= self._clock() + GRAIN_S:
            handle = heapq.heappop(self._heap)[2]
            if handle.is_active and self._ask(handle):
                handle.due_at += FRAME_S
                self._push(handle)
            else:
                handle.is_active = False
        self._arm()

    def _ask(self, handle: PacerHandle) -> bool:
        late_s = self._clock() - handle.due_at
        if late_s > CATCH_UP_S:
            missed = int(late_s / FRAME_S)
            # A whole number of frames, so that what the sender derives from `due_at` (the RTP timestamp) stays exact.
            handle.due_at += missed * FRAME_S
            handle.missed += missed
            self._missed += missed
        self._measure(late_s * 1000)
        self._frames += 1
        handle.frames += 1
        try:
            return handle._send_frame() and handle.is_active
        except Exception as error:
            # One call's bug must not silence every other call; it is reported, not swallowed.
            assert self._loop is not None
            self._loop.call_exception_handler({"message": "a frame could not be sent", "exception": error})
            return False

    def _measure(self, late_ms: float) -> None:
        deviation_ms = abs(late_ms)
        self._deviation_max_ms = max(self._deviation_max_ms, deviation_ms)
        for index, edge in enumerate(DEVIATION_EDGES_MS):
            if deviation_ms <= edge:
                self._deviations[index] += 1
                return

    def _percentile_ms(self, share: float) -> float:
        wanted, seen = share * self._frames, 0
        for edge, number in zip(DEVIATION_EDGES_MS, self._deviations, strict=True):
            seen += number
            if number and seen >= wanted:
                return min(edge, self._deviation_max_ms)
        return 0.0
