"""What lies on the disk of a rehearsed house: sealed values in its database, and every file searched for bytes.

Reads the files as a thief would, beside the bot and not through it; the database in SQLite's own read-only mode, to know what to search for.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NONCE_BYTES: Final = 24
"""XChaCha20-Poly1305: the nonce stands in front."""

SEALED: Final = ("memories", "memory_proposals", "recap_points", "reminders")
"""Tables with a column `sealed`."""


@dataclass(frozen=True, slots=True)
class SealedValue:
    table: str
    data: bytes

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """Nonce and ciphertext: neither may be left of what was forgotten."""
        return self.data[:NONCE_BYTES], self.data[NONCE_BYTES:]


class Disk:
    """The folder of a SQLite database with whatever lies beside it: log, shared memory, journals, exports. Blocks: for a thread."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def sealed(self) -> frozenset[SealedValue]:
        """Every sealed value that the tables hold now."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return frozenset(
                SealedValue(table, bytes(data))
                for table in SEALED
                for (data,) in database.execute(f"SELECT sealed FROM {table}")  # noqa: S608 -- names of our own
            )

    def files_with(self, needle: bytes) -> list[str]:
        """Names of the files in which these bytes stand."""
        files = sorted(path for path in self._database.parent.rglob("*") if path.is_file())
        return [path.name for path in files if needle in path.read_bytes()]

    def is_lying(self, value: SealedValue) -> bool:
        """Nonce and ciphertext both lie somewhere."""
        return all(self.files_with(part) for part in value.parts)

    def traces(self, value: SealedValue) -> list[str]:
        """The files in which a part of it lies."""
        return [name for part in value.parts for name in self.files_with(part)]

    def files_with_words(self, words: str) -> list[str]:
        """The files in which these words stand in clear."""
        spellings = {words, words.lower(), words.capitalize()}
        encoded = {one.encode(encoding) for one in spellings for encoding in ("utf-8", "utf-16-le")}
        return sorted({name for one in encoded for name in self.files_with(one)})
