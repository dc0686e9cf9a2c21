"""CHARX: an archive with `card.json` at its root and the card's files beside it. Read in memory; no entry's name ever becomes a path.

Refused: more entries or a larger directory than a card has, names that climb out or stand twice, entries that together claim to be far more than
the file could hold. Only stored and deflated entries are opened: the other methods ask for as much memory as the file says.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bot.personas.cards.files import (
    CARD_BYTES,
    FILES,
    PATH_CHARS,
    PICTURE_BYTES,
    Asset,
    CardFiles,
    Format,
    Left,
    suffix_of,
)
from bot.personas.cards.png import INFLATED_BYTES, CardError, refused

ENTRIES: Final = 1_000
DIRECTORY_BYTES: Final = 512 * 1024
CLAIMED_BYTES: Final = 64 * 1024 * 1024
"""What the entries of an archive may say that they are when opened, all together: pictures hardly shrink, bombs do."""

CARD_ENTRY: Final = "card.json"
EMBEDDED: Final = ("embeded://", "embedded://")
"""The specification spells it the first way."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)


class Archive:
    """An archive that was looked over. Make one with `opened`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.entries = [entry for entry in file.infolist() if not entry.is_dir()]

    def card_text(self) -> bytes:
        """The bytes of `card.json`."""
        wanted = [entry for entry in self.entries if entry.filename == CARD_ENTRY]
        if len(wanted) != 1:
            raise refused(f"expected one {CARD_ENTRY} in the archive", "error-card-none")
        if not _is_plain(wanted[0]) or wanted[0].file_size > INFLATED_BYTES:
            raise refused("the card in the archive is too large, or locked", "error-card-too-large")
        return self._read(wanted[0], INFLATED_BYTES)

    def files(self, icon: str | None) -> CardFiles:
        """All that is small enough, the picture (`icon`: its name in the archive) first."""
        others = [entry for entry in self.entries if entry.filename != CARD_ENTRY]
        others.sort(key=lambda entry: entry.filename != icon)
        assets: list[Asset] = []
        room, picture_left, files_left = CARD_BYTES, None, 0
        for entry in others:
            is_small = entry.file_size <= min(room, PICTURE_BYTES) and len(assets) < FILES
            if is_small and _is_plain(entry) and len(entry.filename) <= PATH_CHARS:
                assets.append(Asset(entry.filename, self._read(entry, entry.file_size)))
                room -= entry.file_size
            elif entry.filename == icon:
                picture_left = Left.LARGE if entry.file_size > PICTURE_BYTES else Left.BROKEN
            else:
                files_left += 1
        picture, path = None, ""
        if assets and assets[0].path == icon:
            if suffix_of(assets[0].data) is None:
                picture_left = Left.UNKNOWN
            else:
                picture, path = assets[0].data, assets[0].path
                del assets[0]
        return CardFiles(Format.CHARX, picture, path, tuple(assets), picture_left, files_left)

    def _read(self, entry: zipfile.ZipInfo, limit: int) -> bytes:
        with self._file.open(entry) as file:
            return file.read(limit + 1)  # never more than its directory says


@contextmanager
def opened(data: bytes) -> Iterator[Archive]:
    """Raises `CardError`, whatever the bytes are."""
    _look_over_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            _look_over_entries(file.infolist())
            yield Archive(file)
    except CardError:
        raise
    except _DAMAGED:
        raise refused("an archive that cannot be read", "error-card-broken") from None


def icon_of(fields: dict[str, Any]) -> str | None:
    """The name in the archive of the card's main picture: its asset of the type `icon` that is called `main`, else the first one."""
    listed = fields.get("assets")
    found: list[tuple[bool, str]] = []
    for asset in listed if isinstance(listed, list) else []:
        uri = asset.get("uri") if isinstance(asset, dict) and asset.get("type") == "icon" else None
        if isinstance(uri, str) and uri.startswith(EMBEDDED):
            found.append((asset.get("name") != "main", uri.partition("://")[2]))
    return min(found, key=lambda one: one[0])[1] if found else None


def packed(assets: Iterable[Asset], card: bytes | None = None) -> bytes:
    """An archive of these files as they are, in this order, and the same bytes for the same files; with `card.json` first, if there is a card."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if card is not None:
            archive.writestr(_entry(CARD_ENTRY), card, zipfile.ZIP_DEFLATED)
        for asset in assets:
            archive.writestr(_entry(asset.path), asset.data)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    """Of no time, and readable where somebody unpacks it."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    return entry


def unpacked(archive: bytes) -> tuple[Asset, ...]:
    """What `packed` packed. Raises `CardError`: it was damaged since."""
    with opened(archive) as found:
        return found.files(None).assets


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    return not entry.flag_bits & 1 and entry.compress_type in _METHODS


def _look_over_directory(data: bytes) -> None:
    """The directory's size as the archive's end declares it, before `zipfile` believes it and makes an object for each of its lines."""
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if at < 0 or at + 22 > len(data):
        raise refused("an archive without an end", "error-card-broken")
    if data[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise refused("an archive of the 64-bit kind; a card has no need of it", "error-card-too-large")
    count, size_bytes = struct.unpack_from("<HI", data, at + 10)
    if count > ENTRIES or size_bytes > DIRECTORY_BYTES or count == 0xFFFF:
        raise refused("too many files in the archive", "error-card-too-large")


def _look_over_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > ENTRIES:
        raise refused(f"more than {ENTRIES} files in the archive", "error-card-too-large")
    names = [entry.filename for entry in entries]
    if any(_climbs(name) for name in names):
        raise refused("a file in the archive is named like a path out of it", "error-card-unsafe")
    if len(set(names)) < len(names):
        raise refused("two files in the archive have one name", "error-card-broken")
    if sum(entry.file_size for entry in entries) > CLAIMED_BYTES:
        raise refused(f"more than {CLAIMED_BYTES} bytes when opened", "error-card-too-large")


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name
