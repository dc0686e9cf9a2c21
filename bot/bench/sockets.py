"""Real sockets at a steady load: what a datagram costs, how long everything takes at three quarters of a core, what a call weighs."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any, Final

from bot.audio.opus import EncoderProfile
from bot.bench.duplex import step
from bot.bench.figures import Figure, grid_deviations_ms, missing_share, percentile, ratio
from bot.bench.function_calls import BareInbound, Sealed, sealed
from bot.bench.group import Group, Speaker
from bot.bench.load import FRAME_S, Tally
from bot.bench.material import packets
from bot.bench.measure import rss_mb, thread_count
from bot.bench.world import RoomCall, World, loop_factory, open_world, stopwatch

STREAMS: Final = 25
PACED_S: Final = 4.0
FLOOR_PACKETS: Final = 100
UDP_ROUNDS: Final = 3

BUSY: Final = 0.75
PROBES: Final = 6
PROBE_ROUNDS: Final = 17
ROUND_S: Final = 1.3
STOP_AFTER_S: Final = 0.35
"""The reply of a probe lasts 0.8 s, so it is in full flow when it is stopped."""

WEIGHED: Final = 21
DESCRIPTORS: Final = 1_500
ALICE, BOB = 11, 12


def _run(work: Coroutine[Any, Any, list[Figure]]) -> list[Figure]:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


# ---------------------------------------------------------------------------- a datagram's cost


def udp() -> list[Figure]:
    """25 connections, one speaker each, nothing said by us: CPU time for each packet, everything of the process included."""
    return _run(_udp())


async def _udp() -> list[Figure]:
    bare = _bare_streams()
    costs: list[float] = []
    floors: list[float] = []
    async with open_world() as world:
        await world.grow(STREAMS, has_model=False)
        for number in range(UDP_ROUNDS):
            world.ask("speak", STREAMS)
            await asyncio.sleep(1.0)
            before = sum(call.frames for call in world.calls)
            with stopwatch() as taken:
                await asyncio.sleep(PACED_S)
            costs.append(taken["cpu_s"] / (sum(call.frames for call in world.calls) - before) * 1e6)
            world.ask("speak", 0)
            await asyncio.sleep(0.3)
            floors.append(await _paced_floor_us(bare, number))
        spoken = sum(len(tally.spoken_at) for tally in world.tallies())
        missing = missing_share(spoken, sum(call.frames for call in world.calls))
    return [
        ratio("udp", f"{STREAMS} streams, CPU a packet", percentile(costs, 0.5), percentile(floors, 0.5), 1.6),
        Figure("udp", "packets said and not heard", missing * 100, "%", 0.1),
    ]


def _bare_streams() -> list[tuple[BareInbound, list[Sealed]]]:
    """As many streams for the bare codec and the bare ciphers, with packets for every round."""
    opus = packets(16.0, 0.0)
    streams: list[tuple[BareInbound, list[Sealed]]] = []
    for stream in range(STREAMS):
        group = Group((ALICE, BOB))
        speaker = Speaker(group.members[ALICE])
        count = UDP_ROUNDS * FLOOR_PACKETS
        said = [sealed(speaker.datagram(opus[(number + 131 * stream) % len(opus)])) for number in range(count)]
        streams.append((BareInbound(group.members[BOB].session, ALICE), said))
    return streams


async def _paced_floor_us(streams: list[tuple[BareInbound, list[Sealed]]], number: int) -> float:
    """The bare calls at the pace of the streams, so that caches are as cold and the clock as slow as they are for us: their time alone."""
    spent = 0.0
    deadline = time.monotonic()
    for turn in range(number * FLOOR_PACKETS, (number + 1) * FLOOR_PACKETS):
        for bare, said in streams:
            deadline += FRAME_S / STREAMS
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
            started = time.process_time()
            bare.run([said[turn]])
            spent += time.process_time() - started
    return spent / FLOOR_PACKETS / STREAMS * 1e6


# ---------------------------------------------------------------------------- latencies


def latency() -> list[Figure]:
    """Full duplex calls at three quarters of a core; a few more calls get replies that begin and are cut short again and again."""
    return _run(_latency())


async def _latency() -> list[Figure]:
    async with open_world(EncoderProfile.SPEECH) as world:
        few = await step(world, 12)
        count = max(6, round(BUSY * 12 / few.cpu))
        tried = []
        for _ in range(4):
            tried.append(await step(world, count))
            if abs(tried[-1].cpu - BUSY) < 0.02:
                break
            count = max(6, round(count * BUSY / tried[-1].cpu))
        steady = min(tried, key=lambda one: abs(one.cpu - BUSY))
        count = steady.calls
        await world.grow(max(count, len(world.calls)) + PROBES)
        probes = world.calls[-PROBES:]
        world.tallies()
        world.ask("sound", list(range(count)))
        world.ask("speak", count)
        await asyncio.sleep(1.5)
        with stopwatch() as taken:
            stops = await _probe(world, probes)
        tallies = world.tallies(call.number for call in probes)
    busy = taken["cpu_s"] / taken["wall_s"]
    first, grid, last = _probed(probes, tallies, stops)
    subject = f"{steady.cpu:.0%} of the core, {count} calls; others on it {steady.waited:.0%}"
    while_probing = f"{busy:.0%} of the core; {len(first)} replies"
    return [
        Figure("latency", "datagram in to model's socket, p50", steady.uplink_p50_ms, "ms", 0.3, beside=subject),
        Figure("latency", "datagram in to model's socket, p99", steady.uplink_p99_ms, "ms", 3.0, beside=subject),
        Figure("latency", "first audio delta to first datagram, p50", percentile(first, 0.5), "ms", 5.0, beside=while_probing),
        Figure("latency", "first audio delta to first datagram, p99", percentile(first, 0.99), "ms", 20.0, beside=while_probing),
        Figure("latency", "the next ones off their grid, p99", steady.grid_p99_ms, "ms", 2.0, beside=f"at the voice server {percentile(grid, 0.99):.2f} ms"),
        Figure("latency", "interruption to last reply datagram, worst", max(last, default=0.0), "ms", 20.0, beside=f"{len(last)} interruptions"),
    ]  # fmt: skip


async def _probe(world: World, probes: list[RoomCall]) -> dict[int, list[float]]:
    """When each probe was told to be silent, by number of the call."""
    loop = asyncio.get_running_loop()
    stops: dict[int, list[float]] = {call.number: [] for call in probes}
    for _ in range(PROBE_ROUNDS):
        for call in probes:
            world.tell("probe", [call.number])
            await asyncio.sleep(0.037)
        await asyncio.sleep(STOP_AFTER_S)
        for call in probes:
            call.connection.stop()
            stops[call.number].append(loop.time())
        await asyncio.sleep(ROUND_S - STOP_AFTER_S)
    return stops


def _probed(
    probes: Iterable[RoomCall], tallies: Iterable[Tally], stops: dict[int, list[float]]
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds: delta written by the model to our first datagram; deviations from the grid as they arrived; stop to last datagram."""
    first: list[float] = []
    grid: list[float] = []
    last: list[float] = []
    for call, tally in zip(probes, tallies, strict=True):
        began = dict(call.began)
        first += [(began[item] - at) * 1000 for item, at in tally.probed if item in began]
        for burst in _bursts(tally.heard_at):
            grid += grid_deviations_ms(burst, FRAME_S)
            stopped = [at for at in stops[call.number] if burst[0] < at < burst[-1] + 0.5]
            last += [max(0.0, burst[-1] - at) * 1000 for at in stopped]
    return first, grid, last


def _bursts(times: list[float]) -> list[list[float]]:
    """Cut where nothing came for 200 ms."""
    cuts = [0, *(index + 1 for index, (one, two) in enumerate(pairwise(times)) if two - one > 0.2), len(times)]
    return [times[start:end] for start, end in pairwise(cuts) if end > start]


# ---------------------------------------------------------------------------- footprint


def footprint() -> list[Figure]:
    """Memory of a call in the media plane (no model) beyond the first, threads, and calls above a thousand open files."""
    return _run(_footprint())


async def _footprint() -> list[Figure]:
    async with open_world() as world:
        await _talk(world, 1)
        one_mb, threads_before = rss_mb(), thread_count()
        await _talk(world, WEIGHED)
        many_mb, threads = rss_mb(), thread_count()
    async with open_world() as world:
        with ExitStack() as files:
            count = _open_many(files)
            missing = await _talk(world, 3)
    a_call = (many_mb - one_mb) / (WEIGHED - 1)
    return [
        Figure("footprint", "memory of a call beyond the first", a_call, "MB", 0.6, beside=f"{one_mb:.0f} MB with one"),
        Figure("footprint", f"threads that {WEIGHED - 1} calls added", threads - threads_before, "", 0.0, beside=f"{threads} in the process"),
        Figure("footprint", f"missing with {DESCRIPTORS} open files", missing * 100, "%", 0.1, beside=f"{count} were open"),
    ]  # fmt: skip


async def _talk(world: World, count: int) -> float:
    """So many calls, both ways, for a while; the share of frames that were missing in either direction."""
    await world.grow(count, has_model=False)
    world.tallies()
    before = sum(call.frames for call in world.calls)
    world.ask("speak", count)
    sound = b"".join(bytes((n % 251, n % 13)) for n in range(24_000 * 2))
    for call in world.calls:
        call.connection.play("sound", sound)
        call.connection.finish()
    await asyncio.sleep(3.0)
    world.ask("speak", 0)
    await asyncio.sleep(0.4)
    tallies = world.tallies()
    spoken = sum(len(tally.spoken_at) for tally in tallies)
    heard = sum(call.frames for call in world.calls) - before
    said = sum(len(tally.heard_at) for tally in tallies)
    return max(missing_share(spoken, heard), missing_share(100 * count, said))


def _open_many(files: ExitStack) -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(DESCRIPTORS)]
    for descriptor in opened:
        files.callback(os.close, descriptor)
    return len(opened)
