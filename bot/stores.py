"""Everything that is kept, opened: the database and one repository per aggregate, introduced to each other once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from bot.provenance import recipient
from bot.settings import Settings
from bot.storage.calls import CallLog
from bot.storage.consent import ConsentLedger
from bot.storage.database import Database
from bot.storage.estate import Estate
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.master_key import master_key
from bot.storage.members import MemberChoices
from bot.storage.memory_repository import MemoryRepository
from bot.storage.personas import PersonaRepository
from bot.storage.recap_repository import RecapRepository
from bot.storage.reminders import ReminderRepository
from bot.storage.usage import UsageLedger
from bot.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Stores:
    database: Database
    vault: Vault
    ledger: ConsentLedger
    guilds: GuildSettingsRepository
    personas: PersonaRepository
    call_log: CallLog
    memories: MemoryRepository
    recaps: RecapRepository
    usage: UsageLedger
    reminders: ReminderRepository
    choices: MemberChoices
    estate: Estate

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Open, migrate, and prove the master key. Raises `StorageError`, `SettingError`; then nothing is left open."""
        database = await Database.open(settings.kith_database_url)
        try:
            vault = await Vault.open(database, master_key(settings))
        except BaseException:
            await database.close()
            raise
        parts = (
            ConsentLedger(database, recipient(settings)),
            GuildSettingsRepository(database),
            PersonaRepository(database),
            CallLog(database),
            MemoryRepository(database, vault),
            RecapRepository(database, vault),
            UsageLedger(database),
            ReminderRepository(database, vault),
            MemberChoices(database),
        )
        return cls(database, vault, *parts, Estate(database, (*parts, vault)))

    async def close(self) -> None:
        await self.database.close()
