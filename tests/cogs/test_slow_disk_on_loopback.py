"""Presses while the database is about something else: acknowledged within Discord's 3 s, and ended with what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from loopback import Stage, on_stage

from bot.app import KithBot
from bot.rehearsal.interactions import CallbackKind, Interaction
from bot.rehearsal.world import Message, Person

pytestmark = pytest.mark.rehearsal

FORM = {
    "name": "Captain Rook",
    "tagline": "An old sailor.",
    "identity": "Rook is an AI who knows every knot.",
    "manner": "Gruff and short.",
    "phrases": "",
}


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("cogs.answers.PATIENCE_S", 0.05)
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


def bot_of(stage: Stage) -> KithBot:
    assert stage.bot is not None
    return stage.bot


@asynccontextmanager
async def busy_disk(stage: Stage) -> AsyncIterator[None]:
    """Somebody else has the only connection: nothing is read or written meanwhile."""
    async with bot_of(stage).companion.estate._database.transaction() as session:
        await session.connection()
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.02)


async def press(stage: Stage, person: Person, message: Message, part: str, *values: str) -> Interaction:
    """The button or the menu whose id has this part."""
    ids = message.menus if values else message.buttons
    custom_id = next(one for one in ids if part in one)
    if values:
        return await stage.discord.choose(stage.guild, person, message, custom_id, list(values))
    return await stage.discord.press(stage.guild, person, message, custom_id)


async def acknowledged(pressed: Interaction) -> CallbackKind:
    """What Discord was told while the disk was busy."""
    await until(lambda: pressed.is_answered)
    assert pressed.replies == []
    assert pressed.callback is not None
    return CallbackKind(pressed.callback["type"])


async def ended(pressed: Interaction) -> str:
    await until(lambda: bool(pressed.replies))
    return pressed.text


async def test_a_switch_of_settings_is_acknowledged_and_shown_when_it_is_kept(stage: Stage) -> None:
    panel = (await stage.run(stage.alice, "settings")).replies[-1]
    async with busy_disk(stage):
        pressed = await press(stage, stage.alice, panel, ":change:", "Approval of personas")
        assert await acknowledged(pressed) is CallbackKind.DEFERRED_UPDATE
    assert "Done: **Approval of personas** is changed." in await ended(pressed)
    assert (await bot_of(stage).companion.guilds.get(stage.guild.guild_id)).approves_personas


async def test_of_two_choices_while_the_disk_is_busy_one_is_kept_and_both_are_answered(stage: Stage) -> None:
    panel = await stage.run(stage.alice, "settings")
    control = await (await press(stage, stage.alice, panel.replies[-1], ":change:", "Persona")).wait_reply()
    async with busy_disk(stage):
        both = [
            await press(stage, stage.alice, control.replies[-1], ":set:persona:", "Quill"),
            await press(stage, stage.alice, control.replies[-1], ":set:persona:", "Wanwan"),
        ]
        assert {await acknowledged(one) for one in both} == {CallbackKind.DEFERRED_UPDATE}
    assert ["**Persona:** Quill" in await ended(one) for one in both] == [True, True], "the panel shows how it is now"
    assert len(await bot_of(stage).companion.guilds.changes(stage.guild.guild_id)) == 1


async def test_a_form_that_cannot_be_shown_in_time_is_refused_in_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = (await stage.run(stage.alice, "settings")).replies[-1]
    spends = await (await press(stage, stage.alice, panel, ":page:spends:")).wait_reply()
    async with busy_disk(stage):
        monkeypatch.setattr("cogs.answers.LATEST_S", 0.1)
        pressed = await press(stage, stage.alice, spends.replies[-1], ":change:", "Speech a day, all together")
        assert "My notes take their time" in await ended(pressed)
        assert "My notes take their time" in await ended(await stage.run(stage.alice, "scene", name="hype"))
    monkeypatch.setattr("cogs.answers.LATEST_S", 2.0)
    assert "no voice channel" in (await stage.run(stage.alice, "scene", name="hype")).text


async def test_an_approval_is_acknowledged_and_told_when_it_is_kept(stage: Stage) -> None:
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, "approves_personas", True)
    made = await stage.submit(stage.ming, await stage.run(stage.ming, "persona create"), **FORM)
    async with busy_disk(stage):
        pressed = await press(stage, stage.alice, made.replies[-1], ":approve:")
        assert await acknowledged(pressed) is CallbackKind.DEFERRED_UPDATE
    assert "is approved" in await ended(pressed)
    assert await stage.complete(stage.alice, "persona use", "name", "rook") == ["captain-rook"]


async def test_an_approval_that_is_refused_slowly_leaves_what_was_pressed_as_it_is(stage: Stage) -> None:
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, "approves_personas", True)
    made = await stage.submit(stage.ming, await stage.run(stage.ming, "persona create"), **FORM)
    async with busy_disk(stage):
        pressed = await press(stage, stage.ming, made.replies[-1], ":approve:")
        await acknowledged(pressed)
    assert "只有能管理本服务器的人" in await ended(pressed)
    assert pressed.replies[-1].ephemeral_for == stage.ming.user_id
    assert any(":approve:" in one for one in made.replies[-1].buttons)
