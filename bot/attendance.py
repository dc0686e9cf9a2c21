"""Who may call the companion and talk with it, where it may be, and when it comes and goes by itself: decisions over values.

Sans-I/O: times are arguments. `when` is the aware wall clock, which quiet hours go by; `now` is monotonic, seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.storage.guilds import GuildSettings
from bot.storage.quiet_hours import parse_quiet_hours

COOLDOWN_S: Final = 600.0
"""So long after being sent away it does not come by itself."""

PATIENCE: Final = 5
"""Where nobody has agreed yet, it waits so many times the grace: reading the notice takes a while."""


class Bar(StrEnum):
    """Why it may not be in a channel now. Also the reason with which it leaves."""

    QUIET = "quiet"
    ELSEWHERE = "elsewhere"


ALONE: Final = "alone"


def may_talk(settings: GuildSettings, role_ids: Collection[int]) -> bool:
    """Whether a member with these roles may call it, and be heard by it. (Whether they agreed is another matter.)"""
    return not settings.user_role_ids or not settings.user_role_ids.isdisjoint(role_ids)


def is_quiet(settings: GuildSettings, when: datetime) -> bool:
    return settings.quiet_hours is not None and parse_quiet_hours(settings.quiet_hours).is_quiet(when)


def barred(settings: GuildSettings, channel_id: int, when: datetime) -> Bar | None:
    """Why it may not be in this channel now; `None`: it may."""
    if is_quiet(settings, when):
        return Bar.QUIET
    if settings.channel_ids and channel_id not in settings.channel_ids:
        return Bar.ELSEWHERE
    return None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody entered a voice channel.

    Attributes:
        is_bot: an account of a program: never a reason to come.
        has_agreed: to be heard, on this server.
        is_busy: the companion is in this channel already, or with people in another one of this server.
        is_spent: the day's budget of this server is used up.
    """

    guild_id: int
    channel_id: int
    role_ids: frozenset[int]
    is_bot: bool
    has_agreed: bool
    is_busy: bool
    is_spent: bool = False


class Attendance:
    """Coming and going of all servers of a process. `grace_s`: how long it stays where nobody is who may be heard."""

    def __init__(self, grace_s: float, cooldown_s: float = COOLDOWN_S) -> None:
        self._grace_s = grace_s
        self._cooldown_s = cooldown_s
        self._away_until: dict[int, float] = {}  # bounded by the servers there are, and what is over goes
        self._unheard_since: dict[int, float] = {}  # of calls
        self._was_heard: set[int] = set()  # calls in which somebody was heard

    def sent_away(self, guild_id: int, now: float) -> None:
        """Somebody sent it out, by command or as a moderator: it does not come back by itself for a while."""
        self._away_until = {one: until for one, until in self._away_until.items() if until > now}
        self._away_until[guild_id] = now + self._cooldown_s

    def called(self, guild_id: int) -> None:
        """Somebody called it: whoever sent it away before is overruled."""
        self._away_until.pop(guild_id, None)

    def ended(self, guild_id: int) -> None:
        """The call of this server is over, for whatever reason."""
        self._unheard_since.pop(guild_id, None)
        self._was_heard.discard(guild_id)

    def comes_for(self, arrival: Arrival, settings: GuildSettings, when: datetime, now: float) -> bool:
        """Whether it enters the channel by itself. Without `channel_ids` it never does: an admin names where."""
        return (
            settings.auto_join
            and arrival.channel_id in settings.channel_ids
            and not arrival.is_bot
            and not arrival.is_busy
            and not arrival.is_spent
            and arrival.has_agreed
            and may_talk(settings, arrival.role_ids)
            and now >= self._away_until.get(arrival.guild_id, now)
            and not is_quiet(settings, when)
        )

    def leaves(
        self, guild_id: int, channel_id: int, settings: GuildSettings, is_anyone_heard: bool, when: datetime, now: float
    ) -> str | None:
        """The reason why it goes now; `None`: it stays. Asked whenever something changed, and every few seconds."""
        bar = barred(settings, channel_id, when)
        if bar is not None:
            return bar.value
        if is_anyone_heard:
            self._unheard_since.pop(guild_id, None)
            self._was_heard.add(guild_id)
            return None
        since = self._unheard_since.setdefault(guild_id, now)
        grace_s = self._grace_s if guild_id in self._was_heard else PATIENCE * self._grace_s
        return ALONE if settings.auto_leave and now - since >= grace_s else None
