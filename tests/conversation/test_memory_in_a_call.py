"""What a call's model is told of what is remembered, as people come and go; over fakes of voice and model, and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeModel, FakeVoice, settle
from waiting import PATIENCE_S, until

from bot.conversation import calls as registry
from bot.conversation.call import Call
from bot.conversation.calls import CallOptions, Calls, CallServices
from bot.errors import VoiceError, VoiceFault
from bot.memory.call import CallMemory
from bot.memory.digest import Line, Point
from bot.memory.keeper import Keeper
from bot.personas.library import Library
from bot.realtime.events import UtteranceTranscribed
from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.guilds import MemoryMode
from bot.storage.members import MemberChoices
from bot.storage.memories import Kind, Memory
from bot.storage.memory_repository import MemoryRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.vault import Vault
from bot.voice.events import MemberArrived, MemberLeft, VoiceReady

pytestmark = pytest.mark.shell

GUILD, ME, ALICE, BOB, CAROL = 1, 99, 11, 12, 13
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carol"}
MOSS = "Likes moss and old trains."


class SlowDigester:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.lines: tuple[Line, ...] = ()

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        self.lines = tuple(lines)
        await self.may_answer.wait()
        return (Point("Alice", Kind.FACT, "Has a dog called Rex."),)


class House:
    """One guild, one channel, a keeper on a database of its own."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.guild: Any = SimpleNamespace(id=GUILD, me=SimpleNamespace(id=ME), preferred_locale="en-US")
        self.guild.get_member = lambda user_id: self.member(user_id) if user_id in NAMES else None
        self.channel: Any = SimpleNamespace(id=7, guild=self.guild, members=[])
        self.ledger = ConsentLedger(database, "local")
        self.guilds = GuildSettingsRepository(database)
        self.memories = MemoryRepository(database, vault)
        self.digester = SlowDigester()
        self.keeper = Keeper(
            self.memories,
            RecapRepository(database, vault),
            MemberChoices(database),
            self.ledger,
            self.guilds,
            self.digester,
            lambda: datetime.now(UTC),
        )
        self.model = FakeModel(reply_ms=100)
        self.offered: list[frozenset[int]] = []
        self.opened: list[CallMemory] = []
        self.refusal: VoiceError | None = None
        self.voice = FakeVoice()
        self.calls = Calls(
            CallServices(
                allowed=self.ledger.allowed,
                persona=self._persona,
                tell=self._tell,
                connect_voice=self._connect,
                open_model=self.model,
                settings=self.guilds.get,
                open_memory=self._open,
                offer_proposals=self._offer,
            ),
            CallOptions(),
        )

    def member(self, user_id: int) -> Any:
        return SimpleNamespace(id=user_id, display_name=NAMES[user_id], bot=False, roles=[], guild=self.guild)

    async def _persona(self, *_: Any) -> Any:
        return Library.load().get("xiaoyue")

    async def _tell(self, *_: Any) -> None:
        pass

    async def _connect(self, channel: Any, allowed: Any) -> FakeVoice:
        if self.refusal is not None:
            raise self.refusal
        self.voice = FakeVoice(channel.id)
        return self.voice

    async def _open(self, guild_id: int, channel_id: int) -> Any:
        self.opened.append(await self.keeper.open_call(guild_id, channel_id, "call"))
        return self.opened[-1]

    async def _offer(self, call: Call, members: frozenset[int]) -> None:
        self.offered.append(members)

    # ------------------------------------------------------------------ what happens

    async def agree(self, *user_ids: int) -> None:
        for user_id in user_ids:
            for scope in (Scope.LISTEN, Scope.REMEMBER):
                await self.ledger.allow(GUILD, user_id, scope)

    async def remember(self, *heard_by: int, text: str = MOSS) -> Memory:
        memory = Memory(
            GUILD, "m" * 32, ALICE, ALICE, frozenset(heard_by), Kind.PREFERENCE, text, "en", datetime.now(UTC)
        )
        await self.memories.add(memory)
        return memory

    async def join(self, *user_ids: int) -> None:
        self.channel.members = [self.member(user_id) for user_id in user_ids]
        text_channel: Any = SimpleNamespace()
        await self.calls.join(self.channel, text_channel=text_channel)
        await settle()

    async def come(self, user_id: int) -> None:
        states: list[Any] = [SimpleNamespace(channel=None), SimpleNamespace(channel=self.channel)]
        self.calls.on_voice_state(self.member(user_id), *states)
        await settle()

    @property
    def told(self) -> str:
        """The instructions that the newest session was last given."""
        link = self.model.links[-1]
        later = [command.config for command in link.told if hasattr(command, "config")]
        return str((later or [link.config])[-1].instructions)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(registry, "RECALL_S", 0.02)
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/kith.sqlite3")
    house = House(database, await Vault.open(database, b"k" * 32))
    yield house
    house.digester.may_answer.set()
    await house.calls.close(0.5)
    await database.close()


async def test_a_call_among_those_who_heard_it_knows_it_from_the_first_word(house: House) -> None:
    await house.agree(ALICE, BOB)
    await house.remember(ALICE, BOB)
    await house.join(ALICE, BOB)
    assert f"- Alice: {MOSS}" in house.model.links[0].config.instructions


async def test_somebody_who_did_not_hear_it_takes_it_away_with_the_session_that_knew_it(house: House) -> None:
    await house.agree(ALICE, BOB, CAROL)
    await house.remember(ALICE, BOB)
    await house.join(ALICE)
    assert MOSS in house.told
    await house.come(BOB)
    assert (MOSS in house.told, len(house.model.links)) == (True, 1)
    await house.come(CAROL)
    await until(lambda: len(house.model.links) == 2 and house.model.links[0].is_closed)
    assert MOSS not in house.model.links[1].config.instructions
    assert MOSS not in house.told


async def test_somebody_who_is_not_heard_by_the_model_still_hears_what_it_says(house: House) -> None:
    await house.agree(ALICE)
    await house.remember(ALICE)
    await house.join(ALICE, BOB)
    assert MOSS not in house.told


async def test_what_is_forgotten_in_the_middle_of_a_call_leaves_the_model_too(house: House) -> None:
    await house.agree(ALICE)
    memory = await house.remember(ALICE)
    await house.join(ALICE)
    assert MOSS in house.told
    await house.keeper.forget(GUILD, ALICE, [memory.memory_id])
    await until(lambda: len(house.model.links) == 2 and house.model.links[0].is_closed)
    assert MOSS not in house.told


@pytest.mark.parametrize("what", ["somebody comes", "it is forgotten"])
async def test_what_is_being_told_when_it_is_taken_back_does_not_stand_in_what_the_next_session_is_told(
    house: House, what: str
) -> None:
    house.model.words = "You told me that you like moss and old trains, didn't you, dear Alice?"
    house.model.reply_ms = 3_000
    await house.agree(ALICE)
    memory = await house.remember(ALICE)
    await house.join(ALICE)
    house.voice.let_hear(2_000)
    if what == "somebody comes":
        await house.come(CAROL)
    else:
        await house.keeper.forget(GUILD, ALICE, [memory.memory_id])
    await until(lambda: len(house.model.links) == 2 and bool(house.model.links[-1].texts))
    assert house.model.links[0].is_closed
    assert not any("moss" in text for text in house.model.links[-1].texts)


async def test_somebody_of_whom_only_the_voice_server_tells_is_there_all_the_same(house: House) -> None:
    await house.agree(ALICE, BOB)
    await house.remember(ALICE, BOB)
    await house.join(ALICE)
    house.voice.tell(MemberArrived(BOB))
    await settle()
    assert MOSS in house.told, "Bob heard it"
    house.voice.tell(MemberArrived(CAROL))
    await until(lambda: len(house.model.links) == 2)
    assert MOSS not in house.told
    call = house.calls.call(GUILD)
    assert call is not None
    assert call.company == {ALICE, BOB, CAROL}
    await house.come(CAROL)
    assert len(house.model.links) == 2, "nobody new"
    house.voice.tell(MemberLeft(BOB))
    assert call.company == {ALICE, CAROL}


async def test_a_bot_in_the_channel_is_no_company(house: House) -> None:
    await house.agree(ALICE)
    await house.remember(ALICE)
    await house.join(ALICE)
    bot = SimpleNamespace(id=77, bot=True, guild=house.guild)
    house.guild.get_member = {77: bot}.get
    house.voice.tell(MemberArrived(77))
    house.voice.tell(MemberArrived(ME))
    await settle()
    assert (MOSS in house.told, len(house.model.links)) == (True, 1)


async def test_a_bot_that_nobody_knew_yet_is_no_company_once_it_is_known(house: House) -> None:
    await house.agree(ALICE)
    await house.remember(ALICE)
    await house.join(ALICE)
    house.guild.get_member = {}.get
    house.voice.tell(MemberArrived(77))
    await until(lambda: len(house.model.links) == 2)
    assert MOSS not in house.told
    house.guild.get_member = {77: SimpleNamespace(id=77, bot=True)}.get
    states: list[Any] = [SimpleNamespace(channel=None), SimpleNamespace(channel=house.channel)]
    bot: Any = SimpleNamespace(id=77, bot=True, guild=house.guild)
    house.calls.on_voice_state(bot, *states)
    await until(lambda: MOSS in house.told)


async def test_the_recap_of_a_talk_that_was_moved_belongs_where_it_ended(house: House) -> None:
    await house.agree(ALICE)
    await house.join(ALICE)
    house.voice.tell(VoiceReady(8, True))
    assert house.opened[-1].channel_id == 8


async def test_of_a_server_that_is_gone_nothing_is_summed_up(house: House) -> None:
    await house.agree(ALICE)
    await house.join(ALICE)
    call = house.calls.call(GUILD)
    assert call is not None
    call.session.feed(UtteranceTranscribed("item", "I have a dog called Rex.", "Alice"))
    house.keeper.drop_guild(GUILD)
    call.session.leave("removed")
    assert call.task is not None
    await call.task
    assert (house.offered, house.digester.lines) == ([], ())


async def test_who_leaves_does_not_wait_for_the_digest_and_is_asked_when_it_is_there(house: House) -> None:
    await house.agree(ALICE)
    await house.join(ALICE)
    call = house.calls.call(GUILD)
    assert call is not None
    call.session.feed(UtteranceTranscribed("item", "I have a dog called Rex.", "Alice"))
    house.model.links[-1].tell(UtteranceTranscribed("item 2", "He is four years old.", "Alice"))
    call.session.leave("asked")
    async with asyncio.timeout(PATIENCE_S):
        await call.is_over.wait()
    await until(lambda: any("dog" in line.said for line in house.digester.lines))
    assert house.offered == []
    house.digester.may_answer.set()
    await until(lambda: house.offered)
    assert house.offered == [frozenset({ALICE})]
    [proposal] = await house.keeper.proposals(GUILD, ALICE)
    assert proposal.text == "Has a dog called Rex."
    assert await house.memories.all(GUILD) == []


async def test_a_call_that_does_not_come_about_leaves_no_memory_open(house: House) -> None:
    house.refusal = VoiceError("full", VoiceFault.CHANNEL_FULL)
    with pytest.raises(VoiceError):
        await house.join(ALICE)
    assert house.opened[-1].is_closed
    house.refusal = None
    await house.join(ALICE)
    assert not house.opened[-1].is_closed


async def test_a_server_that_keeps_nothing_is_asked_nothing(house: House) -> None:
    await house.guilds.choose(GUILD, "memory", MemoryMode.OFF)
    await house.agree(ALICE)
    await house.remember(ALICE)
    await house.join(ALICE)
    assert MOSS not in house.told
    house.digester.may_answer.set()
    call = house.calls.call(GUILD)
    assert call is not None
    assert call.task is not None
    call.session.leave("asked")
    await call.task
    assert (house.offered, house.digester.lines) == ([], ())
