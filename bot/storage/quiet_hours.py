"""Quiet hours: when the companion does not come. `22:00-07:00 Europe/Berlin` is a stretch of the day by the clock on the wall there.

By the wall's clock, a change to or from summer time needs no rule: an hour that does not exist is skipped, one that comes twice counts twice.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from bot.errors import KithError

TEXT_LIMIT: Final = 64

_WRITTEN: Final = re.compile(
    r"(?P<from_h>\d{1,2}):(?P<from_m>\d{2})\s*[-\u2010-\u2015~]\s*(?P<to_h>\d{1,2}):(?P<to_m>\d{2})\s+(?P<zone>\S+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` until before `end`, over midnight where `end` is the earlier one. `zone` is a name of the IANA database."""

    start: time
    end: time
    zone: str

    def is_quiet(self, now: datetime) -> bool:
        """`now` is aware."""
        here = now.astimezone(ZoneInfo(self.zone)).time()
        if self.start < self.end:
            return self.start <= here < self.end
        return here >= self.start or here < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


def parse_quiet_hours(text: str) -> QuietHours:
    """As an admin typed it. Raises `KithError` (`error-quiet-hours…`) that names what was wrong."""
    written = _WRITTEN.fullmatch(unicodedata.normalize("NFKC", text[:TEXT_LIMIT]).strip())
    if written is None or len(text) > TEXT_LIMIT:
        raise KithError("expected HH:MM-HH:MM Region/City", key="error-quiet-hours")
    start, end = _time(written["from_h"], written["from_m"]), _time(written["to_h"], written["to_m"])
    if start == end:
        raise KithError("expected two different times", key="error-quiet-hours-same")
    zone = _zones().get(written["zone"].casefold())
    if zone is None:
        raise KithError(
            "expected a time zone such as Europe/Berlin", key="error-quiet-hours-zone", zone=written["zone"]
        )
    return QuietHours(start, end, zone)


def _time(hour: str, minute: str) -> time:
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise KithError(
            "expected times from 00:00 to 23:59", key="error-quiet-hours-time", time=f"{hour}:{minute}"
        ) from None


@cache
def _zones() -> dict[str, str]:
    """Names as people type them, in small letters, to names as the database has them."""
    return {name.casefold(): name for name in available_timezones()}
