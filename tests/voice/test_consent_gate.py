"""Consent comes before decryption: whatever happens in a call, only members who agreed are heard, and only what they said then.

Every member speaks two tones: one while they have agreed, another one while they have not. The second must never come out, nothing
of a member who has not agreed may be decrypted, and no frame may carry another member's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from talkers import KEY, Call, Talker, peak_hz, sound, unlock

from bot.audio.level import level_dbfs
from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.voice.events import VoiceEvent
from bot.voice.receiver import Receiver
from bot.voice.rtp import RtpPacket
from bot.voice.transport import AES256_GCM, TransportCipher
from bot.voice.undecryptable import Undecryptable

pytestmark = pytest.mark.core

MEMBERS = (11, 22, 33, 44)
AGREED_HZ = {user_id: 600.0 + 1400.0 * index for index, user_id in enumerate(MEMBERS)}
REFUSED_HZ = {user_id: 1300.0 + 1400.0 * index for index, user_id in enumerate(MEMBERS)}
NEAR_HZ = 150.0
AUDIBLE_DBFS = -30.0


class WatchedCipher(TransportCipher):
    """The real one; it tells whose packets it was asked to open."""

    def __init__(self, opening: Callable[[int], None]) -> None:
        super().__init__(AES256_GCM, KEY)
        self._opening = opening

    def open(self, data: bytes, packet: RtpPacket) -> bytes | None:
        self._opening(packet.ssrc)
        return super().open(data, packet)


class EveryoneAgreed(dict[int, int]):
    """What `Receiver` knows of consent, with the gate taken out."""

    def __contains__(self, user_id: object) -> bool:
        return True

    def get(self, user_id: int, default: object = None) -> int:
        return 0


class Room:
    """A call of four members, and what must hold in it after every step."""

    def __init__(self, *, is_gated: bool = True) -> None:
        self.agreed: set[int] = set()
        self.mapped: dict[int, int] = {}
        self.heard: set[int] = set()
        self.call = Call(Receiver(self._decrypt))
        if not is_gated:
            self.call.receiver._allowed = EveryoneAgreed()
        self.call.receiver.use_cipher(WatchedCipher(self._opening))
        self.talkers = {user_id: Talker(user_id, user_id * 10, self.call.server) for user_id in MEMBERS}
        for user_id in MEMBERS:
            self._change_tone(user_id)

    # What the receiver does on the way, watched.

    def _opening(self, ssrc: int) -> None:
        owner = self.mapped.get(ssrc)
        assert owner is None or owner in self.agreed, "transport decryption for a member who has not agreed"

    def _decrypt(self, user_id: int, payload: bytes) -> bytes | Undecryptable:
        assert user_id in self.agreed, "end-to-end decryption for a member who has not agreed"
        return unlock(user_id, payload)

    def check(self, events: list[VoiceEvent]) -> None:
        for frame in sound(events):
            assert frame.user_id in self.agreed
            self.heard.add(frame.user_id)
            if level_dbfs(frame.pcm) > AUDIBLE_DBFS:
                assert peak_hz(frame.pcm) == pytest.approx(AGREED_HZ[frame.user_id], abs=NEAR_HZ)

    # What happens in a call.

    def talk(self, user_id: int, frames: int) -> None:
        for _ in range(frames):
            self.check(self.call.hear(self.talkers[user_id].speak()) + self.call.wait(20))

    def talk_over_a_bad_link(self, user_id: int, frames: int) -> None:
        data = [self.talkers[user_id].speak() for _ in range(frames)]
        for datagram in [*data[2::2], *data[:1]]:
            self.check(self.call.hear(datagram) + self.call.wait(10))

    def allow(self, user_id: int, _: int = 0) -> None:
        self.agreed.add(user_id)
        self.call.receiver.allow(user_id)
        self._change_tone(user_id)

    def deny(self, user_id: int, _: int = 0) -> None:
        self.agreed.discard(user_id)
        self.call.receiver.deny(user_id)
        self._change_tone(user_id)

    def name_ssrc(self, user_id: int, _: int = 0) -> None:
        self.mapped = {ssrc: owner for ssrc, owner in self.mapped.items() if owner != user_id}
        self.mapped[self.talkers[user_id].ssrc] = user_id
        self.check(self.call.receiver.map_ssrc(self.talkers[user_id].ssrc, user_id, self.call.now))

    def change_ssrc(self, user_id: int, offset: int) -> None:
        self.talkers[user_id].ssrc = user_id * 10 + offset % 10

    def leave(self, user_id: int, _: int = 0) -> None:
        self.mapped = {ssrc: owner for ssrc, owner in self.mapped.items() if owner != user_id}
        self.call.receiver.forget_user(user_id)

    def look_for_members(self, _: int, __: int = 0) -> None:
        self.check(self.call.receiver.try_members(MEMBERS, self.call.now))
        self.mapped = dict(self.call.receiver._ssrcs._users)

    def wait(self, _: int, amount: int) -> None:
        self.check(self.call.wait(amount * 30))

    def begin_a_new_session(self, _: int, __: int = 0) -> None:
        self.mapped.clear()
        self.call.receiver.reset()

    def _change_tone(self, user_id: int) -> None:
        talker = self.talkers[user_id]
        talker.frequency_hz = (AGREED_HZ if user_id in self.agreed else REFUSED_HZ)[user_id]
        # A new encoder, so that no part of the former tone rides on the next frame's overlap.
        talker._encoder = OpusEncoder(EncoderProfile.ECO)


STEPS = (
    Room.talk,
    Room.talk,
    Room.talk_over_a_bad_link,
    Room.allow,
    Room.deny,
    Room.name_ssrc,
    Room.change_ssrc,
    Room.leave,
    Room.look_for_members,
    Room.wait,
    Room.begin_a_new_session,
)


@dataclass(frozen=True)
class Step:
    action: Callable[[Room, int, int], None]
    user_id: int
    amount: int

    def __repr__(self) -> str:
        return f"{self.action.__name__}({self.user_id}, {self.amount})"


STORIES = st.lists(
    st.builds(Step, st.sampled_from(STEPS), st.sampled_from(MEMBERS), st.integers(1, 8)), min_size=5, max_size=40
)


@settings(deadline=None, max_examples=120)
@given(STORIES)
def test_only_members_who_agreed_are_heard_and_only_what_they_said_then(story: list[Step]) -> None:
    room = Room()
    for step in story:
        step.action(room, step.user_id, step.amount)
    # The gate is not deaf, either: whoever agrees now is heard.
    for user_id in MEMBERS:
        room.allow(user_id)
        room.name_ssrc(user_id)
        room.talk(user_id, 3)
    assert room.heard == set(MEMBERS)


@pytest.mark.parametrize("user_id", MEMBERS)
def test_the_test_above_notices_a_gate_that_was_taken_out(user_id: int) -> None:
    room = Room(is_gated=False)
    room.name_ssrc(user_id)
    with pytest.raises(AssertionError, match="transport decryption for a member who has not agreed"):
        room.talk(user_id, 1)


def test_the_tones_tell_who_is_heard_even_if_decryption_were_not_watched() -> None:
    room = Room(is_gated=False)
    room.agreed = set(MEMBERS)  # nobody watches; the tone spoken without consent is the only witness
    room.name_ssrc(MEMBERS[0])
    with pytest.raises(AssertionError, match=str(AGREED_HZ[MEMBERS[0]])):
        room.talk(MEMBERS[0], 5)


def test_a_withdrawal_stops_the_very_next_packet_and_what_was_waiting() -> None:
    room = Room()
    member = MEMBERS[0]
    room.allow(member)
    room.name_ssrc(member)
    room.talk(member, 3)
    first, second, third = (room.talkers[member].speak() for _ in range(3))
    assert room.call.hear(first) != []
    assert room.call.hear(third) == []  # waits for the second
    room.call.receiver.deny(member)
    assert room.call.hear(second) == []
    assert room.call.wait(300) == []
    assert room.call.receiver.stats().gated == 1


def test_consent_is_asked_for_each_packet_and_not_only_when_a_stream_begins() -> None:
    room = Room()
    member = MEMBERS[0]
    room.allow(member)
    room.name_ssrc(member)
    room.talk(member, 2)
    room.call.receiver._allowed.clear()  # not by way of `deny`, which ends the stream as well
    room.agreed.clear()
    room.talk(member, 2)
    assert room.call.receiver.stats().gated == 2


def test_a_gated_packet_costs_no_decryption_no_decoder_and_no_memory() -> None:
    room = Room()
    member = MEMBERS[0]
    room.name_ssrc(member)
    room.talk(member, 50)
    stats = room.call.receiver.stats()
    assert (stats.gated, stats.ok, stats.unmapped) == (50, 0, 0)
    assert stats.concealment == {}
    assert room.call.receiver._ssrcs.held_ssrcs() == []


def test_a_member_who_agrees_again_is_heard_from_then_on() -> None:
    room = Room()
    member = MEMBERS[1]
    room.name_ssrc(member)
    for _ in range(3):
        room.allow(member)
        room.talk(member, 4)
        room.deny(member)
        room.talk(member, 4)
    assert len(sound(room.call.events)) == 12
