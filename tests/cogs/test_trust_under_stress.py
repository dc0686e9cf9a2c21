"""What may go wrong around a room that remembers: outages, moves, people who come unseen. The shipped bot on the loopback Discord, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import pytest
from loopback import Stage, loopback, on_stage

from bot.app import Companion
from bot.process import running
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import Person
from bot.storage.consent import Scope
from bot.storage.memories import Kind, Memory

pytestmark = pytest.mark.rehearsal


async def until(condition: Callable[[], bool], timeout_s: float = 8.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.02)


def companion_of(stage: Stage) -> Companion:
    assert stage.bot is not None
    return stage.bot.companion


def knows(stage: Stage, words: str) -> bool:
    """What the model's newest session was last told of itself."""
    return bool(stage.model.talks) and words in str(stage.model.talk.session)


async def keep(stage: Stage, person: Person, text: str) -> None:
    """As if it had been said among nobody else, and kept."""
    companion, user_id = companion_of(stage), person.user_id
    for scope in (Scope.LISTEN, Scope.REMEMBER):
        await companion.ledger.allow(stage.guild.guild_id, user_id, scope)
    now, heard_by = datetime.now(UTC), frozenset({user_id})
    memory = Memory(stage.guild.guild_id, "a" * 32, user_id, user_id, heard_by, Kind.FACT, text, "en", now)
    await companion.keeper._shelves.memories.add(memory)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def test_who_came_while_discord_told_nothing_is_there_for_the_memory_too(stage: Stage) -> None:
    await keep(stage, stage.alice, "Likes moss.")
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
        await stage.run(stage.alice, "join")
        await until(lambda: knows(stage, "Likes moss"))
        before = stage.discord.gateway.identifies
        await stage.discord.gateway.invalidate()
        await stage.discord.join_voice(stage.guild, stage.ming, stage.lounge)  # no session hears of it
        await until(lambda: stage.discord.gateway.identifies > before, timeout_s=15.0)
        await until(lambda: len(stage.model.talks) > 1 and bool(stage.model.talk.session), timeout_s=15.0)
        call = companion_of(stage).calls.call(stage.guild.guild_id)
        assert call is not None
        assert set(call.present) == {stage.alice.user_id, stage.ming.user_id}
        assert not knows(stage, "Likes moss"), "Ming was not there when it was said"
        await stage.run(stage.alice, "consent stop")


async def test_a_server_that_removed_the_bot_while_it_was_down_leaves_nothing_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(tmp_path, monkeypatch) as stage:
        gone = stage.world.add_guild("Here today")
        async with running(stage.settings) as bot:
            stage.bot = bot
            await keep(stage, stage.alice, "Likes moss.")
            await bot.companion.ledger.allow(gone.guild_id, stage.alice.user_id)
            assert await bot.companion.estate.guild_ids() == {stage.guild.guild_id, gone.guild_id}
        del stage.world.guilds[gone.guild_id]
        async with running(stage.settings) as bot:
            async with asyncio.timeout(8.0):
                while gone.guild_id in await bot.companion.estate.guild_ids():  # noqa: ASYNC110 -- the disk tells nobody
                    await asyncio.sleep(0.02)
            assert [one.text for one in await bot.companion.keeper.show(stage.guild.guild_id, stage.alice.user_id)]


async def test_a_server_that_discord_does_not_mention_keeps_what_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(tmp_path, monkeypatch) as stage:
        unmentioned = stage.world.add_guild("In an outage, or another process's")
        async with running(stage.settings) as bot:
            await bot.companion.ledger.allow(stage.guild.guild_id, stage.alice.user_id)
            await bot.companion.ledger.allow(unmentioned.guild_id, stage.alice.user_id)
        stage.discord.gateway.unmentioned.add(unmentioned.guild_id)
        async with running(stage.settings) as bot:
            await until(lambda: stage.discord.rest.requests["GET /guilds/{guild}"] > 0)
            assert bot.get_guild(unmentioned.guild_id) is None
            await asyncio.sleep(0.2)
            assert unmentioned.guild_id in await bot.companion.estate.guild_ids()


async def test_another_accounts_database_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback(tmp_path, monkeypatch) as stage:
        async with running(stage.settings) as bot:
            await bot.companion.ledger.allow(77, stage.alice.user_id)
        async with running(stage.settings) as bot:
            await until(lambda: bot.up.is_set())
            await asyncio.sleep(0.2)
            assert await bot.companion.estate.guild_ids() == {77}


async def test_while_the_disk_takes_nothing_every_command_says_so_and_withdrawing_counts_all_the_same(
    stage: Stage,
) -> None:
    await keep(stage, stage.alice, "Likes moss.")
    companion, guild_id, alice = companion_of(stage), stage.guild.guild_id, stage.alice.user_id
    await companion.ledger.allow(guild_id, alice, Scope.TRANSCRIPT)
    await set_pragma(companion, "query_only=ON")
    for command, options in {
        "memory show": {},
        "memory forget": {"what": "moss"},
        "memory pause": {"state": "on"},
        "memory export": {},
        "privacy receipt": {},
        "recap": {},
    }.items():
        assert "I cannot reach my notes" in (await stage.run(stage.alice, command, **options)).text, command
    assert "我暂时读不到自己的记录" in (await stage.run(stage.ming, "consent allow")).text
    taken_back = await stage.run(stage.alice, "consent stop", what="transcript")
    assert "counts from now on" in taken_back.text
    assert "hear you" not in taken_back.text, "which goes on"
    assert not companion.ledger.allowed(guild_id, alice, Scope.TRANSCRIPT)
    assert companion.ledger.allowed(guild_id, alice)
    assert "I do not hear you any more" in (await stage.run(stage.alice, "consent stop")).text
    assert not companion.ledger.allowed(guild_id, alice)
    await set_pragma(companion, "query_only=OFF")
    assert [one.text for one in await companion.keeper.show(guild_id, alice)] == ["Likes moss."]


async def set_pragma(companion: Companion, pragma: str) -> None:
    """On the one connection that there is."""
    async with companion.estate._database._engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute_fetchall(f"PRAGMA {pragma}")


@pytest.mark.parametrize(("chosen", "line"), [("en-US", "12356"), ("en-GB", "116 123")])
async def test_a_cry_for_help_is_answered_in_the_language_of_the_room_with_a_line_that_is_near(
    stage: Stage, chosen: str, line: str
) -> None:
    """A server that chose no language is en-US to Discord, wherever its people are."""
    guild = stage.guild
    assert stage.bot is not None
    there = stage.bot.get_guild(guild.guild_id)
    assert there is not None
    there.preferred_locale = discord.Locale(chosen)
    await companion_of(stage).ledger.allow(guild.guild_id, stage.ming.user_id)
    ticket = await stage.discord.join_voice(guild, stage.ming, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
        await stage.run(stage.ming, "join")
        await until(lambda: bool(stage.model.talks) and bool(stage.model.talk.session))
        await stage.run(stage.ming, "say", text="没有我大家会过得更好")
        await until(lambda: any(line in message.content for message in stage.world.messages.values()))
        (told,) = [message.content for message in stage.world.messages.values() if line in message.content]
        assert "人工智能" in told
        assert "Ming" not in told
        await stage.run(stage.ming, "consent stop")
