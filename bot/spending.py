"""What servers spend, kept: budgets opened from the ledger, what they used written back, receipts and the state of a day. A shell.

A call saves after every reply and at its end. What could not be written is kept here, added up by member and day, and written with the next save; so a
crash loses what was used since the last save that succeeded: one turn, unless the disk failed for longer. The ledger is in whole milliseconds and
millionths; what is on the disk is what `Budget.take_entries` gave, no more and no less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary, WeakValueDictionary

import structlog

from bot.conversation.budget import Budget, Caps, Spent, Used, next_day
from bot.conversation.prices import Prices
from bot.errors import KithError, StorageError
from bot.settings import Settings
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import GuildSettings
from bot.storage.usage import NOBODY, Usage, UsageLedger

KEPT: Final = 10_000
"""Rows that wait for the disk; beyond, what waits longest is given up."""

LOCAL_MODEL: Final = "local"
PROVIDER_CHARS: Final = 32
MODEL_CHARS: Final = 64
"""What the ledger's columns hold."""

_log = structlog.get_logger(__name__)

Key: TypeAlias = tuple[int, int, date, str, str]
"""Guild, member, day, provider, model."""


@dataclass(frozen=True, slots=True)
class Service:
    """Who is paid: a row of the ledger is of one."""

    provider: str
    model: str
    prices: Prices


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was used for one member: a row a day, provider and model, newest first. Sums are of the rows."""

    rows: tuple[Usage, ...]
    currency: str

    @property
    def heard_ms(self) -> int:
        """Of their speech that went to a model."""
        return sum(row.heard_ms for row in self.rows)

    @property
    def spoken_ms(self) -> int:
        """Of replies to them."""
        return sum(row.spoken_ms for row in self.rows)

    @property
    def replies(self) -> int:
        return sum(row.replies for row in self.rows)

    @property
    def cost_micros(self) -> int:
        """Of replies to them, in millionths of the currency."""
        return sum(row.cost_micros for row in self.rows)

    def of_day(self, day: date) -> Receipt:
        return Receipt(tuple(row for row in self.rows if row.day == day), self.currency)


@dataclass(frozen=True, slots=True)
class Today:
    """A server's day so far. Money in millionths; `resets_at`: seconds since 1970."""

    day: date
    caps: Caps
    guild: Used
    members: dict[int, Used]
    currency: str
    resets_at: int

    @property
    def share(self) -> float:
        """Of the server's nearer cap."""
        return self.guild.share(self.caps.guild_seconds, self.caps.guild_micros)


class Spending:
    """Of a process.

    Args:
        now: aware UTC.
        clock: seconds, monotonic, of the same clock as the `now` of conversations.
    """

    def __init__(
        self,
        usage: UsageLedger,
        guilds: GuildSettingsRepository,
        settings: Settings,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._usage = usage
        self._guilds = guilds
        self._settings = settings
        self._now = now
        self.clock = clock
        self._is_local = settings.provider == "local"
        self._kept: dict[Key, Usage] = {}  # bounded by KEPT
        self._open: WeakValueDictionary[int, Spent] = WeakValueDictionary()
        self._budgets: WeakKeyDictionary[Budget, tuple[int, Service]] = WeakKeyDictionary()
        self._writing = asyncio.Lock()

    @property
    def provider(self) -> str:
        return self._settings.provider

    @property
    def model(self) -> str:
        return LOCAL_MODEL if self._is_local else self._settings.kith_model

    @property
    def unsaved(self) -> int:
        """Rows that the disk has not taken yet."""
        return len(self._kept)

    async def open_call(self, guild_id: int, service: Service | None = None) -> Budget:
        """The budget of a call that begins; `service`: at another's prices than those of the talk's model.

        Raises `KithError` where nothing is left of the day, `StorageError` when the database fails.
        """
        now, clock = self._now().astimezone(UTC), self.clock()
        caps = self.caps(await self._guilds.get(guild_id))
        async with self._writing:
            spent = self._open.get(guild_id)
            if spent is None:
                spent = self._open[guild_id] = Spent(now.date(), await self._used(guild_id, now.date()))
        spent.begin(now.date())
        service = service or self.service()
        budget = Budget(caps, service.prices, spent, clock + next_day(spent.day) - now.timestamp())
        if budget.is_spent(clock):
            raise KithError("the day's budget is used up", key="error-budget-spent", at=str(next_day(spent.day)))
        self._budgets[budget] = (guild_id, service)
        return budget

    async def save(self, guild_id: int, budget: Budget) -> None:
        """Write what the call used since the last time, and let it know of caps that were changed. Never raises: what fails is kept.

        Of a guild that is gone nothing is written.
        """
        if budget not in self._budgets:
            return
        self._keep(guild_id, budget)
        try:
            await self._write()
            budget.follow(self.caps(await self._guilds.get(guild_id)))
        except StorageError:
            _log.warning("usage_not_saved", guild_id=guild_id, count=len(self._kept))

    def settings_changed(self, chosen: GuildSettings) -> None:
        """An admin chose something: calls that are on go by the new caps from here, whether or not anybody speaks."""
        for budget in self._budgets_of(chosen.guild_id):
            budget.follow(self.caps(chosen))

    async def receipt(self, guild_id: int, user_id: int) -> Receipt:
        """Everything that the ledger holds of a member, what is being used in an open call included. Raises `StorageError`."""
        await self._save_open(guild_id)
        return Receipt(tuple(await self._usage.of_member(guild_id, user_id)), self._settings.kith_currency)

    async def today(self, guild_id: int) -> Today:
        """For `/settings` and `/status`. Raises `StorageError`."""
        day = self._now().astimezone(UTC).date()
        caps = self.caps(await self._guilds.get(guild_id))
        await self._save_open(guild_id)
        async with self._writing:
            members = await self._used(guild_id, day)
        guild = Used()
        for used in members.values():
            guild.add(used.ms, used.micros)
        return Today(day, caps, guild, members, self._settings.kith_currency, next_day(day))

    def forget(self, guild_id: int, user_id: int | None = None) -> None:
        """A member was erased: what of theirs waits for the disk becomes nobody's, as in the ledger. `None`: the guild was, and nothing of it waits."""
        for budget in self._budgets_of(guild_id):
            self._keep(guild_id, budget)
            if user_id is not None:
                budget.forget(user_id)
            else:
                del self._budgets[budget]  # what it still comes to is nobody's
        for key in [key for key in self._kept if key[0] == guild_id and user_id in (None, key[1])]:
            row = self._kept.pop(key)
            if user_id is not None:
                self._put(replace(row, user_id=NOBODY))

    def caps(self, chosen: GuildSettings) -> Caps:
        """What the admin chose, within what the operator allows."""
        settings = self._settings
        return Caps(
            guild_seconds=_least(chosen.guild_seconds_per_day, settings.kith_guild_seconds_per_day),
            guild_micros=_micros(_least(chosen.guild_money_per_day, settings.kith_guild_money_per_day)),
            member_seconds=chosen.member_seconds_per_day,
            member_micros=None if chosen.member_money_per_day is None else _micros(chosen.member_money_per_day),
        )

    def service(self) -> Service:
        """The talk's own model."""
        return Service(self.provider, self.model, self.prices())

    def prices(self) -> Prices:
        """The local model costs nothing."""
        if self._is_local:
            return Prices()
        settings = self._settings
        return Prices(
            settings.kith_price_input_per_million,
            settings.kith_price_cached_per_million,
            settings.kith_price_output_per_million,
        )

    # ------------------------------------------------------------------------ inside

    def _keep(self, guild_id: int, budget: Budget) -> None:
        _, service = self._budgets.get(budget, (guild_id, self.service()))
        for entry in budget.take_entries():
            usage = Usage(
                guild_id=guild_id,
                user_id=entry.user_id,
                day=entry.day,
                provider=service.provider[:PROVIDER_CHARS],
                model=service.model[:MODEL_CHARS],
                heard_ms=entry.heard_ms,
                spoken_ms=entry.spoken_ms,
                replies=entry.replies,
                cost_micros=entry.cost_micros,
            )
            self._put(usage)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
            _log.error("usage_given_up", count=1)

    def _put(self, row: Usage) -> None:
        key = (row.guild_id, row.user_id, row.day, row.provider, row.model)
        self._kept[key] = _sum(self._kept[key], row) if key in self._kept else row

    async def _write(self) -> None:
        """Everything that is kept. Raises `StorageError`, and then it is still kept."""
        async with self._writing:
            rows, self._kept = self._kept, {}
            if not rows:
                return
            try:
                await self._usage.add(list(rows.values()))
            except BaseException:  # cancelled too: a transaction that did not end has written nothing
                since, self._kept = self._kept, rows
                for row in since.values():
                    self._put(row)
                raise

    async def _save_open(self, guild_id: int) -> None:
        """What the calls of a guild have used until now. Raises `StorageError`."""
        for budget in self._budgets_of(guild_id):
            self._keep(guild_id, budget)
        await self._write()

    def _budgets_of(self, guild_id: int) -> list[Budget]:
        return [budget for budget, (guild, _) in self._budgets.items() if guild == guild_id]

    async def _used(self, guild_id: int, day: date) -> dict[int, Used]:
        """By member, on the disk or on its way there."""
        kept = [row for row in self._kept.values() if (row.guild_id, row.day) == (guild_id, day)]
        return _by_member([*await self._usage.of_day(guild_id, day), *kept])


def _by_member(rows: Iterable[Usage]) -> dict[int, Used]:
    members: dict[int, Used] = {}
    for row in rows:
        members.setdefault(row.user_id, Used()).add(row.heard_ms + row.spoken_ms, row.cost_micros)
    return members


def _sum(one: Usage, other: Usage) -> Usage:
    """Two rows of the same member, day and model."""
    return replace(
        one,
        heard_ms=one.heard_ms + other.heard_ms,
        spoken_ms=one.spoken_ms + other.spoken_ms,
        replies=one.replies + other.replies,
        cost_micros=one.cost_micros + other.cost_micros,
    )


def _least(chosen: float | None, operator: float) -> float:
    return operator if chosen is None else min(chosen, operator)


def _micros(money: float) -> int:
    return round(money * 1_000_000)
