"""How to time something on a machine that others use too.

1. Candidates are interleaved, one pass each a round, so that a slow stretch of the machine meets all of them alike.
2. A pass counts only if a calibration loop ran at full speed before and after it.
3. The median of the passes is told.
4. Whatever is paced by a clock runs pinned to a core of its own, beside a process that only keeps that core from slowing down when it is
   idle (SCHED_IDLE: it takes no time from anybody), and CPU time is the process's own. Where the system allows it both sides of a
   call run before other programs; what those took nevertheless is known (`kept_waiting_s`) and told.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

CALIBRATION_STEPS: Final = 200_000
SLOW: Final = 1.12
"""A calibration loop that takes so much longer than the fastest one seen tells of another guest, or of a slower clock."""

NICENESS: Final = -20
MOST_ROUNDS: Final = 3
"""So many times the wanted number of rounds are tried; after that the passes nearest to full speed count."""


def calibrate() -> float:
    """Seconds that a fixed piece of pure Python takes."""
    started = time.perf_counter()
    for _ in range(CALIBRATION_STEPS):
        pass
    return time.perf_counter() - started


def interleaved(candidates: Sequence[Callable[[int], int]], rounds: int) -> list[float]:
    """Seconds for one piece of work of each candidate, medians over rounds.

    Args:
        candidates: told the number of the pass, does it, and answers how many pieces of work that was.
        rounds: passes of each that shall count.
    """
    passes: list[tuple[float, list[float]]] = []
    fastest = min(calibrate() for _ in range(5))
    for number in range(rounds * MOST_ROUNDS):
        before, times = calibrate(), list[float]()
        for candidate in candidates:
            started = time.process_time()
            pieces = candidate(number)
            times.append((time.process_time() - started) / pieces)
        after = calibrate()
        fastest = min(fastest, before, after)
        passes.append((max(before, after), times))
        if sum(slowness <= fastest * SLOW for slowness, _ in passes) >= rounds:
            break
    passes.sort(key=lambda one: one[0])
    counted = [times for _, times in passes[:rounds]]
    return [statistics.median(column) for column in zip(*counted, strict=True)]


def cores() -> list[int]:
    """The cores this process may use; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int | None) -> None:
    """Stay on this core; None: wherever."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def prefer() -> None:
    """Before other programs of this machine, where the system lets us: a figure is not about them.

    Linux weighs niceness within a login session only (autogroups), hence a session of our own. A realtime policy would be stopped for
    50 ms of every second on a busy core.
    """
    with suppress(OSError):
        os.setsid()
    with suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as autogroup:
        autogroup.write(str(NICENESS))


def kept_waiting_s() -> float:
    """How long this process could have run and another one did, since it began; 0 where the system does not say."""
    try:
        with open("/proc/self/schedstat", encoding="ascii") as schedstat:
            return int(schedstat.read().split()[1]) / 1e9
    except OSError:
        return 0.0


def cpu_s() -> float:
    """What this process has used, all of its threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss_mb() -> float:
    """Memory that this process holds now. Raises OSError where there is no /proc."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def thread_count() -> int:
    """Threads of this process, Python's and the libraries'."""
    return len(os.listdir("/proc/self/task"))


@contextmanager
def kept_awake(core: int | None) -> Iterator[None]:
    """The core does not clock down while it waits."""
    if core is None or not hasattr(os, "SCHED_IDLE"):
        yield
        return
    spinner = multiprocessing.get_context("spawn").Process(target=_spin, args=(core,), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        spinner.kill()
        spinner.join()


def _spin(core: int) -> None:
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass
