"""Reminders: asked for by a model, kept on the disk, told when they are due, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from memory_of_call import FakeMemory
from sqlalchemy import text
from tool_rooms import ALICE, BOB, CHANNEL, GUILD, NOW, asked, persona, room
from waiting import PATIENCE_S

from bot.errors import KithError
from bot.personas.persona import ToolName
from bot.storage.database import Database
from bot.storage.reminders import WAITING_DAYS, Reminder, ReminderRepository
from bot.storage.vault import Vault
from bot.tools.reminders import BUSY_LIMIT, GIVEN_UP, TRY_AGAIN, Reminders, Said, hinted, spoken
from bot.tools.toolbox import Toolbox

pytestmark = pytest.mark.shell

KEY = bytes(range(32))


class House:
    """Reminders on a real database, with a room that is as it says, and a channel that takes messages or not."""

    def __init__(self, repository: ReminderRepository) -> None:
        self.now = NOW
        self.room = Said.NOT_HERE
        self.is_channel_closed = False
        self.said: list[str] = []
        self.hinted = 0
        self.written: list[str] = []
        self.repository = repository
        self.memory = FakeMemory()
        self.reminders = Reminders(repository, self, lambda: self.now)
        self.box = Toolbox(self.reminders, None, lambda: self.now)

    def say(self, reminder: Reminder) -> Said:
        if self.room is Said.WORDS:
            self.said.append(reminder.text)
        return self.room

    def hint(self, reminder: Reminder) -> None:
        self.hinted += 1

    async def write(self, reminder: Reminder) -> None:
        if self.is_channel_closed:
            raise KithError("the channel is closed")
        self.written.append(reminder.text)

    async def ask(self, tool: str, asked_by: int | None = ALICE, **arguments: object) -> dict[str, object]:
        here = room(self.memory, persona(ToolName.REMINDERS))
        return await asked(tool, arguments, here, box=self.box, asked_by=asked_by)

    async def pass_time(self, **span: float) -> None:
        """The clock goes on, and what is due is told."""
        self.now += timedelta(**span)
        await self.reminders._tell_due()

    async def all(self, user_id: int = ALICE) -> list[Reminder]:
        return list(await self.reminders.of_member(GUILD, user_id))

    async def mine(self, user_id: int = ALICE) -> list[str]:
        """Of those to come."""
        return [one.text for one in await self.all(user_id) if one.told_at is None]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    database = await Database.open(f"sqlite+aiosqlite:///{folder / 'kith.sqlite3'}")
    try:
        yield House(ReminderRepository(database, await Vault.open(database, KEY)))
    finally:
        await database.close()


async def test_a_timer_is_told_in_the_call_when_it_is_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.room = Said.WORDS
        assert (await house.ask("set_timer", minutes=5, about="tea"))["result"] == "The timer runs."
        await house.pass_time(minutes=4)
        assert house.said == []
        await house.pass_time(minutes=1)
        assert (house.said, house.written, await house.mine()) == (["tea"], [], [])


async def test_without_a_call_it_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_timer", minutes=0.5, about="tea")
        await house.pass_time(minutes=1)
        assert (house.said, house.written) == ([], ["tea"])


async def test_a_reminder_survives_a_restart_also_past_its_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_reminder", when="in 20 minutes", about="stretch")
    async with opened(tmp_path) as house:
        await house.pass_time(hours=2)
        assert house.written == ["stretch"]


async def test_its_words_are_not_on_the_disk_in_clear(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_reminder", when="in 20 minutes", about="canary stretch")
        assert all(b"canary" not in file for file in files_in(tmp_path))


async def test_a_clock_time_is_said_back_with_its_zone(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        told = await house.ask("set_reminder", when="18:30", about="dinner", zone="Europe/Berlin")
        assert (told["time"], told["zone"]) == ("Saturday 2026-11-21 18:30", "Europe/Berlin")
        [one] = await house.reminders.of_member(GUILD, ALICE)
        assert one.due_at == NOW + timedelta(hours=5, minutes=30)
        assert one.channel_id == CHANNEL


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("2020-01-01T10:00", "when: expected a time to come; it is 2026-11-21T12:00 now"),
        ("2029-01-01T10:00", "when: expected a time within a year"),
        ("later", "when: expected `in 20 minutes`, `18:30` or `2026-12-24T18:30`"),
    ],
)
async def test_a_wrong_time_is_told_with_what_was_expected(tmp_path: Path, when: str, told: str) -> None:
    async with opened(tmp_path) as house:
        assert await house.ask("set_reminder", when=when, about="tea") == {"error": told}
        assert await house.mine() == []


async def test_nobody_asked_and_nothing_is_set(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        assert "not clear who asked" in str(await house.ask("set_timer", None, minutes=5))


async def test_one_more_than_a_member_may_have_is_refused_with_a_way_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for number in range(20):
            await house.ask("set_timer", minutes=number + 1)
        assert "/reminders cancel" in str((await house.ask("set_timer", minutes=5))["error"])
        assert len(await house.mine()) == 20


async def test_a_member_takes_their_own_away_and_nobody_elses(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_timer", minutes=5, about="tea")
        [one] = await house.reminders.of_member(GUILD, ALICE)
        assert not await house.reminders.cancel(GUILD, BOB, one.reminder_id)
        assert not await house.reminders.cancel(2, ALICE, one.reminder_id)
        assert await house.reminders.cancel(GUILD, ALICE, one.reminder_id)
        await house.pass_time(minutes=10)
        assert house.written == []


async def test_a_closed_channel_is_tried_again_and_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_timer", minutes=1, about="tea")
        await house.ask("set_timer", BOB, minutes=1.2, about="rice")
        house.is_channel_closed = True
        with structlog.testing.capture_logs() as lines:
            await house.pass_time(minutes=1)
        assert "tea" not in str(lines)
        house.is_channel_closed = False
        await house.pass_time(seconds=20)
        assert house.written == ["rice"]
        await house.pass_time(seconds=TRY_AGAIN.total_seconds())
        assert house.written == ["rice", "tea"]


@pytest.mark.parametrize("said", [Said.WORDS, Said.NOT_HERE])
async def test_while_the_disk_takes_nothing_what_was_told_is_not_told_again_and_others_are(
    tmp_path: Path, said: Said
) -> None:
    async with opened(tmp_path) as house:
        house.room = said
        for about in ("tea", "stretch"):
            await house.ask("set_timer", minutes=1, about=about)
        async with house.repository._database.transaction() as session:
            for doing in ("DELETE", "UPDATE"):
                words = (
                    f"CREATE TRIGGER full_{doing} BEFORE {doing} ON reminders BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
                await session.execute(text(words))
        await house.pass_time(minutes=1)
        await house.pass_time(minutes=2)
        assert sorted(house.said + house.written) == ["stretch", "tea"]
        async with house.repository._database.transaction() as session:
            for doing in ("DELETE", "UPDATE"):
                await session.execute(text(f"DROP TRIGGER full_{doing}"))
        await house.pass_time(minutes=2)
        assert sorted(house.said + house.written) == ["stretch", "tea"]
        assert await house.mine() == []


async def test_what_cannot_be_told_for_a_day_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_timer", minutes=1, about="tea")
        house.is_channel_closed = True
        await house.pass_time(minutes=1)
        await house.pass_time(seconds=GIVEN_UP.total_seconds() + 60)
        assert await house.mine() == []


async def test_the_house_sleeps_until_one_is_due_and_wakes_for_a_new_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        told = asyncio.Event()
        write = house.write

        async def noticed(reminder: Reminder) -> None:
            await write(reminder)
            told.set()

        house.write = noticed  # type: ignore[method-assign]
        running = asyncio.create_task(house.reminders.run())
        await house.ask("set_timer", minutes=60, about="cake")
        await house.ask("set_timer", minutes=1, about="tea")
        house.now += timedelta(minutes=1)
        await house.ask("set_timer", minutes=90, about="bread")  # the clock is the test's; a change wakes the house
        await asyncio.wait_for(told.wait(), PATIENCE_S)
        assert house.written == ["tea"]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_who_heard_it_being_set_is_kept_with_it_and_in_which_language(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.memory.heard = frozenset({BOB, 999})
        await house.ask("set_timer", minutes=5, about="泡茶")
        await house.ask("set_timer", minutes=6)
        tea, unnamed = await house.all()
        assert tea.heard_by == {ALICE, BOB}, "not who was there and heard nothing, nor who heard and is gone"
        assert (tea.language, unnamed.language) == ("zh-CN", "en")


async def test_where_nothing_is_known_of_who_heard_it_nobody_did_but_whoever_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await asked("set_timer", {"minutes": 5}, room(who=persona(ToolName.REMINDERS)), box=house.box)
        [one] = await house.all()
        assert one.heard_by == {ALICE}


async def test_where_somebody_did_not_hear_it_the_room_learns_that_there_is_something_and_the_words_wait(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        house.room = Said.NOT_ALL_HEARD
        await house.ask("set_timer", minutes=5, about="tea")
        [one] = await house.all()
        assert await house.reminders.waiting(GUILD, ALICE, one.reminder_id) is None, "it is to come"
        await house.pass_time(minutes=5)
        await house.pass_time(minutes=5)
        assert (house.said, house.hinted, house.written) == ([], 1, ["tea"])
        waits = await house.reminders.waiting(GUILD, ALICE, one.reminder_id)
        assert waits is not None
        assert (waits.text, waits.told_at) == ("tea", NOW + timedelta(minutes=5))
        assert await house.reminders.waiting(GUILD, BOB, one.reminder_id) is None
        assert await house.reminders.waiting(2, ALICE, one.reminder_id) is None


async def test_what_waits_survives_a_restart_and_is_gone_after_a_week_or_when_it_is_taken_away(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.ask("set_timer", minutes=5, about="tea")
        await house.ask("set_timer", minutes=5, about="rice")
        await house.pass_time(minutes=5)
    async with opened(tmp_path) as house:
        house.now += timedelta(days=WAITING_DAYS - 1)
        tea, rice = sorted(await house.all(), key=lambda one: one.text, reverse=True)
        assert await house.reminders.waiting(GUILD, ALICE, tea.reminder_id) == tea
        assert await house.reminders.cancel(GUILD, ALICE, rice.reminder_id)
        assert await house.reminders.waiting(GUILD, ALICE, rice.reminder_id) is None
        assert await house.repository.clear_out(house.now) == 0
        assert await house.repository.clear_out(house.now + timedelta(days=1, minutes=6)) == 1
        assert await house.reminders.waiting(GUILD, ALICE, tea.reminder_id) is None


async def test_what_waits_takes_no_place_from_what_is_to_come_and_is_bounded_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for _ in range(2):
            for number in range(20):
                assert "error" not in await house.ask("set_timer", minutes=number + 1, about=f"tea {number}")
            await house.pass_time(minutes=30)
        assert len(house.written) == 40
        assert len(await house.all()) == 20


async def test_a_room_that_is_busy_hears_it_in_the_next_pause_and_reads_it_when_there_is_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.room = Said.BUSY
        await house.ask("set_timer", minutes=1, about="tea")
        await house.ask("set_timer", minutes=2, about="rice")
        await house.pass_time(minutes=1)
        await house.pass_time(seconds=20)
        assert (house.said, house.written) == ([], [])
        house.room = Said.WORDS
        await house.pass_time(seconds=1)
        assert house.said == ["tea"]
        house.room = Said.BUSY
        await house.pass_time(minutes=1)
        await house.pass_time(seconds=BUSY_LIMIT.total_seconds())
        assert (house.said, house.written) == (["tea"], ["rice"])


def test_what_the_model_is_told_where_not_all_heard_has_none_of_the_words() -> None:
    assert hinted("Alice").startswith('It is time: "Alice" asked to be reminded of something now.')


def test_what_the_model_is_told_to_say_is_a_quotation() -> None:
    one = Reminder(GUILD, "1" * 32, ALICE, CHANNEL, "tea", NOW, NOW)
    assert '"Alice"' in spoken(one, "Alice")
    assert 'no order: "tea"' in spoken(one, "Alice")


def files_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]
