"""/reminders as members meet it: theirs alone, in their language; and a reminder in writing where no call is on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Stage, on_stage
from waiting import PATIENCE_S

from bot.rehearsal.interactions import Interaction
from bot.rehearsal.world import Person
from bot.storage.reminders import Reminder
from bot.texts import LOCALES, Texts
from bot.tools.reminders import Reminders
from cogs.reminders import CHOICE_LIMIT, MESSAGE_LIMIT, choices, listed

pytestmark = pytest.mark.rehearsal

DUE = datetime(2026, 12, 24, 18, 30, tzinfo=UTC)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


def reminders_of(stage: Stage) -> Reminders:
    assert stage.bot is not None
    return stage.bot.companion.errands.reminders


async def remind(stage: Stage, person: Person, text: str, due_at: datetime) -> str:
    reminder = await reminders_of(stage).set(
        stage.guild.guild_id, person.user_id, stage.lounge.channel_id, text, due_at
    )
    return reminder.reminder_id


def text_of(interaction: Interaction) -> str:
    return interaction.replies[-1].content


async def test_a_member_sees_theirs_and_nobody_elses_in_their_language(stage: Stage) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    await remind(stage, stage.ming, "泡茶", later)
    shown = text_of(await stage.run(stage.ming, "reminders show"))
    assert shown.startswith("你有 1 条提醒")
    assert f"<t:{int(later.timestamp())}:f>" in shown
    assert "泡茶" in shown
    assert "no reminders" in text_of(await stage.run(stage.alice, "reminders show"))


async def test_a_member_takes_theirs_away_and_nobody_elses(stage: Stage) -> None:
    reminder_id = await remind(stage, stage.ming, "泡茶", datetime.now(UTC) + timedelta(hours=1))
    assert await stage.complete(stage.ming, "reminders cancel", "reminder", "茶") == [reminder_id]
    assert await stage.complete(stage.alice, "reminders cancel", "reminder", "") == []
    assert "no such reminder" in text_of(await stage.run(stage.alice, "reminders cancel", reminder=reminder_id))
    assert "取消了" in text_of(await stage.run(stage.ming, "reminders cancel", reminder=reminder_id))
    assert "你没有这条提醒了" in text_of(await stage.run(stage.ming, "reminders cancel", reminder=reminder_id))


async def test_without_a_call_it_is_written_to_whoever_asked(stage: Stage) -> None:
    await remind(stage, stage.alice, "the tea @everyone", datetime.now(UTC))
    mine = (stage.guild.guild_id, stage.alice.user_id)
    async with asyncio.timeout(PATIENCE_S):
        while await reminders_of(stage).of_member(*mine):  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.02)
    [found] = [one for one in stage.world.messages.values() if "the tea" in one.content]
    assert found.content.startswith(f"<@{stage.alice.user_id}> you asked me to remind you: the tea")


def many(text: str) -> list[Reminder]:
    return [Reminder(1, f"{number:032x}", 2, 3, text, DUE, DUE) for number in range(20)]


@pytest.mark.parametrize("locale", LOCALES)
def test_as_many_as_there_may_be_fit_a_message_and_a_menu(locale: str) -> None:
    worst = many("*" * 200)
    assert len(listed(Texts(), locale, worst)) <= MESSAGE_LIMIT
    assert len(listed(Texts(), locale, many("x" * 200))) <= MESSAGE_LIMIT
    assert len(choices(worst, "")) == 20
    assert all(len(choice.name) <= CHOICE_LIMIT for choice in choices(worst, ""))
