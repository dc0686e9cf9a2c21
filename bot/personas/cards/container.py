"""From a file of a stranger to the fields of a card: PNG, JSON or CHARX, told apart by its first bytes and never by its name.

Everything is bounded before it is done: the file, what is inflated of it, entries of an archive, depth and number of JSON's nodes. CPU only: it
runs in an executor.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from bot.personas.cards.charx import icon_of, opened
from bot.personas.cards.files import PICTURE_BYTES, CardFiles, Format, Left
from bot.personas.cards.png import INFLATED_BYTES, SIGNATURE, card_texts, picture_bytes, refused, without_cards

FILE_BYTES: Final = 8 * 1024 * 1024
DEPTH: Final = 32
NODES: Final = 20_000
"""A lorebook of 500 entries with 20 fields each has 10 000."""

NAME_CHARS: Final = 200
"""So much of a name is read."""

KEPT_BYTES: Final = 256 * 1024
"""A card is kept beside the persona for a lossless export, up to this."""

MARKS: Final = 4 * NODES
"""Commas and brackets, those in texts among them: values are between them. Counted before anything is made of them."""

_NUMBER: Final = re.compile(r"(?<!\d)\d{400}")


class Version(StrEnum):
    V1 = "V1"
    V2 = "V2"
    V3 = "V3"


@dataclass(frozen=True, slots=True)
class Card:
    """A card's JSON, whole (`raw`), and where its fields stand: in `raw` itself (V1) or under `data`. `files`: what came with it, if anything could."""

    version: Version
    raw: dict[str, Any]
    container: str
    files: CardFiles | None = None

    @property
    def fields(self) -> dict[str, Any]:
        data = self.raw.get("data")
        return data if self.version is not Version.V1 and isinstance(data, dict) else self.raw

    @property
    def names(self) -> tuple[str, ...]:
        """What people call them first. There is always one."""
        said = (self.fields.get(key) for key in ("nickname", "name"))
        return tuple(name[:NAME_CHARS] for name in said if isinstance(name, str) and name.strip())


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
    return replace(_card(_json(text), "PNG"), files=_picture_of(data))


def _picture_of(data: bytes) -> CardFiles:
    if picture_bytes(data) > PICTURE_BYTES:
        return CardFiles(Format.PNG, picture_left=Left.LARGE)
    picture = without_cards(data)
    return CardFiles(Format.PNG, picture, picture_left=Left.BROKEN if picture is None else None)


def _from_archive(data: bytes) -> Card:
    with opened(data) as archive:
        card = _card(_json(archive.card_text()), "CHARX")
        return replace(card, files=archive.files(icon_of(card.fields)))


def _json(data: bytes) -> Any:
    if len(data) > INFLATED_BYTES:
        raise refused(f"more than {INFLATED_BYTES} bytes of text", "error-card-too-large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused("the card is not UTF-8", "error-card-broken") from None
    if sum(map(text.count, ",[{")) > MARKS:
        raise refused(f"more than {MARKS} commas and brackets", "error-card-too-large")
    if _depth(text) > DEPTH:
        raise refused(f"nested deeper than {DEPTH}", "error-card-too-deep")
    if _NUMBER.search(text):
        raise refused("a number of hundreds of digits", "error-card-broken")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise refused("the card is not JSON", "error-card-broken") from None
    if _nodes(value) > NODES:
        raise refused(f"more than {NODES} values", "error-card-too-large")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    """`1e999` is no number that an export could hold."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


_STRUCTURE: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string, also one that never ends: so that every character is looked at once, and no way back is remembered (`*+`)."""


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


def _card(value: Any, container: str) -> Card:
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
    return Card(version, value, container)
