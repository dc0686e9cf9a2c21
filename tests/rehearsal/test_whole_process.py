"""`python -m bot run` as an operator starts it, in a call on the loopback Discord: what members hear of it, and what it writes down."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rooms import ANN_HZ, BOB_HZ, REPLY_HZ, loudest, voice
from waiting import PATIENCE_S, START_S, until

from bot.rehearsal.certificate import make_certificate
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.house import TOKEN
from bot.rehearsal.people import Actor
from bot.rehearsal.scene import PersonOfScene
from bot.rehearsal.stepfun import FakeStepFun, HistoryItem, SpokenReply, tone
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.world import Channel, ChannelKind, Guild, World

pytestmark = pytest.mark.rehearsal

ROOT = Path(__file__).parents[2]
GOODBYE_HZ = 700.0
NAME, SPOKEN, TYPED, ANSWER = "Rosalind", "the heron stands in the reeds", "a typed marmalade", "as you wish, marmoset"


def answer(history: Sequence[HistoryItem]) -> SpokenReply:
    """A tone of its own for the goodbye."""
    is_goodbye = any("Say goodbye" in item.text for item in history)
    return SpokenReply(ANSWER, tone(500, GOODBYE_HZ if is_goodbye else REPLY_HZ))


@dataclass
class Outside:
    """Everything around the process."""

    discord: DiscordServer
    voice: VoiceServer
    model: FakeStepFun
    guild: Guild
    lounge: Channel
    ann: Actor
    environment: dict[str, str]
    lines: list[str] = field(default_factory=list)

    @property
    def bot_id(self) -> int:
        return self.discord.world.bot.user_id

    def events(self, name: str) -> list[dict[str, Any]]:
        logged = [json.loads(line) for line in self.lines if line.startswith("{")]
        return [event for event in logged if event["event"] == name]

    async def run(self, path: str, **options: Any) -> str:
        return (await self.ann.command(self.lounge, path, options)).text

    async def hears(self, after: float) -> None:
        await self.ann.voice.until_heard(self.bot_id, after=after)
        await self.ann.voice.until_quiet(self.bot_id, quiet_s=0.3)


@asynccontextmanager
async def outside(folder: Path) -> AsyncIterator[Outside]:
    certificate = make_certificate(folder / "tls")
    tls = certificate.server_context()
    world = World(token=TOKEN)
    guild = world.add_guild("The Reading Room")
    lounge = world.add_channel(guild, "Lounge", ChannelKind.VOICE)
    async with (
        VoiceServer(tls) as voice_server,
        DiscordServer(world, voice_server, tls) as discord,
        FakeStepFun(reply=answer, transcribe=lambda _: SPOKEN) as model,
    ):
        person = world.add_person(guild, NAME)
        ann = Actor(PersonOfScene(name=NAME), person, guild, discord, certificate.client_context())
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KITH_", "STEPFUN_"))},
            "PYTHONPATH": str(ROOT),
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_BASE": discord.api_base,
            "SSL_CERT_FILE": str(certificate.bundle),
            "KITH_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/data/kith.sqlite3",
            "KITH_PROVIDER": "stepfun",
            "STEPFUN_URL": model.url,
            "STEPFUN_API_KEY": model.key,
            "KITH_LOG_FORMAT": "json",
            "KITH_LOG_LEVEL": "debug",
        }
        yield Outside(discord, voice_server, model, guild, lounge, ann, environment)


@asynccontextmanager
async def started(outside: Outside, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, ready; its lines are collected. It does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", cwd=folder, env=outside.environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip

    async def collect() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            outside.lines.append(line.decode())

    collecting = asyncio.create_task(collect())
    try:
        await until(lambda: bool(outside.events("ready")) or process.returncode is not None, START_S)
        assert process.returncode is None, "".join(outside.lines)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await collecting


async def test_a_process_greets_answers_outlives_its_gateway_session_and_says_goodbye(tmp_path: Path) -> None:
    async with outside(tmp_path) as world:
        async with started(world, tmp_path) as process:
            assert [event["level"] for event in world.events("ready")] == ["info"]
            await world.ann.enter(world.lounge)
            await world.run("consent allow")
            began = time.monotonic()
            assert "I am in **Lounge**" in await world.run("join")
            await world.hears(after=began)
            await ask_and_hear(world)
            await lose_the_gateway_session(world)
            assert await world.run("say", text=TYPED) == "I heard you."
            await world.hears(after=time.monotonic())
            await terminate_and_hear_goodbye(world, process)
        assert process.returncode == 0, "".join(world.lines)
        assert world.bot_id not in world.guild.voice_states, "no ghost stays in the channel"
        await until(lambda: world.model.talk.closed.is_set())
        await world.ann.leave()
        nothing_private_is_written(world)


async def ask_and_hear(world: Outside) -> None:
    await world.ann.voice.until_ready(others={world.bot_id})
    await world.ann.speak(voice(ANN_HZ))
    await world.hears(after=time.monotonic())
    assert loudest(world.model.talk.sound, ANN_HZ) > 0.1


async def lose_the_gateway_session(world: Outside) -> None:
    """Op 9: the talk goes on meanwhile; the bot identifies anew, at the address that REST gave."""
    gateway, rest = world.discord.gateway, world.discord.rest
    before = gateway.identifies
    await gateway.invalidate()
    await ask_and_hear(world)
    await until(lambda: gateway.identifies > before and bool(gateway.sessions))
    assert gateway.identifies == before + 1
    assert rest.unknown_routes == {}


async def terminate_and_hear_goodbye(world: Outside, process: asyncio.subprocess.Process) -> None:
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        await process.wait()
    goodbye = world.ann.voice.heard(world.bot_id, since=asked)
    assert loudest(goodbye, GOODBYE_HZ) > 0.05, "a goodbye is heard"
    assert loudest(goodbye, BOB_HZ) < 0.02, "and the ear that hears it can tell tones apart"


def nothing_private_is_written(world: Outside) -> None:
    written = "".join(world.lines)
    assert all(event["event"] for line in world.lines if line.startswith("{") for event in [json.loads(line)])
    for secret in (TOKEN, TOKEN.rsplit(".", 1)[1], world.model.key):
        assert secret not in written
    for private in (NAME, SPOKEN, TYPED, "marmalade", ANSWER, "heron"):
        assert private not in written
    for leak in ("Traceback", "Task was destroyed", "never retrieved", "Unclosed"):
        assert leak not in written, written
