"""Every table filled with rows of two members in two guilds, and what of them is found again: in tables, and in the bytes of files."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, LargeBinary, Row, SmallInteger, insert, select
from sqlalchemy import Table as Relation

from bot.storage.aggregate import Aggregate
from bot.storage.calls import CallLog
from bot.storage.consent import ConsentLedger
from bot.storage.database import Database
from bot.storage.estate import Estate
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.members import MemberChoices
from bot.storage.memory_repository import MemoryRepository
from bot.storage.personas import PersonaRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.reminders import ReminderRepository
from bot.storage.tables import Table, UtcDateTime
from bot.storage.usage import UsageLedger
from bot.storage.vault import GuildCipher, Vault

HERE, THERE = 770_001, 770_002
ALICE, BEN = 990_001, 990_002
NOW = datetime(2026, 5, 1, tzinfo=UTC)
MEMBER_COLUMNS = ("user_id", "subject_id", "speaker_id", "made_by")


def estate_of(database: Database, vault: Vault) -> Estate:
    """Of all the aggregates that there are: a test compares it with the subclasses of `Aggregate`."""
    aggregates: list[Aggregate] = [
        ConsentLedger(database, "local"),
        MemoryRepository(database, vault),
        RecapRepository(database, vault),
        ReminderRepository(database, vault),
        UsageLedger(database),
        MemberChoices(database),
        PersonaRepository(database),
        GuildSettingsRepository(database),
        CallLog(database),
        vault,
    ]
    return Estate(database, aggregates)


async def fill(database: Database, vault: Vault) -> None:
    """For each table, guild and member: rows in which that member stands in each of the columns where a member can stand."""
    for guild in (HERE, THERE):
        cipher = await vault.cipher(guild)
        for relation in Table.metadata.sorted_tables:
            if relation.name == "guild_keys":
                continue
            async with database.transaction() as session:
                await session.execute(insert(relation), list(_rows(relation, guild, cipher)))


def _rows(relation: Relation, guild: int, cipher: GuildCipher) -> Iterator[dict[str, Any]]:
    places = [column.name for column in relation.columns if column.name in MEMBER_COLUMNS] or [""]
    for member, other in ((ALICE, BEN), (BEN, ALICE)):
        for place in places:
            row = {column.name: _value(column, member) for column in relation.columns}
            row |= {column: other for column in places if column and column != place}
            row |= {"guild_id": guild} | ({place: member} if place else {})
            if "sealed" in row:
                owner = row["subject_id"] if "subject_id" in row else row["user_id"]
                key = [column.name for column in relation.primary_key.columns][1]
                row["sealed"] = cipher.seal(relation.name, owner, row[key], f"words of {owner}")
            yield row


def _value(column: Column[Any], member: int) -> Any:
    match column.type:
        case SmallInteger():
            return 1
        case Boolean():
            return False
        case BigInteger():
            return member if column.name in MEMBER_COLUMNS else secrets.randbelow(10_000)
        case Date():
            return date(2026, 5, 1)
        case UtcDateTime():
            return NOW + timedelta(days=1)
        case JSON():
            return [ALICE, BEN]
        case LargeBinary():
            return b""
        case _:
            values = {"kind": "fact", "value": "1", "scope": "listen", "document": "{}"}
            return values.get(column.name, secrets.token_hex(16)[: getattr(column.type, "length", None)])


async def rows_of(database: Database, relation: Relation, guild: int) -> list[Row[Any]]:
    async with database.transaction() as session:
        return list((await session.execute(select(relation).where(relation.columns.guild_id == guild))).all())


def names(row: Row[Any], member: int) -> bool:
    """Whether any column of the row holds the member's id: as a number, in a list, or in a text."""
    return any(
        value == member
        or (isinstance(value, list) and member in value)
        or (isinstance(value, str) and str(member) in value)
        for value in row
    )


def found_in_files(folder: Path, needles: list[bytes]) -> int:
    """How many of these byte strings are in any file of the folder, whatever its name."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(any(needle in content for content in contents) for needle in needles)
