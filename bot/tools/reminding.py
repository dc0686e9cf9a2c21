"""Timers and reminders, as a model asks for them. They belong to whoever asked aloud, and nobody else can set them in their name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.errors import KithError
from bot.memory.terms import language_of
from bot.personas.persona import ToolName
from bot.tools.clock import Zone, due_time, zone_named
from bot.tools.tool import Answer, Asked, Errand, RefusedError, tool
from bot.tools.words import Phrase

LATEST: Final = timedelta(days=366)
TIMER_MINUTES: Final = 24 * 60.0
NOTHING_SAID: Final = "the timer"

About = Annotated[Phrase, Field(description="What of, in a few words of theirs.")]


@tool(permission=ToolName.REMINDERS)
async def set_timer(
    errand: Errand,
    minutes: Annotated[float, Field(gt=0, le=TIMER_MINUTES, description="From now; 0.5 is half a minute.")],
    about: About = NOTHING_SAID,
) -> Answer:
    """Set a timer for the person who just asked for it. You are told when it is over; do not count yourself."""
    due = errand.now + timedelta(minutes=minutes)
    await _set(errand, about, due)
    return {"result": "The timer runs.", "minutes": minutes}


@tool(permission=ToolName.REMINDERS)
async def set_reminder(
    errand: Errand,
    when: Annotated[
        Phrase, Field(description="'in 20 minutes', a clock time '18:30', or local date and time '2026-12-24T18:30'.")
    ],
    about: About,
    zone: Zone = "",
) -> Answer:
    """Set a reminder for the person who just asked for it. It is spoken if the call is on then, and written in the channel otherwise; where others
    are who did not hear what of, it is shown to them alone. Say the time and zone back to them."""
    where = zone_named(zone, errand.room.settings)
    due = due_time(when, where, errand.now)
    if due <= errand.now:
        raise RefusedError(f"when: expected a time to come; it is {errand.now.astimezone(where):%Y-%m-%dT%H:%M} now")
    if due > errand.now + LATEST:
        raise RefusedError("when: expected a time within a year")
    await _set(errand, about, due)
    return {"result": "The reminder is set.", "time": f"{due.astimezone(where):%A %Y-%m-%d %H:%M}", "zone": str(where)}


async def _set(errand: Errand, about: str, due: datetime) -> None:
    room = errand.room
    if errand.asked_by is None or errand.reminders is None:
        raise RefusedError("it is not clear who asked; let that person ask again")
    heard_by, language = _heard_by(errand, about, errand.asked_by), _language(errand, about)
    asked = Asked(room.guild_id, errand.asked_by, room.channel_id, about, heard_by, language)
    try:
        await errand.reminders.set(asked, due)
    except KithError as error:
        if error.key != "error-reminder-many":
            raise
        raise RefusedError("they have as many reminders as there may be; /reminders cancel takes one away") from None


def _heard_by(errand: Errand, about: str, asked_by: int) -> frozenset[int]:
    """Who heard what of, as memory knows it; where nothing is known of that, whoever asked."""
    memory = errand.room.memory
    if memory is None:
        return frozenset({asked_by})
    return memory.heard_by(about, asked_by, errand.present)


def _language(errand: Errand, about: str) -> str:
    """Of whoever asked, by their words; of a timer without any, the one that is spoken in the room."""
    return language_of(about) if about != NOTHING_SAID else errand.room.language
