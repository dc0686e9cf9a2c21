"""Rooms of a house: servers of their own in the loopback Discord, so that one running bot serves many tests without their calls meeting.

A person speaks in a tone of their own with the rhythm of syllables, which opens an utterance as speech does and which a spectrum
tells from everybody else's. What a person reads is looked for in the room's chat or in the answer to their command.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from waiting import PATIENCE_S, until

from bot.audio.frame import MODEL_RATE_HZ
from bot.conversation.calls import CallStatus
from bot.rehearsal.house import House
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.people import Actor
from bot.rehearsal.scene import PersonOfScene, Scene, Step
from bot.rehearsal.stepfun import FakeStepFun, HistoryItem, SpokenReply, tone
from bot.rehearsal.world import Channel, ChannelKind, Guild, Message

Samples = NDArray[np.int16]

ANN_HZ, BOB_HZ, CEM_HZ, DEE_HZ = 400.0, 900.0, 1500.0, 2200.0
REPLY_HZ = 300.0
QUIET_S = 0.3
WINDOW_S = 0.06

SCENE = Scene(title="rooms", people=[PersonOfScene(name="Nobody")], steps=[Step(waits_ms=0)])
"""For a house whose people come with its rooms."""


def house_of(fake: FakeStepFun, **settings: Any) -> House:
    """The shipped bot with that model."""
    given = {"stepfun_url": fake.url, "stepfun_api_key": fake.key, "kith_responses_per_minute": 1000, **settings}
    return House(SCENE, "stepfun", **given)


def all_right(_: Sequence[HistoryItem]) -> SpokenReply:
    """Half a second of tone, whatever was said."""
    return SpokenReply("All right.", tone(500, REPLY_HZ))


def voice(frequency_hz: float, duration_s: float = 0.6) -> Samples:
    """A tone that swells four times a second, 24 kHz, with soft edges."""
    times = np.arange(round(duration_s * MODEL_RATE_HZ)) / MODEL_RATE_HZ
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * times)
    edges = np.clip(np.minimum(times, duration_s - times) / 0.02, 0.0, 1.0)
    return (9000 * swell * edges * np.sin(2 * np.pi * frequency_hz * times)).astype(np.int16)


def loudest(pcm: bytes | Samples, frequency_hz: float) -> float:
    """Amplitude (0 to 1) of that frequency in the 60 ms where it is loudest: a single frame of it shows."""
    sound = np.frombuffer(pcm, "<i2") if isinstance(pcm, bytes) else pcm
    window = round(WINDOW_S * MODEL_RATE_HZ)
    if len(sound) < window:
        return 0.0
    strips = np.lib.stride_tricks.sliding_window_view(sound, window)[:: window // 3].astype(np.float64) / 32768
    turn = np.exp(-2j * np.pi * frequency_hz * np.arange(window) / MODEL_RATE_HZ)
    return float(np.abs(strips @ (np.hanning(window) * turn)).max() * 4 / window)


class Room:
    """One server with voice channels and a text channel, and the bot in it."""

    def __init__(self, house: House, guild: Guild, lounge: Channel, chat: Channel) -> None:
        self.house, self.guild, self.lounge, self.chat = house, guild, lounge, chat
        self.actors: list[Actor] = []

    @classmethod
    async def open(cls, house: House, name: str = "Room", locale: str = "en-US") -> Self:
        """A server that invites the bot while it runs."""
        guild = house.world.add_guild(name, locale)
        lounge = house.world.add_channel(guild, "Lounge", ChannelKind.VOICE)
        chat = house.world.add_channel(guild, "chat", ChannelKind.TEXT)
        room = cls(house, guild, lounge, chat)
        await room.dispatch("GUILD_CREATE", guild.payload(room.bot_id))
        await until(lambda: house.bot.get_guild(guild.guild_id) is not None)
        return room

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        session = self.house.companion.calls.get(self.guild.guild_id)
        if session is not None:
            session.leave("over")  # without the words of a goodbye
            await until(lambda: not self.is_bot_here)
        for actor in self.actors:
            await actor.leave()

    @property
    def bot_id(self) -> int:
        return self.house.world.bot.user_id

    @property
    def is_bot_here(self) -> bool:
        return self.bot_id in self.guild.voice_states

    @property
    def status(self) -> CallStatus:
        """Raises AssertionError without a call."""
        status = self.house.companion.status(self.guild.guild_id)
        assert status is not None
        return status

    async def dispatch(self, event: str, data: dict[str, Any]) -> None:
        await self.house.discord.gateway.dispatch(self.guild.guild_id, event, data)

    async def add_channel(self, name: str, **changes: Any) -> Channel:
        channel = self.house.world.add_channel(self.guild, name, ChannelKind.VOICE)
        await self.change(channel, "CHANNEL_CREATE", **changes)
        return channel

    async def change(self, channel: Channel, event: str = "CHANNEL_UPDATE", **changes: Any) -> None:
        """Somebody edits the channel, and the bot is told."""
        for name, value in changes.items():
            setattr(channel, name, value)
        await self.dispatch(event, channel.payload())

    # ------------------------------------------------------------------ people

    def person(self, name: str, locale: str = "en-US") -> Actor:
        person = self.house.world.add_person(self.guild, name, locale=locale)
        part = PersonOfScene(name=name, locale=locale)
        actor = Actor(part, person, self.guild, self.house.discord, self.house.certificate.client_context())
        self.actors.append(actor)
        return actor

    async def run(self, actor: Actor, path: str, **options: Any) -> Interaction:
        """The command, typed in the text channel."""
        return await actor.command(self.chat, path, options)

    async def call(self, *actors: Actor, channel: Channel | None = None) -> None:
        """They agree, enter and call the bot, which has greeted them and fallen silent."""
        for actor in actors:
            await self.run(actor, "consent allow")
            await actor.enter(channel or self.lounge)
        began = time.monotonic()
        joined = await self.run(actors[0], "join")
        assert "I am in **" in joined.text, joined.text
        await self.hears(actors[0], after=began)

    async def hears(self, actor: Actor, *, after: float, timeout_s: float = PATIENCE_S) -> float:
        """Until the actor has heard the bot since `after`, to the end; when its sound last arrived. Raises TimeoutError."""
        await actor.voice.until_heard(self.bot_id, after=after, timeout_s=timeout_s)
        return await actor.voice.until_quiet(self.bot_id, quiet_s=QUIET_S)

    async def ask(self, actor: Actor, frequency_hz: float, *, hearer: Actor | None = None) -> None:
        """The actor says something, and the bot answers aloud: `hearer` (the actor, unless named) hears it. Raises TimeoutError."""
        await actor.speak(voice(frequency_hz))
        await self.hears(hearer or actor, after=time.monotonic())

    # ------------------------------------------------------------------ what is read

    def messages_in(self, channel: Channel) -> list[Message]:
        """What anybody can read there."""
        messages = self.house.world.messages.values()
        return [one for one in messages if one.channel_id == channel.channel_id and one.ephemeral_for is None]

    @property
    def told(self) -> list[str]:
        """What anybody can read in the text channel."""
        return [message.content for message in self.messages_in(self.chat)]

    async def until_told(self, words: str, timeout_s: float = PATIENCE_S) -> None:
        """Until the room reads these words. Raises AssertionError with what it read instead."""
        try:
            await until(lambda: any(words in sentence for sentence in self.told), timeout_s)
        except TimeoutError:
            raise AssertionError(f"expected {words!r}; the room reads {self.told}") from None
