"""One process a database file: consent and keys are kept in memory, and of two processes one would not know what a member took back at the other.

An advisory lock on a file beside the database (on the database's own, closing it would drop the locks of SQLite). The system takes it away with the process, however that ends; the file stays and means nothing.
Reading beside a bot that runs (`kith check`) needs no lock.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Final

from bot.errors import StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TAKEN: Final = "The database {path} is in use by another Kith. Stop that one first."


def hold(path: Path) -> IO[bytes]:
    """Held until the file that this answers with is closed. Raises `StorageError` where another process (or another opening) holds it."""
    try:
        held = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise StorageError(
            f"The database {path} cannot be opened for writing ({error.strerror}). Check the path and the rights on file and folder."
        ) from error
    try:
        if sys.platform == "win32":
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        held.close()
        raise StorageError(TAKEN.format(path=path)) from error
    except OSError:
        return held  # a file system that knows no locks: nothing is held, and nothing worse than before
    return held
