"""RTP and its transport encryption as Discord's servers speak them: the server's and the members' reading of it.

Written apart from `bot.voice`, so that a misreading there meets another opinion here. Only the transport layer: what is
inside (end-to-end encrypted Opus, or plain) is not looked at.

    packet = fixed header 12 | CSRC 4·CC | if X: profile 2, words 2 || sealed(extension body 4·words, payload, padding) | tag 16 || nonce 4
    associated data = all clear bytes before the sealed part ("rtpsize")
    nonce = the last 4 bytes of the datagram at the front of 12 (AES-GCM) or 24 (XChaCha20) bytes, the rest zero
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

AES_GCM: Final = "aead_aes256_gcm_rtpsize"
XCHACHA: Final = "aead_xchacha20_poly1305_rtpsize"
MODES: Final = (AES_GCM, XCHACHA)
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 4
TAG_BYTES: Final = 16

OPUS_PAYLOAD_TYPE: Final = 120
SILENCE: Final = b"\xf8\xff\xfe"
ONE_BYTE_EXTENSIONS: Final = 0xBEDE  # RFC 8285 4.2
RTCP_TYPES: Final = range(192, 224)  # RFC 5761 4
RTCP_CLEAR_BYTES: Final = 8

DISCOVERY_BYTES: Final = 74
DISCOVERY_REQUEST: Final = 1
DISCOVERY_RESPONSE: Final = 2
KEEPALIVE_BYTES: Final = 8
PING: Final = 0x1337CAFE
PONG: Final = 0x1337F00D


class WireError(ValueError):
    """Bytes that are not what the protocol allows. The text is one short word to count by."""


class _Aead(Protocol):
    def seal(self, plain: bytes, clear: bytes, nonce: bytes) -> bytes: ...
    def open(self, sealed: bytes, clear: bytes, nonce: bytes) -> bytes: ...


class _AesGcm:
    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, clear: bytes, nonce: bytes) -> bytes:
        return self._aead.encrypt(nonce.ljust(12, b"\0"), plain, clear)

    def open(self, sealed: bytes, clear: bytes, nonce: bytes) -> bytes:
        try:
            return self._aead.decrypt(nonce.ljust(12, b"\0"), sealed, clear)
        except InvalidTag:
            raise WireError("forged") from None


class _XChaCha:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, plain: bytes, clear: bytes, nonce: bytes) -> bytes:
        return crypto_aead_xchacha20poly1305_ietf_encrypt(plain, clear, nonce.ljust(24, b"\0"), self._key)

    def open(self, sealed: bytes, clear: bytes, nonce: bytes) -> bytes:
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, clear, nonce.ljust(24, b"\0"), self._key)
        except CryptoError:
            raise WireError("forged") from None


class MediaCipher:
    """The transport encryption of one client. Seals with a counter of its own as nonce."""

    def __init__(self, mode: str, key: bytes) -> None:
        """Raises ValueError for an unknown mode or a key that is not 32 bytes."""
        if mode not in MODES or len(key) != KEY_BYTES:
            raise ValueError("expected one of the two AEAD modes and a key of 32 bytes")
        self.mode = mode
        self._aead: _Aead = _AesGcm(key) if mode == AES_GCM else _XChaCha(key)
        self._counter = 0

    def seal(self, clear: bytes, plain: bytes) -> bytes:
        """The whole datagram."""
        nonce = struct.pack(">I", self._counter)
        self._counter = (self._counter + 1) & 0xFFFFFFFF
        return clear + self._aead.seal(plain, clear, nonce) + nonce

    def open(self, datagram: bytes, clear_bytes: int) -> bytes:
        """What was sealed behind the first `clear_bytes`. Raises WireError."""
        if len(datagram) < clear_bytes + TAG_BYTES + NONCE_BYTES:
            raise WireError("short")
        clear, sealed, nonce = datagram[:clear_bytes], datagram[clear_bytes:-NONCE_BYTES], datagram[-NONCE_BYTES:]
        return self._aead.open(sealed, clear, nonce)


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """One RTP packet, opened: extension and padding are off. An empty payload is a packet of padding only."""

    ssrc: int
    sequence: int
    timestamp: int
    payload_type: int
    payload: bytes


def is_rtcp(datagram: bytes) -> bool:
    return len(datagram) > 1 and datagram[0] >> 6 == 2 and datagram[1] in RTCP_TYPES


def open_packet(cipher: MediaCipher, datagram: bytes) -> MediaPacket:
    """Raises WireError saying in a word what is wrong."""
    if len(datagram) < 12:
        raise WireError("short")
    first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", datagram)
    if first >> 6 != 2:
        raise WireError("version")
    clear_bytes, words = 12 + 4 * (first & 0x0F), 0
    if first & 0x10:  # X: a clear preamble says how many 32-bit words of extension are sealed (RFC 3550 5.3.1)
        if len(datagram) < clear_bytes + 4:
            raise WireError("short")
        words = struct.unpack_from(">H", datagram, clear_bytes + 2)[0]
        clear_bytes += 4
    plain = cipher.open(datagram, clear_bytes)
    if len(plain) < 4 * words:
        raise WireError("extension")
    payload = plain[4 * words :]
    if first & 0x20:  # P: the last byte counts the padding, itself included (RFC 3550 5.1)
        padding = payload[-1] if payload else 0
        if not 0 < padding <= len(payload):
            raise WireError("padding")
        payload = payload[:-padding]
    return MediaPacket(ssrc, sequence, timestamp, second & 0x7F, payload)


def seal_packet(cipher: MediaCipher, packet: MediaPacket, *, extension: bytes = b"", padding_bytes: int = 0) -> bytes:
    """The datagram. `extension` is a body of one-byte elements, a multiple of four bytes; `padding_bytes` is 0 to 255."""
    first = 0x80 | (0x10 if extension else 0) | (0x20 if padding_bytes else 0)
    second = packet.payload_type
    clear = struct.pack(">BBHII", first, second, packet.sequence, packet.timestamp, packet.ssrc)
    if extension:
        clear += struct.pack(">HH", ONE_BYTE_EXTENSIONS, len(extension) // 4)
    padding = bytes(padding_bytes - 1) + bytes([padding_bytes]) if padding_bytes else b""
    return cipher.seal(clear, extension + packet.payload + padding)


def seal_sender_report(cipher: MediaCipher, ssrc: int, timestamp: int, packets: int) -> bytes:
    """An RTCP sender report without report blocks (RFC 3550 6.4.1): 8 clear bytes, the rest sealed."""
    clear = struct.pack(">BBHI", 0x80, 200, 6, ssrc)
    return cipher.seal(clear, struct.pack(">IIIII", 0, 0, timestamp, packets, packets * 160))


def discovery_request(ssrc: int) -> bytes:
    return struct.pack(">HHI64sH", DISCOVERY_REQUEST, DISCOVERY_BYTES - 4, ssrc, b"", 0)


def discovery_response(ssrc: int, address: tuple[str, int]) -> bytes:
    host, port = address
    return struct.pack(">HHI64sH", DISCOVERY_RESPONSE, DISCOVERY_BYTES - 4, ssrc, host.encode(), port)


def discovered_ssrc(datagram: bytes) -> int | None:
    """The SSRC that asks for its address, or None: not a discovery request."""
    if len(datagram) != DISCOVERY_BYTES:
        return None
    kind, size, ssrc = struct.unpack_from(">HHI", datagram)
    return int(ssrc) if (kind, size) == (DISCOVERY_REQUEST, DISCOVERY_BYTES - 4) else None


def discovered_address(datagram: bytes) -> tuple[str, int] | None:
    """Our address as the server sees it, or None: not a discovery response."""
    if len(datagram) != DISCOVERY_BYTES or datagram[:2] != b"\0\x02":
        return None
    host = datagram[8:72].split(b"\0", 1)[0].decode("ascii", "replace")
    return host, int.from_bytes(datagram[72:74], "big")
