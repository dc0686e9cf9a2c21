"""Sealing: opens where it was sealed, with the key it was sealed with, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import select

from bot.errors import StorageError
from bot.storage.database import Database
from bot.storage.tables import GuildKeyRow
from bot.storage.vault import KEY_BYTES, NONCE_BYTES, GuildCipher, Vault

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

KEY, OTHER = b"k" * KEY_BYTES, b"o" * KEY_BYTES

ids = st.integers(0, 2**63 - 1)
places = st.tuples(st.sampled_from(["memories", "memory_proposals", "recap_points", "reminders"]), ids, st.text())


@given(ids, places, st.text())
def test_what_was_sealed_opens_as_it_was(guild: int, place: tuple[str, int, str], text: str) -> None:
    cipher = GuildCipher(guild, KEY)
    sealed = cipher.seal(*place, text)
    assert cipher.open(*place, sealed) == text
    assert len(sealed) == NONCE_BYTES + len(text.encode()) + 16


@given(places, places, st.text())
def test_a_row_that_was_moved_does_not_open(
    place: tuple[str, int, str], other: tuple[str, int, str], text: str
) -> None:
    assume(place != other)
    cipher = GuildCipher(1, KEY)
    with pytest.raises(StorageError):
        cipher.open(*other, cipher.seal(*place, text))


@given(ids, ids, places)
def test_a_row_of_another_guild_does_not_open_even_with_the_same_key(
    guild: int, other: int, place: tuple[str, int, str]
) -> None:
    assume(guild != other)
    with pytest.raises(StorageError):
        GuildCipher(other, KEY).open(*place, GuildCipher(guild, KEY).seal(*place, "likes moss"))


@given(st.integers(0, 1000), st.integers(0, 7))
def test_one_flipped_bit_closes_it(where: int, bit: int) -> None:
    cipher = GuildCipher(1, KEY)
    sealed = bytearray(cipher.seal("memories", 2, "a", "likes moss"))
    sealed[where % len(sealed)] ^= 1 << bit
    with pytest.raises(StorageError):
        cipher.open("memories", 2, "a", bytes(sealed))


@given(st.binary(max_size=80))
def test_bytes_of_any_kind_are_refused_and_nothing_worse(junk: bytes) -> None:
    with pytest.raises(StorageError):
        GuildCipher(1, KEY).open("memories", 2, "a", junk)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    cipher = GuildCipher(1, KEY)
    assert len({cipher.seal("memories", 2, "a", "likes moss") for _ in range(50)}) == 50


async def test_a_guild_keeps_its_key_over_a_restart(database: Database) -> None:
    sealed = (await (await Vault.open(database, KEY)).cipher(5)).seal("memories", 2, "a", "likes moss")
    again = await Vault.open(database, KEY)
    assert (await again.cipher(5)).open("memories", 2, "a", sealed) == "likes moss"
    with pytest.raises(StorageError):
        (await again.cipher(6)).open("memories", 2, "a", sealed)


async def test_asked_at_once_from_two_sides_a_guild_gets_one_key(database: Database, vault: Vault) -> None:
    ciphers = await asyncio.gather(*(vault.cipher(5) for _ in range(5)))
    assert len({id(cipher) for cipher in ciphers}) == 1
    async with database.transaction() as session:
        assert len((await session.scalars(select(GuildKeyRow))).all()) == 1


async def test_another_master_key_is_refused_with_a_way_out_and_changes_nothing(database: Database) -> None:
    vault = await Vault.open(database, KEY)
    sealed = (await vault.cipher(5)).seal("memories", 2, "a", "likes moss")
    with pytest.raises(StorageError, match=r"another master key.*KITH_MASTER_KEY.*kith keys discard"):
        await Vault.open(database, OTHER)
    assert (await (await Vault.open(database, KEY)).cipher(5)).open("memories", 2, "a", sealed) == "likes moss"


async def test_without_any_key_of_a_guild_any_master_key_will_do(database: Database) -> None:
    await Vault.open(database, KEY)
    await Vault.open(database, OTHER)


async def test_a_key_that_was_moved_to_another_guild_is_refused(database: Database) -> None:
    await (await Vault.open(database, KEY)).cipher(5)
    async with database.transaction() as session:
        row = (await session.scalars(select(GuildKeyRow))).one()
        session.add(GuildKeyRow(guild_id=6, wrapped=row.wrapped, made_at=row.made_at))
    with pytest.raises(StorageError, match="1 of 2 servers"):
        await Vault.open(database, KEY)


async def test_a_forgotten_guild_gets_a_new_key_that_opens_nothing_old(vault: Vault) -> None:
    sealed = (await vault.cipher(5)).seal("memories", 2, "a", "likes moss")
    await vault.forget_guild(5)
    with pytest.raises(StorageError):
        (await vault.cipher(5)).open("memories", 2, "a", sealed)


def test_a_master_key_of_another_length_is_refused(database: Database) -> None:
    with pytest.raises(StorageError, match="32 bytes"):
        Vault(database, b"short")
