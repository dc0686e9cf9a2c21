"""What time it is, and when something is meant by a spoken time. Zones come from the system's or the `tzdata` package's tables."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from bot.personas.persona import ToolName
from bot.storage.guilds import GuildSettings
from bot.storage.quiet_hours import parse_quiet_hours
from bot.tools.tool import Answer, Errand, RefusedError, tool

ZONE_CHARS: Final = 48
Zone = Annotated[
    str,
    Field(
        max_length=ZONE_CHARS,
        description="Time zone as Region/City, for example Asia/Shanghai. Empty: the server's own.",
    ),
]

_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_IN_MINUTES: Final = re.compile(r"in (\d{1,6}(?:\.\d{1,2})?) min(?:ute)?s?", re.IGNORECASE)
_AT_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@tool(permission=ToolName.TIME)
async def current_time(errand: Errand, zone: Zone = "") -> Answer:
    """Tell the current date, weekday and time. Call it before you say what time or day it is."""
    where = zone_named(zone, errand.room.settings)
    local = errand.now.astimezone(where)
    return {"date": local.date().isoformat(), "weekday": f"{local:%A}", "time": f"{local:%H:%M}", "zone": str(where)}


def zone_named(name: str, settings: GuildSettings) -> ZoneInfo:
    """This zone; for an empty name that of the server's quiet hours, or UTC. Raises `RefusedError`."""
    wanted = name.strip() or home_zone(settings)
    if not _ZONE.fullmatch(wanted):
        raise RefusedError("zone: expected Region/City, for example Europe/London")
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is none
        raise RefusedError("zone: there is no such zone; expected Region/City, for example Europe/London") from None


def home_zone(settings: GuildSettings) -> str:
    """The zone that an admin named for the quiet hours."""
    return parse_quiet_hours(settings.quiet_hours).zone if settings.quiet_hours is not None else "UTC"


def due_time(when: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment, in UTC, that `when` means: `in 20 minutes`, `18:30` (the next one), `2026-12-24T18:30`.

    A time that the clock skips in spring counts as that much later; of one that it shows twice in autumn, the next is meant. Raises `RefusedError`.
    """
    text = when.strip()
    if span := _IN_MINUTES.fullmatch(text):
        return now + timedelta(minutes=float(span[1]))
    if clock := _AT_CLOCK.fullmatch(text):
        return _next_time(int(clock[1]), int(clock[2]), zone, now)
    try:
        found = datetime.fromisoformat(text.replace(" ", "T", 1))
        if "T" not in text.replace(" ", "T", 1):
            raise ValueError("a day without a time")
        return found.astimezone(UTC) if found.tzinfo is not None else _meant(found.replace(tzinfo=zone), now)
    except (ValueError, OverflowError):
        raise RefusedError("when: expected `in 20 minutes`, `18:30` or `2026-12-24T18:30`") from None


def _next_time(hour: int, minute: int, zone: ZoneInfo, now: datetime) -> datetime:
    today = now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = _meant(today, now)
    return due if due > now else _meant(today + timedelta(days=1), now)


def _meant(shown: datetime, now: datetime) -> datetime:
    """What a clock's time is in UTC: where the clock shows it twice, the one that is still to come."""
    first, second = (shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return second if first <= now < second else first
