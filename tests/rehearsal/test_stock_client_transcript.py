"""What our connection says to a voice server, op by op, beside what discord.py's own client says in the same call.

Both come in through discord.py's shipped gateway and REST client, over the loopback Discord; the same things happen to
both. Every difference of their client-to-server transcripts is listed in `DIFFERENCES` with its reason; a difference that
is not listed fails the test, and so does a reason that has no difference any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from stock import Encoded
from tones import said, strength, tone
from waiting import PATIENCE_S, until

from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.voice_server import Rules, VoiceServer
from bot.rehearsal.voice_session import ClientMessage
from bot.rehearsal.world import Channel, ChannelKind, Guild, Person, World
from bot.voice.connection import Connection, voice_protocol
from bot.voice.pacer import Pacer

pytestmark = pytest.mark.rehearsal

HZ = 600.0
HEARTBEAT = 3
PIECE = tone(HZ, 0.3).tobytes()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@dataclass
class Scene:
    """A loopback Discord with Alice and Bob, and discord.py logged in as the bot."""

    voice: VoiceServer
    server: DiscordServer
    client: discord.Client
    guild: Guild
    channel: Channel
    alice: Person
    bob: Person

    @property
    def bot_id(self) -> int:
        return self.server.world.bot.user_id

    def room(self) -> Any:
        return self.client.get_channel(self.channel.channel_id)

    @asynccontextmanager
    async def inside(self, person: Person) -> AsyncIterator[MemberVoice]:
        ticket = await self.server.join_voice(self.guild, person, self.channel)
        async with MemberVoice(ticket, self.voice.client_context) as member:
            yield member
        await self.server.leave_voice(self.guild, person.user_id)


@asynccontextmanager
async def scene(
    certificate: Certificate, patch: pytest.MonkeyPatch, kind: ChannelKind = ChannelKind.VOICE
) -> AsyncIterator[Scene]:
    world = World(token="token")
    guild = world.add_guild("Guild")
    channel = world.add_channel(guild, "Lounge", kind)
    alice, bob = world.add_person(guild, "Alice"), world.add_person(guild, "Bob")
    rules = Rules(heartbeat_interval_ms=1000)
    tls, trust = certificate.server_context(), certificate.client_context()
    async with VoiceServer(tls, trust, rules=rules) as voice, DiscordServer(world, voice, tls) as server:
        patch.setattr(discord.http.Route, "BASE", server.api_base)
        intents = discord.Intents(guilds=True, voice_states=True)
        client = discord.AutoShardedClient(
            intents=intents, connector=aiohttp.TCPConnector(ssl=trust), guild_ready_timeout=0.05
        )
        async with client:
            running = asyncio.create_task(client.start("token"))
            await client.wait_until_ready()
            yield Scene(voice, server, client, guild, channel, alice, bob)
            await client.close()
            await running


Play = Callable[[], Awaitable[None]]


@asynccontextmanager
async def stock_client(stage: Scene) -> AsyncIterator[Play]:
    client: discord.VoiceClient = await stage.room().connect(timeout=PATIENCE_S)

    async def play() -> None:
        finished = asyncio.Event()
        loop = asyncio.get_running_loop()
        client.play(Encoded(PIECE), after=lambda error: loop.call_soon_threadsafe(finished.set))
        await finished.wait()

    yield play
    await client.disconnect(force=True)


@asynccontextmanager
async def our_client(stage: Scene) -> AsyncIterator[Play]:
    pacer = Pacer()
    people = (stage.alice.user_id, stage.bob.user_id)
    protocol = voice_protocol(pacer, allowed=people, tls=stage.voice.client_context)
    connection: Connection = await stage.room().connect(cls=protocol, timeout=PATIENCE_S)
    datagrams = stage.voice.media(stage.bot_id).counts
    await until(
        lambda: datagrams["keepalives"] and datagrams["packets"]
    )  # before it has anything to say: `DIFFERENCES`
    drained = asyncio.Event()
    connection.on_playout(lambda event: drained.set() if "Ended" in type(event).__name__ else None)

    async def play() -> None:
        drained.clear()
        connection.play("item", PIECE)
        connection.finish()
        await drained.wait()

    yield play
    await connection.disconnect(force=True)


async def settle() -> None:
    await asyncio.sleep(0.3)


async def heard(member: MemberVoice, stage: Scene, play: Play) -> None:
    """The client plays its piece, and the member hears it."""
    since = asyncio.get_running_loop().time()
    await play()
    await member.until_quiet(stage.bot_id, quiet_s=0.3)
    await settle()
    assert strength(said(member, stage.bot_id, since), HZ) > 0.2
    assert stage.voice.media(stage.bot_id).faults() == {}


@dataclass
class Record:
    """What one client said: `ops` on the websocket in order, `habits` of its datagrams."""

    ops: list[str]
    habits: set[str]
    heartbeats: set[str]


def record(stage: Scene, habits: set[str]) -> Record:
    transcript = stage.voice.transcript(stage.bot_id)
    heartbeats = {shape(message) for message in transcript if message.op == HEARTBEAT}
    return Record([shape(message) for message in transcript if message.op != HEARTBEAT], habits, heartbeats)


def habits_before_speaking(stage: Scene) -> set[str]:
    """What has come by UDP from a client that has nothing to say yet."""
    return {f"datagrams: {name}" for name in stage.voice.media(stage.bot_id).counts if not name.startswith("forwarded")}


async def busy_call(stage: Scene, kind: Callable[[Scene], Any]) -> Record:
    """A member is there; another comes and goes; the call empties and fills; the client speaks in between."""
    everyone = {stage.bot_id, stage.alice.user_id}
    async with stage.inside(stage.alice) as alice, kind(stage) as play:
        await alice.until_ready(others=everyone)
        await settle()
        habits = habits_before_speaking(stage)
        await heard(alice, stage, play)
        async with stage.inside(stage.bob) as bob:
            await bob.until_ready(others=everyone)
            await settle()
            await heard(bob, stage, play)
        await alice.until(lambda: stage.bob.user_id not in alice.group.user_ids)
        await settle()
        await stage.server.leave_voice(stage.guild, stage.alice.user_id)
        await settle()
        async with stage.inside(stage.alice) as again:
            await again.until_ready(others=everyone)
            await settle()
            await heard(again, stage, play)
    return record(stage, habits)


async def stage_call(stage: Scene, kind: Callable[[Scene], Any]) -> Record:
    """No encryption, and a bot that was let up from the audience."""
    async with stage.inside(stage.alice) as alice, kind(stage) as play:
        stage.voice.set_mute(stage.guild.guild_id, stage.bot_id, False)
        await settle()
        habits = habits_before_speaking(stage)
        await heard(alice, stage, play)
    return record(stage, habits)


async def downgraded_call(stage: Scene, kind: Callable[[Scene], Any]) -> Record:
    """Down to version 0 and up again."""
    async with stage.inside(stage.alice) as alice, kind(stage) as play:
        await alice.until_ready(others={stage.bot_id, stage.alice.user_id})
        await settle()
        habits = habits_before_speaking(stage)
        for version in (0, 1):
            stage.voice.set_version(stage.channel.channel_id, version)
            await alice.until(lambda wanted=version: alice.group.version == wanted)  # type: ignore[misc]
            await settle()
            await heard(alice, stage, play)
    return record(stage, habits)


def shape(message: ClientMessage) -> str:
    """An op with its keys; SSRCs and nonces differ by nature, sizes of MLS messages by the length of signatures."""
    values = dict(message.values)
    if message.op == 5:
        return f"5 {', '.join(message.keys)} speaking={values.get('speaking')}"
    return f"{message.op} {'binary' if message.is_binary else ', '.join(message.keys)}"


def differences(theirs: Record, ours: Record) -> set[str]:
    """`-` only discord.py says it there, `+` only we do."""
    found = {f"- {one}" for one in theirs.habits - ours.habits} | {f"+ {one}" for one in ours.habits - theirs.habits}
    for kind, i, j, k, m in SequenceMatcher(a=theirs.ops, b=ours.ops, autojunk=False).get_opcodes():
        if kind != "equal":
            found |= {f"- {one}" for one in theirs.ops[i:j]} | {f"+ {one}" for one in ours.ops[k:m]}
    return found


DIFFERENCES: dict[str, str] = {
    "+ datagrams: keepalives": (
        "discord.py sends none, and Discord stops forwarding to it after five to nine minutes "
        "(py-cord issue 3388, discord.js issue 2992); official clients send one every five seconds"
    ),
    "+ datagrams: packets": (
        "one silence frame after op 4: servers were seen to forward nothing to an address that never sent audio "
        "(discord-api-docs issue 808); dysnomia does the same"
    ),
}


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        (busy_call, ChannelKind.VOICE),
        (stage_call, ChannelKind.STAGE),
        (downgraded_call, ChannelKind.VOICE),
    ],
)
async def test_our_transcript_is_discord_pys_but_for_reasons(
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    play: Callable[[Scene, Callable[[Scene], Any]], Awaitable[Record]],
    kind: ChannelKind,
) -> None:
    async with scene(certificate, monkeypatch, kind) as stage:
        theirs = await play(stage, stock_client)
    async with scene(certificate, monkeypatch, kind) as stage:
        ours = await play(stage, our_client)
        assert stage.voice.closes == []
    assert differences(theirs, ours) == set(DIFFERENCES)
    assert theirs.ops[:3] == [
        "0 max_dave_protocol_version, server_id, session_id, token, user_id",
        "1 data, protocol",
        "5 delay, speaking, ssrc speaking=0",
    ]
    if kind is ChannelKind.VOICE:  # the other call is too short for a heartbeat to be sure
        assert theirs.heartbeats == ours.heartbeats == {"3 seq_ack, t"}
