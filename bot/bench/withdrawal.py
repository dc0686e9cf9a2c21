"""How soon a withdrawal counts: from the button's arrival to the gate's closing, and to the last packet of the member that was decrypted.

The whole bot on the loopback Discord, with end-to-end encryption: one member speaks without a pause and agrees and stops in turn; another one has agreed and is
silent, so that the bot is never deafened and packets keep coming. The button arrives as an
interaction over the gateway; the clock starts when the bot has read it. What is answered to the member, and written to the disk, comes after the gate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import discord
import numpy as np

from bot.audio.frame import MODEL_RATE_HZ
from bot.bench.figures import Figure, percentile
from bot.conversation.session import ChannelSession
from bot.rehearsal.house import House
from bot.rehearsal.people import Actor
from bot.rehearsal.scene import PersonOfScene, Scene, Step
from bot.rehearsal.stepfun import FakeStepFun, SpokenReply, tone
from bot.voice.receiver import Receiver

SUBJECT: Final = "withdrawal"
TIMES: Final = 60
TARGET_MS: Final = 100.0
AFTER_S: Final = 0.25
"""So long after the gate closed it is watched for packets that were decrypted all the same."""

STOP: Final = "kith:consent:stop"
SCENE: Final = Scene(
    title="withdrawal", people=[PersonOfScene(name="Ann"), PersonOfScene(name="Bob")], steps=[Step(waits_ms=0)]
)


def syllables(frequency_hz: float, duration_s: float) -> bytes:
    """A tone that swells four times a second, as speech does: 24 kHz mono, s16le."""
    times = np.arange(round(duration_s * MODEL_RATE_HZ)) / MODEL_RATE_HZ
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * times)
    edges = np.clip(np.minimum(times, duration_s - times) / 0.02, 0.0, 1.0)
    return (9000 * swell * edges * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2").tobytes()


class Watch:
    """When a button was read, when the gate closed, and when a packet of the member was decrypted last. Seconds, monotonic."""

    def __init__(self) -> None:
        self.pressed_at = 0.0
        self.closed_at = 0.0
        self.decrypted_at = 0.0

    @contextmanager
    def over(self) -> Iterator[None]:
        """Look over the shoulder of what is shipped: each of these is called as it is, and then told."""
        deny, receive, read = Receiver.deny, Receiver.receive_datagram, discord.ui.View._scheduled_task

        def watched_deny(receiver: Receiver, user_id: int) -> None:
            deny(receiver, user_id)
            self.closed_at = self.closed_at or time.monotonic()

        def watched_receive(receiver: Receiver, data: bytes, now: float) -> list[Any]:
            before = receiver.stats().ok
            events = receive(receiver, data, now)
            if receiver.stats().ok > before:
                self.decrypted_at = time.monotonic()
            return events

        async def watched_press(view: discord.ui.View, item: Any, interaction: discord.Interaction) -> None:
            if getattr(item, "custom_id", "") == STOP:
                self.pressed_at, self.closed_at = time.monotonic(), 0.0
            await read(view, item, interaction)

        Receiver.deny, Receiver.receive_datagram = watched_deny, watched_receive  # type: ignore[method-assign,assignment]
        discord.ui.View._scheduled_task = watched_press  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            Receiver.deny, Receiver.receive_datagram = deny, receive  # type: ignore[method-assign]
            discord.ui.View._scheduled_task = read  # type: ignore[method-assign]


async def measure(times: int = TIMES) -> tuple[list[float], list[float]]:
    """Milliseconds to the gate's closing, and to the last packet that was decrypted (0: none after the button), a value a withdrawal."""
    watch = Watch()
    gates, packets = list[float](), list[float]()
    with watch.over():
        async with FakeStepFun(reply=lambda _: SpokenReply("All right.", tone(200))) as fake:
            settings = {"stepfun_url": fake.url, "stepfun_api_key": fake.key, "kith_responses_per_minute": 1000}
            async with House(SCENE, "stepfun", **settings) as house:
                ann, bob = (house.actor(person) for person in SCENE.people)
                channel = house.channel(SCENE.channels[0])
                for actor in (bob, ann):
                    await actor.enter(channel)
                    await actor.command(channel, "consent allow")
                panel = await ann.command(channel, "join")
                await ann.voice.until_ready()
                speaking = asyncio.create_task(_speak(ann))
                for _ in range(times):
                    session = house.companion.calls.get(house.guild.guild_id)
                    assert session is not None
                    await _heard(session, watch)
                    await ann.press(panel.replies[-1], STOP)
                    await asyncio.sleep(AFTER_S)
                    gates.append((watch.closed_at - watch.pressed_at) * 1000)
                    packets.append(max(0.0, watch.decrypted_at - watch.pressed_at) * 1000)
                    await house.companion.consent.allow(_member(house, ann))
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)
                await asyncio.gather(ann.leave(), bob.leave())
    return gates, packets


async def _speak(ann: Actor) -> None:
    while True:
        await ann.voice.speak(syllables(400.0, 2.0))


async def _heard(session: ChannelSession, watch: Watch) -> None:
    """Until packets of the member are decrypted again."""
    since = time.monotonic()
    async with asyncio.timeout(10):
        while watch.decrypted_at < since:  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.005)


def _member(house: House, ann: Actor) -> discord.Member:
    guild = house.bot.get_guild(house.guild.guild_id)
    member = guild.get_member(ann.person.user_id) if guild is not None else None
    assert member is not None
    return member


def withdrawal() -> list[Figure]:
    """For `kith bench`."""
    gates, packets = asyncio.run(measure())
    beside = f"p50 {percentile(gates, 0.5):.2f} ms; {len(gates)} withdrawals while speaking"
    last = f"p50 {percentile(packets, 0.5):.2f} ms; 0: none after the button"
    return [
        Figure(SUBJECT, "button to the gate's closing, p99", percentile(gates, 0.99), "ms", TARGET_MS, beside=beside),
        Figure(
            SUBJECT, "button to the last packet decrypted, p99", percentile(packets, 0.99), "ms", TARGET_MS, beside=last
        ),
    ]
