"""The shipped bot on the loopback Discord with a strict stand-in for the model, for tests of what members read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import until

from bot.app import KithBot
from bot.process import running
from bot.rehearsal.certificate import make_certificate
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.stepfun import FakeStepFun, SpokenReply, tone
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.world import Channel, ChannelKind, Guild, Message, Person, World
from bot.settings import Settings, load_settings

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.AbCdEf.abcdefghijklmnopqrstuvwxyz0"
CALLBACK = "POST /interactions/{interaction}/{token}/callback"


@dataclass
class Stage:
    """One server with one voice channel, an admin and a member with a Chinese client."""

    world: World
    discord: DiscordServer
    guild: Guild
    lounge: Channel
    alice: Person
    ming: Person
    settings: Settings
    model: FakeStepFun
    bot: KithBot | None = None

    async def run(self, person: Person, path: str, **options: object) -> Interaction:
        interaction = await self.discord.command(self.guild, person, self.lounge, path, options)
        return await interaction.wait_reply()

    async def submit(self, person: Person, form: Interaction, **values: str) -> Interaction:
        interaction = await self.discord.submit(self.guild, person, form, values)
        return await interaction.wait_reply()

    async def use_menu(self, person: Person, name: str, source: Message) -> Interaction:
        interaction = await self.discord.use_menu(self.guild, person, name, source)
        return await interaction.wait_reply()

    async def complete(self, person: Person, path: str, option: str, typed: str) -> list[str]:
        """The values that are offered."""
        interaction = await self.discord.complete(self.guild, person, self.lounge, path, option, typed)
        return [choice["value"] for choice in (await interaction.wait_reply()).choices]

    async def press(self, person: Person, source: Interaction, custom_id: str) -> Interaction:
        interaction = await self.discord.press(self.guild, person, source.replies[-1], custom_id)
        return await interaction.wait_reply()

    async def press_that_discord_forgets(
        self, person: Person, source: Message, custom_id: str, patch: pytest.MonkeyPatch
    ) -> None:
        """Until the bot's answer was refused as too late (10062)."""
        answers = self.discord.rest.requests
        with patch.context() as late:
            late.setattr("bot.rehearsal.rest.FIRST_ANSWER_S", -1.0)
            before = answers[CALLBACK]
            await self.discord.press(self.guild, person, source, custom_id)
            await until(lambda: answers[CALLBACK] > before)


@asynccontextmanager
async def loopback(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Everything but the bot."""
    certificate = make_certificate(folder)
    patch.setenv("SSL_CERT_FILE", str(certificate.bundle))
    tls = certificate.server_context()
    world = World(token=TOKEN)
    guild = world.add_guild("The Reading Room")
    lounge = world.add_channel(guild, "Lounge", ChannelKind.VOICE)
    alice = world.add_person(guild, "Alice", is_admin=True)
    ming = world.add_person(guild, "Ming", locale="zh-CN")
    async with (
        VoiceServer(tls, certificate.client_context()) as voice,
        DiscordServer(world, voice, tls) as discord,
        FakeStepFun(reply=lambda _: SpokenReply("All right.", tone(400))) as model,
    ):
        settings = load_settings(
            _env_file=None,
            discord_token=TOKEN,
            discord_api_base=discord.api_base,
            kith_provider="stepfun",
            stepfun_api_key=model.key,
            stepfun_url=model.url,
            kith_database_url=f"sqlite+aiosqlite:///{folder}/kith.sqlite3",
        )
        yield Stage(world, discord, guild, lounge, alice, ming, settings, model)


@asynccontextmanager
async def on_stage(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """With the bot, ready."""
    async with loopback(folder, patch) as stage, running(stage.settings) as bot:
        stage.bot = bot
        yield stage
