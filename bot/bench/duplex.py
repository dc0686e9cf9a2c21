"""How many full duplex calls one core holds: one speaker always talking, one reply always sounding, TLS to the model, nothing left out.

Calls are added until a frame in a thousand is missing somewhere: of what the speakers said, in what came out of the receivers or in what
the model got; of the replies, on their grid of 20 ms at the voice server. The number told is the largest that held.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from bot.audio.opus import EncoderProfile
from bot.bench.figures import Bound, Figure, missing_share, percentile
from bot.bench.load import FRAME_S, Tally
from bot.bench.world import World, loop_factory, open_world, stopwatch

DEFICIT: Final = 0.001
FIRST: Final = 12
BOLD: Final = 0.86
"""Of a core, by what the first calls cost: where the search begins."""

FULL: Final = 0.98
PACE: Final = 1.07
MOST_STEPS: Final = 7
DISTURBED: Final = 0.02
SETTLE_S: Final = 1.5
MEASURE_S: Final = 4.0
DRAIN_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Step:
    """What so many calls cost and lost. Shares are 0 to 1; the deficit is the worst of the three directions."""

    calls: int
    cpu: float
    load_cpu: float
    waited: float  # of the time: the core was another program's
    deficit: float
    uplink_p50_ms: float
    uplink_p99_ms: float
    grid_p99_ms: float

    @property
    def holds(self) -> bool:
        return self.deficit <= DEFICIT


async def step(world: World, count: int) -> Step:
    """Let so many calls talk for a while."""
    await world.grow(count)
    calls = world.calls[:count]
    world.tallies()
    frames_before = [call.frames for call in calls]
    for call in calls:
        call.sent.clear()
    world.ask("sound", list(range(count)))
    world.ask("speak", count)
    await asyncio.sleep(SETTLE_S)
    world.pacer.deviations_ms.clear()
    load_before = world.ask("cpu", None)
    for call in calls:
        call.is_stamping = True
    with stopwatch() as taken:
        await asyncio.sleep(MEASURE_S)
    load_cpu = (world.ask("cpu", None) - load_before) / taken["wall_s"]
    for call in calls:
        call.is_stamping = False
    grid_p99_ms = percentile(world.pacer.deviations_ms, 0.99)
    world.ask("speak", 0)
    world.ask("sound", [])
    await asyncio.sleep(DRAIN_S)
    tallies = world.tallies(range(count))
    spoken = sum(len(tally.spoken_at) for tally in tallies)
    heard = sum(call.frames - before for call, before in zip(calls, frames_before, strict=True))
    latencies_ms = [
        (at - tally.spoken_at[number - before]) * 1000
        for call, before, tally in zip(calls, frames_before, tallies, strict=True)
        for number, at in call.sent
        if number - before < len(tally.spoken_at)
    ]
    await asyncio.sleep(0.5)  # the replies run out
    return Step(
        count,
        taken["cpu_s"] / taken["wall_s"],
        load_cpu,
        taken["waited_s"] / taken["wall_s"],
        max(missing_share(spoken, heard), missing_share(spoken, _appended(tallies)), _gaps(tallies)),
        percentile(latencies_ms, 0.5),
        percentile(latencies_ms, 0.99),
        grid_p99_ms,
    )


def _appended(tallies: list[Tally]) -> int:
    return sum(tally.appended for tally in tallies)


def _gaps(tallies: list[Tally]) -> float:
    """The share of the replies' frames that did not come between their first and their last."""
    expected = came = 0
    for tally in tallies:
        times = tally.heard_at
        if len(times) > 1:
            expected += round((times[-1] - times[0]) / FRAME_S) + 1
            came += len(times)
    return missing_share(expected, came)


async def fair_step(world: World, count: int) -> Step:
    """A step that failed while others used the core says nothing of us: once more."""
    made = await step(world, count)
    return made if made.holds or made.waited < DISTURBED else await step(world, count)


async def most(profile: EncoderProfile) -> list[Step]:
    """Steps in order of the number of calls, from few to more than the core holds."""
    steps: list[Step] = []
    async with open_world(profile) as world:
        steps.append(await fair_step(world, FIRST))
        count = max(FIRST + 1, round(BOLD * FIRST / steps[0].cpu))
        while len(steps) < MOST_STEPS:
            steps.append(await fair_step(world, count))
            if not steps[-1].holds:
                break
            # A call costs less where more of them share a wake of the loop, so the last step tells best how far it is to a full core.
            count = max(count + 1, round(count * min(max(FULL / steps[-1].cpu, 1.03), 1.3)))
        lower = count
        while not any(one.holds for one in steps[1:]) and len(steps) < MOST_STEPS:
            lower = round(lower / PACE)
            steps.append(await fair_step(world, lower))
        faults = world.ask("faults", None)
    if faults:
        raise RuntimeError(f"the voice server found fault with what it was sent: {faults}")
    return sorted(steps, key=lambda one: one.calls)


def duplex(profile: EncoderProfile, target: float) -> list[Figure]:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        steps = runner.run(most(profile))
    held = [one for one in steps if one.holds]
    best = held[-1] if held else steps[0]
    subject = f"duplex-{profile}"
    beside = (
        f"{best.cpu:.0%} of the core, {best.cpu / best.calls:.2%} a call; load process {best.load_cpu:.0%}, others on the core {best.waited:.0%}"
        + "".join(f"; {one.calls} calls: {one.deficit:.2%} missing" for one in steps if not one.holds)
    )
    return [
        Figure(subject, "calls on one core", best.calls if held else 0, "", target, Bound.AT_LEAST, beside),
        Figure(
            subject,
            "there: datagram in to model's socket, p99",
            best.uplink_p99_ms,
            "ms",
            beside=f"p50 {best.uplink_p50_ms:.2f} ms; replies' grid p99 {best.grid_p99_ms:.2f} ms",
        ),
    ]
