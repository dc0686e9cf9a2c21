"""A reply beside the talk (an audition, the digest of a talk), paid for like any other: reserved before it is asked for, reconciled when it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.audio.frame import pcm_ms
from bot.conversation.budget import Budget, Verdict
from bot.conversation.prices import Prices, chat_usage
from bot.errors import KithError
from bot.memory.chat import ChatDigester
from bot.memory.digest import Digester, Line, Point
from bot.realtime.events import ModelEvent, ReplyAudio, ReplyDone, ReplyStarted, ReplyWords, SessionConfig
from bot.realtime.link import ModelLink
from bot.spending import Service, Spending

OpenLink = Callable[[SessionConfig, Callable[[ModelEvent], None]], ModelLink]


class SideReply:
    """Links that it opens are those of `open_link`; what their model says is counted."""

    def __init__(self, open_link: OpenLink) -> None:
        self.spoken_ms = 0.0
        self.usage: Mapping[str, Any] = {}
        self.has_begun = False
        self._open_link = open_link

    def open(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        def hear(event: ModelEvent) -> None:
            self._count(event, config.output_rate_hz)
            sink(event)

        return self._open_link(config, hear)

    def _count(self, event: ModelEvent, rate_hz: int) -> None:
        match event:
            case ReplyStarted() | ReplyWords():
                self.has_begun = True
            case ReplyAudio(pcm=pcm):
                self.has_begun = True
                self.spoken_ms += pcm_ms(len(pcm), rate_hz)
            case ReplyDone(usage=usage):
                self.usage = usage


@asynccontextmanager
async def side_reply(spending: Spending, guild_id: int, open_link: OpenLink) -> AsyncIterator[SideReply]:
    """Nobody in particular asked for it: it is the guild's. Raises `KithError` where nothing is left of the day, `StorageError`."""
    async with reserved(spending, guild_id) as budget:
        reply = SideReply(open_link)
        try:
            yield reply
        finally:
            if reply.has_begun or reply.usage:
                budget.reconcile(None, reply.spoken_ms, reply.usage, spending.clock())


@asynccontextmanager
async def reserved(spending: Spending, guild_id: int, service: Service | None = None) -> AsyncIterator[Budget]:
    """A budget with one response reserved on the guild's account; what is not reconciled by the end has cost nothing. Raises as `side_reply`."""
    budget = await spending.open_call(guild_id, service)
    if budget.reserve(spending.clock()) is Verdict.STOP:
        raise KithError("the rest of the day is held", key="error-budget-spent", **dict(budget.told()))
    try:
        yield budget
    finally:
        budget.release_all()
        await spending.save(guild_id, budget)


@dataclass(frozen=True, slots=True)
class PaidDigester:
    """`bot.memory.digest.Digester`: `make` one of the talk's own model, whose answer is paid for. Without money or time there is no digest."""

    make: Callable[[OpenLink], Digester]
    open_link: OpenLink
    spending: Callable[[], Spending]

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        """Raises `KithError`."""
        async with side_reply(self.spending(), guild_id, self.open_link) as reply:
            return await self.make(reply.open).digest(lines, language, guild_id)


@dataclass(frozen=True, slots=True)
class PaidChatDigester:
    """`bot.memory.digest.Digester` by URL, at prices of its own. Without money or time there is no digest; one that fails has cost nothing."""

    chat: ChatDigester
    prices: Prices
    spending: Callable[[], Spending]

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        """Raises `KithError`."""
        spending = self.spending()
        service = Service(urlsplit(self.chat.url).hostname or "digest", self.chat.model, self.prices)
        async with reserved(spending, guild_id, service) as budget:
            answer = await self.chat.ask(lines, language)
            used = chat_usage(answer.usage, answer.asked, answer.text)
            budget.reconcile(None, 0.0, used, spending.clock())
            return answer.points
