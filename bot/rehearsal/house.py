"""The house of a scene: loopback Discord and voice server on their ports, and the shipped bot logged in to them.

    async with House(scene, provider="local") as house:
        ...

The bot gets what an operator would give it: an API base, a token, a trust bundle and a database; nothing in it knows that
this is a rehearsal. `SSL_CERT_FILE` names the rehearsal's trust bundle while the house stands, since TLS trust follows it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bot.app import Companion, KithBot, open_companion
from bot.conversation.session import Observer
from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.disk import Disk
from bot.rehearsal.people import Actor
from bot.rehearsal.scene import PersonOfScene, Scene
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.world import Channel, ChannelKind, World
from bot.settings import Settings, load_settings

TOKEN: Final = "MTU1MTU5NzIwMTAxNTE3NzIxNg.GkIthR.loopback-only-this-token-opens-nothing"  # noqa: S105
READY_S: Final = 60.0
GRACE_S: Final = 6.0


class House:
    """One guild of the loopback Discord with the bot in it. `settings` override what the scene says."""

    def __init__(self, scene: Scene, provider: str = "local", **settings: Any) -> None:
        self._provider = provider
        self._settings = {**scene.settings, **settings}
        self._stack = AsyncExitStack()
        self.world = World(token=TOKEN)
        self.guild = self.world.add_guild(scene.guild)
        self.channels = {name: self.world.add_channel(self.guild, name, ChannelKind.VOICE) for name in scene.channels}
        self._watching: list[Observer] = []
        self.certificate: Certificate
        self.voice: VoiceServer
        self.discord: DiscordServer
        self.companion: Companion
        self.bot: KithBot
        self.disk: Disk

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="kith-rehearsal-")))
        self.certificate = make_certificate(folder / "tls")
        self.disk = Disk(folder / "house" / "kith.sqlite3")
        (folder / "house").mkdir()
        self._trust(self.certificate.bundle)
        tls = self.certificate.server_context()
        self.voice = await self._stack.enter_async_context(VoiceServer(tls))
        self.discord = await self._stack.enter_async_context(DiscordServer(self.world, self.voice, tls))
        self.companion = await self._stack.enter_async_context(open_companion(self._bot_settings(folder)))
        self.companion.observers.extend(self._watching)
        self.bot = KithBot(self.companion)
        running = asyncio.create_task(self.bot.start(TOKEN), name="the bot under rehearsal")
        self._stack.push_async_callback(self._stop_bot, running)
        ready = asyncio.create_task(self._ready())
        await asyncio.wait([running, ready], timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            ready.cancel()
            running.result()
        if not ready.done():
            ready.cancel()
            raise TimeoutError(f"the bot was not ready after {READY_S:.0f} s")

    def _bot_settings(self, folder: Path) -> Settings:
        given = {
            "discord_token": TOKEN,
            "discord_api_base": self.discord.api_base,
            "kith_provider": self._provider,
            "kith_database_url": f"sqlite+aiosqlite:///{folder / 'house' / 'kith.sqlite3'}",
            "kith_responses_per_minute": 60 if self._provider == "local" else 10,
        }
        return load_settings(**{**given, **self._settings})

    def _trust(self, bundle: Path) -> None:
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(bundle)

        def restore() -> None:
            if before is None:
                os.environ.pop("SSL_CERT_FILE", None)
            else:
                os.environ["SSL_CERT_FILE"] = before

        self._stack.callback(restore)

    async def _ready(self) -> None:
        while not self.bot.is_ready():  # noqa: ASYNC110 -- wait_until_ready() raises before the login
            await asyncio.sleep(0.02)

    async def _stop_bot(self, running: asyncio.Task[None]) -> None:
        await self.bot.shut_down(GRACE_S)
        await asyncio.wait([running], timeout=GRACE_S)
        if not running.done():
            running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    # ------------------------------------------------------------------ for a stage

    def observe(self, observer: Observer) -> None:
        """Show it every event and command of the bot's calls, also of calls that begin later."""
        self._watching.append(observer)
        if hasattr(self, "companion"):
            self.companion.observers.append(observer)

    def actor(self, part: PersonOfScene) -> Actor:
        """An account in the guild for a part of the scene."""
        person = self.world.add_person(self.guild, part.name, is_admin=part.is_admin, locale=part.locale)
        return Actor(part, person, self.guild, self.discord, self.certificate.client_context())

    def channel(self, name: str) -> Channel:
        return self.channels[name]

    def chat_of(self, actor: Actor) -> Channel:
        """Where the actor types: the chat of the voice channel they are in, else of the first one."""
        return actor.channel or next(iter(self.channels.values()))
