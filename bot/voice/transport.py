"""Transport encryption between us and the voice server: the two "rtpsize" AEAD modes.

    datagram = clear header | sealed(extension words, payload, padding) | tag 16 | nonce 4

1. The clear header (`RtpPacket.header_bytes`) is the associated data.
2. The last four bytes of the datagram stand at the *front* of the nonce of 12 (AES-GCM) or 24 (XChaCha20) bytes; the rest is zero.
3. What fails authentication is nothing: it is counted, and no byte of it is used.
4. What was opened once is not opened again under the same key.

The nonce is the sender's counter. Nothing is assumed of its order: what was seen is remembered per stream and nonce, exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_decrypt
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha_encrypt
from nacl.exceptions import CryptoError

from bot.voice.rtp import RtpPacket

AES256_GCM: Final = "aead_aes256_gcm_rtpsize"
XCHACHA20_POLY1305: Final = "aead_xchacha20_poly1305_rtpsize"
MODES: Final = (AES256_GCM, XCHACHA20_POLY1305)
"""In order of preference: AES-GCM costs a fifth. XChaCha20 is the one that every server must offer."""

KEY_BYTES: Final = 32
SUFFIX_BYTES: Final = 4
TAG_BYTES: Final = 16
LONGEST_SEALED_BYTES: Final = 4096
"""Of the preallocated buffer; a UDP datagram that Discord sends fits an Ethernet frame."""

REMEMBERED_BLOCKS: Final = 1024

_AES_NONCE_REST: Final = bytes(12 - SUFFIX_BYTES)
_XCHACHA_NONCE_REST: Final = bytes(24 - SUFFIX_BYTES)
_SUFFIX = struct.Struct(">I")

_Aead = Callable[[bytes, bytes, bytes], bytes]
"""(nonce suffix, text, associated data) -> text; opening raises `InvalidTag` or `CryptoError`."""


class ReplayWindow:
    """Which nonces of which streams were seen: 64 to a block, the youngest 1 024 blocks.

    At least the last 1 024 packets are known whatever order nonces come in, and the last 65 536 when they count up.
    """

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}

    def has(self, ssrc: int, nonce: int) -> bool:
        return bool(self._blocks.get(ssrc << 26 | nonce >> 6, 0) >> (nonce & 63) & 1)

    def add(self, ssrc: int, nonce: int) -> None:
        blocks, block = self._blocks, ssrc << 26 | nonce >> 6
        seen = blocks.get(block)
        if seen is None:
            seen = 0
            if len(blocks) >= REMEMBERED_BLOCKS:
                del blocks[next(iter(blocks))]
        blocks[block] = seen | 1 << (nonce & 63)


class TransportCipher:
    """One key of one voice session, both directions.

    Attributes:
        forged: datagrams that failed authentication.
        replayed: datagrams that had been opened before.

    Raises:
        ValueError: a mode that is not one of `MODES`, or a key that is not 32 bytes long. The key is not repeated.
    """

    def __init__(self, mode: str, key: bytes) -> None:
        if mode not in MODES:
            raise ValueError(f"transport encryption mode {mode!r}, expected one of {', '.join(MODES)}")
        key = bytes(key)
        if len(key) != KEY_BYTES:
            raise ValueError(f"a transport key of {len(key)} bytes, expected {KEY_BYTES}")
        self.mode = mode
        self.forged = self.replayed = 0
        self._seal, self._open = _aes_gcm(key) if mode == AES256_GCM else _xchacha(key)
        self._counter = 0
        self._seen = ReplayWindow()

    def seal(self, header: bytes, payload: bytes) -> bytes:
        """The whole datagram. `header` stays readable and is authenticated.

        The nonce is our own counter; it would repeat after 2^32 datagrams, 2.7 years of uninterrupted speech under one key.
        """
        suffix = _SUFFIX.pack(self._counter)
        self._counter = (self._counter + 1) & 0xFFFFFFFF
        return header + self._seal(suffix, payload, header) + suffix

    def open(self, data: bytes, packet: RtpPacket) -> bytes | None:
        """What was sealed behind the clear header: extension words, payload and padding. None: forged, or seen before."""
        suffix = data[-SUFFIX_BYTES:]
        nonce = int.from_bytes(suffix, "big")
        seen, ssrc, header_bytes = self._seen, packet[2], packet[3]
        if seen.has(ssrc, nonce):
            self.replayed += 1
            return None
        try:
            plain = self._open(suffix, data[header_bytes:-SUFFIX_BYTES], data[:header_bytes])
        except (InvalidTag, CryptoError, ValueError):
            self.forged += 1
            return None
        seen.add(ssrc, nonce)  # after authentication, or forged datagrams could push true ones out (RFC 3711 3.3)
        return plain


def _aes_gcm(key: bytes) -> tuple[_Aead, _Aead]:
    aead = AESGCM(key)
    encrypt, decrypt = aead.encrypt, aead.decrypt

    def seal(suffix: bytes, text: bytes, header: bytes) -> bytes:
        return encrypt(suffix + _AES_NONCE_REST, text, header)

    def open_(suffix: bytes, text: bytes, header: bytes) -> bytes:
        return decrypt(suffix + _AES_NONCE_REST, text, header)

    return seal, open_


def _xchacha(key: bytes) -> tuple[_Aead, _Aead]:
    try:
        # PyNaCl's own handle on libsodium. Its public functions allocate and copy each time, which takes three times as long.
        from nacl._sodium import ffi, lib

        return _xchacha_preallocated(key, ffi, lib)
    except (ImportError, AttributeError):
        return _xchacha_public(key)


def _xchacha_public(key: bytes) -> tuple[_Aead, _Aead]:
    def seal(suffix: bytes, text: bytes, header: bytes) -> bytes:
        return xchacha_encrypt(text, header, suffix + _XCHACHA_NONCE_REST, key)

    def open_(suffix: bytes, text: bytes, header: bytes) -> bytes:
        return xchacha_decrypt(text, header, suffix + _XCHACHA_NONCE_REST, key)

    return seal, open_


def _xchacha_preallocated(key: bytes, ffi: Any, lib: Any) -> tuple[_Aead, _Aead]:
    slow_seal, slow_open = _xchacha_public(key)
    encrypt = lib.crypto_aead_xchacha20poly1305_ietf_encrypt
    decrypt = lib.crypto_aead_xchacha20poly1305_ietf_decrypt
    output = ffi.new("unsigned char[]", LONGEST_SEALED_BYTES)
    view, null = memoryview(ffi.buffer(output)), ffi.NULL

    def seal(suffix: bytes, text: bytes, header: bytes) -> bytes:
        size = len(text) + TAG_BYTES
        if size > LONGEST_SEALED_BYTES:
            return slow_seal(suffix, text, header)
        nonce = suffix + _XCHACHA_NONCE_REST
        if encrypt(output, null, text, len(text), header, len(header), null, nonce, key) != 0:
            raise CryptoError
        return view[:size].tobytes()

    def open_(suffix: bytes, text: bytes, header: bytes) -> bytes:
        size = len(text) - TAG_BYTES
        if not 0 <= size <= LONGEST_SEALED_BYTES:
            return slow_open(suffix, text, header)
        nonce = suffix + _XCHACHA_NONCE_REST
        if decrypt(output, null, null, text, len(text), header, len(header), nonce, key) != 0:
            raise CryptoError
        return view[:size].tobytes()

    return seal, open_
