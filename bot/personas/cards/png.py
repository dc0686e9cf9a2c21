"""The chunks of a PNG: those that hold a card are read, all others stay as they are; nothing is ever decoded as an image.

PNG (ISO/IEC 15948): an 8-byte signature, then chunks of length, type, data and CRC-32 until IEND. A card stands in a `tEXt`, `zTXt` or `iTXt` chunk
under the keyword `chara` (V2) or `ccv3` (V3), as base64 of UTF-8 JSON. Every length, count and inflated size is bounded; a wrong CRC of a chunk
that we read refuses the file. All other chunks are the picture: they are kept byte for byte, and go out again with the card's chunks fresh.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.errors import KithError

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHUNKS: Final = 4096
"""An image of 8 MiB in pieces of 8 KiB has 1 024 chunks; ours, twice as many text chunks."""

CARD_CHUNKS: Final = 8
"""Text chunks that hold a card. Others may be many (pictures of a face in each mood, as base64) and are only kept."""

INFLATED_BYTES: Final = 512 * 1024
KEYWORDS: Final = ("ccv3", "chara")
_TEXT_KINDS: Final = {b"tEXt", b"zTXt", b"iTXt"}


class CardError(KithError):
    """A card that is refused, with the sentence that says why."""

    key = "error-card"


def refused(why: str, key: str) -> CardError:
    return CardError(why, key=key)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Where a chunk stands in a file: `at` its length, `end` behind its CRC."""

    kind: bytes
    at: int
    end: int

    def body(self, data: bytes) -> bytes:
        return data[self.at + 8 : self.end - 4]

    def is_whole(self, data: bytes) -> bool:
        """Whether its CRC fits."""
        computed = zlib.crc32(memoryview(data)[self.at + 4 : self.end - 4])
        return bool(struct.unpack_from(">I", data, self.end - 4)[0] == computed)

    def card_keyword(self, data: bytes) -> str | None:
        """`ccv3` or `chara` of a text chunk that holds a card."""
        if self.kind not in _TEXT_KINDS:
            return None
        name = data[self.at + 8 : min(self.at + 90, self.end - 4)].partition(b"\0")[0][:80].decode("latin-1").casefold()
        return name if name in KEYWORDS else None


def _chunks(data: bytes) -> list[_Chunk]:
    """From the signature to the end that the image declares; what is behind it is not read. Raises `CardError`."""
    if not data.startswith(SIGNATURE):
        raise refused("expected a PNG", "error-card-broken")
    found: list[_Chunk] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found.append(_Chunk(kind, at, at + 12 + length))
        at += 12 + length
        if at > len(data) or len(found) > CHUNKS:
            raise refused("a chunk is longer than the file, or there are too many", "error-card-broken")
        if kind == b"IEND":
            return found
    raise refused("the file ends before the image does", "error-card-broken")


def card_texts(data: bytes) -> dict[str, bytes]:
    """What stands under the cards' keywords: base64, undecoded. Raises `CardError` for a file that is broken or too large a puzzle."""
    chunks = [(name, one) for one in _chunks(data) if (name := one.card_keyword(data)) is not None]
    if len(chunks) > CARD_CHUNKS:
        raise refused(f"more than {CARD_CHUNKS} cards in one image", "error-card-broken")
    found: dict[str, bytes] = {}
    for name, one in chunks:
        if not one.is_whole(data):
            raise refused("a text chunk's CRC does not fit its data", "error-card-broken")
        found[name] = _text_of(one.kind, one.body(data).partition(b"\0")[2])
    return found


def _text_of(kind: bytes, rest: bytes) -> bytes:
    if kind == b"tEXt":
        return _bounded(rest)
    if kind == b"zTXt":  # compression method, then the stream
        if rest[:1] != b"\0":
            raise refused("an unknown compression", "error-card-broken")
        return inflate(rest[1:])
    # iTXt: compression flag and method, language tag, translated keyword, text
    if len(rest) < 2:
        raise refused("a text chunk is cut off", "error-card-broken")
    is_compressed, method = rest[0], rest[1]
    parts = rest[2:].split(b"\0", 2)
    if len(parts) != 3 or is_compressed > 1 or (is_compressed and method):
        raise refused("a text chunk is not formed as PNG says", "error-card-broken")
    return inflate(parts[2]) if is_compressed else _bounded(parts[2])


def inflate(data: bytes, limit: int = INFLATED_BYTES) -> bytes:
    """Decompressed zlib data of at most `limit` bytes; a bomb is refused after that many, not after it went off."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, limit + 1)
    except zlib.error:
        raise refused("compressed text that cannot be read", "error-card-broken") from None
    if len(text) > limit:
        raise refused(f"more than {limit} bytes when decompressed", "error-card-too-large")
    if not stream.eof:
        raise refused("compressed text that ends early", "error-card-broken")
    return text


def _bounded(text: bytes) -> bytes:
    if len(text) > 2 * INFLATED_BYTES:
        raise refused("a text chunk is too large", "error-card-too-large")
    return text


# ---------------------------------------------------------------------------- the picture


def picture_bytes(data: bytes) -> int:
    """How large the file is without the chunks that hold cards. Raises `CardError`."""
    return len(SIGNATURE) + sum(one.end - one.at for one in _chunks(data) if one.card_keyword(data) is None)


def without_cards(data: bytes) -> bytes | None:
    """The same image without the chunks that hold cards, else byte for byte. `None`: it is no image, or a CRC does not fit.

    Raises `CardError` for what has no chunks at all.
    """
    kept = [one for one in _chunks(data) if one.card_keyword(data) is None]
    kinds = [one.kind for one in kept]
    first, last = kept[0], kept[-1]
    if kinds[0] != b"IHDR" or first.end - first.at != 25 or last.end - last.at != 12 or b"IDAT" not in kinds:
        return None
    if not all(one.is_whole(data) for one in kept):
        return None
    return b"".join([SIGNATURE, *(data[one.at : one.end] for one in kept)])


def with_texts(image: bytes, texts: Iterable[bytes]) -> bytes:
    """The image (of `without_cards`, or drawn by `picture`) with these chunks in front of its end."""
    end = chunk(b"IEND", b"")
    return b"".join([image.removesuffix(end), *texts, end])


# ---------------------------------------------------------------------------- writing


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(rgb: tuple[int, int, int], side: int = 256) -> list[bytes]:
    """The chunks of a plain square that is lighter at the top, without IEND: for a card that never had an image."""
    rows = bytearray()
    for row in range(side):
        light = 1.0 - 0.6 * row / side
        rows += b"\0" + bytes(int(part * light) for part in rgb) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(rows), 9))]
