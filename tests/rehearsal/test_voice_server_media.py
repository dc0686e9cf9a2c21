"""The datagrams of the loopback voice server, without a socket: what is forwarded, how it looks, and what is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_relay import PREMATURE_LIMIT, Dress, MediaRelay, MediaSession, Outgoing
from bot.rehearsal.media_wire import (
    MODES,
    OPUS_PAYLOAD_TYPE,
    PING,
    PONG,
    SILENCE,
    MediaCipher,
    MediaPacket,
    WireError,
    discovered_address,
    discovery_request,
    is_rtcp,
    open_packet,
    seal_packet,
)

pytestmark = pytest.mark.core

KEY = bytes(range(32))
PLAIN = Dress(extension=False, padded_share=0, burst_share=0, report_every=0)
OPUS = b"\x78" + bytes(40)


class Room:
    """A relay with some members in one call, all connected; who was introduced and refused."""

    def __init__(self, members: int = 3, dress: Dress = PLAIN, mode: str = MODES[0]) -> None:
        self.sessions = [MediaSession(user_id, ssrc=1000 + user_id) for user_id in range(members)]
        self.introduced: list[tuple[int, int]] = []
        self.refused: list[int] = []
        self.relay = MediaRelay(
            lambda session: [other for other in self.sessions if other is not session],
            lambda listener, speaker: self.introduced.append((listener.user_id, speaker.user_id)),
            lambda session: self.refused.append(session.user_id),
            dress,
        )
        self.ciphers = {}
        for session in self.sessions:
            self.relay.add(session)
            key = bytes([session.user_id]) * 32
            session.cipher, session.has_spoken = MediaCipher(mode, key), True
            self.ciphers[session.user_id] = MediaCipher(mode, key)
            self.relay.receive(discovery_request(session.ssrc), self.address(session.user_id), 0.0)

    def address(self, user_id: int) -> tuple[str, int]:
        return "127.0.0.1", 5000 + user_id

    def say(self, user_id: int, packet: MediaPacket, now: float = 1.0) -> list[Outgoing]:
        sealed = seal_packet(self.ciphers[user_id], packet)
        return self.relay.receive(sealed, self.address(user_id), now)

    def opened(self, out: list[Outgoing], user_id: int) -> list[MediaPacket]:
        mine = [one.data for one in out if one.address == self.address(user_id) and not is_rtcp(one.data)]
        return [open_packet(self.ciphers[user_id], data) for data in mine]


def packet(user_id: int, sequence: int = 7, payload: bytes = OPUS) -> MediaPacket:
    return MediaPacket(1000 + user_id, sequence, 960 * sequence, OPUS_PAYLOAD_TYPE, payload)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(MODES),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
    st.integers(0, 4),
    st.integers(0, 255),
)
def test_what_is_sealed_opens_as_it_was(
    mode: str, ssrc: int, sequence: int, timestamp: int, payload: bytes, words: int, padding: int
) -> None:
    sent = MediaPacket(ssrc, sequence, timestamp, OPUS_PAYLOAD_TYPE, payload)
    sealed = seal_packet(MediaCipher(mode, KEY), sent, extension=bytes(4 * words), padding_bytes=padding)
    assert open_packet(MediaCipher(mode, KEY), sealed) == sent


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(MODES), st.integers(0, 2**20), st.integers(0, 7))
def test_a_changed_bit_anywhere_is_noticed(mode: str, position: int, bit: int) -> None:
    sealed = bytearray(seal_packet(MediaCipher(mode, KEY), packet(1), extension=bytes(8)))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(WireError):
        open_packet(MediaCipher(mode, KEY), bytes(sealed))


def test_a_datagram_lies_on_the_wire_as_documented() -> None:
    sealed = seal_packet(MediaCipher(MODES[0], KEY), packet(1), extension=bytes(8), padding_bytes=4)
    assert sealed[0] == 0xB0  # version 2, padding, extension: as captured from real servers
    assert sealed[:12] == struct.pack(">BBHII", 0xB0, 0x78, 7, 6720, 1001)
    assert sealed[12:16] == b"\xbe\xde\x00\x02"
    assert sealed[-4:] == bytes(4)  # the first nonce
    assert len(sealed) == 12 + 4 + 8 + len(OPUS) + 4 + 16 + 4


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=120))
def test_rubbish_is_never_more_than_counted(data: bytes) -> None:
    room = Room()
    assert [one for one in room.relay.receive(data, room.address(0), 1.0) if len(one.data) not in (8, 74)] == []
    assert room.relay.receive(data, ("127.0.0.1", 9), 1.0) == []


def test_discovery_tells_a_client_its_address() -> None:
    room = Room()
    (out,) = room.relay.receive(discovery_request(1001), ("127.0.0.1", 6001), 1.0)
    assert out.address == ("127.0.0.1", 6001)
    assert discovered_address(out.data) == ("127.0.0.1", 6001)
    assert room.sessions[1].address == ("127.0.0.1", 6001)


def test_a_discovery_request_that_a_link_cuts_short_is_not_answered() -> None:
    room = Room()
    newcomer = MediaSession(9, ssrc=1009, up=Impairment(seed=1, corrupt=1.0))
    room.relay.add(newcomer)
    for _ in range(300):
        room.relay.receive(discovery_request(1009), room.address(9), 1.0)
        newcomer.address = None
    assert newcomer.counts["before discovery"] > 10


def test_keepalives_are_echoed_each_in_its_own_way() -> None:
    room = Room()
    (pong,) = room.relay.receive(struct.pack(">II", PING, 9), room.address(1), 1.0)
    assert pong.data == struct.pack(">II", PONG, 9)
    (echo,) = room.relay.receive(struct.pack("<Q", 77), room.address(1), 2.0)
    assert echo.data == struct.pack("<Q", 77)
    assert room.sessions[1].keepalives_at == [1.0, 2.0]
    room.relay.echoes_keepalives = False
    assert room.relay.receive(struct.pack("<Q", 78), room.address(1), 3.0) == []


def test_everyone_else_gets_the_payload_untouched_under_their_own_key() -> None:
    room = Room()
    out = room.say(0, packet(0))
    assert [room.opened(out, user_id) for user_id in (0, 1, 2)] == [[], [packet(0)], [packet(0)]]
    assert room.introduced == [(1, 0), (2, 0)]


def test_a_packet_from_an_address_that_discovery_did_not_see_is_a_stray() -> None:
    room = Room()
    sealed = seal_packet(room.ciphers[0], packet(0))
    assert room.relay.receive(sealed, ("127.0.0.1", 5999), 1.0) == []
    assert room.relay.counts["stray"] == 1


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (MediaPacket(1001, 1, 1, OPUS_PAYLOAD_TYPE, OPUS), "wrong ssrc"),
        (MediaPacket(1000, 1, 1, 101, OPUS), "payload type"),
    ],
)
def test_a_packet_that_is_not_the_senders_sound_is_a_fault(wrong: MediaPacket, fault: str) -> None:
    room = Room()
    assert room.say(0, wrong) == []
    assert room.sessions[0].faults() == {fault: 1}


def test_a_nonce_used_twice_is_a_fault_and_a_packet_that_came_twice_is_not() -> None:
    room = Room()
    sealed = seal_packet(room.ciphers[0], packet(0))
    again = seal_packet(MediaCipher(MODES[0], bytes(32)), packet(0, sequence=8))
    assert len(room.relay.receive(sealed, room.address(0), 1.0)) == 2
    assert room.relay.receive(sealed, room.address(0), 1.0) == []
    assert room.sessions[0].faults() == {}
    assert room.relay.receive(again, room.address(0), 1.0) == []
    assert room.sessions[0].faults() == {"nonce reused": 1}


def test_a_packet_under_another_key_is_forged() -> None:
    room = Room()
    forged = seal_packet(MediaCipher(MODES[0], KEY), packet(0))
    assert room.relay.receive(forged, room.address(0), 1.0) == []
    assert room.sessions[0].faults() == {"forged": 1}


def test_sound_may_overtake_op_5_for_a_moment_only() -> None:
    room = Room()
    room.sessions[0].has_spoken = False
    for sequence in range(PREMATURE_LIMIT - 1):
        assert room.say(0, packet(0, sequence)) == []
    assert (room.refused, room.sessions[0].faults()) == ([], {})
    room.say(0, packet(0, PREMATURE_LIMIT))
    assert (room.refused, room.sessions[0].faults()) == ([0], {"before op 5": 1})


def test_who_has_not_sent_op_5_or_is_deaf_or_idle_is_sent_nothing() -> None:
    room = Room(4)
    room.sessions[1].has_spoken = False
    room.sessions[2].is_deaf = True
    room.relay.idle_s = 10.0
    assert {one.address for one in room.say(0, packet(0), now=9.0)} == {room.address(3)}
    assert room.say(0, packet(0, 8), now=11.0) == []


def test_silence_introduces_nobody() -> None:
    room = Room()
    assert len(room.say(0, packet(0, payload=SILENCE))) == 2
    assert room.introduced == []


def test_forwarded_packets_are_dressed_as_real_servers_dress_them() -> None:
    room = Room(2, Dress(seed=1, padded_share=0.5, burst_share=0, report_every=10))
    out = [one for sequence in range(100) for one in room.say(0, packet(0, sequence))]
    sound = [one.data for one in out if not is_rtcp(one.data)]
    assert {data[0] for data in sound} == {0x90, 0xB0}
    assert {data[12:16] for data in sound} == {b"\xbe\xde\x00\x02"}
    assert sum(is_rtcp(one.data) for one in out) == 10
    assert room.opened(out, 1) == [packet(0, sequence) for sequence in range(100)]


def test_bursts_of_padding_take_sequence_numbers_and_leave_no_gap() -> None:
    room = Room(2, Dress(seed=1, padded_share=0, burst_share=1.0, burst_packets=12))
    payloads = [OPUS, OPUS, SILENCE, SILENCE, SILENCE, OPUS]
    out = [one for index, payload in enumerate(payloads) for one in room.say(0, packet(0, 65_530 + index, payload))]
    opened = room.opened(out, 1)
    assert [one.payload for one in opened] == [*payloads[:3], *[b""] * 12, *payloads[3:]]
    assert [one.sequence for one in opened] == [(65_530 + index) & 0xFFFF for index in range(18)]


def test_a_link_may_be_bad_in_either_direction() -> None:
    room = Room()
    room.sessions[1].down = Impairment(loss=1.0)
    room.sessions[2].down = Impairment(delay_ms=100)
    (only,) = room.say(0, packet(0), now=2.0)
    assert (only.address, round(only.due, 6)) == (room.address(2), 2.1)
    room.sessions[0].up = Impairment(delay_ms=50)
    (only,) = room.say(0, packet(0, 8), now=3.0)
    assert round(only.due, 6) == 3.15


def test_video_is_no_sound() -> None:
    room = Room(2)
    (picture,) = room.opened(room.relay.video(room.sessions[0], 1.0), 1)
    assert (picture.ssrc, picture.payload_type) == (1001, 101)


def test_a_session_that_ended_leaves_nothing_behind() -> None:
    room = Room()
    room.relay.remove(room.sessions[0])
    assert room.say(0, packet(0)) == []
    assert room.relay.receive(discovery_request(1000), room.address(0), 1.0) == []
