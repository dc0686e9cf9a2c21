"""What is said beside a talk is paid for too, and is not said when the day is spent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from bot.conversation.budget import Budget
from bot.conversation.prices import Prices
from bot.errors import KithError
from bot.memory.chat import ChatDigester
from bot.memory.digest import Digester, Line, Point, task, told
from bot.realtime.events import ModelEvent, ReplyAudio, ReplyDone, ReplyStarted, SessionConfig
from bot.realtime.link import ModelLink
from bot.settings import Settings
from bot.side_reply import OpenLink, PaidChatDigester, PaidDigester, side_reply
from bot.spending import Spending
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.memories import Kind
from bot.storage.usage import NOBODY, UsageLedger

pytestmark = pytest.mark.shell

GUILD = 10
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONFIG = SessionConfig("Be Kith.", voice="one")
SECOND = bytes(2 * CONFIG.output_rate_hz)


class Purse:
    """A guild with a minute a day, and a ledger."""

    def __init__(self, database: Database) -> None:
        self.usage = UsageLedger(database)
        self.guilds = GuildSettingsRepository(database)
        settings = Settings(_env_file=None, kith_guild_seconds_per_day=60)  # type: ignore[call-arg]
        self.spending = Spending(self.usage, self.guilds, settings, lambda: NOON, lambda: 5_000.0)
        self.opened = 0

    def open_link(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        """A model that speaks for two seconds at once."""
        self.opened += 1
        for event in (ReplyStarted("r"), ReplyAudio("r", "i", SECOND * 2), ReplyDone("r", "completed")):
            sink(event)
        return cast("ModelLink", None)

    async def spoken_ms(self) -> dict[int, int]:
        return {row.user_id: row.spoken_ms for row in await self.usage.of_day(GUILD, NOON.date())}

    async def spend_all(self) -> Budget:
        budget = await self.spending.open_call(GUILD)
        budget.heard(1, 60_000)
        await self.spending.save(GUILD, budget)
        return budget


@pytest.fixture
async def purse(tmp_path: Path) -> AsyncIterator[Purse]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/kith.sqlite3")
    yield Purse(database)
    await database.close()


async def test_a_reply_beside_the_talk_stands_in_the_ledger_as_the_servers(purse: Purse) -> None:
    async with side_reply(purse.spending, GUILD, purse.open_link) as reply:
        reply.open(CONFIG, lambda event: None)
    assert await purse.spoken_ms() == {NOBODY: 2_000}


async def test_it_counts_also_when_it_ends_in_an_error(purse: Purse) -> None:
    async def fail() -> None:
        async with side_reply(purse.spending, GUILD, purse.open_link) as reply:
            reply.open(CONFIG, lambda event: None)
            raise KithError("the model did not speak on", key="error-audition")

    with pytest.raises(KithError):
        await fail()
    assert await purse.spoken_ms() == {NOBODY: 2_000}


async def test_one_that_never_began_costs_nothing_and_holds_nothing(purse: Purse) -> None:
    async with side_reply(purse.spending, GUILD, purse.open_link):
        pass
    assert await purse.spoken_ms() == {}
    assert (await purse.spending.open_call(GUILD)).spent.held.ms == 0


async def test_when_the_day_is_spent_no_model_is_asked(purse: Purse) -> None:
    budget = await purse.spend_all()
    with pytest.raises(KithError) as caught:
        async with side_reply(purse.spending, GUILD, purse.open_link) as reply:
            reply.open(CONFIG, lambda event: None)
    assert caught.value.key == "error-budget-spent"
    assert (purse.opened, budget.percent) == (0, 100)


class TalkingDigester:
    def __init__(self, open_link: OpenLink) -> None:
        self._open_link = open_link

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        self._open_link(CONFIG, lambda event: None)
        return ()


async def test_a_digest_is_paid_for_and_is_left_out_when_nothing_is_left(purse: Purse) -> None:
    digester: Digester = PaidDigester(TalkingDigester, purse.open_link, lambda: purse.spending)
    await digester.digest([Line("Alice", "I like moss")], "en", GUILD)
    assert await purse.spoken_ms() == {NOBODY: 2_000}
    await purse.spend_all()
    with pytest.raises(KithError):
        await digester.digest([Line("Alice", "I like moss")], "en", GUILD)
    assert purse.opened == 1


# ---------------------------------------------------------------------------- a digest by URL

ASKED = [Line("Alice", "I planted moss")]
PRICES = Prices(150.0, 150.0, 600.0)


@asynccontextmanager
async def chat(purse: Purse, completion: dict[str, Any], status: int = 200) -> AsyncIterator[PaidChatDigester]:
    """A service with OpenAI's chat interface that answers so."""

    async def complete(_: web.Request) -> web.Response:
        return web.json_response(completion, status=status)

    application = web.Application()
    application.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/chat/completions"
        yield PaidChatDigester(ChatDigester(url, "small"), PRICES, lambda: purse.spending)
    finally:
        await runner.cleanup()


def completion(**usage: Any) -> dict[str, Any]:
    text = '{"about": "Alice", "kind": "fact", "text": "Planted moss."}'
    return {"choices": [{"message": {"role": "assistant", "content": text}}], **usage}


async def booked(purse: Purse) -> list[tuple[int, str, str, int]]:
    rows = await purse.usage.of_day(GUILD, NOON.date())
    return [(row.user_id, row.provider, row.model, row.cost_micros) for row in rows]


async def test_a_digest_by_url_is_paid_for_at_its_own_price_as_it_reports(purse: Purse) -> None:
    used = {"prompt_tokens": 400, "completion_tokens": 20, "total_tokens": 420}
    async with chat(purse, completion(usage=used)) as digester:
        assert await digester.digest(ASKED, "en", GUILD) == (Point("Alice", Kind.FACT, "Planted moss."),)
    assert await booked(purse) == [(NOBODY, "127.0.0.1", "small", 400 * 150 + 20 * 600)]
    assert (await purse.spending.today(GUILD)).guild.micros == 72_000


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {"prompt_tokens": -1, "completion_tokens": "many"}}])
async def test_one_that_reports_nothing_believable_is_reckoned_from_what_was_asked_and_answered(
    purse: Purse, usage: dict[str, Any]
) -> None:
    async with chat(purse, completion(**usage)) as digester:
        await digester.digest(ASKED, "en", GUILD)
    asked = len((task("en") + told(ASKED)).encode())
    answered = len(completion()["choices"][0]["message"]["content"])
    assert [cost for *_, cost in await booked(purse)] == [ceil(asked / 3) * 150 + ceil(answered / 3) * 600]


async def test_one_that_fails_has_cost_nothing_and_holds_nothing(purse: Purse) -> None:
    async with chat(purse, {}, status=500) as digester:
        with pytest.raises(KithError):
            await digester.digest(ASKED, "en", GUILD)
    assert await booked(purse) == []
    budget = await purse.spending.open_call(GUILD)
    assert budget.spent.held.ms == 0


async def test_there_is_none_where_nothing_is_left_of_the_day(purse: Purse) -> None:
    await purse.spend_all()
    async with chat(purse, completion()) as digester:
        with pytest.raises(KithError) as caught:
            await digester.digest(ASKED, "en", GUILD)
    assert caught.value.key == "error-budget-spent"
