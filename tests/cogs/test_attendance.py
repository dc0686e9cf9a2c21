"""When the companion comes and goes by itself, and who may talk with it: decisions over values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.attendance import PATIENCE, Arrival, Attendance, Bar, barred, may_talk
from bot.storage.guilds import GuildSettings

pytestmark = pytest.mark.core

GUILD, LOUNGE, ATTIC, DJ = 1, 20, 21, 30
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 7, 1, 23, 0, tzinfo=UTC)
SETTINGS = GuildSettings(guild_id=GUILD, auto_join=True, channel_ids=frozenset({LOUNGE}), quiet_hours="22:00-07:00 UTC")
ALICE = Arrival(GUILD, LOUNGE, frozenset({GUILD}), is_bot=False, has_agreed=True, is_busy=False)


def changed(**values: object) -> GuildSettings:
    return GuildSettings.model_validate(SETTINGS.model_dump() | values)


def comes(
    arrival: Arrival = ALICE, settings: GuildSettings = SETTINGS, when: datetime = NOON, now: float = 0.0
) -> bool:
    return Attendance(60.0).comes_for(arrival, settings, when, now)


def test_it_comes_when_a_member_who_agreed_enters_a_channel_that_was_named() -> None:
    assert comes()


@pytest.mark.parametrize(
    "change",
    [
        {"is_bot": True},
        {"has_agreed": False},
        {"is_busy": True},
        {"is_spent": True},
        {"channel_id": ATTIC},
    ],
)
def test_it_comes_for_no_bot_no_stranger_nowhere_else_and_not_with_an_empty_purse(change: dict[str, object]) -> None:
    assert not comes(replace(ALICE, **change))  # type: ignore[arg-type]


def test_it_comes_only_where_an_admin_switched_that_on_and_named_channels() -> None:
    assert not comes(settings=changed(auto_join=False))
    assert not comes(settings=changed(channel_ids=frozenset()))


def test_it_does_not_come_in_quiet_hours() -> None:
    assert not comes(when=NIGHT)


def test_it_comes_for_members_with_the_role_that_may_talk_with_it() -> None:
    only_djs = changed(user_role_ids=frozenset({DJ}))
    assert not comes(settings=only_djs)
    assert comes(replace(ALICE, role_ids=frozenset({GUILD, DJ})), only_djs)
    assert may_talk(SETTINGS, ())
    assert not may_talk(only_djs, (GUILD,))


def test_sent_away_it_stays_away_for_ten_minutes_unless_somebody_calls() -> None:
    attendance = Attendance(60.0)
    attendance.sent_away(GUILD, 100.0)
    assert not attendance.comes_for(ALICE, SETTINGS, NOON, 699.0)
    assert attendance.comes_for(replace(ALICE, guild_id=2), SETTINGS, NOON, 101.0), "another server sent nobody away"
    assert attendance.comes_for(ALICE, SETTINGS, NOON, 700.0)
    attendance.sent_away(GUILD, 800.0)
    attendance.called(GUILD)
    assert attendance.comes_for(ALICE, SETTINGS, NOON, 801.0)


def leaves(
    attendance: Attendance, now: float, *, heard: bool, settings: GuildSettings = SETTINGS, when: datetime = NOON
) -> str | None:
    return attendance.leaves(GUILD, LOUNGE, settings, heard, when, now)


def test_it_goes_a_grace_after_the_last_one_whom_it_may_hear() -> None:
    attendance = Attendance(60.0)
    assert leaves(attendance, 0.0, heard=True) is None
    assert leaves(attendance, 10.0, heard=False) is None
    assert leaves(attendance, 69.0, heard=False) is None
    assert leaves(attendance, 70.0, heard=False) == "alone"


def test_somebody_who_comes_back_in_time_keeps_it() -> None:
    attendance = Attendance(60.0)
    for now, heard in ((0.0, True), (10.0, False), (60.0, True), (61.0, False), (120.0, False)):
        assert leaves(attendance, now, heard=heard) is None
    assert leaves(attendance, 121.0, heard=False) == "alone"


def test_where_nobody_agreed_yet_it_waits_longer() -> None:
    attendance = Attendance(60.0)
    assert leaves(attendance, 0.0, heard=False) is None
    assert leaves(attendance, PATIENCE * 60.0 - 1, heard=False) is None
    assert leaves(attendance, PATIENCE * 60.0, heard=False) == "alone"


def test_a_new_call_begins_with_a_new_grace() -> None:
    attendance = Attendance(60.0)
    leaves(attendance, 0.0, heard=True)
    leaves(attendance, 1.0, heard=False)
    attendance.ended(GUILD)
    assert leaves(attendance, 100.0, heard=False) is None


def test_it_stays_where_an_admin_switched_going_off() -> None:
    attendance, stays = Attendance(60.0), changed(auto_leave=False)
    assert leaves(attendance, 0.0, heard=False, settings=stays) is None
    assert leaves(attendance, 9_999.0, heard=False, settings=stays) is None


def test_it_goes_when_quiet_hours_begin_or_its_channel_is_taken_off_the_list() -> None:
    attendance = Attendance(60.0)
    assert leaves(attendance, 0.0, heard=True, when=NIGHT) == "quiet"
    assert leaves(attendance, 0.0, heard=True, settings=changed(channel_ids=frozenset({ATTIC}))) == "elsewhere"


def test_where_no_channel_is_named_it_may_be_anywhere() -> None:
    assert barred(changed(channel_ids=frozenset()), ATTIC, NOON) is None
    assert barred(SETTINGS, ATTIC, NOON) is Bar.ELSEWHERE
    assert barred(SETTINGS, LOUNGE, NIGHT) is Bar.QUIET
