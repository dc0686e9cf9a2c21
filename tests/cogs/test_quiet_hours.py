"""Quiet hours: what may be typed, and when they are."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import KithError
from bot.storage.quiet_hours import QuietHours, parse_quiet_hours

pytestmark = pytest.mark.core

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("22:00-07:00 Europe/Berlin", "22:00-07:00 Europe/Berlin"),
        ("  9:05 – 17:30   asia/shanghai ", "09:05-17:30 Asia/Shanghai"),
        ("２２：００－０７：００ Asia/Shanghai", "22:00-07:00 Asia/Shanghai"),
        ("00:00-23:59 utc", "00:00-23:59 UTC"),
    ],
)
def test_it_is_read_as_people_type_it_and_kept_in_one_form(typed: str, kept: str) -> None:
    assert str(parse_quiet_hours(typed)) == kept


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("", "error-quiet-hours"),
        ("night", "error-quiet-hours"),
        ("22:00-07:00", "error-quiet-hours"),
        ("22:00-07:00 Europe/Berlin" + " " * 80, "error-quiet-hours"),
        ("24:00-07:00 UTC", "error-quiet-hours-time"),
        ("22:00-07:60 UTC", "error-quiet-hours-time"),
        ("07:00-07:00 UTC", "error-quiet-hours-same"),
        ("22:00-07:00 Berlin", "error-quiet-hours-zone"),
        ("22:00-07:00 ../../etc/passwd", "error-quiet-hours-zone"),
        ("22:00-07:00 Europe", "error-quiet-hours-zone"),
    ],
)
def test_what_is_wrong_is_named(typed: str, key: str) -> None:
    with pytest.raises(KithError) as caught:
        parse_quiet_hours(typed)
    assert caught.value.key == key


@given(st.text(max_size=80) | st.from_regex(r"\d{1,2}:\d\d-\d{1,2}:\d\d \S{0,30}", fullmatch=True))
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        hours = parse_quiet_hours(typed)
    except KithError:
        return
    assert parse_quiet_hours(str(hours)) == hours


def hours_of(start: time, end: time, zone: str) -> QuietHours:
    return QuietHours(start, end, zone)


@given(TIMES, TIMES, st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_they_go_by_the_clock_on_the_wall_over_midnight_and_summer_time(
    start: time, end: time, zone: str, moment: datetime
) -> None:
    when = moment.replace(tzinfo=UTC)
    wall = when.astimezone(ZoneInfo(zone)).time()
    minutes = (end.hour * 60 + end.minute - start.hour * 60 - start.minute) % 1440
    since = (wall.hour * 60 + wall.minute - start.hour * 60 - start.minute) % 1440
    if start != end:
        assert hours_of(start, end, zone).is_quiet(when) is (since < minutes)


@given(TIMES, TIMES, st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_moment_is_quiet_in_a_stretch_or_in_its_rest_and_never_in_both(
    start: time, end: time, zone: str, moment: datetime
) -> None:
    when = moment.replace(tzinfo=UTC)
    if start != end:
        assert hours_of(start, end, zone).is_quiet(when) is not hours_of(end, start, zone).is_quiet(when)


def quiet_minutes(hours: QuietHours, noon_before: datetime) -> int:
    return sum(hours.is_quiet(noon_before + timedelta(minutes=minute)) for minute in range(1440))


def test_the_night_of_a_change_is_an_hour_shorter_or_longer() -> None:
    berlin = parse_quiet_hours("22:00-07:00 Europe/Berlin")
    assert quiet_minutes(berlin, datetime(2026, 1, 10, 12, tzinfo=UTC)) == 9 * 60
    assert quiet_minutes(berlin, datetime(2026, 3, 28, 12, tzinfo=UTC)) == 8 * 60
    assert quiet_minutes(berlin, datetime(2026, 10, 24, 12, tzinfo=UTC)) == 10 * 60


def test_an_hour_that_does_not_exist_is_skipped_and_one_that_comes_twice_is_quiet_twice() -> None:
    early = parse_quiet_hours("02:00-03:00 Europe/Berlin")
    assert quiet_minutes(early, datetime(2026, 3, 28, 12, tzinfo=UTC)) == 0
    assert quiet_minutes(early, datetime(2026, 10, 24, 12, tzinfo=UTC)) == 120
