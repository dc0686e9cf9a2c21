"""Whatever comes over the network: nothing raises, and nothing that is not a member's own is decoded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talkers import Call, Talker, sound

from bot.rehearsal.media_wire import MediaCipher
from bot.voice.receiver import Receiver
from bot.voice.transport import MODES, TransportCipher

pytestmark = pytest.mark.core

PACKETS = Path(__file__).parents[1] / "data" / "packets"
ANN = 11

HEADERS = st.tuples(
    st.sampled_from([b"\x80\x78", b"\x90\x78", b"\xb0\xf8", b"\x9f\x78", b"\x80\xc8"]), st.binary(max_size=90)
)
RANDOM = st.one_of(st.binary(max_size=100), HEADERS.map(lambda parts: parts[0] + parts[1]))


@settings(deadline=None, max_examples=100)
@given(st.lists(RANDOM, max_size=30), st.sampled_from(MODES))
def test_random_datagrams_neither_raise_nor_sound(datagrams: list[bytes], mode: str) -> None:
    call = Call(mode=mode)
    ann = call.member(ANN, 1)
    assert call.hear(*datagrams) == []
    call.wait(20)
    assert call.receiver.stats().ok == 0
    assert len(call.hear(ann.speak())) == 1


@settings(deadline=None, max_examples=100)
@given(data=st.data(), mode=st.sampled_from(MODES))
def test_a_true_datagram_with_bits_flipped_or_cut_off_sounds_like_nothing(data: st.DataObject, mode: str) -> None:
    call = Call(mode=mode)
    ann = call.member(ANN, 1)
    true = ann.speak(extension=bytes(8), padding_bytes=3)
    forged = bytearray(true)
    for bit in data.draw(st.sets(st.integers(0, len(true) * 8 - 1), min_size=1, max_size=6)):
        forged[bit // 8] ^= 1 << bit % 8
    cut = true[: data.draw(st.integers(0, len(true) - 1))]
    assert call.hear(bytes(forged), cut) == []
    assert call.receiver.stats().ok == 0
    assert len(call.hear(true)) == 1


@settings(deadline=None, max_examples=80)
@given(st.lists(st.binary(max_size=60), max_size=30))
def test_authentic_packets_of_any_content_do_not_raise(payloads: list[bytes]) -> None:
    """A member's client, or a server, may seal anything at all."""
    call = Call(Receiver(lambda user_id, payload: payload))
    ann = call.member(ANN, 1)
    for payload in payloads:
        for frame in sound(call.hear(ann.send(payload))):
            assert 0 < len(frame.pcm) <= 2 * 24 * 120
        call.wait(20)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1)), max_size=40))
def test_sequences_and_timestamps_may_jump_at_will(jumps: list[tuple[int, int]]) -> None:
    call = Call()
    ann = call.member(ANN, 1)
    for sequence, timestamp in jumps:
        ann.sequence, ann.timestamp = sequence, timestamp
        assert len(call.hear(ann.speak())) < 120
        call.wait(10)


@pytest.mark.parametrize("path", sorted(PACKETS.glob("*.json")), ids=lambda path: path.stem)
def test_packets_that_broke_others_are_taken_as_they_should_be(path: Path) -> None:
    """Each file names a defect seen in receivers of Discord's voice, with the bytes that bring it out."""
    case = json.loads(path.read_text())
    opened: list[bytes] = []

    def decrypt(user_id: int, payload: bytes) -> bytes:
        opened.append(payload)
        return payload

    receiver = Receiver(decrypt)
    receiver.use_cipher(TransportCipher(case["mode"], bytes.fromhex(case["key"])))
    receiver.allow(ANN)
    receiver.map_ssrc(case["ssrc"], ANN, 0.0)
    receiver.receive_datagram(bytes.fromhex(case["datagram"]), 0.0)
    assert [payload.hex() for payload in opened] == case["payloads"]
    stats = receiver.stats()
    assert (stats.ignored, stats.malformed) == (case["ignored"], case["malformed"])


def test_a_forger_who_knows_the_ssrc_cannot_make_us_listen_to_him() -> None:
    call = Call()
    call.member(ANN, 1)
    forger = Talker(ANN, 1, MediaCipher(MODES[0], bytes(32)))
    assert call.hear(*(forger.speak() for _ in range(100))) == []
    assert call.receiver.stats().forged == 100
