"""Where the master key comes from: a setting, a secret's file, or a file of our own beside the database.

A key that is lost is never replaced in silence: where the database has keys of guilds and the file is gone, that is an error that says so.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from bot.errors import SettingError
from bot.settings import Settings
from bot.storage.database import parse_address, sqlite_path
from bot.storage.vault import KEY_BYTES, WAY_OUT

FILE: Final = "master.key"
EXPECTED: Final = (
    f"expected {KEY_BYTES} bytes in base64 (44 characters), as `openssl rand -base64 {KEY_BYTES}` writes them"
)
READ_LIMIT: Final = 4096


def master_key(settings: Settings) -> bytes:
    """32 bytes. Made at the first start where no setting gives one. Raises `SettingError`; the key itself is never repeated."""
    given = settings.kith_master_key
    if given is not None:
        return parse_key(given.get_secret_value(), "KITH_MASTER_KEY")
    path = key_file(settings.kith_database_url)
    if path is None:
        return _without_a_file(settings.kith_database_url)
    if path.exists():
        return read_key(path)
    check_not_lost(settings)
    return write_key(path, secrets.token_bytes(KEY_BYTES))


def check_not_lost(settings: Settings) -> None:
    """Raises `SettingError` where our own file is gone and something was sealed with it."""
    path = key_file(settings.kith_database_url)
    is_own = settings.kith_master_key is None and path is not None
    if is_own and path is not None and not path.exists() and _has_guild_keys(settings.kith_database_url):
        raise SettingError(f"The master key {path} is gone, and the database holds what was sealed with it. {WAY_OUT}")


def key_file(url: str) -> Path | None:
    """Beside the SQLite file; `None` for a database that has none."""
    path = sqlite_path(parse_address(url))
    return path.parent / FILE if path is not None else None


def parse_key(text: str, name: str) -> bytes:
    """Standard or URL-safe base64. Raises `SettingError` naming `name`."""
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingError(f"{name}: {EXPECTED}")
    return key


def read_key(path: Path) -> bytes:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return parse_key(file.read(READ_LIMIT), str(path))
    except OSError as error:
        raise SettingError(f"{path}: expected a readable file ({error.strerror})") from None


def write_key(path: Path, key: bytes) -> bytes:
    """A new file that only its owner may read, on the disk when this returns. Raises `SettingError`, also if the file is there already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise SettingError(f"{path}: the master key cannot be written there ({error.strerror})") from None
    return key


def sync_folder(folder: Path) -> None:
    """A name in a folder is on the disk only when the folder is. Windows has no such thing to do."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_a_file(url: str) -> bytes:
    if parse_address(url).get_backend_name() != "sqlite":
        raise SettingError(f"KITH_MASTER_KEY: a database server needs it set; {EXPECTED}")
    return secrets.token_bytes(KEY_BYTES)


def _has_guild_keys(url: str) -> bool:
    path = sqlite_path(parse_address(url))
    if path is None or not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as raw:
            return raw.execute("SELECT 1 FROM guild_keys LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False  # no such table yet, or a file that `Database.open` will refuse with its reason
