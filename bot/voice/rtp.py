"""What a datagram from a voice server is, and the clear part of an RTP packet. Nothing here decrypts.

    V=2 P X CC | M PT | sequence 2 | timestamp 4 | SSRC 4 | CSRC 4·CC | if X: profile 2, words 2 || sealed … || nonce 4

The whole clear part, which in the "rtpsize" modes includes the extension's preamble but not its words, is authenticated by the
transport encryption. On the same socket come IP discovery (74 bytes, type 2), keepalive echoes (8 bytes), RTCP (types 200 to
206), and RTP of other payload types (video, retransmissions); all are told apart here, in that order.

Sequence numbers have 16 bits and timestamps 32; both begin anywhere and wrap (RFC 3550 5.1).
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final, NamedTuple

from bot.voice.discovery import is_discovery

OPUS_PAYLOAD_TYPE: Final = 120
FIXED_HEADER_BYTES: Final = 12
SEALED_OVERHEAD_BYTES: Final = 20
"""Tag 16 and nonce 4 follow whatever is sealed."""

KEEPALIVE_BYTES: Final = 8
RTCP_TYPES: Final = range(200, 207)

_VERSION_MASK: Final = 0xC0
_VERSION_2: Final = 0x80
_PADDING_BIT: Final = 0x20
_EXTENSION_BIT: Final = 0x10
_CSRC_MASK: Final = 0x0F
_TYPE_MASK: Final = 0x7F

_FIXED = struct.Struct(">BBHII").unpack_from
_WORDS = struct.Struct(">H").unpack_from


class Refusal(StrEnum):
    """Why a datagram is not a packet of sound; a word to count by."""

    DISCOVERY = "discovery"
    KEEPALIVE = "keepalive"
    SHORT = "short"
    VERSION = "version"
    RTCP = "rtcp"
    PAYLOAD_TYPE = "payload-type"

    @property
    def is_expected(self) -> bool:
        """Part of a healthy connection, not a malformed datagram."""
        return self in {Refusal.DISCOVERY, Refusal.KEEPALIVE, Refusal.RTCP, Refusal.PAYLOAD_TYPE}


class RtpPacket(NamedTuple):
    """The clear part of a packet of sound.

    A tuple and not a dataclass, because there is one for each datagram. `header_bytes` is the length of the clear part;
    `extension_words` counts the 32-bit words that begin the sealed part.
    """

    sequence: int
    timestamp: int
    ssrc: int
    header_bytes: int
    extension_words: int
    has_padding: bool

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket | None:
        """The packet, or None for anything but well-formed RTP of payload type 120; `refusal` then says why. Never raises."""
        size = len(data)
        if size < FIXED_HEADER_BYTES + SEALED_OVERHEAD_BYTES:
            return None
        first, second, sequence, timestamp, ssrc = _FIXED(data)
        if first & _VERSION_MASK != _VERSION_2 or second & _TYPE_MASK != OPUS_PAYLOAD_TYPE:
            return None
        header_bytes = FIXED_HEADER_BYTES + 4 * (first & _CSRC_MASK)
        words = 0
        if first & _EXTENSION_BIT:
            # The length counts 32-bit words, the preamble of four bytes not included (RFC 3550 5.3.1).
            header_bytes += 4
            if size < header_bytes + SEALED_OVERHEAD_BYTES:
                return None
            words = _WORDS(data, header_bytes - 2)[0]
        if size < header_bytes + 4 * words + SEALED_OVERHEAD_BYTES:
            return None
        # `tuple.__new__` of the fields: the generated constructor would cost as much as the parsing.
        return _make(cls, (sequence, timestamp, ssrc, header_bytes, words, first & _PADDING_BIT != 0))


_make = tuple.__new__


def refusal(data: bytes) -> Refusal | None:
    """Why `RtpPacket.parse` does not take a datagram; None when it does."""
    size = len(data)
    if is_discovery(data):
        return Refusal.DISCOVERY
    if size == KEEPALIVE_BYTES:
        return Refusal.KEEPALIVE
    if size < 2:
        return Refusal.SHORT
    if data[0] & _VERSION_MASK != _VERSION_2:
        return Refusal.VERSION
    if data[1] in RTCP_TYPES:
        return Refusal.RTCP
    if data[1] & _TYPE_MASK != OPUS_PAYLOAD_TYPE:
        return Refusal.PAYLOAD_TYPE
    return None if RtpPacket.parse(data) is not None else Refusal.SHORT


def sequence_distance(sequence: int, reference: int) -> int:
    """How far `sequence` is ahead of `reference` on the circle of 16 bits: -32768 to 32767."""
    return ((sequence - reference + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(timestamp: int, reference: int) -> int:
    """How many ticks of 1/48000 s `timestamp` is ahead of `reference` on the circle of 32 bits."""
    return ((timestamp - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000
