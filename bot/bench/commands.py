"""How soon a command is answered while calls run: the shipped bot on the loopback Discord, beside full duplex calls in the same process.

The calls are those of the other subjects (`World`): both directions of sound over TLS and UDP, against the load process. In a third of them somebody speaks and
the companion too, all the time; rooms are quieter. The loopback Discord shares the measured core with the bot, so the true figure is smaller. Told is
what Discord sees: from the interaction to the first answer.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bot.bench.figures import Figure, percentile
from bot.bench.world import loop_factory, open_world
from bot.rehearsal.house import House
from bot.rehearsal.interactions import FIRST_ANSWER_S
from bot.rehearsal.people import Actor
from bot.rehearsal.scene import Scene
from bot.rehearsal.world import Channel

CALLS: Final = 25
TALKING: Final = 8
ROUNDS: Final = 12
PAUSE_S: Final = 0.03
COMMANDS: Final = ("status", "persona list", "consent explain", "settings", "memory show", "privacy receipt")
SCENE: Final = {
    "title": "commands",
    "people": [{"name": f"Admin {number}", "is_admin": True} for number in range(8)],
    "steps": [{"waits_ms": 0}],
}
"""Eight people, so that nobody runs into the limit of how often one may ask."""


def commands() -> list[Figure]:
    """First answers over every command that a member uses to look something up."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        taken_ms = runner.run(_measure())
    beside = (
        f"p50 {percentile(taken_ms, 0.5):.0f} ms; {len(taken_ms)} commands, {CALLS} calls, {TALKING} of them talking"
    )
    return [Figure("commands", "first answer, p99", percentile(taken_ms, 0.99), "ms", 300.0, beside=beside)]


async def _measure() -> list[float]:
    async with open_world() as world:
        await world.grow(CALLS)
        world.ask("speak", TALKING)
        world.ask("sound", list(range(TALKING)))
        async with House(Scene.model_validate(SCENE), "stepfun", stepfun_api_key="unused") as house:
            actors = [house.actor(part) for part in Scene.model_validate(SCENE).people]
            channel = next(iter(house.channels.values()))
            taken: list[float] = []
            for number in range(ROUNDS * len(COMMANDS)):
                actor = actors[number % len(actors)]
                taken.append(await _first_answer_ms(actor, channel, COMMANDS[number % len(COMMANDS)]))
                await asyncio.sleep(PAUSE_S)
        return taken


async def _first_answer_ms(actor: Actor, channel: Channel, command: str) -> float:
    """Discord waits for 3 s; what takes longer counts as that."""
    try:
        asked = await actor.command(channel, command)
    except TimeoutError:
        return FIRST_ANSWER_S * 1000
    return (asked.first_answer_s or FIRST_ANSWER_S) * 1000
