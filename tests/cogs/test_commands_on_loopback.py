"""The shipped bot's commands and buttons as members meet them: on the loopback Discord, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from loopback import Stage, on_stage
from waiting import PATIENCE_S, until

from bot.app import KithBot
from bot.rehearsal.interactions import EPHEMERAL, Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import ChannelKind

pytestmark = pytest.mark.rehearsal

PERSONA_COMMANDS = {
    *("list", "use", "about", "audition", "health"),
    *("create", "edit", "delete", "import", "export"),
}
ALLOW, STOP, EXPLAIN = "kith:consent:allow", "kith:consent:stop", "kith:consent:explain"


def is_private(interaction: Interaction) -> bool:
    return bool(((interaction.callback or {}).get("data") or {}).get("flags", 0) & EPHEMERAL)


def bot_of(stage: Stage) -> KithBot:
    assert stage.bot is not None
    return stage.bot


@pytest.fixture
async def entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bot is up, and Alice sits in the lounge with a voice client."""
    async with on_stage(tmp_path, monkeypatch) as stage:
        ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
        async with MemberVoice(ticket, tls=stage.discord.voice.client_context) as voice:
            yield stage, voice


async def test_commands_are_declared_in_both_languages_for_servers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_stage(tmp_path, monkeypatch) as stage:
        commands = {command["name"]: command for command in stage.world.commands}
        assert set(commands) == {
            "join",
            "leave",
            "say",
            "persona",
            "consent",
            "status",
            "scene",
            "settings",
            "memory",
            "recap",
            "reminders",
            "privacy",
            "model",
            "Adopt as persona",
        }
        assert {option["name"] for option in commands["persona"]["options"]} == PERSONA_COMMANDS
        assert {option["name"] for option in commands["consent"]["options"]} == {
            "allow",
            "stop",
            "show",
            "explain",
            "off-record",
        }
        for command in commands.values():
            for part in [command, *command.get("options", [])]:
                assert part["name_localizations"].keys() == {"zh-CN", "zh-TW"}, part["name"]
                if command.get("type", 1) == 1:
                    assert part["description_localizations"].keys() == {"zh-CN", "zh-TW"}, part["name"]
            assert command["contexts"] == [0] or command["dm_permission"] is False
        await _without_a_call(stage)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def _without_a_call(stage: Stage) -> None:
    """What is said while the bot is in no channel."""
    expected: list[tuple[str, dict[str, object], str]] = [
        ("status", {}, "I am in no voice channel"),
        ("join", {}, "Enter a voice channel first"),
        ("leave", {}, "I am in no voice channel"),
        ("say", {"text": "hello"}, "I am in no voice channel"),
        ("persona list", {}, "(`xiaoyue`), at present"),
        ("persona about", {"name": "Xiao Yue"}, "Talkativeness: 65"),
        ("persona about", {"name": "<@1>"}, r"no persona called \<@1\>"),
        ("consent explain", {}, "stepaudio-2.5-realtime by StepFun"),
        ("consent stop", {}, "I do not hear you"),
    ]
    for path, options, words in expected:
        answer = await stage.run(stage.alice, path, **options)
        assert words in answer.text, path
        assert answer.first_answer_s is not None
        assert answer.first_answer_s < 3.0
    assert "我不在" in (await stage.run(stage.ming, "status")).text


async def test_a_call_from_join_to_leave(entered: tuple[Stage, MemberVoice]) -> None:
    stage, voice = entered
    joined = await stage.run(stage.alice, "join")
    assert "**Lounge**" in joined.text
    assert "I am an AI" in joined.text
    assert {ALLOW, STOP, EXPLAIN} < set(joined.replies[-1].buttons)
    bot_id = stage.world.bot.user_id
    assert stage.guild.voice_states[bot_id].self_deaf, "nobody agreed: the bot is deaf, and everybody sees it"

    explained = await stage.press(stage.ming, joined, EXPLAIN)
    assert "你的声音会怎样" in explained.text
    assert is_private(explained)
    assert stage.model.talks == [], "before anybody agreed no model is called"

    allowed = await stage.press(stage.alice, joined, ALLOW)
    assert "I hear you from now on" in allowed.text
    assert is_private(allowed)
    await until(lambda: not stage.guild.voice_states[bot_id].self_deaf)
    await until(lambda: bool(stage.model.talks))
    assert "I hear you already" in (await stage.run(stage.alice, "consent allow")).text

    def is_told() -> bool:
        status = bot_of(stage).companion.status(stage.guild.guild_id)
        return status is not None and status.is_connected and status.model_state == "ready"

    await voice.until_ready()
    await until(is_told)
    told = (await stage.run(stage.alice, "status")).text
    assert "I hear one person: Alice" in told
    assert "end-to-end encrypted. Privacy code" in told
    assert "stepaudio-2.5-realtime answers" in told

    assert (await stage.run(stage.alice, "say", text="hello there")).text == "I heard you."
    await until(lambda: any("[Alice] types: hello there" in raw for raw in stage.model.talk.raw))

    stopped = await stage.press(stage.alice, joined, STOP)
    assert "I do not hear you any more" in stopped.text
    await until(lambda: stage.guild.voice_states[bot_id].self_deaf)
    assert "agreed to be heard yet" in (await stage.run(stage.alice, "say", text="hello")).text

    assert "I have left" in (await stage.run(stage.alice, "leave")).text
    assert bot_id not in stage.guild.voice_states
    assert stage.discord.rest.unknown_routes == {}


async def test_the_persona_changes_for_the_server_and_in_the_call(entered: tuple[Stage, MemberVoice]) -> None:
    stage, _ = entered
    await stage.run(stage.alice, "consent allow")
    await stage.run(stage.alice, "join")
    await until(lambda: bool(stage.model.talks) and "Name: Xiao Yue" in str(stage.model.talk.session))

    refused = await stage.run(stage.ming, "persona use", name="quizhost")
    assert "只有能管理本服务器的人" in refused.text
    assert refused.replies[-1].ephemeral_for == stage.ming.user_id, "a refusal is for one pair of eyes"
    taken_back = "DELETE /webhooks/{application}/{token}/messages/{message}"
    assert stage.discord.rest.requests[taken_back] == 1, "the public thinking answer is taken back"

    used = await stage.run(stage.alice, "persona use", name="何问")
    assert "I am **Quill** now" in used.text
    await until(lambda: "Name: Quill" in str(stage.model.talk.session))
    assert "already" in (await stage.run(stage.alice, "persona use", name="quizhost")).text
    assert "In **Lounge** as **Quill**" in (await stage.run(stage.alice, "status")).text

    roles = [stage.guild.admin_role_id + 7]
    stage.guild.roles[roles[0]] = ("DJ", 0)
    stage.guild.member_roles[stage.ming.user_id] = roles
    await stage.discord.gateway.dispatch(
        stage.guild.guild_id,
        "GUILD_ROLE_CREATE",
        {"guild_id": str(stage.guild.guild_id), "role": _role(roles[0])},
    )
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, "manager_role_ids", frozenset(roles))
    assert "晚晚" in (await stage.run(stage.ming, "persona use", name="bedtime")).text
    await stage.run(stage.alice, "consent stop")  # nobody is left to say goodbye to


def _role(role_id: int) -> dict[str, Any]:
    return {
        "id": str(role_id),
        "name": "DJ",
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 1,
        "permissions": "0",
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


async def test_a_channel_that_does_not_take_us_is_named_to_the_caller_alone(
    entered: tuple[Stage, MemberVoice],
) -> None:
    stage, _ = entered
    vault = stage.world.add_channel(stage.guild, "Vault", ChannelKind.VOICE)
    vault.overwrites = [{"id": str(stage.world.bot.user_id), "type": 1, "allow": "0", "deny": str(1 << 20)}]
    await stage.discord.gateway.dispatch(stage.guild.guild_id, "CHANNEL_CREATE", vault.payload())
    await stage.discord.join_voice(stage.guild, stage.ming, vault)
    refused = await stage.run(stage.ming, "join")
    assert "查看频道" in refused.text
    assert refused.replies[-1].ephemeral_for == stage.ming.user_id
    assert stage.world.bot.user_id not in stage.guild.voice_states


async def test_a_bug_is_told_as_one_and_logged(
    entered: tuple[Stage, MemberVoice], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = entered

    def broken(_: int) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(bot_of(stage).companion, "status", broken)
    answer = await stage.run(stage.alice, "status")
    assert "Something went wrong on my side" in answer.text
    assert answer.replies[-1].ephemeral_for == stage.alice.user_id
    assert "RuntimeError: a bug" in "".join(capsys.readouterr())


async def test_what_was_kept_for_a_server_goes_when_it_removes_the_bot(entered: tuple[Stage, MemberVoice]) -> None:
    stage, _ = entered
    companion, guild_id = bot_of(stage).companion, stage.guild.guild_id
    await stage.run(stage.alice, "consent allow")
    await stage.run(stage.alice, "persona use", name="bedtime")
    await stage.discord.gateway.dispatch(guild_id, "GUILD_DELETE", {"id": str(guild_id)})
    await until(lambda: not companion.ledger.allowed(guild_id, stage.alice.user_id))
    async with asyncio.timeout(PATIENCE_S):
        while (await companion.guilds.get(guild_id)).persona is not None:  # noqa: ASYNC110 -- the database tells nobody
            await asyncio.sleep(0.02)


async def test_after_an_invalid_session_the_gateway_is_where_rest_said(entered: tuple[Stage, MemberVoice]) -> None:
    stage, _ = entered
    before = stage.discord.gateway.identifies
    await stage.discord.gateway.invalidate()
    await until(lambda: stage.discord.gateway.identifies > before)
    await until(lambda: bool(stage.discord.gateway.sessions))
    assert "no voice channel" in (await stage.run(stage.alice, "status")).text
