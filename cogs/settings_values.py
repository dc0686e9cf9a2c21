"""Values of settings as an admin types or chooses them, and as an id remembers what was shown: pure functions, whatever a client sends."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import Any, Final

from bot.errors import KithError
from bot.storage.guilds import Pick, Unit, Write, parse_choice
from bot.storage.quiet_hours import parse_quiet_hours

NONE: Final = "*"
"""Chosen from a menu: as it comes."""

_SECONDS: Final = re.compile(r"(?P<number>\d{1,6})(?P<unit>s|m|min|h|秒|分|分钟|小时)?", re.ASCII)
_IN_SECONDS: Final = {"m": 60, "min": 60, "h": 3600, "分": 60, "分钟": 60, "小时": 3600}
_MONEY: Final = re.compile(r"\d{1,6}(?:[.,]\d{1,2})?", re.ASCII)


class Unreadable(ValueError):
    """What was typed is not what this setting takes."""


def mark_of(value: Any) -> str:
    """A short mark of a value, so that a button can remember what its panel showed."""
    shown = json.dumps(sorted(value) if isinstance(value, frozenset) else value)
    return hashlib.sha256(shown.encode()).hexdigest()[:8]


def typed(row: Write, text: str) -> int | float | str | None:
    """What an admin wrote into a form; nothing: as it comes. Raises `Unreadable`, and `KithError` for quiet hours."""
    if len(text) > row.characters:
        raise Unreadable
    cleaned = "".join(unicodedata.normalize("NFKC", text).split()).lower()
    if not cleaned:
        return None
    match row.unit:
        case Unit.HOURS:
            return str(parse_quiet_hours(text))
        case Unit.SECONDS:
            written = _SECONDS.fullmatch(cleaned)
            if written is None:
                raise Unreadable
            return int(written["number"]) * _IN_SECONDS.get(written["unit"] or "s", 1)
        case Unit.MONEY:
            if _MONEY.fullmatch(cleaned) is None:
                raise Unreadable
            return float(cleaned.replace(",", "."))


def as_typed(value: Any) -> str:
    """What a form shows to begin with, in the words that `typed` reads."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def picked(row: Pick, value: str) -> str | int | None:
    """What was chosen from a menu of this row. Raises `Unreadable` for what it does not offer."""
    offered = {option_of(one): one for one in row.values}
    if value not in offered:
        raise Unreadable
    return offered[value]


def option_of(value: str | int | None) -> str:
    """A value as a menu carries it."""
    return NONE if value is None else str(value)


def checked(name: str, value: Any) -> Any:
    """`value` within the bounds of its setting. Raises `Unreadable`."""
    try:
        return parse_choice(name, value)
    except KithError:
        raise Unreadable from None
