"""From a file of a stranger to the fields of a card: PNG, JSON or CHARX, told apart by its first bytes and never by its name.

Everything is bounded before it is done: the file, what is inflated of it, entries of an archive, depth and number of JSON's nodes. Archives are
read in memory; no entry's name ever becomes a path. CPU only: it runs in an executor.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bot.personas.cards.png import INFLATED_BYTES, SIGNATURE, CardError, card_texts, refused

FILE_BYTES: Final = 8 * 1024 * 1024
DEPTH: Final = 32
NODES: Final = 20_000
"""A lorebook of 500 entries with 20 fields each has 10 000."""

ENTRIES: Final = 1_000
DIRECTORY_BYTES: Final = 512 * 1024
CARD_ENTRY: Final = "card.json"
KEPT_BYTES: Final = 128 * 1024
"""A card is kept beside the persona for a lossless export, up to this."""

_NUMBER: Final = re.compile(r"\d{400,}")


class Version(StrEnum):
    V1 = "V1"
    V2 = "V2"
    V3 = "V3"


@dataclass(frozen=True, slots=True)
class Card:
    """A card's JSON, whole (`raw`), and where its fields stand: in `raw` itself (V1) or under `data`."""

    version: Version
    raw: dict[str, Any]
    container: str
    assets: int = 0

    @property
    def fields(self) -> dict[str, Any]:
        data = self.raw.get("data")
        return data if self.version is not Version.V1 and isinstance(data, dict) else self.raw


def read_card(data: bytes) -> Card:
    """The card in a file's bytes. Raises `CardError`, whatever the bytes are."""
    if len(data) > FILE_BYTES:
        raise refused(f"more than {FILE_BYTES} bytes", "error-card-too-large")
    if data.startswith(SIGNATURE):
        return _from_png(data)
    if data.startswith(b"PK\x03\x04"):
        return _from_archive(data)
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _card(_json(data), "JSON")
    raise refused("neither PNG nor JSON nor CHARX", "error-card-unknown")


def _from_png(data: bytes) -> Card:
    texts = card_texts(data)
    if not texts:
        raise refused("a PNG without a card", "error-card-none")
    name = "ccv3" if "ccv3" in texts else "chara"  # V3 wins where both are
    try:
        text = base64.b64decode(b"".join(texts[name].split()), validate=True)
    except (binascii.Error, ValueError):
        raise refused("the card is not base64", "error-card-broken") from None
    return _card(_json(text), "PNG")


def _from_archive(data: bytes) -> Card:
    _look_over_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES:
                raise refused(f"more than {ENTRIES} files in the archive", "error-card-too-large")
            for entry in entries:
                if _climbs(entry.filename):
                    raise refused("a file in the archive is named like a path out of it", "error-card-unsafe")
            wanted = [entry for entry in entries if entry.filename == CARD_ENTRY]
            if len(wanted) != 1:
                raise refused(f"expected one {CARD_ENTRY} in the archive", "error-card-none")
            if wanted[0].flag_bits & 1 or wanted[0].file_size > INFLATED_BYTES:
                raise refused("the card in the archive is too large, or locked", "error-card-too-large")
            with archive.open(wanted[0]) as file:
                text = file.read(INFLATED_BYTES + 1)  # whatever its header says
            return _card(_json(text), "CHARX", len(entries) - 1)
    except CardError:
        raise
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ):
        raise refused("an archive that cannot be read", "error-card-broken") from None


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


def _climbs(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name


def _json(data: bytes) -> Any:
    if len(data) > INFLATED_BYTES:
        raise refused(f"more than {INFLATED_BYTES} bytes of text", "error-card-too-large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused("the card is not UTF-8", "error-card-broken") from None
    if _depth(text) > DEPTH:
        raise refused(f"nested deeper than {DEPTH}", "error-card-too-deep")
    if _NUMBER.search(text):
        raise refused("a number of hundreds of digits", "error-card-broken")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refused("the card is not JSON", "error-card-broken") from None
    if _nodes(value) > NODES:
        raise refused(f"more than {NODES} values", "error-card-too-large")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


_STRUCTURE: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string, also one that never ends: so that every character is looked at once."""


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings, before any parser climbs down."""
    depth = deepest = 0
    for found in _STRUCTURE.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEPTH:
                break
        elif mark in "]}":
            depth -= 1
    return deepest


def _nodes(value: Any) -> int:
    count, waiting = 0, [value]
    while waiting and count <= NODES:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return count


def _card(value: Any, container: str, assets: int = 0) -> Card:
    if not isinstance(value, dict):
        raise refused("the card is no JSON object", "error-card-broken")
    spec, data = str(value.get("spec") or ""), value.get("data")
    if spec in ("chara_card_v2", "chara_card_v3") or (isinstance(data, dict) and "name" in data):
        if not isinstance(data, dict):
            raise refused("the card has no data", "error-card-broken")
        version = Version.V3 if spec == "chara_card_v3" else Version.V2
    else:
        version, data = Version.V1, value
    if not isinstance(data.get("name"), str) or not data["name"].strip():
        raise refused("the card has no name", "error-card-none")
    return Card(version, value, container, assets)
