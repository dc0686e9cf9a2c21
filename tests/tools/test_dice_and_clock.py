"""Dice and the clock, asked for as a model asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tool_rooms import NOW, asked, persona, room

from bot.tools.clock import due_time
from bot.tools.tool import RefusedError

pytestmark = pytest.mark.core


async def test_dice_fall_within_their_sides_and_add_up() -> None:
    answer = await asked("roll_dice", {"sides": 4, "count": 20})
    assert len(answer["rolls"]) == 20
    assert set(answer["rolls"]) <= {1, 2, 3, 4}
    assert answer["total"] == sum(answer["rolls"])


async def test_a_die_of_no_arguments_has_six_sides() -> None:
    assert set((await asked("roll_dice", {}))["rolls"]) <= set(range(1, 7))


async def test_the_time_is_told_with_its_day_and_zone() -> None:
    answer = await asked("current_time", {"zone": "Asia/Shanghai"})
    assert answer == {"date": "2026-11-21", "weekday": "Saturday", "time": "20:00", "zone": "Asia/Shanghai"}


async def test_without_a_zone_it_is_that_of_the_quiet_hours() -> None:
    here = room(quiet_hours="22:00-07:00 Europe/Berlin")
    assert (await asked("current_time", {}, here))["zone"] == "Europe/Berlin"
    assert (await asked("current_time", {}))["zone"] == "UTC"


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/passwd", "Europe", "Mars/Olympus", "a" * 40, "UTC\u0000", "CON", "."]
)
async def test_what_is_no_zone_is_named_as_such(zone: str) -> None:
    assert (await asked("current_time", {"zone": zone}))["error"].startswith("zone: ")


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        ("in 20 minutes", datetime(2026, 11, 21, 12, 20, tzinfo=UTC)),
        ("In 1.5 min", datetime(2026, 11, 21, 12, 1, 30, tzinfo=UTC)),
        ("18:30", datetime(2026, 11, 21, 17, 30, tzinfo=UTC)),
        ("13:00", datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),  # it is 13:00 in Berlin: tomorrow's is meant
        ("2026-12-24T18:30", datetime(2026, 12, 24, 17, 30, tzinfo=UTC)),
        ("2026-12-24 18:30", datetime(2026, 12, 24, 17, 30, tzinfo=UTC)),
        ("2026-12-24T18:30:00+08:00", datetime(2026, 12, 24, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_spoken_time_is_understood(when: str, meant: datetime) -> None:
    assert due_time(when, BERLIN, NOW) == meant


AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""In Berlin it is 02:30 for the first time; an hour later it is 02:30 again."""


@pytest.mark.parametrize(
    ("when", "passed_h", "meant"),
    [
        ("02:45", 0, datetime(2026, 10, 25, 0, 45, tzinfo=UTC)),
        ("02:45", 1, datetime(2026, 10, 25, 1, 45, tzinfo=UTC)),
        ("02:15", 0, datetime(2026, 10, 25, 1, 15, tzinfo=UTC)),
        ("02:15", 1, datetime(2026, 10, 26, 1, 15, tzinfo=UTC)),
        ("2026-10-25T02:45", 1, datetime(2026, 10, 25, 1, 45, tzinfo=UTC)),
        ("2026-10-25T02:45", -9, datetime(2026, 10, 25, 0, 45, tzinfo=UTC)),
        ("2027-03-28T02:30", 0, datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # there is none: 03:30
    ],
)
def test_of_an_hour_that_the_clock_shows_twice_the_next_is_meant(when: str, passed_h: int, meant: datetime) -> None:
    assert due_time(when, BERLIN, AUTUMN + timedelta(hours=passed_h)) == meant


@pytest.mark.parametrize(
    "when", ["", "soon", "25:00", "2026-12-24", "2026-13-01T00:00", "in -5 minutes", "in 5 years", "0001-01-01T00:00"]
)
def test_what_is_no_time_is_refused_with_examples(when: str) -> None:
    with pytest.raises(RefusedError, match="in 20 minutes"):
        due_time(when, ZoneInfo("Asia/Shanghai"), NOW)


async def test_an_answer_is_json_for_the_model() -> None:
    assert persona().tools
    assert json.dumps(await asked("roll_dice", {"sides": 2}))
