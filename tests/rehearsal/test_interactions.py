import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.interactions import Interaction, command_data
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.world import ChannelKind, World

pytestmark = pytest.mark.shell

COMMANDS = [
    {"name": "join", "type": 1, "description": "d"},
    {
        "name": "persona",
        "type": 1,
        "description": "d",
        "options": [
            {"name": "use", "type": 1, "description": "d", "options": [{"name": "name", "type": 3, "description": "d"}]}
        ],
    },
]


@pytest.fixture
def world() -> World:
    world = World(token="token")
    guild = world.add_guild("Guild")
    world.add_channel(guild, "Lounge", ChannelKind.VOICE)
    world.add_person(guild, "Alice", is_admin=True)
    world.commands = [{**command, "id": str(world.new_id())} for command in COMMANDS]
    return world


@contextlib.asynccontextmanager
async def identified(
    server: DiscordServer, token: str = "token"
) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]]:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.gateway_url) as socket:
        assert (await socket.receive_json())["op"] == 10
        await socket.send_json({"op": 2, "d": {"token": token, "shard": [0, 1]}})
        yield http, socket


async def event(socket: aiohttp.ClientWebSocketResponse, name: str) -> dict[str, Any]:
    while True:
        message = json.loads((await socket.receive(timeout=5)).data)
        if message["t"] == name:
            return dict(message["d"])


def press_of(server: DiscordServer, world: World) -> Interaction:
    return next(iter(server.rest.interactions.values()))


def test_a_subcommand_is_built_as_discord_builds_it(world: World) -> None:
    data = command_data(world, "persona use", {"name": "xiaoyue"})
    assert data["options"] == [
        {"name": "use", "type": 1, "options": [{"name": "name", "type": 3, "value": "xiaoyue"}]},
    ]


def test_a_command_that_nobody_declared_is_named(world: World) -> None:
    with pytest.raises(LookupError, match="no command /dance; there are: join, persona"):
        command_data(world, "dance", {})
    with pytest.raises(LookupError, match="no option colour of use"):
        command_data(world, "persona use", {"colour": "red"})


async def test_a_wrong_token_is_closed_with_4004(world: World) -> None:
    async with DiscordServer(world, VoiceServer()) as server, identified(server, token="wrong") as (_, socket):
        message = await socket.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == 4004


async def test_a_late_first_answer_is_refused_and_a_second_one_too(world: World) -> None:
    async with DiscordServer(world, VoiceServer()) as server, identified(server) as (http, socket):
        guild = next(iter(world.guilds.values()))
        channel, person = next(iter(guild.channels.values())), next(p for p in guild.people.values() if not p.is_bot)
        await event(socket, "GUILD_CREATE")
        for _ in range(2):
            await server.command(guild, person, channel, "join")
        prompt, late = server.rest.interactions.values()
        late.sent_at = time.monotonic() - 4
        answers = []
        for one in (prompt, prompt, late):
            url = f"{server.api_base}/interactions/{one.interaction_id}/{one.token}/callback"
            async with http.post(url, json={"type": 4, "data": {"content": "hi", "flags": 64}}) as response:
                answers.append((response.status, (await response.json()).get("code")))
        assert answers == [(200, None), (400, 40060), (404, 10062)]
        assert prompt.text == "hi"
        assert prompt.replies[0].ephemeral_for == person.user_id
        assert not late.replies


async def test_a_deferred_answer_is_read_when_it_is_edited(world: World) -> None:
    async with DiscordServer(world, VoiceServer()) as server, identified(server) as (http, socket):
        guild = next(iter(world.guilds.values()))
        channel, person = next(iter(guild.channels.values())), next(p for p in guild.people.values() if not p.is_bot)
        await event(socket, "GUILD_CREATE")
        one = await server.command(guild, person, channel, "join")
        base = f"{server.api_base}/interactions/{one.interaction_id}/{one.token}/callback"
        await http.post(base, json={"type": 5, "data": {"flags": 64}})
        assert one.is_deferred
        reading = asyncio.create_task(one.wait_reply(5))
        hook = f"{server.api_base}/webhooks/{world.application_id}/{one.token}/messages/@original"
        await http.patch(hook, json={"content": "done"})
        assert (await reading).text == "done"
        assert one.replies[0].ephemeral_for == person.user_id


async def test_a_resume_replays_what_was_missed_and_an_unknown_session_is_invalid(world: World) -> None:
    async with DiscordServer(world, VoiceServer()) as server:
        async with identified(server) as (_, socket):
            session_id = (await event(socket, "READY"))["session_id"]
        await server.gateway.dispatch(next(iter(world.guilds)), "GUILD_UPDATE", {"id": "1"})
        async with aiohttp.ClientSession() as http, http.ws_connect(server.gateway_url) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 6, "d": {"token": "token", "session_id": session_id, "seq": 2}})
            assert (await event(socket, "GUILD_UPDATE")) == {"id": "1"}
            await event(socket, "RESUMED")
        async with aiohttp.ClientSession() as http, http.ws_connect(server.gateway_url) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 6, "d": {"token": "token", "session_id": "gone", "seq": 2}})
            assert (await socket.receive_json())["op"] == 9


async def test_op_4_without_permission_or_into_a_full_channel_is_not_answered(world: World) -> None:
    async with VoiceServer() as voice, DiscordServer(world, voice) as server, identified(server) as (_, socket):
        guild = next(iter(world.guilds.values()))
        channel, person = next(iter(guild.channels.values())), next(p for p in guild.people.values() if not p.is_bot)
        await event(socket, "GUILD_CREATE")
        channel.user_limit = 1
        await server.join_voice(guild, person, channel)
        request = {"guild_id": str(guild.guild_id), "channel_id": str(channel.channel_id)}
        await socket.send_json({"op": 4, "d": request})
        await socket.send_json({"op": 1, "d": None})
        assert (await event(socket, "VOICE_STATE_UPDATE"))["user_id"] == str(person.user_id)
        assert json.loads((await socket.receive(timeout=5)).data)["op"] == 11
        channel.user_limit = 0
        deny = {"id": str(world.bot.user_id), "type": 1, "allow": "0", "deny": str(1 << 20)}
        channel.overwrites.append(deny)
        await socket.send_json({"op": 4, "d": request})
        await socket.send_json({"op": 1, "d": None})
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["op"] != 11:
            seen.append(json.loads((await socket.receive(timeout=5)).data))
        assert [one["t"] for one in seen] == [None]
