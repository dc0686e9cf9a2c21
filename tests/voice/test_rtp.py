"""Telling RTP with sound from everything else on the socket, and counting on a circle."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.voice.rtp import Refusal, RtpPacket, refusal, sequence_distance, timestamp_distance

pytestmark = pytest.mark.core

TAIL = bytes(20)  # tag and nonce
FIXED = struct.pack(">BBHII", 0x80, 120, 0x1234, 0x89ABCDEF, 0xDEADBEEF)


def header(first: int = 0x80, second: int = 120) -> bytes:
    return bytes([first, second]) + FIXED[2:]


def test_a_plain_packet_is_parsed() -> None:
    packet = RtpPacket.parse(FIXED + b"sound" + TAIL)
    assert packet == RtpPacket(0x1234, 0x89ABCDEF, 0xDEADBEEF, header_bytes=12, extension_words=0, has_padding=False)


def test_the_clear_part_ends_after_contributing_sources_and_the_extensions_preamble() -> None:
    data = header(0x80 | 0x10 | 0x20 | 3) + bytes(12) + b"\xbe\xde\x00\x02" + bytes(8) + TAIL
    packet = RtpPacket.parse(data)
    assert packet is not None
    assert (packet.header_bytes, packet.extension_words, packet.has_padding) == (12 + 12 + 4, 2, True)


def test_the_marker_bit_is_no_part_of_the_payload_type() -> None:
    assert RtpPacket.parse(header(second=0x80 | 120) + TAIL) is not None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x00\x02" + bytes(72), Refusal.DISCOVERY),
        (bytes.fromhex("1337f00d00000001"), Refusal.KEEPALIVE),
        (b"", Refusal.SHORT),
        (b"\x80", Refusal.SHORT),
        (FIXED + bytes(19), Refusal.SHORT),
        (header(0x8F) + TAIL, Refusal.SHORT),  # fifteen contributing sources that are not there
        (header(0x90) + TAIL, Refusal.SHORT),  # an extension that is not there
        (header(0x90) + b"\xbe\xde\xff\xff" + bytes(64) + TAIL, Refusal.SHORT),  # longer than the packet
        (header(0x00) + TAIL, Refusal.VERSION),
        (header(0xC0) + TAIL, Refusal.VERSION),
        (header(0x80, 200) + bytes(40), Refusal.RTCP),
        (header(0x81, 201) + bytes(40), Refusal.RTCP),
        (header(0x80, 206) + bytes(40), Refusal.RTCP),
        (header(0x80, 101) + TAIL, Refusal.PAYLOAD_TYPE),
        (header(0x80, 0x80 | 105) + TAIL, Refusal.PAYLOAD_TYPE),
    ],
)
def test_everything_else_is_refused_with_its_reason(data: bytes, why: Refusal) -> None:
    assert RtpPacket.parse(data) is None
    assert refusal(data) is why


def test_what_belongs_to_a_healthy_connection_is_no_malformed_datagram() -> None:
    assert {why for why in Refusal if not why.is_expected} == {Refusal.SHORT, Refusal.VERSION}


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.binary(max_size=120), st.binary(max_size=90).map(lambda tail: b"\x90\x78" + tail)))
@example(FIXED + TAIL)
def test_a_datagram_is_either_parsed_within_its_bounds_or_refused_with_a_reason(data: bytes) -> None:
    packet = RtpPacket.parse(data)
    assert (packet is None) == (refusal(data) is not None)
    if packet is not None:
        assert 12 <= packet.header_bytes <= 12 + 60 + 4
        assert packet.header_bytes + 4 * packet.extension_words + len(TAIL) <= len(data)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
@example(0xFFFF, 1)
@example(0, -1)
def test_sequence_numbers_are_compared_across_the_wrap(reference: int, ahead: int) -> None:
    assert sequence_distance((reference + ahead) & 0xFFFF, reference) == ahead


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 0xFFFFFFFF), st.integers(-0x80000000, 0x7FFFFFFF))
@example(0xFFFFFFFF, 960)
@example(0, -960)
def test_timestamps_are_compared_across_the_wrap(reference: int, ahead: int) -> None:
    assert timestamp_distance((reference + ahead) & 0xFFFFFFFF, reference) == ahead
