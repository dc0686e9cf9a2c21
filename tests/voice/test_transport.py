"""Both transport encryptions, against an implementation written apart, published vectors, forgers and replays."""

from __future__ import annotations

import struct
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.exceptions import CryptoError

from bot.rehearsal.media_wire import MediaCipher, MediaPacket, open_packet, seal_packet
from bot.voice import transport
from bot.voice.rtp import RtpPacket
from bot.voice.transport import AES256_GCM, MODES, XCHACHA20_POLY1305, ReplayWindow, TransportCipher

pytestmark = pytest.mark.core

KEY = bytes(range(100, 132))


def fixed_header(sequence: int = 1, ssrc: int = 7) -> bytes:
    return struct.pack(">BBHII", 0x80, 120, sequence, 960, ssrc)


def opened(cipher: TransportCipher, data: bytes) -> bytes | None:
    packet = RtpPacket.parse(data)
    assert packet is not None
    return cipher.open(data, packet)


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=60)
@given(payload=st.binary(max_size=300), words=st.integers(0, 3), padding=st.integers(0, 20))
def test_what_a_server_seals_is_opened_with_extension_and_padding_still_on(
    mode: str, payload: bytes, words: int, padding: int
) -> None:
    packet = MediaPacket(7, 1, 960, 120, payload)
    data = seal_packet(MediaCipher(mode, KEY), packet, extension=b"\x10\xff\x00\x00" * words, padding_bytes=padding)
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    assert opened(TransportCipher(mode, KEY), data) == b"\x10\xff\x00\x00" * words + payload + tail


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sources", [1, 15])
def test_contributing_sources_are_authenticated_with_the_header(mode: str, sources: int) -> None:
    clear = bytes([0x80 | 0x10 | sources]) + fixed_header()[1:] + bytes(range(4 * sources)) + b"\xbe\xde\x00\x01"
    data = MediaCipher(mode, KEY).seal(clear, b"wordsound")
    assert opened(TransportCipher(mode, KEY), data) == b"wordsound"
    assert opened(TransportCipher(mode, KEY), data[:13] + b"\xee" + data[14:]) is None


@pytest.mark.parametrize("mode", MODES)
def test_what_we_seal_a_server_opens(mode: str) -> None:
    cipher, server = TransportCipher(mode, KEY), MediaCipher(mode, KEY)
    for index in range(3):
        packet = open_packet(server, cipher.seal(fixed_header(index), b"sound %d" % index))
        assert (packet.ssrc, packet.sequence, packet.payload) == (7, index, b"sound %d" % index)


@pytest.mark.parametrize("mode", MODES)
def test_no_two_datagrams_share_a_nonce(mode: str) -> None:
    cipher = TransportCipher(mode, KEY)
    assert len({cipher.seal(fixed_header(), b"same")[-4:] for _ in range(500)}) == 500


def test_the_nonce_suffix_stands_in_front_of_xchachas_nonce() -> None:
    """Against libsodium itself, with the nonce written out."""
    sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(b"sound", fixed_header(), b"\x00\x00\x01\x02" + bytes(20), KEY)
    assert opened(TransportCipher(XCHACHA20_POLY1305, KEY), fixed_header() + sealed + b"\x00\x00\x01\x02") == b"sound"


def test_the_nonce_suffix_stands_in_front_of_aess_nonce() -> None:
    sealed = AESGCM(KEY).encrypt(b"\x00\x00\x01\x02" + bytes(8), b"sound", fixed_header())
    assert opened(TransportCipher(AES256_GCM, KEY), fixed_header() + sealed + b"\x00\x00\x01\x02") == b"sound"


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_a_datagram_with_any_bit_flipped_is_nothing_and_is_counted(mode: str, data: st.DataObject) -> None:
    cipher = TransportCipher(mode, KEY)
    sealed = MediaCipher(mode, KEY).seal(fixed_header(), b"a packet of sound")
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    forged = bytearray(sealed)
    forged[bit // 8] ^= 1 << bit % 8
    packet = RtpPacket.parse(bytes(forged))
    if packet is not None:
        assert cipher.open(bytes(forged), packet) is None
        assert cipher.forged == 1
    # The true one is none the worse for it.
    assert opened(cipher, sealed) == b"a packet of sound"


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_payload_and_a_missing_one_do_not_raise(mode: str) -> None:
    cipher = TransportCipher(mode, KEY)
    assert opened(cipher, MediaCipher(mode, KEY).seal(fixed_header(), b"")) == b""
    assert opened(cipher, fixed_header() + bytes(16) + b"\0\0\0\x09") is None
    assert cipher.open(fixed_header() + b"\xee" * 6, RtpPacket(1, 960, 7, 12, 0, False)) is None
    assert cipher.forged == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_payload_longer_than_any_datagram_is_sealed_and_opened_all_the_same(mode: str) -> None:
    long = bytes(range(256)) * 40
    sealed = TransportCipher(mode, KEY).seal(fixed_header(), long)
    assert opened(TransportCipher(mode, KEY), sealed) == long


@pytest.mark.parametrize("mode", MODES)
def test_a_datagram_is_opened_once_under_a_key_and_again_under_the_next(mode: str) -> None:
    data = MediaCipher(mode, KEY).seal(fixed_header(), b"sound")
    cipher = TransportCipher(mode, KEY)
    assert [opened(cipher, data), opened(cipher, data)] == [b"sound", None]
    assert (cipher.replayed, cipher.forged) == (1, 0)
    assert opened(TransportCipher(mode, KEY), data) == b"sound"


def test_nonces_may_come_in_any_order() -> None:
    server = MediaCipher(AES256_GCM, KEY)
    datagrams = [server.seal(fixed_header(index), b"sound") for index in range(300)]
    cipher = TransportCipher(AES256_GCM, KEY)
    assert [opened(cipher, data) for data in reversed(datagrams)] == [b"sound"] * 300
    assert [opened(cipher, data) for data in datagrams] == [None] * 300


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1) | st.integers(0, 200)), max_size=1000))
def test_the_replay_window_knows_the_last_thousand_packets_exactly(packets: list[tuple[int, int]]) -> None:
    window, seen = ReplayWindow(), set[tuple[int, int]]()
    for packet in packets:
        assert window.has(*packet) == (packet in seen)
        window.add(*packet)
        seen.add(packet)


def test_the_replay_window_is_bounded_and_forgets_the_oldest_first() -> None:
    window = ReplayWindow()
    for nonce in range(0, 64 * 3000, 64):
        window.add(1, nonce)
    assert len(window._blocks) == transport.REMEMBERED_BLOCKS
    assert not window.has(1, 0)
    assert all(window.has(1, nonce) for nonce in range(64 * 1976, 64 * 3000, 64))


def test_without_libsodiums_private_handle_the_public_one_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = TransportCipher(XCHACHA20_POLY1305, KEY)
    monkeypatch.setitem(sys.modules, "nacl._sodium", None)
    slow = TransportCipher(XCHACHA20_POLY1305, KEY)
    data = fast.seal(fixed_header(), b"sound")
    assert slow.seal(fixed_header(), b"sound") == data
    assert opened(slow, data) == opened(fast, data) == b"sound"
    assert opened(slow, data[:-5] + bytes([data[-5] ^ 1]) + data[-4:-1] + b"\x09") is None


def test_a_refusal_of_libsodium_to_seal_is_not_passed_over() -> None:
    class Broken:
        @staticmethod
        def crypto_aead_xchacha20poly1305_ietf_encrypt(*_: object) -> int:
            return -1

        crypto_aead_xchacha20poly1305_ietf_decrypt = crypto_aead_xchacha20poly1305_ietf_encrypt

    from nacl._sodium import ffi

    seal, _ = transport._xchacha_preallocated(KEY, ffi, Broken)
    with pytest.raises(CryptoError):
        seal(bytes(4), b"sound", b"")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused_without_being_repeated(key: bytes) -> None:
    with pytest.raises(ValueError, match=f"a transport key of {len(key)} bytes, expected 32"):
        TransportCipher(AES256_GCM, key)


def test_an_unknown_mode_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"xsalsa20_poly1305.*expected one of aead_aes256_gcm_rtpsize"):
        TransportCipher("xsalsa20_poly1305", KEY)
