"""IP discovery: 74 bytes each way."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.discovery import DISCOVERY_BYTES, discovery_request, is_discovery, parse_discovery

pytestmark = pytest.mark.core


def reply(ssrc: int, address: bytes, port: int, kind: int = 2) -> bytes:
    return struct.pack(">HHI", kind, 70, ssrc) + address.ljust(64, b"\0") + struct.pack(">H", port)


def test_a_question_is_74_bytes_of_type_1_length_70_and_our_ssrc() -> None:
    assert discovery_request(0x01020304) == bytes.fromhex("0001004601020304") + bytes(66)


def test_an_answer_gives_address_and_port() -> None:
    assert parse_discovery(reply(7, b"203.0.113.9", 51820), 7) == ("203.0.113.9", 51820)


@pytest.mark.parametrize(
    "data",
    [
        reply(8, b"203.0.113.9", 51820),
        reply(7, b"203.0.113.9", 51820, kind=1),
        reply(7, b"203.0.113.9", 0),
        reply(7, b"203.0.113.", 5),
        reply(7, b"", 5),
        reply(7, b"\xff" * 64, 5),
        reply(7, b"203.0.113.9", 51820)[:-1],
    ],
)
def test_what_is_no_answer_to_our_question_is_none(data: bytes) -> None:
    assert parse_discovery(data, 7) is None


def test_a_question_echoed_back_is_no_answer() -> None:
    assert not is_discovery(discovery_request(7))


@given(st.one_of(st.binary(max_size=100), st.binary(min_size=72, max_size=72).map(lambda rest: b"\x00\x02" + rest)))
def test_anything_at_all_may_arrive(data: bytes) -> None:
    answer = parse_discovery(data, 7)
    assert answer is None or (len(data) == DISCOVERY_BYTES and 0 < answer[1] < 65536)
