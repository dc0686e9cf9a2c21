"""The text chunks of a PNG, as far as they can hold a card; nothing is ever decoded as an image.

PNG (ISO/IEC 15948): an 8-byte signature, then chunks of length, type, data and CRC-32 until IEND. A card stands in a `tEXt`, `zTXt` or `iTXt` chunk
under the keyword `chara` (V2) or `ccv3` (V3), as base64 of UTF-8 JSON. Every length, count and inflated size is bounded; a wrong CRC of a chunk
that we read refuses the file.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from bot.errors import KithError

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHUNKS: Final = 4096
"""An image of 8 MiB in pieces of 8 KiB has 1 024 chunks; ours, twice as many text chunks."""

TEXT_CHUNKS: Final = 64
INFLATED_BYTES: Final = 1024 * 1024
KEYWORDS: Final = ("ccv3", "chara")
_TEXT_KINDS: Final = {b"tEXt", b"zTXt", b"iTXt"}


class CardError(KithError):
    """A card that is refused, with the sentence that says why."""

    key = "error-card"


def refused(why: str, key: str) -> CardError:
    return CardError(why, key=key)


def card_texts(data: bytes) -> dict[str, bytes]:
    """What stands under the cards' keywords: base64, undecoded. Raises `CardError` for a file that is broken or too large a puzzle."""
    if not data.startswith(SIGNATURE):
        raise refused("expected a PNG", "error-card-broken")
    found: dict[str, bytes] = {}
    at, chunks, texts = len(SIGNATURE), 0, 0
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        chunks += 1
        if end + 4 > len(data) or chunks > CHUNKS:
            raise refused("a chunk is longer than the file, or there are too many", "error-card-broken")
        if kind == b"IEND":
            return found
        if kind in _TEXT_KINDS:
            texts += 1
            if texts > TEXT_CHUNKS:
                raise refused(f"more than {TEXT_CHUNKS} text chunks", "error-card-broken")
            _read_text(kind, data[at + 8 : end], struct.unpack_from(">I", data, end)[0], found)
        at = end + 4
    raise refused("the file ends before the image does", "error-card-broken")


def _read_text(kind: bytes, body: bytes, crc: int, found: dict[str, bytes]) -> None:
    keyword, _, rest = body.partition(b"\0")
    name = keyword[:80].decode("latin-1").casefold()
    if name not in KEYWORDS:
        return
    if zlib.crc32(kind + body) != crc:
        raise refused("a text chunk's CRC does not fit its data", "error-card-broken")
    found[name] = _text_of(kind, rest)


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


# ---------------------------------------------------------------------------- writing


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(rgb: tuple[int, int, int], side: int = 256) -> list[bytes]:
    """The chunks of a plain square that is lighter at the top, without IEND: a card needs an image, and we have none to give away."""
    rows = bytearray()
    for row in range(side):
        light = 1.0 - 0.6 * row / side
        rows += b"\0" + bytes(int(part * light) for part in rgb) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(rows), 9))]
