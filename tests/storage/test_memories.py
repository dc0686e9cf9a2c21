"""Keeping what is remembered: bounds, whose it is, and what a member's word does."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

import bot.storage.memory_repository as repository_module
import bot.storage.recap_repository as recap_module
from bot.errors import KithError
from bot.storage.database import Database
from bot.storage.memories import ROOM, TEXT_CHARS, Kind, Memory, Proposal, RecapPoint, checked_text
from bot.storage.memory_repository import PROPOSALS, MemoryRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.tables import MemoryRow, ProposalRow
from bot.storage.vault import Vault

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

GUILD, ALICE, BEN, CLEO = 10, 1, 2, 3
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def memory(text: str = "likes moss", subject: int = ALICE, guild: int = GUILD, **values: Any) -> Memory:
    known: dict[str, Any] = {
        "speaker_id": subject,
        "heard_by": frozenset({ALICE, BEN}),
        "kind": Kind.FACT,
        "language": "en",
    }
    return Memory(guild, secrets.token_hex(16), subject, text=text, **({"made_at": NOW} | known | values))


def proposal(text: str = "likes moss", subject: int = ALICE, **values: Any) -> Proposal:
    made_at = values.pop("made_at", NOW)
    heard_by = frozenset({ALICE, BEN})
    return Proposal(
        GUILD, secrets.token_hex(16), subject, BEN, heard_by, Kind.PROMISE, text, "en", made_at, made_at + timedelta(7)
    )


def point(text: str = "spoke of moss", user: int = ALICE, channel: int = 7, minutes: int = 0) -> RecapPoint:
    made_at = NOW + timedelta(minutes=minutes)
    heard_by = frozenset({ALICE, BEN})
    return RecapPoint(
        GUILD, secrets.token_hex(16), "call", channel, user, heard_by, text, made_at, made_at + timedelta(1)
    )


@pytest.fixture
async def kept(database: Database, vault: Vault) -> MemoryRepository:
    return MemoryRepository(database, vault)


@pytest.fixture
async def recaps(database: Database, vault: Vault) -> RecapRepository:
    return RecapRepository(database, vault)


# ---------------------------------------------------------------------------- memories


async def test_what_was_added_comes_back_whole(kept: MemoryRepository) -> None:
    one = memory(
        "她喜欢苔藓",
        used_at=NOW,
        uses=3,
        expires_at=NOW + timedelta(9),
        is_shareable=True,
        is_muted=True,
        kind=Kind.RELATIONSHIP,
        language="zh",
        heard_by=frozenset({2**63 - 1, ALICE}),
    )
    await kept.add(one)
    assert await kept.all(GUILD) == [one]
    assert await kept.of_member(GUILD, ALICE) == [one]


async def test_no_guild_and_no_member_sees_anothers(kept: MemoryRepository) -> None:
    await kept.add(memory("Alice here"))
    await kept.add(memory("Alice there", guild=GUILD + 1))
    await kept.add(memory("Ben here", BEN))
    assert {one.text for one in await kept.all(GUILD)} == {"Alice here", "Ben here"}
    assert [one.text for one in await kept.of_member(GUILD, ALICE)] == ["Alice here"]


async def test_all_of_a_guild_are_read_over_several_pages(
    kept: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_module, "PAGE", 3)
    many = [memory(str(number), made_at=NOW + timedelta(seconds=number)) for number in range(10)]
    for one in reversed(many):
        await kept.add(one)
    assert await kept.all(GUILD) == many


async def test_a_row_that_does_not_open_hides_itself_alone_and_can_be_forgotten(
    kept: MemoryRepository, database: Database
) -> None:
    damaged, whole = memory("damaged"), memory("whole")
    await kept.add(damaged)
    await kept.add(whole)
    async with database.transaction() as session:
        await session.execute(
            update(MemoryRow).where(MemoryRow.memory_id == damaged.memory_id).values(sealed=b"\x00" * 60)
        )
    assert await kept.all(GUILD) == [whole]
    assert await kept.forget(GUILD, ALICE, [damaged.memory_id]) == 1


async def test_rows_that_changed_places_in_the_table_stay_closed(kept: MemoryRepository, database: Database) -> None:
    """Somebody with the file and no key gives one member's words to another: they do not open as the other's."""
    await kept.add(memory("Alice's secret"))
    async with database.transaction() as session:
        await session.execute(update(MemoryRow).values(subject_id=BEN))
    assert await kept.of_member(GUILD, BEN) == []


@given(st.text())
def test_a_text_is_kept_as_it_is_or_refused_never_cut(text: str) -> None:
    tidy = text.strip()
    if 0 < len(tidy) <= TEXT_CHARS:
        assert checked_text(text) == tidy
    else:
        with pytest.raises(KithError) as refused:
            checked_text(text)
        assert refused.value.key == ("error-memory-long" if tidy else "error-memory-empty")


async def test_a_text_too_long_is_refused_and_nothing_half_written(kept: MemoryRepository) -> None:
    long = "x" * (TEXT_CHARS + 1)
    with pytest.raises(KithError):
        await kept.add(memory(long))
    with pytest.raises(KithError):
        await kept.propose([proposal("fine"), proposal(long)])
    one = memory()
    await kept.add(one)
    with pytest.raises(KithError):
        await kept.change(GUILD, ALICE, one.memory_id, text=long, is_muted=True)
    assert await kept.all(GUILD) == [one]
    assert await kept.proposals(GUILD, ALICE) == []


async def test_when_a_guild_is_full_the_least_used_goes_and_of_those_the_oldest(
    kept: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_module, "MEMORIES", 3)
    used, old, young = memory("used", made_at=NOW - timedelta(9)), memory("old"), memory("young")
    old = memory("old", made_at=NOW - timedelta(1))
    for one in (used, old, young):
        await kept.add(one)
    await kept.mark_used(GUILD, [used.memory_id], NOW)
    await kept.add(memory("new"))
    assert {one.text for one in await kept.all(GUILD)} == {"used", "young", "new"}


async def test_five_thousand_stay_and_no_more(kept: MemoryRepository, database: Database, vault: Vault) -> None:
    cipher = await vault.cipher(GUILD)
    sealed = cipher.seal("memories", ALICE, "0", "x")
    row = {"guild_id": GUILD, "subject_id": ALICE, "speaker_id": ALICE, "heard_by": [ALICE], "kind": "fact"}
    row |= {"sealed": sealed, "language": "en", "is_shareable": False, "is_muted": False, "uses": 0, "made_at": NOW}
    async with database.transaction() as session:
        await session.execute(insert(MemoryRow), [row | {"memory_id": f"{n:032x}"} for n in range(5_000)])
    await kept.add(memory())
    await kept.add(memory())
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(MemoryRow)) == 5_000


async def test_only_its_subject_changes_or_forgets_a_memory(kept: MemoryRepository) -> None:
    one = memory()
    await kept.add(one)
    for guild, user in ((GUILD, BEN), (GUILD + 1, ALICE)):
        assert await kept.change(guild, user, one.memory_id, text="hates moss") is None
        assert await kept.forget(guild, user, [one.memory_id]) == 0
        assert await kept.forget(guild, user) == 0
    assert await kept.all(GUILD) == [one]
    changed = await kept.change(GUILD, ALICE, one.memory_id, text=" loves moss ", is_shareable=True)
    assert changed is not None
    assert (changed.text, changed.is_shareable, changed.is_muted) == ("loves moss", True, False)
    assert await kept.all(GUILD) == [changed]


async def test_forgetting_everything_takes_proposals_and_recap_points_too(
    kept: MemoryRepository, recaps: RecapRepository
) -> None:
    await kept.add(memory())
    await kept.add(memory("Ben's", BEN))
    await kept.propose([proposal(), proposal("Ben's", BEN)])
    await recaps.add([point(), point("Ben's", BEN)])
    assert await kept.forget(GUILD, ALICE) == 3
    assert [one.text for one in await kept.all(GUILD)] == ["Ben's"]
    assert await kept.proposals(GUILD, ALICE) == []
    assert [one.text for one in await recaps.of_channel(GUILD, 7, NOW)] == ["Ben's"]


async def test_use_is_counted_for_those_that_were_told(kept: MemoryRepository) -> None:
    told, untold = memory("told"), memory("untold")
    await kept.add(told)
    await kept.add(untold)
    await kept.mark_used(GUILD, {told.memory_id}, NOW)
    await kept.mark_used(GUILD, [told.memory_id, told.memory_id], NOW + timedelta(1))
    found = {one.text: (one.uses, one.used_at) for one in await kept.all(GUILD)}
    assert found == {"told": (2, NOW + timedelta(1)), "untold": (0, None)}


async def test_retention_takes_what_nobody_used_and_what_is_past_its_time(
    kept: MemoryRepository, recaps: RecapRepository
) -> None:
    since = NOW - timedelta(90)
    await kept.add(memory("old, never used", made_at=since - timedelta(1)))
    await kept.add(memory("old, used lately", made_at=since - timedelta(1), used_at=since + timedelta(1)))
    await kept.add(memory("used long ago", made_at=since - timedelta(9), used_at=since - timedelta(1)))
    await kept.add(memory("young"))
    await kept.add(memory("over", expires_at=NOW))
    await kept.add(memory("elsewhere", guild=GUILD + 1, made_at=since - timedelta(1)))
    await kept.propose([proposal("old", made_at=NOW - timedelta(7)), proposal("young")])
    await recaps.add([point("of yesterday", minutes=-24 * 60), point("of today")])
    assert await kept.expire(GUILD, NOW, since) == 5
    assert {one.text for one in await kept.all(GUILD)} == {"old, used lately", "young"}
    assert [one.text for one in await kept.proposals(GUILD, ALICE)] == ["young"]
    assert len(await kept.all(GUILD + 1)) == 1
    assert await kept.expire(GUILD, NOW, since) == 0


# ---------------------------------------------------------------------------- proposals


async def test_a_member_has_at_most_twenty_open_proposals_the_oldest_goes(kept: MemoryRepository) -> None:
    for number in range(PROPOSALS + 5):
        await kept.propose([proposal(str(number), made_at=NOW + timedelta(seconds=number))])
    await kept.propose([proposal("Ben's", BEN)])
    assert [one.text for one in await kept.proposals(GUILD, ALICE)] == [str(n) for n in range(5, PROPOSALS + 5)]
    assert len(await kept.proposals(GUILD, BEN)) == 1


async def test_more_than_twenty_at_once_are_bounded_too(kept: MemoryRepository) -> None:
    await kept.propose([proposal(str(number), made_at=NOW + timedelta(seconds=number)) for number in range(50)])
    assert len(await kept.proposals(GUILD, ALICE)) == PROPOSALS


async def test_a_kept_proposal_is_a_memory_of_the_same(kept: MemoryRepository) -> None:
    one = proposal()
    await kept.propose([one])
    made = await kept.settle(GUILD, ALICE, one.proposal_id, keep=True)
    assert made is not None
    assert (made.text, made.kind, made.speaker_id, made.heard_by) == (one.text, one.kind, BEN, one.heard_by)
    assert (made.is_shareable, made.is_muted, made.uses) == (False, False, 0)
    assert await kept.all(GUILD) == [made]
    assert await kept.proposals(GUILD, ALICE) == []


async def test_a_proposal_is_kept_in_its_subjects_own_words(kept: MemoryRepository) -> None:
    one = proposal()
    await kept.propose([one])
    made = await kept.settle(GUILD, ALICE, one.proposal_id, keep=True, text="  likes ferns ")
    assert made is not None
    assert [memory.text for memory in await kept.all(GUILD)] == ["likes ferns"]


async def test_a_dropped_proposal_is_gone_and_a_second_click_finds_nothing(kept: MemoryRepository) -> None:
    one = proposal()
    await kept.propose([one])
    assert await kept.settle(GUILD, ALICE, one.proposal_id, keep=False) is None
    assert await kept.settle(GUILD, ALICE, one.proposal_id, keep=True) is None
    assert await kept.all(GUILD) == []


async def test_nobody_settles_anothers_proposal(kept: MemoryRepository) -> None:
    one = proposal()
    await kept.propose([one])
    for guild, user in ((GUILD, BEN), (GUILD + 1, ALICE)):
        assert await kept.settle(guild, user, one.proposal_id, keep=True) is None
        assert await kept.settle(guild, user, one.proposal_id, keep=False) is None
    assert await kept.proposals(GUILD, ALICE) == [one]


async def test_words_of_their_own_that_are_too_long_leave_the_proposal_open(
    kept: MemoryRepository, database: Database
) -> None:
    one = proposal()
    await kept.propose([one])
    with pytest.raises(KithError):
        await kept.settle(GUILD, ALICE, one.proposal_id, keep=True, text="x" * (TEXT_CHARS + 1))
    assert await kept.proposals(GUILD, ALICE) == [one]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ProposalRow)) == 1


# ---------------------------------------------------------------------------- recap points


async def test_points_of_a_channel_come_in_order_until_their_time(recaps: RecapRepository) -> None:
    first, second = point("first"), point("second", BEN, minutes=1)
    await recaps.add([second, first, point("elsewhere", channel=8)])
    assert await recaps.of_channel(GUILD, 7, NOW) == [first, second]
    assert await recaps.of_channel(GUILD, 7, NOW + timedelta(1)) == [second]
    assert await recaps.of_channel(GUILD + 1, 7, NOW) == []


async def test_points_are_bounded_the_oldest_goes(recaps: RecapRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recap_module, "RECAP_POINTS", 3)
    await recaps.add([point(str(minute), minutes=minute) for minute in range(5)])
    assert [one.text for one in await recaps.of_channel(GUILD, 7, NOW)] == ["2", "3", "4"]


async def test_a_members_points_are_forgotten_alone(recaps: RecapRepository) -> None:
    await recaps.add([point("Alice's"), point("Ben's", BEN)])
    assert await recaps.forget(GUILD, ALICE) == 1
    assert [one.text for one in await recaps.of_channel(GUILD, 7, NOW)] == ["Ben's"]


# ---------------------------------------------------------------------------- erase


async def test_erasing_a_member_tells_what_is_left_in_fewer_rooms_never_in_more(kept: MemoryRepository) -> None:
    await kept.add(memory("Ben told Alice", BEN, heard_by=frozenset({ALICE, BEN})))
    await kept.add(memory("Alice said of Ben", BEN, speaker_id=ALICE, heard_by=frozenset({ALICE, BEN, CLEO})))
    await kept.add(memory("Alice said of the room", ROOM, speaker_id=ALICE))
    await kept.add(memory("Cleo said of the room", ROOM, speaker_id=CLEO))
    await kept.erase_member(GUILD, ALICE)
    left = {one.text: (one.speaker_id, one.heard_by) for one in await kept.all(GUILD)}
    assert left == {
        "Ben told Alice": (BEN, frozenset({BEN})),
        "Alice said of Ben": (ROOM, frozenset({BEN, CLEO})),
        "Cleo said of the room": (CLEO, frozenset({BEN})),
    }


async def test_an_export_has_every_word_of_the_member_and_no_id_of_another(kept: MemoryRepository) -> None:
    await kept.add(memory("likes moss", heard_by=frozenset({ALICE, 987654321})))
    await kept.add(memory("Ben's", BEN))
    await kept.add(memory("a room of friends", ROOM, speaker_id=ALICE))
    await kept.propose([proposal("plays the lute")])
    told = await kept.export_member(GUILD, ALICE)
    assert [one["text"] for one in told["remembered"]] == ["likes moss"]
    assert [one["text"] for one in told["said_of_the_room"]] == ["a room of friends"]
    assert [one["text"] for one in told["proposed"]] == ["plays the lute"]
    assert "987654321" not in str(told)
    assert "Ben's" not in str(told)
