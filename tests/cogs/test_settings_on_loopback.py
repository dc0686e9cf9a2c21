"""/settings as admins meet it, and what settings do to calls: the shipped bot on the loopback Discord, over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Stage, loopback
from waiting import until

from bot.app import KithBot
from bot.process import running
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import Channel, ChannelKind, Person
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.storage.usage import Usage, UsageLedger

pytestmark = pytest.mark.rehearsal

DJ = 77_000
GRACE_S = 0.4


def bot_of(stage: Stage) -> KithBot:
    assert stage.bot is not None
    return stage.bot


def is_in(stage: Stage, channel: Channel) -> bool:
    state = stage.guild.voice_states.get(stage.world.bot.user_id)
    return state is not None and state.channel_id == channel.channel_id


def is_away(stage: Stage) -> bool:
    is_calling = bot_of(stage).companion.status(stage.guild.guild_id) is not None
    return stage.world.bot.user_id not in stage.guild.voice_states and not is_calling


async def stays_away(stage: Stage, for_s: float = 0.8) -> bool:
    """Coming by itself takes less than a tenth of that."""
    ends_at = time.monotonic() + for_s
    while time.monotonic() < ends_at and is_away(stage):  # noqa: ASYNC110 -- what must not come has no event
        await asyncio.sleep(0.02)
    return is_away(stage)


def told_in(stage: Stage, channel: Channel) -> list[str]:
    return [one.content for one in stage.world.messages.values() if one.channel_id == channel.channel_id]


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bot is up on a server with a role, a text channel, a second voice channel and a second admin, and goes soon when alone."""
    async with loopback(tmp_path, monkeypatch) as stage:
        stage.guild.roles[DJ] = ("DJ", 0)
        stage.world.add_channel(stage.guild, "changes", ChannelKind.TEXT)
        stage.world.add_channel(stage.guild, "Attic", ChannelKind.VOICE)
        stage.world.add_person(stage.guild, "Bea", is_admin=True, locale="zh-CN")
        settings = stage.settings.model_copy(update={"kith_alone_s": GRACE_S})
        async with running(settings) as stage.bot:
            yield stage


def named(stage: Stage, name: str) -> Channel:
    return next(channel for channel in stage.guild.channels.values() if channel.name == name)


def person(stage: Stage, name: str) -> Person:
    return next(one for one in stage.guild.people.values() if one.name == name)


class Panel:
    """One admin's panel, as they press on it."""

    def __init__(self, stage: Stage, admin: Person, opened: Interaction) -> None:
        self._stage, self._admin, self.last = stage, admin, opened

    @classmethod
    async def open(cls, stage: Stage, admin: Person) -> Panel:
        return cls(stage, admin, await stage.run(admin, "settings"))

    @property
    def text(self) -> str:
        return self.last.text

    async def tab(self, name: str) -> str:
        message = self.last.replies[-1]
        custom_id = next(one for one in message.buttons if f":page:{name}:" in one)
        self.last = await (
            await self._stage.discord.press(self._stage.guild, self._admin, message, custom_id)
        ).wait_reply()
        return self.text

    async def change(self, label: str) -> Interaction:
        return await self.choose(":change:", label)

    async def choose(self, menu: str, *values: str) -> Interaction:
        message = self.last.replies[-1]
        custom_id = next(one for one in message.menus if menu in one)
        used = await (
            await self._stage.discord.choose(self._stage.guild, self._admin, message, custom_id, list(values))
        ).wait_reply()
        if used.replies:
            self.last = used
        return used

    async def write(self, label: str, text: str) -> str:
        form = await self.change(label)
        (field,) = [part["custom_id"] for row in form.form["components"] for part in row["components"]]
        self.last = await self._stage.submit(self._admin, form, **{field: text})
        return self.text


async def kept(stage: Stage) -> GuildSettings:
    return await bot_of(stage).companion.guilds.get(stage.guild.guild_id)


async def choose(stage: Stage, name: str, value: Any) -> None:
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, name, value)


# ---------------------------------------------------------------------------- the panel


async def test_an_admin_changes_settings_by_menu_and_form_and_finds_them_in_the_audit_and_its_channel(
    server: Stage,
) -> None:
    panel = await Panel.open(server, server.alice)
    assert "**Persona:** my operator's choice" in panel.text
    assert panel.last.replies[-1].ephemeral_for == server.alice.user_id

    await panel.tab("keeps")
    await panel.change("Where changes are told")
    await panel.choose(":set:audit_channel_id:", "changes")
    assert f"**Where changes are told:** <#{named(server, 'changes').channel_id}>" in panel.text

    await panel.tab("where")
    await panel.change("Coming by myself")
    assert "Done: **Coming by myself** is changed." in panel.text
    assert "**Coming by myself:** on" in panel.text
    assert "does nothing yet: name the **Voice channels**" in panel.text, "no channel is named"
    await panel.change("Who may talk with me")
    await panel.choose(":set:user_role_ids:", "DJ")
    assert f"**Who may talk with me:** <@&{DJ}>" in panel.text
    assert "**Quiet hours:** 22:00-07:00 Europe/Berlin" in await panel.write(
        "Quiet hours", "22:00 - 7:00 europe/berlin"
    )
    await panel.tab("who")
    await panel.change("Persona")
    await panel.choose(":set:persona:", "Quill")
    await panel.tab("spends")
    assert "my operator allows at most 14 400 s (4 h)" in await panel.write("Speech a day, all together", "5h")
    assert "10 800 s (3 h)" in await panel.write("Speech a day, all together", "3h")

    settings = await kept(server)
    assert (settings.auto_join, settings.user_role_ids, settings.persona) == (True, frozenset({DJ}), "quizhost")
    assert (settings.quiet_hours, settings.guild_seconds_per_day) == ("22:00-07:00 Europe/Berlin", 10_800)

    lines = (await panel.tab("audit")).splitlines()
    by = f"<@{server.alice.user_id}>"
    assert len(lines) == 1 + 6
    assert lines[1].endswith(
        f"{by} · **Speech a day, all together:** my operator's limit: 14 400 s (4 h) → 10 800 s (3 h)"
    )
    assert lines[2].endswith(f"{by} · **Persona:** my operator's choice → Quill")
    await until(lambda: len(told_in(server, named(server, "changes"))) == 6)
    told = told_in(server, named(server, "changes"))
    assert any(f"{by} · **Coming by myself:** off → on" in line for line in told)

    await server.run(server.alice, "persona use", name="bedtime")
    await until(lambda: len(told_in(server, named(server, "changes"))) == 7)
    assert f"{by} · **Persona:** Quill → Wanwan" in told_in(server, named(server, "changes"))[-1]
    assert server.discord.rest.unknown_routes == {}


async def test_what_a_form_does_not_take_is_told_with_what_was_expected_and_changes_nothing(server: Stage) -> None:
    panel = await Panel.open(server, person(server, "Bea"))
    await panel.tab("where")
    assert "不认识时区 Moon/Base" in await panel.write("安静时段", "22:00-07:00 Moon/Base")
    await panel.tab("spends")
    assert "每天通话量（全服） 不能设成这样：请写 60 秒到 24 小时之间的时长" in await panel.write(
        "每天通话量（全服）", "soon"
    )
    form = await panel.change("每天花费（全服）")
    (field,) = [part["custom_id"] for row in form.form["components"] for part in row["components"]]
    answer = await server.submit(person(server, "Bea"), form, **{field: "9" * 10_000})
    assert "请写大于 0" in answer.text
    assert await kept(server) == GuildSettings(guild_id=server.guild.guild_id)
    assert await bot_of(server).companion.guilds.changes(server.guild.guild_id) == []


async def test_lists_can_be_emptied_and_a_form_too(server: Stage) -> None:
    await choose(server, "channel_ids", [server.lounge.channel_id])
    await choose(server, "quiet_hours", "22:00-07:00 UTC")
    panel = await Panel.open(server, server.alice)
    await panel.tab("where")
    await panel.change("Voice channels")
    menu = next(menu for menu in panel.last.replies[-1].menus.values() if "default_values" in menu)
    assert [entry["id"] for entry in menu["default_values"]] == [server.lounge.channel_id]
    await panel.choose(":set:channel_ids:")
    assert "**Voice channels:** everywhere" in panel.text
    assert "**Quiet hours:** none" in await panel.write("Quiet hours", " ")
    await choose(server, "manager_role_ids", [DJ])
    await panel.tab("who")
    await panel.change("Who may choose my persona")
    clear = next(one for one in panel.last.replies[-1].buttons if ":clear:" in one)
    assert "only who may manage" in (await server.press(server.alice, panel.last, clear)).text
    assert await kept(server) == GuildSettings(guild_id=server.guild.guild_id)


async def test_a_member_without_the_right_is_refused_at_the_command_and_at_somebody_elses_panel(server: Stage) -> None:
    command = next(one for one in server.world.commands if one["name"] == "settings")
    assert command["default_member_permissions"] == 1 << 5
    refused = await server.run(server.ming, "settings")
    assert "只有能管理本服务器的人可以改我的设置" in refused.text
    assert refused.replies[-1].ephemeral_for == server.ming.user_id

    panel = await Panel.open(server, server.alice)
    message = panel.last.replies[-1]
    menu = next(iter(message.menus))
    pressed = await server.discord.choose(server.guild, server.ming, message, menu, ["Approval of personas"])
    assert "只有能管理本服务器的人" in (await pressed.wait_reply()).text
    assert not (await kept(server)).approves_personas


async def test_what_was_chosen_and_is_gone_is_told_on_its_page_and_to_whoever_calls(server: Stage) -> None:
    attic, changes = named(server, "Attic"), named(server, "changes")
    await choose(server, "channel_ids", [attic.channel_id])
    await choose(server, "user_role_ids", [DJ])
    await choose(server, "audit_channel_id", changes.channel_id)
    bea = await Panel.open(server, person(server, "Bea"))
    assert "-#" not in await bea.tab("where") + await bea.tab("keeps")

    for channel in (attic, changes):
        del server.guild.channels[channel.channel_id]
        await server.discord.gateway.dispatch(server.guild.guild_id, "CHANNEL_DELETE", channel.payload())
    del server.guild.roles[DJ]
    gone = {"guild_id": str(server.guild.guild_id), "role_id": str(DJ)}
    await server.discord.gateway.dispatch(server.guild.guild_id, "GUILD_ROLE_DELETE", gone)
    guild = bot_of(server).get_guild(server.guild.guild_id)
    assert guild is not None
    await until(lambda: guild.get_role(DJ) is None)

    where = await bea.tab("where")
    assert "-# **谁能和我说话：** 之前选的，有的已经不在本服务器了。" in where
    assert "-# **语音频道：** 之前选的，有的已经不在本服务器了。" in where
    alice = await Panel.open(server, server.alice)
    await alice.change("Approval of personas")
    assert "I tell changes nowhere: the channel under **Where changes are told** is gone" in alice.text
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    assert "are all gone. An admin can choose others" in (await server.run(server.alice, "join")).text


async def test_a_channel_for_changes_that_was_closed_to_us_is_told_with_the_change(server: Stage) -> None:
    changes = named(server, "changes")
    await choose(server, "audit_channel_id", changes.channel_id)
    changes.overwrites = [{"id": str(server.world.bot.user_id), "type": 1, "allow": "0", "deny": str(1 << 11)}]
    await show_channel(server, changes)
    guild = bot_of(server).get_guild(server.guild.guild_id)
    assert guild is not None
    known = guild.get_channel(changes.channel_id)
    assert known is not None
    await until(lambda: not known.permissions_for(guild.me).send_messages)
    panel = await Panel.open(server, server.alice)
    await panel.change("Approval of personas")
    assert "or I may not write there" in panel.text


async def test_of_two_admins_the_second_is_told_and_sees_how_it_is_now(server: Stage) -> None:
    alice, bea = await Panel.open(server, server.alice), await Panel.open(server, person(server, "Bea"))
    await alice.change("Persona")
    await bea.change("角色")
    await alice.choose(":set:persona:", "Quill")
    assert "Done" in alice.text
    await bea.choose(":set:persona:", "晚晚")
    assert "这项设置刚刚被别人改过了" in bea.text
    assert "**角色：** 何问" in bea.text
    assert (await kept(server)).persona == "quizhost"
    assert len(await bot_of(server).companion.guilds.changes(server.guild.guild_id)) == 1
    await bea.change("角色")
    await bea.choose(":set:persona:", "晚晚")
    assert (await kept(server)).persona == "bedtime", "on the fresh panel it is theirs to change"


async def test_a_double_click_changes_once(server: Stage) -> None:
    panel = await Panel.open(server, server.alice)
    message = panel.last.replies[-1]
    menu = next(iter(message.menus))
    presses = [
        await server.discord.choose(server.guild, server.alice, message, menu, ["Approval of personas"])
        for _ in range(3)
    ]
    answers = [(await press.wait_reply()).text for press in presses]
    assert all("**Approval of personas:** on" in answer for answer in answers)
    assert not any("Somebody else" in answer for answer in answers)
    assert (await kept(server)).approves_personas
    assert len(await bot_of(server).companion.guilds.changes(server.guild.guild_id)) == 1


async def test_an_old_panel_says_that_it_is_old(server: Stage) -> None:
    panel = await Panel.open(server, server.alice)
    await panel.tab("spends")
    form = await panel.change("Speech a day, all together")
    cog: Any = bot_of(server).get_cog("SettingsPanel")
    cog.clock = lambda: time.time() + 1_000
    custom_id = next(one for one in panel.last.replies[-1].buttons if ":page:who:" in one)
    pressed = await server.press(server.alice, panel.last, custom_id)
    assert "older than a quarter of an hour" in pressed.text
    answered = await server.submit(server.alice, form, guild_seconds_per_day="4h")
    assert "older than a quarter of an hour" in answered.text
    assert (await kept(server)).guild_seconds_per_day is None


# ---------------------------------------------------------------------------- what settings do


def now_quiet() -> str:
    now = datetime.now(UTC)
    return f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M} UTC"


async def test_it_comes_only_where_when_and_for_whom_the_server_wants(server: Stage) -> None:
    await server.discord.join_voice(server.guild, server.ming, server.lounge)
    await choose(server, "quiet_hours", now_quiet())
    refused = await server.run(server.ming, "join")
    assert "现在是安静时段" in refused.text
    assert refused.replies[-1].ephemeral_for == server.ming.user_id

    await choose(server, "quiet_hours", None)
    await choose(server, "channel_ids", [named(server, "Attic").channel_id])
    assert "我只进这些语音频道：Attic" in (await server.run(server.ming, "join")).text

    await choose(server, "channel_ids", [server.lounge.channel_id])
    await choose(server, "user_role_ids", [DJ])
    for path, options in (
        ("say", {"text": "hi"}),
        ("persona use", {"name": "bedtime", "for": "me"}),
        ("scene", {"name": "study"}),
    ):
        assert "哪些身份组可以叫我" in (await server.run(server.ming, path, **options)).text, path
    assert is_away(server)

    server.guild.member_roles[server.ming.user_id] = [DJ]
    assert "我是人工智能" in (await server.run(server.ming, "join")).text
    assert is_in(server, server.lounge)


async def test_a_change_acts_on_the_call_at_once_and_quiet_hours_end_it_with_a_word(server: Stage) -> None:
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    await server.run(server.alice, "consent allow")
    await server.run(server.alice, "join")
    await until(lambda: bool(server.model.talks) and "Name: Xiao Yue" in str(server.model.talk.session))
    panel = await Panel.open(server, server.alice)
    await panel.change("Persona")
    await panel.choose(":set:persona:", "Quill")
    await until(lambda: "Name: Quill" in str(server.model.talk.session))
    await panel.change("Voice")
    await panel.choose(":set:voice:", "ruyananshi")
    await until(lambda: "'voice': 'ruyananshi'" in str(server.model.talk.session))
    await panel.tab("where")
    await panel.write("Quiet hours", now_quiet())
    await until(lambda: is_away(server))
    await until(lambda: any("Quiet hours have begun" in told for told in told_in(server, server.lounge)))


async def test_a_share_of_the_day_that_an_admin_raises_counts_in_the_call_that_is_on(server: Stage) -> None:
    companion = bot_of(server).companion
    (usage,) = [one for one in companion.estate.aggregates if isinstance(one, UsageLedger)]
    today = datetime.now(UTC).date()
    await usage.add([Usage(server.guild.guild_id, server.alice.user_id, today, "stepfun", "any", 60_000, 0, 1, 0)])
    await choose(server, "member_seconds_per_day", 60)
    await server.run(server.alice, "consent allow")
    ticket = await server.discord.join_voice(server.guild, server.alice, server.lounge)
    async with MemberVoice(ticket, tls=server.discord.voice.client_context):
        await server.run(server.alice, "join")
        await until(lambda: bool(server.model.talks))
        await server.run(server.alice, "say", text="Is the moss well?")
        await until(lambda: any("share of today is used up" in told for told in told_in(server, server.lounge)))

        panel = await Panel.open(server, server.alice)
        await panel.tab("spends")
        assert "600 s (10 min)" in await panel.write("Speech a day, each member", "10 min")
        call: Any = companion.calls.call(server.guild.guild_id)
        await until(lambda: call.budget.caps.member_seconds == 600)
        await server.run(server.alice, "say", text="And the fern?")
        await until(lambda: "And the fern?" in str(server.model.talk.history))
        assert "moss" not in str(server.model.talk.history)


async def import_adult(stage: Stage) -> str:
    """A persona of the server's own, for adults; its slug."""
    data = {"name": "Mira", "description": "Mira is a botanist.", "tags": ["NSFW"], "first_mes": "Hello."}
    card = json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).encode()
    await stage.run(stage.alice, "persona import", file=stage.world.add_file("mira.json", card))
    return "mira"


async def show_channel(stage: Stage, channel: Channel) -> None:
    await stage.discord.gateway.dispatch(stage.guild.guild_id, "CHANNEL_UPDATE", channel.payload())


async def test_a_default_for_adults_comes_to_age_restricted_channels_alone_and_leaves_one_that_is_none_any_more(
    server: Stage,
) -> None:
    await choose(server, "persona", await import_adult(server))
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    assert "That persona is for adults" in (await server.run(server.alice, "join")).text
    assert is_away(server)
    server.lounge.is_nsfw = True
    await show_channel(server, server.lounge)
    assert "I am an AI" in (await server.run(server.alice, "join")).text
    server.lounge.is_nsfw = False
    await show_channel(server, server.lounge)
    await until(lambda: is_away(server))
    await until(lambda: any("age-restricted channels alone" in told for told in told_in(server, server.lounge)))


async def test_moved_to_a_channel_that_no_admin_named_it_leaves_and_says_why(server: Stage) -> None:
    attic = named(server, "Attic")
    await choose(server, "channel_ids", [server.lounge.channel_id])
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    await server.run(server.alice, "join")
    await until(lambda: is_in(server, server.lounge))
    await server.discord.move_bot(server.guild, attic)
    await until(lambda: is_away(server))
    await until(lambda: any("chose other voice channels" in told for told in told_in(server, attic)))


async def test_it_comes_when_a_member_who_agreed_enters_and_goes_when_nobody_may_be_heard(server: Stage) -> None:
    await choose(server, "auto_join", True)
    await choose(server, "channel_ids", [server.lounge.channel_id])
    robot = server.world.add_person(server.guild, "Jukebox")
    robot.is_bot = True
    companion = bot_of(server).companion
    await companion.ledger.allow(server.guild.guild_id, robot.user_id)
    await server.discord.join_voice(server.guild, robot, server.lounge)
    await server.discord.join_voice(server.guild, server.ming, server.lounge)
    await server.run(server.alice, "consent allow")
    assert await stays_away(server), "neither a bot nor somebody who has not agreed"

    ticket = await server.discord.join_voice(server.guild, server.alice, server.lounge)
    async with MemberVoice(ticket, tls=server.discord.voice.client_context):
        await until(lambda: is_in(server, server.lounge) and companion.status(server.guild.guild_id) is not None)
        await until(lambda: any("I am an AI" in told for told in told_in(server, server.lounge)))
        await until(lambda: companion.status(server.guild.guild_id).heard == ("Alice",))  # type: ignore[union-attr]
        status = companion.status(server.guild.guild_id)
        assert status is not None
        assert status.present == 2, "the bot in the channel is no member"
    await server.discord.leave_voice(server.guild, server.alice.user_id)
    await until(lambda: is_away(server))
    await until(lambda: any("Nobody was left" in told for told in told_in(server, server.lounge)))

    ticket = await server.discord.join_voice(server.guild, server.alice, server.lounge)
    await until(lambda: is_in(server, server.lounge))


async def test_it_goes_along_when_the_last_one_walks_over_and_stays_with_whoever_is_left(server: Stage) -> None:
    attic, companion = named(server, "Attic"), bot_of(server).companion
    await choose(server, "auto_join", True)
    await choose(server, "channel_ids", [server.lounge.channel_id, attic.channel_id])
    await server.run(server.alice, "consent allow")
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    await until(lambda: is_in(server, server.lounge) and companion.status(server.guild.guild_id) is not None)
    await server.discord.join_voice(server.guild, server.alice, attic)
    await until(lambda: is_in(server, attic))
    await until(lambda: any("I am an AI" in told for told in told_in(server, attic)))

    await server.discord.join_voice(server.guild, server.ming, attic)
    await until(lambda: getattr(companion.status(server.guild.guild_id), "present", 0) == 2)
    await server.discord.join_voice(server.guild, server.alice, server.lounge)
    await until(lambda: getattr(companion.status(server.guild.guild_id), "present", 0) == 1)
    await asyncio.sleep(0.2)
    assert is_in(server, attic), "Ming is there, and it does not leave anybody for somebody else"


async def test_a_bug_at_one_look_does_not_end_the_watch_over_quiet_hours(
    server: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.discord.join_voice(server.guild, server.ming, server.lounge)
    await server.run(server.ming, "join")
    await until(lambda: is_in(server, server.lounge))
    looks = 0

    def broken_at_first(settings: GuildSettings, when: datetime) -> bool:
        nonlocal looks
        task = asyncio.current_task()
        looks += task is not None and task.get_name().startswith("attendance ")
        if looks == 1:
            raise RuntimeError("a bug")
        return looks > 1

    monkeypatch.setattr("bot.attendance.is_quiet", broken_at_first)
    await until(lambda: is_away(server))
    assert looks > 1


async def test_whoever_sends_it_away_is_not_asked_again_at_once(server: Stage) -> None:
    await choose(server, "auto_join", True)
    await choose(server, "channel_ids", [server.lounge.channel_id])
    await server.discord.join_voice(server.guild, server.ming, server.lounge)
    await server.run(server.alice, "consent allow")
    companion = bot_of(server).companion

    async def enter() -> None:
        await server.discord.leave_voice(server.guild, server.alice.user_id)
        await server.discord.join_voice(server.guild, server.alice, server.lounge)

    await enter()
    await until(lambda: companion.status(server.guild.guild_id) is not None)
    await server.run(server.alice, "leave")
    await enter()
    assert await stays_away(server)

    await server.run(server.alice, "join")
    await until(lambda: is_in(server, server.lounge))
    await server.discord.kick_bot_from_voice(server.guild)
    await until(lambda: is_away(server))
    await enter()
    assert await stays_away(server)


async def test_an_admin_who_lets_things_be_kept_unasked_agrees_for_nobody(server: Stage) -> None:
    companion, guild_id, ming = bot_of(server).companion, server.guild.guild_id, server.ming
    for what in ("", "remember"):
        await server.run(ming, "consent allow", **({"what": what} if what else {}))
    panel = await Panel.open(server, server.alice)
    await panel.tab("keeps")
    await panel.change("Memory")
    await panel.choose(":set:memory:", "what they say of themselves, unless they drop it")
    assert (await kept(server)).memory is MemoryMode.USUAL
    assert await companion.keeper.mode_for(guild_id, ming.user_id) is MemoryMode.STRICT, "as it was when she agreed"
    await server.run(ming, "consent allow", what="remember")
    assert await companion.keeper.mode_for(guild_id, ming.user_id) is MemoryMode.USUAL
