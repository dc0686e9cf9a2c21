"""What a talk may cost on a day, and what it has cost: seconds and money, of the guild and of each member, sans I/O.

Seconds are speech heard plus speech given: sound of members that went to the model, pauses inside of it included, and sound of replies that the model
made, heard to its end or not (that is what is billed). A member's seconds are their own speech and the replies to them; their money is what
replies to them cost. Replies that nobody in particular asked for (a greeting, a reminder) are the guild's alone, under user 0.

Money is in millionths of the operator's currency; what a response costs is for `prices` to say. A response is reserved before it is asked for, and
reconciled when it is done. Nobody is listened to beyond a cap and no response is asked for beyond one, so a cap is exceeded by the response in flight
at most. The day is UTC's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Final

from bot.conversation.prices import (
    HEARD_TOKENS_PER_S,
    INPUT_TOKENS_LIMIT,
    INSTRUCTION_TOKENS,
    NOTE_TOKENS,
    OUTPUT_TOKENS_LIMIT,
    SAID_TOKENS_PER_S,
    TALK_TOKENS,
    Prices,
    tokens_of,
)

WIND_DOWN_SHARE: Final = 0.9
DAY_S: Final = 86_400.0

FIRST_REPLY_MS: Final = 8_000.0
SHORTEST_MS: Final = 2_000.0
LONGEST_MS: Final = 60_000.0
"""What is reserved for a reply lies between these two, and is half as much again as replies were of late."""

RECENT: Final = 0.25
"""How much the last reply counts in what replies are of late."""

UNREPORTED_MS: Final = 131_072.0
"""What a reply that was interrupted and has not ended yet may still come to, when the next one is asked for: 4 096 tokens."""

HOLD_S: Final = 120.0
"""A response of which nothing was heard for so long does not come."""

IN_FLIGHT: Final = 2
"""One that was interrupted and one that follows it."""

WINDING_DOWN: Final = (
    "The time that this server gives you for today is almost used up. Answer as yourself, briefly, and let the talk come to its end from here on: "
    "say lightly, in your own words, that you will have to go soon, open no new subject, and promise nothing long. "
    "It is nobody's fault: no complaint, no numbers, no plea to stay. Tomorrow there is time again."
)
"""The host's note to the model when a cap is near."""

TELL_WINDING_DOWN: Final = "budget-winding-down"
TELL_SPENT: Final = "budget-spent"
TELL_MEMBER_SPENT: Final = "budget-member-spent"


DUST: Final = 1e-6
"""Of a millisecond: what sums of parts may be short of a whole one."""


class Verdict(StrEnum):
    GO = "go"
    WIND_DOWN = "wind_down"  # go, and let the model know that it is to come to an end: said once a day
    STOP = "stop"  # no response, and no more of this talk today


@dataclass(frozen=True, slots=True)
class Caps:
    """A day's. Seconds, and millionths of the currency; `None`: no cap."""

    guild_seconds: float | None = None
    guild_micros: int | None = None
    member_seconds: float | None = None
    member_micros: int | None = None


@dataclass(slots=True)
class Used:
    """Milliseconds of speech, and millionths of the currency."""

    ms: float = 0.0
    micros: int = 0

    def add(self, ms: float, micros: int = 0) -> None:
        self.ms += ms
        self.micros += micros

    def share(self, seconds: float | None, micros: int | None) -> float:
        """Of the nearer cap; 1.0 and more: it is reached."""
        of_time = 0.0 if seconds is None else self.ms / 1000 / seconds if seconds > 0 else 1.0
        of_money = 0.0 if micros is None else self.micros / micros if micros > 0 else 1.0
        return max(of_time, of_money)


class Spent:
    """What a guild used on a day, shared by all who spend there: each sees what the others used and hold."""

    def __init__(self, day: date, members: Mapping[int, Used] | None = None) -> None:
        self.day = day
        self.members = {user_id: Used(used.ms, used.micros) for user_id, used in (members or {}).items()}
        self.guild = Used()
        self.held = Used()
        self.is_winding_down = False
        for used in self.members.values():
            self.guild.add(used.ms, used.micros)

    def add(self, user_id: int, ms: float, micros: int = 0) -> None:
        self.guild.add(ms, micros)
        self.members.setdefault(user_id, Used()).add(ms, micros)

    def of(self, user_id: int) -> Used:
        return self.members.get(user_id, Used())

    def begin(self, day: date) -> None:
        """Another day: nothing is used of it, unless somebody else has begun it already. What is held is still held."""
        if day > self.day:
            self.day, self.members, self.guild, self.is_winding_down = day, {}, Used(), False


@dataclass(slots=True)
class Entry:
    """What was used for one member (0: nobody in particular) on one day."""

    user_id: int
    day: date
    heard_ms: int = 0
    spoken_ms: int = 0
    replies: int = 0
    cost_micros: int = 0


@dataclass(slots=True)
class _Tally:
    heard_ms: float = 0.0
    spoken_ms: float = 0.0
    replies: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class _Hold:
    """Reserved for one response."""

    ms: float
    micros: int
    at: float


class Budget:
    """Of one call.

    Args:
        caps: until `follow`.
        spent: what the guild used already.
        day_ends_at: when the day of `spent` ends; seconds, monotonic, as every `now` here.
    """

    def __init__(self, caps: Caps, prices: Prices, spent: Spent, day_ends_at: float) -> None:
        self._caps = caps
        self._prices = prices
        self._spent = spent
        self._day = spent.day
        self._day_ends_at = day_ends_at
        self._unsaved: dict[tuple[date, int], _Tally] = {}  # bounded by who is heard in a call
        self._holds: deque[_Hold] = deque()  # bounded by IN_FLIGHT
        self._silenced: set[int] = set()
        self._erased: set[int] = set()  # bounded by who was heard in a call
        self._untold: list[int] = []  # bounded by who is heard in a call
        self._recent_ms = FIRST_REPLY_MS
        self._recent_micros = 0.0
        self.begin_session()

    @property
    def caps(self) -> Caps:
        return self._caps

    def follow(self, caps: Caps) -> None:
        """An admin chose others, which count at once. Where there is room again, the next end is wound down to as well."""
        before, self._caps = self._caps, caps
        if caps != before and self._share(Used()) < WIND_DOWN_SHARE:
            self._spent.is_winding_down = False

    # ------------------------------------------------------------------------ speech

    def heard(self, user_id: int, ms: float) -> None:
        """Sound of theirs went to the model: one call for every `AppendAudio`, with its length."""
        self._erased.discard(user_id)  # they came back
        self._spent.add(user_id, ms)
        self._tally(user_id).heard_ms += ms
        self._fresh_tokens += ms / 1000 * HEARD_TOKENS_PER_S

    def may_hear(self, user_id: int, now: float) -> bool:
        """Ask before the sound goes to the model. False: a cap of theirs is reached, or one of the guild's."""
        self._follow_day(now)
        if self.is_member_spent(user_id):
            if user_id not in self._silenced:
                self._silenced.add(user_id)
                self._untold.append(user_id)
            return False
        return not self._is_guild_spent()

    def is_member_spent(self, user_id: int) -> bool:
        return self._spent.of(user_id).share(self.caps.member_seconds, self.caps.member_micros) >= 1

    def take_silenced(self) -> tuple[int, ...]:
        """Who was refused by `may_hear` for their own cap and has not been told: each once a day."""
        untold, self._untold = tuple(self._untold), []
        return untold

    # ------------------------------------------------------------------------ responses

    def begin_session(self) -> None:
        """The model's session is a new one: it knows nothing of the talk, and nothing of it is cached."""
        self._talk_tokens = 0.0
        self._fresh_tokens = float(INSTRUCTION_TOKENS)

    def is_spent(self, now: float) -> bool:
        """A cap of the guild is reached: the talk is over for today."""
        self._follow_day(now)
        return self._is_guild_spent()

    def reserve(self, now: float) -> Verdict:
        """Before a response is asked for: whose it is, is known when it is done. With `STOP` nothing is reserved; otherwise `reconcile` or `release` has to follow.

        `WIND_DOWN` where nine tenths of a cap of the guild are used, or the cap may be reached with this reply.
        """
        self._follow_day(now)
        self._drop_lost(now)
        if self._is_guild_spent(self._unreported()):
            return Verdict.STOP
        hold = _Hold(*self._estimate(), now)
        self._holds.append(hold)
        self._spent.held.add(hold.ms, hold.micros)
        while len(self._holds) > IN_FLIGHT:
            self._drop(self._holds.popleft())
        is_near = self._share(Used()) >= WIND_DOWN_SHARE or self._share(self._spent.held) >= 1
        if not is_near or self._spent.is_winding_down:
            return Verdict.GO
        self._spent.is_winding_down = True
        return Verdict.WIND_DOWN

    def reconcile(self, user_id: int | None, spoken_ms: float, usage: Mapping[str, Any], now: float) -> None:
        """A response is done, however it ended: the oldest reservation gives way to what it was. Responses come to an end in order.

        Args:
            user_id: whose words were answered; `None`: nobody's.
            spoken_ms: sound that came from the model for this response.
            usage: as the provider says; anything.
        """
        self._follow_day(now)
        self._drop_lost(now)
        if self._holds:
            self._drop(self._holds.popleft())
        cost = self._cost(spoken_ms, usage)
        user_id = None if user_id in self._erased else user_id
        self._spent.add(user_id or 0, spoken_ms, cost)
        tally = self._tally(user_id or 0)
        tally.spoken_ms += spoken_ms
        tally.replies += spoken_ms > 0
        tally.cost_micros += cost
        if spoken_ms > 0:
            self._recent_ms += RECENT * (spoken_ms - self._recent_ms)
        self._recent_micros += RECENT * (cost - self._recent_micros)

    def release(self) -> None:
        """The response that was reserved last will not come: it was taken back before it began."""
        if self._holds:
            self._drop(self._holds.pop())

    def release_all(self) -> None:
        """No response will come any more: the model is lost, or the call is over."""
        while self._holds:
            self._drop(self._holds.pop())

    def forget(self, user_id: int) -> None:
        """The member was erased: the reply to them that is still to end is nobody's, as all that they used."""
        self._erased.add(user_id)

    # ------------------------------------------------------------------------ what others ask

    def take_entries(self) -> tuple[Entry, ...]:
        """What was used since the last take. Parts of milliseconds wait for the next one."""
        taken: list[Entry] = []
        left: dict[tuple[date, int], _Tally] = {}
        for (day, user_id), tally in self._unsaved.items():
            entry = Entry(
                user_id, day, int(tally.heard_ms + DUST), int(tally.spoken_ms + DUST), tally.replies, tally.cost_micros
            )
            if entry != Entry(user_id, day):
                taken.append(entry)
            rest = _Tally(tally.heard_ms - entry.heard_ms, tally.spoken_ms - entry.spoken_ms)
            if day == self._day and (rest.heard_ms or rest.spoken_ms):
                left[day, user_id] = rest
        self._unsaved = left
        return tuple(taken)

    @property
    def spent(self) -> Spent:
        return self._spent

    @property
    def held(self) -> Used:
        """What this call holds for responses that have not ended."""
        held = Used()
        for hold in self._holds:
            held.add(hold.ms, hold.micros)
        return held

    @property
    def percent(self) -> int:
        """How much is used of the guild's nearer cap; 100 at most."""
        return min(100, int(self._share(Used()) * 100))

    def told(self) -> tuple[tuple[str, str | int | float], ...]:
        """The values of the sentences: `percent`, and `at`, when the next day begins (seconds since 1970, as text)."""
        return ("percent", self.percent), ("at", str(next_day(self._day)))

    # ------------------------------------------------------------------------ inside

    def _tally(self, user_id: int) -> _Tally:
        return self._unsaved.setdefault((self._day, user_id), _Tally())

    def _follow_day(self, now: float) -> None:
        if now < self._day_ends_at:
            return
        days = int((now - self._day_ends_at) // DAY_S) + 1
        self._day_ends_at += days * DAY_S
        self._day += timedelta(days=days)
        self._spent.begin(self._day)
        self._silenced.clear()
        self._untold.clear()

    def _share(self, more: Used) -> float:
        """Of the guild's nearer cap, with `more`."""
        used = Used(self._spent.guild.ms + more.ms, self._spent.guild.micros + more.micros)
        return used.share(self.caps.guild_seconds, self.caps.guild_micros)

    def _is_guild_spent(self, more: Used | None = None) -> bool:
        return self._share(more or Used()) >= 1

    def _unreported(self) -> Used:
        """What may still come of responses that were asked for: of our own at most, of others as they reckon."""
        own = self.held
        most = self._prices.cost(INPUT_TOKENS_LIMIT, 0, OUTPUT_TOKENS_LIMIT)
        count = len(self._holds)
        others = self._spent.held
        return Used(others.ms - own.ms + count * UNREPORTED_MS, others.micros - own.micros + count * most)

    def _drop(self, hold: _Hold) -> None:
        self._spent.held.add(-hold.ms, -hold.micros)

    def _drop_lost(self, now: float) -> None:
        while self._holds and now - self._holds[0].at >= HOLD_S:
            self._drop(self._holds.popleft())

    def _estimate(self) -> tuple[float, int]:
        """Milliseconds and millionths of the next response: half as much again as of late, within bounds."""
        ms = float(ceil(min(LONGEST_MS, max(SHORTEST_MS, 1.5 * self._recent_ms))))
        reckoned = self._prices.cost(self._fresh_tokens + NOTE_TOKENS, self._talk_tokens, ms / 1000 * SAID_TOKENS_PER_S)
        return ms, max(reckoned, ceil(1.5 * self._recent_micros))

    def _cost(self, spoken_ms: float, usage: Mapping[str, Any]) -> int:
        """Of a response that is done; what it read and said is part of the talk from now on."""
        said = spoken_ms / 1000 * SAID_TOKENS_PER_S
        reported = tokens_of(usage, said)
        fresh, cached, output = reported or (self._fresh_tokens + NOTE_TOKENS, self._talk_tokens, said)
        self._talk_tokens = min(float(TALK_TOKENS), fresh + cached + output)
        self._fresh_tokens = 0.0
        return self._prices.cost(fresh, cached, output)


def next_day(day: date) -> int:
    """When the day after begins; seconds since 1970."""
    return int(datetime.combine(day + timedelta(days=1), time(), UTC).timestamp())
