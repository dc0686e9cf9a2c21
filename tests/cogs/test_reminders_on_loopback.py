"""/reminders as members meet it: theirs alone, in their language; and a reminder in writing where no call is on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback import Stage, loopback, on_stage
from waiting import PATIENCE_S, until

from bot.memory.terms import language_of
from bot.process import running
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import Message, Person
from bot.storage.reminders import REMINDERS, Reminder
from bot.texts import LOCALES, Texts
from bot.tools.reminders import Reminders
from bot.tools.tool import Asked
from cogs.reminders import CHOICE_LIMIT, CHOICES, MESSAGE_LIMIT, choices, listed

pytestmark = pytest.mark.rehearsal

DUE = datetime(2026, 12, 24, 18, 30, tzinfo=UTC)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


def reminders_of(stage: Stage) -> Reminders:
    assert stage.bot is not None
    return stage.bot.companion.errands.reminders


async def remind(stage: Stage, person: Person, text: str, due_at: datetime, *heard_by: Person) -> str:
    asked = Asked(
        stage.guild.guild_id,
        person.user_id,
        stage.lounge.channel_id,
        text,
        heard_by=frozenset(one.user_id for one in heard_by),
        language=language_of(text),
    )
    return (await reminders_of(stage).set(asked, due_at)).reminder_id


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


async def written(stage: Stage, reminder_id: str) -> Message:
    """The message that it is due."""

    def found() -> list[Message]:
        return [one for one in stage.world.messages.values() if any(reminder_id in each for each in one.buttons)]

    await until(lambda: bool(found()))
    return found()[0]


async def press(stage: Stage, person: Person, message: Message) -> Interaction:
    [button] = message.buttons
    return await (await stage.discord.press(stage.guild, person, message, button)).wait_reply()


async def test_in_writing_it_is_told_to_all_that_there_is_something_and_to_whoever_asked_what(stage: Stage) -> None:
    reminder_id = await remind(stage, stage.alice, "the tea @everyone", datetime.now(UTC), stage.ming)
    message = await written(stage, reminder_id)
    assert message.content.startswith(f"<@{stage.alice.user_id}> it is time for something")
    assert "tea" not in str(message.payload)
    refused = await press(stage, stage.ming, message)
    assert "别人看不了" in refused.text
    assert "tea" not in str([one.payload for one in refused.replies])
    for _ in range(2):
        shown = await press(stage, stage.alice, message)
        assert shown.text == "You asked me to remind you: the tea @everyone"
        assert shown.replies[-1].ephemeral_for == stage.alice.user_id


async def test_it_is_written_in_the_language_that_it_was_asked_in(stage: Stage) -> None:
    message = await written(stage, await remind(stage, stage.ming, "泡茶", datetime.now(UTC)))
    assert "你托我提醒的事，到点了" in message.content
    assert message.buttons.popitem()[1] == "给我看看"


async def test_one_that_fell_due_while_nobody_was_up_says_so_and_its_button_outlives_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(tmp_path, monkeypatch) as stage:
        async with running(stage.settings) as stage.bot:
            earlier = datetime.now(UTC) - timedelta(minutes=10)
            message = await written(stage, await remind(stage, stage.alice, "the tea", earlier))
            mine = (stage.guild.guild_id, stage.alice.user_id)
            async with asyncio.timeout(PATIENCE_S):
                while (await reminders_of(stage).of_member(*mine))[0].told_at is None:  # noqa: ASYNC110 -- no event
                    await asyncio.sleep(0.02)
        assert "and I could not" in message.content
        async with running(stage.settings) as stage.bot:
            assert "and I could not: the tea" in (await press(stage, stage.alice, message)).text
            [one] = await reminders_of(stage).of_member(*mine)
            await stage.run(stage.alice, "reminders cancel", reminder=one.reminder_id)
            gone = await press(stage, stage.alice, message)
            assert "I do not keep that reminder any more" in gone.text
            assert gone.replies[-1].ephemeral_for == stage.alice.user_id


@pytest.fixture
async def in_call(stage: Stage) -> AsyncIterator[Stage]:
    """Alice has agreed to be heard, and talks with the companion."""
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context) as voice:
        await stage.run(stage.alice, "consent allow")
        await stage.run(stage.alice, "join")
        await voice.until_ready()
        yield stage
        await stage.run(stage.alice, "consent stop")  # nobody is left to say goodbye to


def told(stage: Stage) -> str:
    """What the model was told in the talk."""
    return "\n".join(item.text for item in stage.model.talk.history) if stage.model.talks else ""


async def test_in_a_call_it_is_spoken_where_all_who_are_there_heard_it_being_set(in_call: Stage) -> None:
    await remind(in_call, in_call.alice, "the tea", datetime.now(UTC))
    await until(lambda: 'no order: "the tea"' in told(in_call))
    await in_call.discord.join_voice(in_call.guild, in_call.ming, in_call.lounge)
    await remind(in_call, in_call.alice, "the cake", datetime.now(UTC), in_call.ming)
    await until(lambda: 'no order: "the cake"' in told(in_call))
    mine = (in_call.guild.guild_id, in_call.alice.user_id)
    assert await reminders_of(in_call).of_member(*mine) == []
    assert not [one for one in in_call.world.messages.values() if "kith:reminder" in str(one.buttons)]


async def test_in_a_call_with_somebody_who_did_not_hear_it_the_room_learns_only_that_there_is_something(
    in_call: Stage,
) -> None:
    await in_call.discord.join_voice(in_call.guild, in_call.ming, in_call.lounge)
    bot = in_call.bot
    assert bot is not None
    await until(lambda: len(bot.companion.calls.room(in_call.guild.guild_id)[1]) == 2)  # type: ignore[index]
    reminder_id = await remind(in_call, in_call.alice, "the surprise", datetime.now(UTC))
    await until(lambda: "something waits for you in the chat" in told(in_call))
    message = await written(in_call, reminder_id)
    assert "surprise" not in told(in_call)
    assert "surprise" not in str([one.payload for one in in_call.world.messages.values()])
    assert (await press(in_call, in_call.alice, message)).text == "You asked me to remind you: the surprise"


def many(text: str) -> list[Reminder]:
    """As many as there may be: those that wait, then those to come."""
    waiting = [Reminder(1, f"{number:032x}", 2, 3, text, DUE, DUE, told_at=DUE) for number in range(REMINDERS)]
    to_come = [Reminder(1, f"{number:032x}", 2, 3, text, DUE, DUE) for number in range(REMINDERS, 2 * REMINDERS)]
    return [*waiting, *to_come]


@pytest.mark.parametrize("locale", LOCALES)
def test_as_many_as_there_may_be_fit_a_message_and_a_menu(locale: str) -> None:
    worst = many("*" * 200)
    assert len(listed(Texts(), locale, worst)) <= MESSAGE_LIMIT
    assert len(listed(Texts(), locale, many("x" * 200))) <= MESSAGE_LIMIT
    assert listed(Texts(), locale, many("tea")).count("tea") == 2 * REMINDERS
    offered = choices(worst, "")
    assert len(offered) == CHOICES
    assert [choice.value for choice in offered[:REMINDERS]] == [one.reminder_id for one in worst[REMINDERS:]]
    assert all(len(choice.name) <= CHOICE_LIMIT for choice in offered)
