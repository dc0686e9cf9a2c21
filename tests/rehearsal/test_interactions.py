import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import discord
import pytest
from discord import ui
from discord.http import Route
from waiting import PATIENCE_S

from bot.discord_door import INTENTS, DiscordDoor
from bot.rehearsal.discord_server import DiscordServer
from bot.rehearsal.interactions import Interaction, command_data, press_data
from bot.rehearsal.menus import choice_data, form_data
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.world import ChannelKind, Guild, Message, Payload, World

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
        message = json.loads((await socket.receive(timeout=PATIENCE_S)).data)
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


# ---------------------------------------------------------------------------- menus and forms


def message_with(world: World, *components: Payload) -> Message:
    return world.post(1, {"components": [{"type": 1, "components": [part]} for part in components]}, author=world.bot)


def guild_of(world: World) -> Guild:
    return next(iter(world.guilds.values()))


def person_of(guild: Guild) -> int:
    return next(person.user_id for person in guild.people.values() if not person.is_bot)


MENU: Payload = {
    "type": 3,
    "custom_id": "scene",
    "options": [{"label": "Bedtime", "value": "bed", "default": True}, {"label": "Study", "value": "study"}],
}


def test_an_option_is_chosen_by_its_label_or_its_value(world: World) -> None:
    guild = guild_of(world)
    for named in ("study", "STUDY", "Study"):
        data = choice_data(guild, person_of(guild), message_with(world, MENU), "scene", [named])
        assert data == {"custom_id": "scene", "component_type": 3, "values": ["study"]}


def test_what_a_menu_does_not_offer_cannot_be_chosen(world: World) -> None:
    guild, message = guild_of(world), message_with(world, MENU)
    with pytest.raises(LookupError, match="no menu pace; there are: scene"):
        choice_data(guild, 1, message, "pace", ["study"])
    with pytest.raises(LookupError, match="no Party; it has: Bedtime, Study"):
        choice_data(guild, 1, message, "scene", ["Party"])
    with pytest.raises(LookupError, match="wants 1 to 1 values, not 2"):
        choice_data(guild, 1, message, "scene", ["bed", "study"])


def test_a_channel_menu_offers_its_kinds_and_hands_over_the_channel(world: World) -> None:
    guild = guild_of(world)
    text = world.add_channel(guild, "general", ChannelKind.TEXT)
    message = message_with(world, {"type": 8, "custom_id": "where", "channel_types": [0], "max_values": 2})
    data = choice_data(guild, person_of(guild), message, "where", ["general"])
    assert data["values"] == [str(text.channel_id)]
    assert data["resolved"]["channels"][str(text.channel_id)]["name"] == "general"
    assert int(data["resolved"]["channels"][str(text.channel_id)]["permissions"]) > 0
    with pytest.raises(LookupError, match="no Lounge; it has: general"):
        choice_data(guild, person_of(guild), message, "where", ["Lounge"])


def test_role_and_user_menus_hand_over_who_is_meant(world: World) -> None:
    guild = guild_of(world)
    alice = person_of(guild)
    roles = choice_data(guild, alice, message_with(world, {"type": 6, "custom_id": "r"}), "r", ["Admins"])
    assert [role["name"] for role in roles["resolved"]["roles"].values()] == ["Admins"]
    users = choice_data(guild, alice, message_with(world, {"type": 5, "custom_id": "u"}), "u", ["Alice"])
    assert users["resolved"]["users"][str(alice)]["global_name"] == "Alice"
    assert "user" not in users["resolved"]["members"][str(alice)]


def test_a_menu_may_be_left_empty_only_where_it_allows_that(world: World) -> None:
    guild = guild_of(world)
    optional = message_with(world, {"type": 6, "custom_id": "r", "min_values": 0, "max_values": 5})
    assert choice_data(guild, 1, optional, "r", [])["values"] == []
    with pytest.raises(LookupError, match="wants 1 to 1 values, not 0"):
        choice_data(guild, 1, message_with(world, {"type": 6, "custom_id": "r"}), "r", [])


def test_buttons_and_menus_are_found_in_any_nesting(world: World) -> None:
    inner = {"type": 1, "components": [{"type": 2, "custom_id": "deep", "label": "Deep"}]}
    section = {
        "type": 9,
        "components": [{"type": 10, "content": "Words beside it"}],
        "accessory": {"type": 2, "custom_id": "beside", "emoji": {"name": "🌙"}},
    }
    menu = {"type": 1, "components": [MENU]}
    body = {"flags": 1 << 15, "components": [{"type": 17, "components": [section, inner, menu]}]}
    message = world.post(1, body, author=world.bot)
    assert message.buttons == {"deep": "Deep", "beside": "🌙"}
    assert list(message.menus) == ["scene"]
    assert "Words beside it" in message.content
    assert press_data(message, "beside") == {"custom_id": "beside", "component_type": 2}
    with pytest.raises(LookupError, match="no button scene; there are: beside, deep"):
        press_data(message, "scene")


def test_a_form_keeps_what_it_showed_where_nothing_is_written(world: World) -> None:
    guild = guild_of(world)
    form = {
        "custom_id": "form",
        "title": "t",
        "components": [
            {"type": 1, "components": [{"type": 4, "custom_id": "name", "value": "Rook"}]},
            {"type": 1, "components": [{"type": 4, "custom_id": "line"}]},
            {"type": 10, "content": "Only words"},
            {"type": 18, "label": "Scene", "component": MENU},
            {"type": 18, "label": "Who", "component": {"type": 6, "custom_id": "who", "required": True}},
        ],
    }
    data = form_data(guild, person_of(guild), form, {"line": "Ahoy", "who": ["Admins"]})
    sent = {}
    for row in data["components"]:
        part = row["component"] if row["type"] == 18 else row["components"][0]
        sent[part["custom_id"]] = part.get("value", part.get("values"))
    assert sent == {"name": "Rook", "line": "Ahoy", "scene": ["bed"], "who": [str(guild.admin_role_id)]}
    assert list(data["resolved"]) == ["roles"]
    with pytest.raises(LookupError, match="no field colour; there are: name, line, scene, who"):
        form_data(guild, 1, form, {"colour": "red"})


async def test_a_wrong_token_is_closed_with_4004(world: World) -> None:
    async with DiscordServer(world, VoiceServer()) as server, identified(server, token="wrong") as (_, socket):
        message = await socket.receive(timeout=PATIENCE_S)
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
        assert json.loads((await socket.receive(timeout=PATIENCE_S)).data)["op"] == 11
        channel.user_limit = 0
        deny = {"id": str(world.bot.user_id), "type": 1, "allow": "0", "deny": str(1 << 20)}
        channel.overwrites.append(deny)
        await socket.send_json({"op": 4, "d": request})
        await socket.send_json({"op": 1, "d": None})
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["op"] != 11:
            seen.append(json.loads((await socket.receive(timeout=PATIENCE_S)).data))
        assert [one["t"] for one in seen] == [None]


class Panel(ui.View):
    """A menu of each kind, and a button that opens a form with one."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.seen: list[object] = []
        for item in (ui.RoleSelect[Any](custom_id="role"), ui.ChannelSelect[Any](custom_id="channel"), ui.UserSelect[Any](custom_id="user")):  # fmt: skip
            item.callback = partial(self.chosen, item)  # type: ignore[method-assign]
            self.add_item(item)

    async def chosen(self, item: Any, interaction: discord.Interaction) -> None:
        self.seen += [value.name for value in item.values]
        await interaction.response.send_message("noted", ephemeral=True)

    @ui.button(label="Write", custom_id="write")
    async def write(self, interaction: discord.Interaction, _: ui.Button[Any]) -> None:
        panel = self

        class Form(ui.Modal, title="Form"):
            words: ui.TextInput[Any] = ui.TextInput(label="Words", custom_id="words")
            whom: ui.Label[Any] = ui.Label(text="Whom", component=ui.UserSelect(custom_id="whom"))

            async def on_submit(self, interaction: discord.Interaction) -> None:
                assert isinstance(self.whom.component, ui.UserSelect)
                panel.seen += [self.words.value, *(user.name for user in self.whom.component.values)]
                await interaction.response.edit_message(content="written")

        await interaction.response.send_modal(Form())


async def test_the_library_reads_choices_and_forms_as_it_reads_discords(world: World) -> None:
    guild = guild_of(world)
    person = guild.people[person_of(guild)]
    lounge = next(iter(guild.channels.values()))
    async with DiscordServer(world, VoiceServer()) as server, logged_in(server) as client:
        panel = Panel()
        client.add_view(panel)
        message = world.post(lounge.channel_id, {"components": panel.to_components()}, author=world.bot)
        for menu, name in (("role", "Admins"), ("channel", "Lounge"), ("user", "Alice")):
            assert (await (await server.choose(guild, person, message, menu, [name])).wait_reply()).text == "noted"
        form = await (await server.press(guild, person, message, "write")).wait_reply()
        sent = await server.submit(guild, person, form, {"words": "moss", "whom": "Alice"})
        assert (await sent.wait_reply()).text == "written"
        assert panel.seen == ["Admins", "Lounge", "alice", "moss", "alice"]


@contextlib.asynccontextmanager
async def logged_in(server: DiscordServer) -> AsyncIterator[discord.Client]:
    base = Route.BASE
    Route.BASE = server.api_base
    client = DiscordDoor(intents=INTENTS)
    running = asyncio.create_task(client.start("token"))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not client.is_ready():  # noqa: ASYNC110 -- wait_until_ready() raises before the login
                await asyncio.sleep(0.01)
        yield client
    finally:
        await client.close()
        await asyncio.gather(running, return_exceptions=True)
        Route.BASE = base
