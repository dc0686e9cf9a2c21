"""The pacer on a loop whose clock is a number: deadlines, catching up, anchoring anew, many grids at once."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import PATIENCE_S

from bot.voice.pacer import FRAME_S, Pacer

pytestmark = pytest.mark.core


class Timer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """As much of an event loop as a pacer needs. `grain_s` makes timers late, as real ones are."""

    def __init__(self, now: float = 1000.0, grain_s: float = 0.0) -> None:
        self.now = now
        self.grain_s = grain_s
        self.reported: list[dict[str, Any]] = []
        self.wakes = 0
        self._timers: list[tuple[float, int, Timer, Callable[[], None]]] = []
        self._order = count()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        heapq.heappush(self._timers, (self.now + delay_s, next(self._order), timer, callback))
        return timer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.reported.append(context)

    def run_until(self, then: float) -> None:
        while self._timers and self._timers[0][0] + self.grain_s <= then:
            at, _, timer, callback = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                self.now = max(self.now, at + self.grain_s)
                self.wakes += 1
                callback()
        self.now = max(self.now, then)

    @property
    def pending(self) -> int:
        return sum(not timer.is_cancelled for _, _, timer, _ in self._timers)


def noting(times: list[float], loop: Loop, frames: float = float("inf")) -> Callable[[], bool]:
    """A call that notes when it is asked, and ends its grid after so many frames."""

    def send() -> bool:
        times.append(loop.now)
        return len(times) < frames

    return send


def pacer_on(loop: Loop) -> Pacer:
    return Pacer(loop, clock=lambda: loop.now)  # type: ignore[arg-type]


def test_the_first_frame_leaves_at_once_and_the_next_ones_20_ms_apart() -> None:
    loop = Loop()
    sent: list[float] = []
    pacer_on(loop).add(noting(sent, loop, 5))
    loop.run_until(1001.0)
    assert len(sent) == 5
    assert all(abs(at - 1000.0 - index * FRAME_S) <= 0.0006 for index, at in enumerate(sent))


def test_a_grid_that_answers_false_leaves_no_timer() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    handle = pacer.add(lambda: False)
    loop.run_until(1001.0)
    assert (loop.pending, handle.is_active, pacer.stats().active) == (0, False, 0)


def test_late_wakes_do_not_accumulate() -> None:
    loop = Loop(grain_s=0.0009)
    sent: list[float] = []
    pacer_on(loop).add(noting(sent, loop))
    loop.run_until(1000.0 + 100 * FRAME_S + 0.005)
    assert len(sent) == 101
    assert all(abs(at - 1000.0 - index * FRAME_S) <= 0.001 for index, at in enumerate(sent))


def test_a_stall_below_100_ms_is_caught_up_without_skipping() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    due: list[float] = []

    def send() -> bool:
        due.append(handle.due_at)
        return True

    handle = pacer.add(send)
    loop.run_until(1000.041)
    loop.now += 0.090
    loop.run_until(1000.201)
    assert [round((at - 1000.0) * 1000) for at in due] == list(range(0, 201, 20))
    assert pacer.stats().missed == 0


def test_after_a_longer_stall_the_grid_is_anchored_anew_and_the_missed_frames_are_counted() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    due: list[float] = []

    def send() -> bool:
        due.append(handle.due_at)
        return True

    handle = pacer.add(send)
    loop.run_until(1000.001)
    loop.now += 0.505
    at_stall_end = len(due)
    loop.run_until(1000.507)
    burst = len(due) - at_stall_end
    loop.run_until(1001.0)
    assert burst == 1
    assert pacer.stats().missed == handle.missed == 24
    steps = [round((later - earlier) / FRAME_S, 6) for earlier, later in pairwise(due)]
    assert steps[0] == 25
    assert set(steps[1:]) == {1}


def test_a_bug_in_one_call_is_reported_and_silences_no_other() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    sent: list[float] = []

    def broken() -> bool:
        raise ZeroDivisionError

    pacer.add(broken)
    pacer.add(noting(sent, loop))
    loop.run_until(1000.1)
    assert [type(context["exception"]) for context in loop.reported] == [ZeroDivisionError]
    assert len(sent) == 6


def test_a_cancelled_grid_is_asked_no_more() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    sent: list[float] = []
    handle = pacer.add(noting(sent, loop))
    loop.run_until(1000.05)
    handle.cancel()
    loop.run_until(1000.2)
    assert len(sent) == 3
    assert loop.pending == 0


def test_a_frame_may_begin_another_grid() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    sent: list[str] = []

    def second() -> bool:
        sent.append("second")
        return False

    def first() -> bool:
        sent.append("first")
        pacer.add(second)
        return False

    pacer.add(first)
    loop.run_until(1000.1)
    assert sent == ["first", "second"]


def test_closing_ends_every_grid() -> None:
    loop = Loop()
    pacer = pacer_on(loop)
    handles = [pacer.add(lambda: True) for _ in range(3)]
    pacer.close()
    assert not any(handle.is_active for handle in handles)
    assert loop.pending == 0


@given(
    starts=st.lists(st.floats(min_value=0.0, max_value=0.5), min_size=1, max_size=20),
    grain_s=st.floats(min_value=0.0, max_value=0.001),
)
@settings(deadline=None, max_examples=50)
def test_every_grid_gets_every_frame_near_its_own_deadline(starts: list[float], grain_s: float) -> None:
    loop = Loop(grain_s=grain_s)
    pacer = pacer_on(loop)
    sent: list[list[float]] = [[] for _ in starts]
    for start, times in zip(starts, sent, strict=True):
        pacer.add(noting(times, loop), 1000.0 + start)
    loop.run_until(1001.0)
    for start, times in zip(starts, sent, strict=True):
        assert len(times) >= int((1.0 - start - 0.002) / FRAME_S)
        for index, at in enumerate(times):
            assert abs(at - (1000.0 + start + index * FRAME_S)) < 0.0021
    assert pacer.stats().missed == 0


@pytest.mark.parametrize("gap_s", [0.02, 0.1, 1.0])
def test_no_wake_is_spent_between_deadlines(gap_s: float) -> None:
    loop = Loop()
    pacer_on(loop).add(lambda: True, 1000.0 + gap_s)
    loop.run_until(1000.0 + gap_s + 0.2)
    assert loop.wakes == 11


async def test_it_paces_on_a_real_loop() -> None:
    pacer = Pacer()
    done = asyncio.Event()
    due: list[float] = []

    def send() -> bool:
        due.append(handle.due_at)
        if len(due) == 5:
            done.set()
        return len(due) < 5

    handle = pacer.add(send)
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    assert pacer.stats().frames == 5
    assert due == sorted(due)
