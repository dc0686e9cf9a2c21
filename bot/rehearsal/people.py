"""The people of a scene: an account, a synthetic voice or a sound file, ears, and hands for commands and buttons."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from bot.local.speech import synthesise
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.menus import Values
from bot.rehearsal.recording import Pcm, Sound
from bot.rehearsal.scene import PersonOfScene
from bot.rehearsal.world import Channel, Guild, Message, Person


class Actor:
    """One person of a scene. `spoken` is what they said and when."""

    def __init__(
        self, part: PersonOfScene, person: Person, guild: Guild, discord: DiscordServer, tls: ssl.SSLContext | None
    ) -> None:
        self.part = part
        self.person = person
        self.spoken: list[Sound] = []
        self.channel: Channel | None = None
        self._guild = guild
        self._discord = discord
        self._tls = tls
        self._voice: MemberVoice | None = None

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def voice(self) -> MemberVoice:
        """The voice client. Raises RuntimeError outside a channel."""
        if self._voice is None:
            raise RuntimeError(f"{self.name} is in no voice channel")
        return self._voice

    async def enter(self, channel: Channel) -> None:
        """Into the channel, or over into another one."""
        await self._hang_up()
        ticket = await self._discord.join_voice(self._guild, self.person, channel)
        self._voice, self.channel = MemberVoice(ticket, tls=self._tls), channel
        await self._voice.connect()

    async def leave(self) -> None:
        await self._hang_up()
        await self._discord.leave_voice(self._guild, self.person.user_id)

    async def _hang_up(self) -> None:
        if self._voice is not None:
            voice, self._voice, self.channel = self._voice, None, None
            await voice.close()

    def rehearse(self, text: str) -> Pcm:
        """The sentence in this person's voice, 24 kHz."""
        return synthesise(text, self.part.voice)

    async def speak(self, pcm: Pcm) -> Sound:
        """Say it, in real time, once the others can understand it. Raises RuntimeError outside a channel."""
        await self.voice.until_ready()
        began_at, _ = await self.voice.speak(pcm.astype("<i2").tobytes())
        self.spoken.append(Sound(began_at, pcm))
        return self.spoken[-1]

    def heard(self, user_id: int) -> list[Sound]:
        """What this person heard of another since they came."""
        return [Sound(self.voice.joined_at, self.voice.heard(user_id))]

    def spurts(self, user_id: int) -> list[tuple[float, float]]:
        """When the other's sound arrived: first and last packet of each stretch, seconds, monotonic."""
        return self.voice.ears.spurts(user_id)

    async def command(self, channel: Channel, path: str, options: dict[str, Any] | None = None) -> Interaction:
        return await (await self._discord.command(self._guild, self.person, channel, path, options)).wait_reply()

    async def submit(self, form: Interaction, values: Mapping[str, Values]) -> Interaction:
        return await (await self._discord.submit(self._guild, self.person, form, values)).wait_reply()

    async def press(self, message: Message, custom_id: str) -> Interaction:
        return await (await self._discord.press(self._guild, self.person, message, custom_id)).wait_reply()

    async def choose(self, message: Message, custom_id: str, values: Sequence[str]) -> Interaction:
        """From a menu: by value, id, or the name that it shows. Raises LookupError for what it does not offer."""
        return await (await self._discord.choose(self._guild, self.person, message, custom_id, values)).wait_reply()
