"""The life of an encrypted call, told by a delivery service to gateways of several members."""

from __future__ import annotations

from collections.abc import Callable

import davey
import pytest
from dave_room import CHANNEL, OPUS, Room
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import VoiceFault
from bot.rehearsal.delivery import Parcel
from bot.voice.dave import (
    PLAINTEXT_GRACE_S,
    RECOVERIES_TOLERATED,
    RECOVERY_GRACE_S,
)
from bot.voice.events import (
    EncryptionMissing,
    MemberUnheard,
    UnexpectedParticipant,
    VoiceClosed,
    VoiceInterrupted,
    VoiceReady,
)
from bot.voice.formation import FORM_S
from bot.voice.gateway import State
from bot.voice.opcodes import VoiceOp
from bot.voice.reconnection import REJOINS
from bot.voice.transitions import EXPIRY_S as TRANSITION_EXPIRY_S
from bot.voice.undecryptable import Undecryptable
from bot.voice.unheard import FAILURES_TOLERATED, GROUP_TRIES, SESSION_TRIES, STRIKES

pytestmark = pytest.mark.core


def members(count: int) -> tuple[int, ...]:
    return tuple(range(101, 101 + count))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_members_who_come_one_by_one_hear_each_other(count: int) -> None:
    room = Room()
    for user in members(count):
        room.join(user)
        if len(room.gateways) > 1:
            room.assert_all_hear_all()
    assert room.recoveries() == 0


@pytest.mark.parametrize("count", [2, 3, 5])
def test_members_who_come_all_at_once_hear_each_other(count: int) -> None:
    room = Room()
    room.join(*members(count))
    room.assert_all_hear_all()
    assert room.recoveries() == 0


def test_the_first_group_needs_no_transition_messages() -> None:
    room = Room()
    room.join(*members(2))
    said = {op for _, op in room.said}
    assert VoiceOp.TRANSITION_READY not in said
    assert VoiceOp.EXECUTE_TRANSITION not in {parcel.op for parcel in room.told}


def test_a_later_member_makes_everybody_answer_ready_once_and_is_executed() -> None:
    room = Room()
    room.join(*members(2))
    room.said.clear()
    room.told.clear()
    room.join(103)
    for user in members(3):
        assert room.ops_said(user).count(VoiceOp.TRANSITION_READY) == 1
        assert [p.op for p in room.told if p.to == user].count(VoiceOp.EXECUTE_TRANSITION) == 1


def test_readiness_is_raised_when_speech_can_flow_and_not_before() -> None:
    room = Room()
    room.join(101)
    assert not room.gateways[101].is_ready
    assert VoiceReady(CHANNEL, True) not in [event for _, event in room.raised]
    room.join(102)
    assert (101, VoiceReady(CHANNEL, True)) in room.raised
    assert (102, VoiceReady(CHANNEL, True)) in room.raised


def test_nothing_is_sent_before_the_group_exists() -> None:
    room = Room()
    room.join(101)
    assert room.gateways[101].encrypt(OPUS) is None
    assert room.gateways[101].dave_stats().withheld == 1


def test_who_left_cannot_open_what_is_said_afterwards() -> None:
    room = Room()
    room.join(*members(3))
    gone = room.gateways[103]
    room.leave(103)
    room.assert_all_hear_all()
    frame = room.gateways[101].encrypt(OPUS)
    assert frame is not None
    assert isinstance(gone.decrypt(101, frame), Undecryptable)


def test_late_packets_of_one_who_left_are_refused_and_never_start_a_recovery() -> None:
    room = Room()
    room.join(*members(3))
    late = [room.gateways[103].encrypt(OPUS) for _ in range(3 * FAILURES_TOLERATED)]
    room.leave(103)
    room.advance(8)
    for frame in late:
        assert frame is not None
        assert room.gateways[101].decrypt(103, frame) == Undecryptable("no_key")
    room.advance(1)
    assert room.recoveries() == 0


def test_a_frame_opens_once() -> None:
    room = Room()
    room.join(*members(2))
    frame = room.gateways[101].encrypt(OPUS)
    assert frame is not None
    assert room.gateways[102].decrypt(101, frame) == OPUS
    assert room.gateways[102].decrypt(101, frame) == Undecryptable("no_valid_key")


def test_one_who_stays_alone_starts_over_and_is_heard_when_the_channel_fills_again_twenty_times() -> None:
    room = Room()
    room.join(101)
    for guest in range(200, 220):
        room.join(guest)
        room.assert_all_hear_all()
        room.leave(guest)
        assert not room.gateways[101].is_ready
        assert room.gateways[101].encrypt(OPUS) is None
    assert room.recoveries() == 0


def corrupt(op: int, user: int, change: Callable[[bytes], bytes]) -> Callable[[Parcel], list[Parcel]]:
    """Damages the first message with this opcode to this member."""
    done: list[Parcel] = []

    def tamper(parcel: Parcel) -> list[Parcel]:
        if parcel.op != op or parcel.to != user or done:
            return [parcel]
        done.append(parcel)
        assert isinstance(parcel.payload, bytes)
        return [parcel._replace(payload=change(parcel.payload))]

    return tamper


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


DAMAGES = [
    pytest.param(flip(-1), id="its end"),
    pytest.param(flip(60), id="its middle"),
    pytest.param(flip(3), id="its head"),
    pytest.param(lambda data: data[:-40], id="cut"),
    pytest.param(lambda data: data[:2] + b"\xff" * 30, id="garbage"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_commit_is_answered_with_op_31_and_the_member_comes_back(damage: Callable[[bytes], bytes]) -> None:
    room = Room()
    room.join(*members(3))
    room.tamper = corrupt(VoiceOp.ANNOUNCE_COMMIT, 102, damage)
    room.join(104)
    room.advance(3)
    assert room.ops_said(102).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    room.assert_all_hear_all()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_welcome_is_answered_with_op_31_and_the_member_comes_back(damage: Callable[[bytes], bytes]) -> None:
    room = Room()
    room.join(*members(2))
    room.tamper = corrupt(VoiceOp.WELCOME, 103, damage)
    room.join(103)
    room.advance(3)
    assert room.ops_said(103).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    room.assert_all_hear_all()


@pytest.mark.parametrize("damage", DAMAGES)
def test_corrupt_proposals_end_in_a_group_that_hears_each_other(damage: Callable[[bytes], bytes]) -> None:
    room = Room()
    room.join(*members(2))
    room.tamper = corrupt(VoiceOp.PROPOSALS, 101, damage)
    room.join(103)
    room.advance(8)
    room.assert_all_hear_all()


def test_a_lost_commit_is_noticed_at_the_next_proposal() -> None:
    room = Room()
    room.join(*members(3))
    room.tamper = lambda parcel: [] if parcel.op == VoiceOp.ANNOUNCE_COMMIT and parcel.to == 102 else [parcel]
    room.join(104)
    room.tamper = lambda parcel: [parcel]
    room.join(105)
    room.advance(3)
    room.assert_all_hear_all()
    assert room.gateways[102].dave_stats().recoveries == 1


def test_a_group_that_is_ahead_of_us_is_noticed_without_waiting_for_its_next_commit() -> None:
    room = Room()
    room.join(*members(3))
    room.tamper = lambda parcel: [] if parcel.op == VoiceOp.ANNOUNCE_COMMIT and parcel.to == 102 else [parcel]
    room.join(104)
    assert room.ops_said(102).count(VoiceOp.INVALID_COMMIT_WELCOME) == 0
    room.join(105)
    assert room.ops_said(102).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    room.advance(3)
    room.assert_all_hear_all()


def test_messages_that_come_twice_change_nothing() -> None:
    room = Room(tamper=lambda parcel: [parcel, parcel])
    for user in members(4):
        room.join(user)
    room.leave(102)
    room.join(105)
    room.assert_all_hear_all()
    assert room.recoveries() == 0


def test_a_replay_of_the_whole_call_changes_nothing() -> None:
    room = Room()
    for user in members(4):
        room.join(user)
    binary = [p for p in room.told if p.op in {VoiceOp.PROPOSALS, VoiceOp.ANNOUNCE_COMMIT, VoiceOp.WELCOME}]
    room.said.clear()
    room.deliver(binary)
    assert {op for _, op in room.said} <= {VoiceOp.COMMIT_WELCOME}
    room.assert_all_hear_all()
    assert room.recoveries() == 0


def test_proposals_for_a_group_that_we_are_not_in_yet_are_ignored() -> None:
    room = Room()
    room.join(*members(2))
    room.tamper = lambda parcel: [] if parcel.op == VoiceOp.WELCOME else [parcel]
    room.join(103)
    room.tamper = lambda parcel: [parcel]
    room.said.clear()
    to_the_group = [p for p in room.told if p.op == VoiceOp.PROPOSALS][-1]
    room.deliver([to_the_group._replace(to=103)])
    assert room.ops_said(103) == []
    assert not room.gateways[103].is_ready


# ---------------------------------------------------------------------------- versions


def test_a_call_at_version_0_is_plain_and_is_encrypted_once_the_last_old_client_left() -> None:
    room = Room()
    old_client = 50
    room.deliver(room.delivery.join(old_client, room.now, 0))
    room.join(*members(2))
    listener = room.gateways[102]
    assert room.gateways[101].dave_version == 0
    assert room.gateways[101].encrypt(OPUS) == OPUS
    assert listener.decrypt(101, OPUS) == OPUS
    assert (101, VoiceReady(CHANNEL, False)) in room.raised
    room.deliver(room.delivery.leave(old_client, room.now))
    room.assert_all_hear_all()
    assert (101, VoiceReady(CHANNEL, True)) in room.raised
    # Others may switch a little later than we do, but not for ever.
    assert listener.decrypt(101, OPUS) == OPUS
    room.advance(PLAINTEXT_GRACE_S + 1)
    assert listener.decrypt(101, OPUS) == Undecryptable("unencrypted")


def test_an_old_client_takes_the_call_down_to_version_0_and_up_again() -> None:
    room = Room()
    room.join(*members(3))
    room.advance(1)
    for _ in range(3):
        before = room.gateways[101].encrypt(OPUS)
        room.deliver(room.delivery.join(50, room.now, 0))
        assert [gateway.dave_version for gateway in room.gateways.values()] == [0, 0, 0]
        assert room.gateways[101].encrypt(OPUS) == OPUS
        assert room.gateways[102].decrypt(101, OPUS) == OPUS
        assert before is not None
        assert room.gateways[102].decrypt(101, before) == OPUS  # still in flight when the version changed
        room.deliver(room.delivery.leave(50, room.now))
        room.assert_all_hear_all()
    assert room.recoveries() == 0


def test_on_the_way_down_plain_frames_are_taken_before_we_are_told_to_go() -> None:
    room = Room()
    room.join(*members(2))
    late: list[Parcel] = []

    def keep_back(parcel: Parcel) -> list[Parcel]:
        if parcel.op != VoiceOp.EXECUTE_TRANSITION or parcel.to != 102:
            return [parcel]
        late.append(parcel)
        return []

    room.tamper = keep_back
    room.deliver(room.delivery.join(50, room.now, 0))
    assert [room.gateways[user].dave_version for user in members(2)] == [0, 1]
    assert room.gateways[102].decrypt(101, OPUS) == OPUS
    still_encrypted = room.gateways[102].encrypt(OPUS)
    assert still_encrypted not in {None, OPUS}
    room.tamper = lambda parcel: [parcel]
    room.deliver(late)
    assert room.gateways[102].encrypt(OPUS) == OPUS


def test_a_transition_that_is_never_executed_stops_counting_as_one() -> None:
    room = Room(tamper=lambda parcel: [] if parcel.op == VoiceOp.EXECUTE_TRANSITION else [parcel])
    room.join(*members(2))
    room.join(103)
    room.deliver(room.delivery.join(50, room.now, 0))
    assert room.gateways[101].decrypt(102, OPUS) == OPUS
    room.advance(TRANSITION_EXPIRY_S + 1)
    assert room.gateways[101].decrypt(102, OPUS) == Undecryptable("unencrypted")
    room.assert_all_hear_all()


def test_without_a_downgrade_plain_frames_are_refused_from_the_start() -> None:
    room = Room()
    room.join(*members(2))
    assert room.gateways[102].decrypt(101, OPUS) == Undecryptable("unencrypted")
    assert room.gateways[102].decrypt(101, OPUS + b"\xfa\xfa") == Undecryptable("unencrypted")
    assert room.gateways[102].decrypt(101, b"") == Undecryptable("empty")
    assert room.gateways[102].decrypt(101, b"\xf8\xff\xfe") == b"\xf8\xff\xfe"


def test_an_encrypted_frame_is_not_taken_for_opus_at_version_0() -> None:
    room = Room()
    room.deliver(room.delivery.join(50, room.now, 0))
    room.join(101)
    assert room.gateways[101].decrypt(102, b"\x00" * 40 + b"\xfa\xfa") == Undecryptable("not_ready")


# ---------------------------------------------------------------------------- strangers


def ghost(room: Room, user: int) -> None:
    """Somebody whom the voice server adds without ever announcing them."""
    key_package = davey.DaveSession(1, user, CHANNEL).get_serialized_key_package()
    room.deliver(room.delivery.join(user, room.now))
    room.deliver(room.delivery.receive(user, VoiceOp.KEY_PACKAGE, key_package, room.now))


def test_a_stranger_is_refused_once_then_the_room_is_told_and_life_goes_on() -> None:
    room = Room()
    room.join(*members(2))
    ghost(room, 666)
    room.advance(15)
    for user in members(2):
        assert room.ops_said(user).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
        assert room.raised.count((user, UnexpectedParticipant(666))) == 1
    room.assert_all_hear_all()
    room.join(103)
    room.leave(101)
    room.advance(15)
    room.assert_all_hear_all()
    assert room.ops_said(102).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    assert room.raised.count((102, UnexpectedParticipant(666))) == 1


@pytest.mark.parametrize("by_voice_state", [False, True])
def test_an_announcement_within_half_a_second_makes_a_stranger_welcome(by_voice_state: bool) -> None:
    room = Room()
    room.join(*members(2))
    room.join(103, announce=False)
    room.advance(0.3)
    assert room.recoveries() == 0
    for user in members(2):
        if by_voice_state:
            room._obey(user, room.gateways[user].member_here(103, room.now))
        else:
            room.tell(user, VoiceOp.CLIENTS_CONNECT, {"user_ids": ["103"]})
    for user in members(2):
        room.tell(103, VoiceOp.CLIENTS_CONNECT, {"user_ids": [str(user)]})
    room.pump()
    room.advance(2)
    room.assert_all_hear_all()
    assert room.recoveries() == 0
    assert not [event for _, event in room.raised if isinstance(event, UnexpectedParticipant)]


def test_what_follows_proposals_in_doubt_waits_with_them_in_order() -> None:
    room = Room()
    room.join(*members(3))
    # 101 alone does not know of 104; the others commit without waiting, and that commit reaches 101 in the doubt.
    others = [room.gateways[102], room.gateways[103]]
    for gateway in others:
        gateway.member_here(104, room.now)
    room.join(104, announce=False)
    for user in members(3):
        room.tell(104, VoiceOp.CLIENTS_CONNECT, {"user_ids": [str(user)]})
    room.advance(0.2)
    room.tell(101, VoiceOp.CLIENTS_CONNECT, {"user_ids": ["104"]})
    room.pump()
    room.advance(1)
    room.assert_all_hear_all()
    assert room.recoveries() == 0


def test_nothing_is_said_into_a_group_with_a_stranger_until_it_is_known_who_that_is() -> None:
    room = Room()
    room.join(*members(2))
    room.join(103, announce=False)
    for user in members(2):
        room._obey(user, room.gateways[user].member_here(103, room.now))
    room.pump()
    assert room.gateways[103].encrypt(OPUS) is None
    for user in members(2):
        room.tell(103, VoiceOp.CLIENTS_CONNECT, {"user_ids": [str(user)]})
    room.assert_all_hear_all()


# ---------------------------------------------------------------------------- recovery


def foreign_frame() -> bytes:
    room = Room()
    room.join(*members(2))
    frame = room.gateways[102].encrypt(OPUS)
    assert frame is not None
    return frame


def test_a_run_of_failures_makes_us_join_the_group_anew() -> None:
    room = Room()
    room.join(*members(2))
    room.advance(6)
    frame = foreign_frame()
    for _ in range(FAILURES_TOLERATED):
        assert room.gateways[101].decrypt(102, frame) == Undecryptable("no_valid_key")
    room.advance(0.2)
    assert room.recoveries() == 0
    room.gateways[101].decrypt(102, frame)
    deadline = room.gateways[101].next_deadline
    assert deadline is not None
    assert deadline <= room.now
    room.advance(0.2)
    assert room.ops_said(101).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    room.assert_all_hear_all()


def test_failures_right_after_joining_are_not_held_against_the_group() -> None:
    room = Room()
    room.join(*members(2))
    frame = foreign_frame()
    for _ in range(3 * FAILURES_TOLERATED):
        room.gateways[101].decrypt(102, frame)
    room.advance(RECOVERY_GRACE_S + 1)
    assert room.recoveries() == 0


def test_recoveries_that_help_are_not_counted_against_the_session() -> None:
    room = Room()
    room.join(*members(2))
    frame = foreign_frame()
    for _ in range(2 * RECOVERIES_TOLERATED):
        room.advance(RECOVERY_GRACE_S + 1)
        for _ in range(FAILURES_TOLERATED + 1):
            room.gateways[101].decrypt(102, frame)
        room.advance(0.5)
        room.assert_all_hear_all()
    assert room.recoveries() == 2 * RECOVERIES_TOLERATED
    assert VoiceInterrupted(None) not in [event for _, event in room.raised]


def test_a_good_frame_ends_a_run_of_failures() -> None:
    room = Room()
    room.join(*members(2))
    room.advance(6)
    frame = foreign_frame()
    for _ in range(5):
        for _ in range(FAILURES_TOLERATED):
            room.gateways[101].decrypt(102, frame)
        good = room.gateways[102].encrypt(OPUS)
        assert good is not None
        assert room.gateways[101].decrypt(102, good) == OPUS
    room.advance(1)
    assert room.recoveries() == 0


def fail(room: Room, speaker: int, listener: int = 101) -> None:
    """A run of frames that nobody could open, once the grace after a change of keys is over."""
    room.advance(RECOVERY_GRACE_S + 1)
    frame = foreign_frame()
    for _ in range(FAILURES_TOLERATED + 1):
        assert isinstance(room.gateways[listener].decrypt(speaker, frame), Undecryptable)
    room.advance(0.2)


def hear(room: Room, speaker: int, listener: int = 101) -> None:
    frame = room.gateways[speaker].encrypt(OPUS)
    assert frame is not None
    assert room.gateways[listener].decrypt(speaker, frame) == OPUS


def test_when_recovering_does_not_help_a_fresh_voice_session_is_asked_for_once() -> None:
    room = Room()
    room.join(*members(2))
    gateway = room.gateways[101]
    for _ in range(GROUP_TRIES):
        fail(room, 102)
    assert gateway.dave_stats().recoveries == GROUP_TRIES
    assert gateway.stats().rejoins == 0
    fail(room, 102)
    room.advance(1)
    assert gateway.stats().rejoins == 1
    assert VoiceInterrupted(None) not in [event for user, event in room.raised if user == 102]
    room.assert_all_hear_all()


def test_a_member_whose_client_is_broken_cannot_end_the_call() -> None:
    room = Room()
    room.join(*members(2))
    gateway = room.gateways[101]
    for _ in range(40):
        fail(room, 102)
    assert gateway.state is State.ESTABLISHED
    assert gateway.stats().rejoins == SESSION_TRIES
    assert room.ops_said(101).count(VoiceOp.INVALID_COMMIT_WELCOME) == GROUP_TRIES
    assert room.raised.count((101, MemberUnheard(102))) == 1
    assert gateway.dave_stats().left_out == 1


def test_a_member_whose_client_is_broken_disturbs_nobody_while_others_are_heard() -> None:
    room = Room()
    room.join(*members(3))
    room.advance(RECOVERY_GRACE_S + 1)
    frame = foreign_frame()
    for strike in range(2 * STRIKES):
        assert room.raised.count((101, MemberUnheard(102))) == (strike >= STRIKES)
        for _ in range(FAILURES_TOLERATED + 1):
            room.gateways[101].decrypt(102, frame)
            hear(room, 103)
        room.advance(0.1)
    assert room.recoveries() == 0
    assert room.gateways[101].stats().rejoins == 0


def test_a_member_who_was_left_out_is_heard_again_as_soon_as_a_frame_opens_and_not_told_of_twice() -> None:
    room = Room()
    room.join(*members(2))
    for _ in range(GROUP_TRIES + SESSION_TRIES + 1):
        fail(room, 102)
    room.advance(RECOVERY_GRACE_S)
    assert room.gateways[101].dave_stats().left_out == 1
    hear(room, 102)
    assert room.gateways[101].dave_stats().left_out == 0
    for _ in range(2 * (GROUP_TRIES + SESSION_TRIES + 1)):
        fail(room, 102)
    assert room.raised.count((101, MemberUnheard(102))) == 1


def test_whoever_is_heard_only_until_the_keys_changed_is_no_proof_that_the_keys_are_good() -> None:
    room = Room()
    room.join(*members(3))
    room.advance(RECOVERY_GRACE_S + 1)
    frame = foreign_frame()
    for _ in range(FAILURES_TOLERATED // 2 - 1):
        room.gateways[101].decrypt(102, frame)
    hear(room, 103)  # what was under way when the group went on without us
    for _ in range(FAILURES_TOLERATED):
        room.gateways[101].decrypt(102, frame)
        room.gateways[101].decrypt(103, frame)
    room.advance(0.2)
    assert room.recoveries() == 1
    assert (101, MemberUnheard(102)) not in room.raised


# ---------------------------------------------------------------------------- a group that never forms


def withhold(parcel: Parcel) -> list[Parcel]:
    return [] if parcel.op in {VoiceOp.PROPOSALS, VoiceOp.WELCOME, VoiceOp.ANNOUNCE_COMMIT} else [parcel]


def test_a_group_that_never_forms_is_asked_for_twice_then_the_room_is_told_and_that_is_all() -> None:
    room = Room(tamper=withhold)
    room.join(*members(2))
    room.advance(FORM_S - 1)
    assert VoiceOp.INVALID_COMMIT_WELCOME not in room.ops_said(101)
    room.advance(2)
    assert room.ops_said(101).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    assert room.gateways[101].stats().rejoins == 0
    room.advance(FORM_S + 1)
    assert room.gateways[101].stats().rejoins == 1
    assert (101, EncryptionMissing()) not in room.raised
    room.advance(10 * FORM_S)
    assert room.raised.count((101, EncryptionMissing())) == 1
    assert room.ops_said(101).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    assert room.gateways[101].stats().rejoins == 1


def test_joining_the_group_anew_helps_where_a_message_went_astray() -> None:
    room = Room()

    def withhold_until_told(parcel: Parcel) -> list[Parcel]:
        has_told = VoiceOp.INVALID_COMMIT_WELCOME in {op for _, op in room.said}
        return [parcel] if has_told else withhold(parcel)

    room.tamper = withhold_until_told
    room.join(*members(2))
    room.advance(FORM_S + 2)
    room.assert_all_hear_all()
    assert sum(gateway.stats().rejoins for gateway in room.gateways.values()) == 0
    # A group that stood is a reason to try as hard the next time.
    tried = next(user for user in members(2) if VoiceOp.INVALID_COMMIT_WELCOME in room.ops_said(user))
    room.said.clear()
    room.tamper = withhold
    room.leave(*{*members(2)} - {tried})
    room.join(103)
    room.advance(2 * FORM_S + 2)
    assert room.ops_said(tried).count(VoiceOp.INVALID_COMMIT_WELCOME) == 1
    assert room.gateways[tried].stats().rejoins == 1


def test_nothing_is_missing_while_nobody_else_is_here_or_the_call_is_not_encrypted() -> None:
    alone = Room()
    alone.join(101)
    alone.advance(4 * FORM_S)
    plain = Room()
    plain.deliver(plain.delivery.join(50, plain.now, 0))
    plain.join(*members(2))
    plain.advance(4 * FORM_S)
    for room in (alone, plain):
        assert VoiceOp.INVALID_COMMIT_WELCOME not in room.ops_said(101)
        assert room.gateways[101].stats().rejoins == 0


def break_welcomes(parcel: Parcel) -> list[Parcel]:
    if parcel.op != VoiceOp.WELCOME or parcel.to != 103:
        return [parcel]
    assert isinstance(parcel.payload, bytes)
    return [parcel._replace(payload=parcel.payload[:-9] + bytes(9))]


def test_a_server_that_only_sends_broken_welcomes_is_not_argued_with_for_ever() -> None:
    room = Room(tamper=break_welcomes)
    room.join(*members(2))
    room.join(103)
    room.advance(60)
    assert room.ops_said(103).count(VoiceOp.INVALID_COMMIT_WELCOME) == RECOVERIES_TOLERATED * (REJOINS + 1)
    assert room.gateways[103].state is State.CLOSED
    assert (103, VoiceClosed(VoiceFault.FAILED)) in room.raised


def test_a_server_that_comes_to_its_senses_has_us_back_by_a_fresh_session() -> None:
    room = Room(tamper=break_welcomes)
    room.join(*members(2))
    room.join(103)
    room.advance(1)
    room.tamper = lambda parcel: [parcel]
    room.advance(20)
    room.assert_all_hear_all()


# ---------------------------------------------------------------------------- whatever order


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "join", "leave", "pair", "old", "wait"]), st.integers(0, 5)), max_size=12
)


@settings(deadline=None, max_examples=25)
@given(steps=STEPS, damaged=st.sets(st.integers(0, 60), max_size=3), doubled=st.sets(st.integers(0, 60), max_size=5))
def test_whatever_comes_and_goes_and_breaks_in_the_end_all_hear_all_and_nothing_left_in_plain(
    steps: list[tuple[str, int]], damaged: set[int], doubled: set[int]
) -> None:
    room = Room()
    count = 0

    def tamper(parcel: Parcel) -> list[Parcel]:
        nonlocal count
        count += 1
        if count in damaged and isinstance(parcel.payload, bytes) and parcel.op != VoiceOp.EXTERNAL_SENDER:
            return [parcel._replace(payload=parcel.payload[:-5])]
        return [parcel, parcel] if count in doubled else [parcel]

    room.tamper = tamper
    old_is_here = False
    for step, which in steps:
        user = 101 + which
        if step == "join" and user not in room.gateways:
            room.join(user)
        elif step == "pair" and not {user, user + 10} & room.gateways.keys():
            room.join(user, user + 10)
        elif step == "leave" and user in room.gateways:
            room.leave(user)
        elif step == "old":
            parcels = room.delivery.leave(50, room.now) if old_is_here else room.delivery.join(50, room.now, 0)
            old_is_here = not old_is_here
            room.deliver(parcels)
        else:
            room.advance(0.1 * which)
        for gateway in room.gateways.values():
            sent = gateway.encrypt(OPUS)
            assert sent != OPUS or gateway.dave_version == 0
    room.tamper = lambda parcel: [parcel]
    if old_is_here:
        room.deliver(room.delivery.leave(50, room.now))
    room.advance(12)
    for guest in (301, 302):
        room.join(guest)
    room.advance(12)
    room.assert_all_hear_all()
