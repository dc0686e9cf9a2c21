"""What a card brings besides its text: a picture, and the files of an archive; kept as they came, for the export and to be shown.

Nothing here is decoded: a picture is bytes that begin as a PNG, a JPEG or a WebP does. What is beyond the bounds is left out and counted, and the
card is taken all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.personas.cards.png import SIGNATURE

PICTURE_BYTES: Final = 2 * 1024 * 1024
"""Of a picture, and of any other file that a card brings."""

CARD_BYTES: Final = 6 * 1024 * 1024
"""Of all the files of one card, so that its export fits into what is taken in again."""

FILES: Final = 256
PATH_CHARS: Final = 255


class Format(StrEnum):
    """What a card is given out as."""

    PNG = "png"
    CHARX = "charx"


class Left(StrEnum):
    """Why a picture is not kept, or not shown."""

    LARGE = "large"
    BROKEN = "broken"
    UNKNOWN = "unknown"  # a file of another kind: kept, and shown to nobody


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of an archive. The path is a name in it, and never one on a disk."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class CardFiles:
    """`picture_path`: where the picture lies in the archive. `files_left`: how many of the card's other files are not kept."""

    format: Format
    picture: bytes | None = None
    picture_path: str = ""
    assets: tuple[Asset, ...] = ()
    picture_left: Left | None = None
    files_left: int = 0


def suffix_of(picture: bytes) -> str | None:
    """`png`, `jpg` or `webp`, by the first bytes alone; `None`: something else."""
    if picture.startswith(SIGNATURE):
        return "png"
    if picture.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "webp"
    return None
