"""A process that writes through the real repositories until it is killed, and what it had been told was written.

Run as a child: it appends a line to a file of acknowledgements after each write that returned. The parent kills it (SIGKILL) at any moment and
looks whether everything acknowledged is in the database.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import sqlite3
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bot.storage.consent import ConsentLedger, Scope
from bot.storage.database import Database
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.memories import Kind, Memory
from bot.storage.memory_repository import MemoryRepository
from bot.storage.usage import Usage, UsageLedger
from bot.storage.vault import Vault

GUILD, MEMBER = 5, 11
KEY = b"k" * 32
HANGS_S = 300.0
DAY = datetime(2026, 1, 1, tzinfo=UTC).date()


def write_forever(url: str, acknowledged: str, seed: int) -> None:
    """The child."""
    asyncio.run(_write(url, Path(acknowledged), random.Random(seed)))


async def _write(url: str, acknowledged: Path, chance: random.Random) -> None:
    database = await Database.open(url)
    vault = await Vault.open(database, KEY)
    ledger, guilds = ConsentLedger(database, "local"), GuildSettingsRepository(database)
    memories, usage = MemoryRepository(database, vault), UsageLedger(database)
    await ledger.load(GUILD)
    with acknowledged.open("a", buffering=1) as told:
        for number in itertools.count(chance.randrange(10**9)):
            match chance.randrange(5):
                case 0:
                    await ledger.allow(GUILD, number)
                    print("allowed", number, file=told)
                case 1:
                    await ledger.allow(GUILD, number, Scope.REMEMBER)
                    await ledger.withdraw(GUILD, number, Scope.REMEMBER)
                    print("withdrawn", number, file=told)
                case 2:
                    days = chance.randrange(1, 365)
                    if await guilds.choose(GUILD, "retention_days", days, user_id=number) is not None:
                        print("changed", number, file=told)
                case 3:
                    await memories.add(memory(number))
                    print("remembered", number, file=told)
                case _:
                    await usage.add([Usage(GUILD, number, DAY, "local", "local", 20, 0, 1, 0)])
                    print("used", number, file=told)


def memory(number: int) -> Memory:
    now = datetime.now(UTC)
    who = frozenset({MEMBER})
    return Memory(GUILD, f"{number:032x}", MEMBER, MEMBER, who, Kind.FACT, f"likes {number}", "en", now)


@dataclass(frozen=True, slots=True)
class Outcome:
    kills: int
    acknowledged: int
    lost: tuple[str, ...]
    faults: tuple[str, ...]


def forks() -> ForkServerContext:
    """Children that have everything imported and a database opened once: a kill costs a tenth of a second, not one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killing_warm"])
    with (
        pytest.MonkeyPatch.context() as patch
    ):  # until Python 3.12 the server is not told where modules are, and goes without
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return context


def kill_again_and_again(folder: Path, kills: int, seed: int = 0) -> Outcome:
    """So many times: start writing, kill after a random while, look. Everything acknowledged must be there each time."""
    chance, context = random.Random(seed), forks()
    path, told = folder / "kith.sqlite3", folder / "acknowledged"
    lost: list[str] = []
    faults: list[str] = []
    lines: list[str] = []
    for number in range(kills):
        before = len(lines)
        child = context.Process(target=write_forever, args=(f"sqlite+aiosqlite:///{path}", str(told), seed + number))
        child.start()
        try:
            _wait_for_writes(told, before, child)
            time.sleep(chance.uniform(0.0, 0.15))
        finally:
            child.kill()  # SIGKILL
            child.join()
        lines = [line for line in told.read_text().splitlines(keepends=True) if line.endswith("\n")]
        found, verdict = _look(path)
        faults += [] if verdict == "ok" else [verdict]
        lost += [line.strip() for line in lines[before:] if line.strip() not in found]
    # Of the audit the newest stay, as they should; all else is there to the last line, however many kills ago it was written.
    lost += [line.strip() for line in lines if not line.startswith("changed") and line.strip() not in found]
    return Outcome(kills, len(lines), tuple(lost), tuple(faults))


def _wait_for_writes(told: Path, before: int, child: BaseProcess) -> None:
    """However long a busy machine takes to start it. Raises for a child that ended, or hangs."""
    deadline = time.monotonic() + HANGS_S
    while time.monotonic() < deadline:
        if told.exists() and told.read_text().count("\n") > before:
            return
        if not child.is_alive():
            raise RuntimeError(f"the child ended by itself with {child.exitcode}")
        time.sleep(0.005)
    raise TimeoutError("the child wrote nothing")


def _look(path: Path) -> tuple[set[str], str]:
    """What is in the file, and SQLite's word on its integrity."""
    database = sqlite3.connect(path)
    verdict = str(database.execute("PRAGMA integrity_check").fetchone()[0])
    found = {f"allowed {row[0]}" for row in database.execute("SELECT user_id FROM consent WHERE scope = 'listen'")}
    withdrawn = "SELECT user_id FROM consent WHERE scope = 'remember' AND withdrawn_at IS NOT NULL"
    found |= {f"withdrawn {row[0]}" for row in database.execute(withdrawn)}
    found |= {f"changed {row[0]}" for row in database.execute("SELECT user_id FROM audit")}
    found |= {f"remembered {int(row[0], 16)}" for row in database.execute("SELECT memory_id FROM memories")}
    found |= {f"used {row[0]}" for row in database.execute("SELECT user_id FROM usage")}
    database.close()
    return found, verdict
