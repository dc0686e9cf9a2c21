"""Words of members on the disk: sealed with a key of their guild, which is itself sealed with the master key.

    master key (file or secret) ─seals─▶ key of a guild (`guild_keys`) ─seals─▶ texts (`sealed` columns)

XChaCha20-Poly1305 throughout, a random nonce of 24 bytes in front of each text. What a text belongs to (table, guild, member, row) is
authenticated with it: a row that was moved to somebody else does not open. Who deletes a guild's key has made its words noise, in every backup too.
Covers a stolen disk or backup without the master key; does not cover a live machine in other hands.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.utils import random
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import StorageError
from bot.storage.aggregate import Aggregate
from bot.storage.database import Database
from bot.storage.tables import GuildKeyRow

KEY_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES
NONCE_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

WAY_OUT: Final = (
    "Give back the master key that was used before (KITH_MASTER_KEY, KITH_MASTER_KEY_FILE, or the file master.key beside the database, "
    "from a backup). If `kith keys rotate` was cut short, run it again. If the key is lost for good, `kith keys discard` drops what was sealed with it; nothing else can read it."
)


class GuildCipher:
    """Seals and opens the words of one guild. In memory, without a loop: about five microseconds a text."""

    def __init__(self, guild_id: int, key: bytes) -> None:
        self.guild_id = guild_id
        self._key = key

    def seal(self, table: str, member_id: int, row_id: str, text: str) -> bytes:
        """The nonce, then the text and its tag: 40 bytes more than the text in UTF-8."""
        return _seal(self._key, text.encode("utf-8"), _place(table, self.guild_id, member_id, row_id))

    def open(self, table: str, member_id: int, row_id: str, sealed: bytes) -> str:
        """Raises `StorageError` for what this key, this place and these bytes do not agree on."""
        opened = _open(self._key, sealed, _place(table, self.guild_id, member_id, row_id))
        if opened is None:
            raise StorageError(
                f"A row of {table} does not open: it is damaged, was moved, or was sealed with another key."
            )
        return opened.decode("utf-8")


class Vault(Aggregate):
    """The keys of all guilds; each made at its first use and kept in memory after. Made by `open`, one per process."""

    name: ClassVar = "keys"
    tables: ClassVar = (GuildKeyRow,)

    def __init__(self, database: Database, master_key: bytes) -> None:
        super().__init__(database)
        self._master_key = checked_key(master_key)
        self._ciphers: dict[int, GuildCipher] = {}  # bounded by the guilds the bot is in

    @classmethod
    async def open(cls, database: Database, master_key: bytes) -> Vault:
        """Raises `StorageError`, saying what to do, if there are keys of guilds that this master key does not open."""
        vault = cls(database, master_key)
        async with database.transaction() as session:
            rows = [(row.guild_id, row.wrapped) for row in await session.scalars(select(GuildKeyRow))]
        must_open(rows, master_key)
        return vault

    async def cipher(self, guild_id: int) -> GuildCipher:
        """Raises `StorageError` when the database fails, or the guild's key does not open."""
        known = self._ciphers.get(guild_id)
        if known is not None:
            return known
        async with self.writing:
            if guild_id not in self._ciphers:
                self._ciphers[guild_id] = GuildCipher(guild_id, await self._key_of(guild_id))
            return self._ciphers[guild_id]

    async def _key_of(self, guild_id: int) -> bytes:
        async with self._database.transaction() as session:
            row = await session.get(GuildKeyRow, guild_id)
            if row is not None:
                key = unwrap(self._master_key, guild_id, row.wrapped)
                if key is None:
                    raise StorageError(f"The key of one server does not open with this master key. {WAY_OUT}")
                return key
            key = random(KEY_BYTES)
            wrapped = wrap(self._master_key, guild_id, key)
            session.add(GuildKeyRow(guild_id=guild_id, wrapped=wrapped, made_at=datetime.now(UTC)))
            return key

    async def forget_guild(self, guild_id: int) -> None:
        """The key goes, from memory and disk: whatever was sealed with it is noise from here on, in backups too."""
        await self.erase_guild(guild_id)
        await self._database.scrub()

    # ------------------------------------------------------------------ erase and export

    async def erase_member(self, guild_id: int, user_id: int, session: AsyncSession | None = None) -> None:
        """Keys are guilds', not members'."""

    async def erase_guild(self, guild_id: int, session: AsyncSession | None = None) -> None:
        async with self._written(session) as open_session:
            self._ciphers.pop(guild_id, None)
            await open_session.execute(delete(GuildKeyRow).where(GuildKeyRow.guild_id == guild_id))

    async def export_member(self, guild_id: int, user_id: int) -> Any:
        return None


def checked_key(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise StorageError(f"A master key has {KEY_BYTES} bytes; this one has {len(key)}.")
    return key


def wrap(master_key: bytes, guild_id: int, key: bytes) -> bytes:
    return _seal(master_key, key, _place(GuildKeyRow.__tablename__, guild_id, 0, ""))


def unwrap(master_key: bytes, guild_id: int, wrapped: bytes) -> bytes | None:
    """`None`: this master key did not wrap it, or not for this guild."""
    return _open(master_key, wrapped, _place(GuildKeyRow.__tablename__, guild_id, 0, ""))


def must_open(rows: Iterable[tuple[int, bytes]], master_key: bytes) -> int:
    """How many keys of guilds there are. Raises `StorageError` if some of them do not open."""
    opened = [unwrap(checked_key(master_key), guild_id, wrapped) is not None for guild_id, wrapped in rows]
    if not all(opened):
        raise StorageError(
            f"What is remembered of {opened.count(False)} of {len(opened)} servers was sealed with another master key than the one given. {WAY_OUT}"
        )
    return len(opened)


def _place(table: str, guild_id: int, member_id: int, row_id: str) -> bytes:
    return f"kith|{table}|{guild_id}|{member_id}|{row_id}".encode()


def _seal(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = random(NONCE_BYTES)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, place, nonce, key)


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes | None:
    if len(sealed) < NONCE_BYTES + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES:
        return None
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_BYTES:], place, sealed[:NONCE_BYTES], key
        )
    except CryptoError:
        return None
