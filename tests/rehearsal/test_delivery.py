"""The delivery service against plain davey sessions: who wins, who is told what, and what is refused."""

from __future__ import annotations

from typing import Any

import davey
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rehearsal.delivery import COMMIT_TIMEOUT_S, TRANSITION_TIMEOUT_S, DeliveryService, Parcel
from bot.rehearsal.delivery_wire import (
    ExternalSender,
    Reader,
    append_payload,
    parse_commit_welcome,
    revoke_payload,
    vector,
)
from bot.voice.opcodes import VoiceOp as Op

pytestmark = pytest.mark.core

CHANNEL = 77
OPUS = b"\x78an opus packet"


class Members:
    """davey sessions that do what they are told; `inbox` keeps what has been sent and not yet read."""

    def __init__(self, **options: Any) -> None:
        self.service = DeliveryService(CHANNEL, **options)
        self.sessions: dict[int, davey.DaveSession] = {}
        self.inbox: list[Parcel] = []
        self.seen: list[Parcel] = []

    def join(self, user: int) -> None:
        self.sessions[user] = davey.DaveSession(1, user, CHANNEL)
        self.inbox += self.service.join(user, 0.0)
        self.offer(user)

    def offer(self, user: int) -> None:
        self.inbox += self.service.receive(user, Op.KEY_PACKAGE, self.sessions[user].get_serialized_key_package(), 0.0)

    def leave(self, user: int) -> None:
        del self.sessions[user]
        self.inbox += self.service.leave(user, 0.0)

    def settle(self, *, answering: set[int] | None = None) -> None:
        """Everybody reads and answers until there is nothing left; those not in `answering` read only."""
        while self.inbox:
            parcel = self.inbox.pop(0)
            self.seen.append(parcel)
            session = self.sessions.get(parcel.to)
            if session is None:
                continue
            for op, body in self.read(session, parcel):
                if answering is None or parcel.to in answering:
                    self.inbox += self.service.receive(parcel.to, op, body, 0.0)

    def read(self, session: davey.DaveSession, parcel: Parcel) -> list[tuple[Op, Any]]:
        data = parcel.payload
        if isinstance(data, dict):
            if parcel.op == Op.PREPARE_EPOCH:
                session.reinit(1, parcel.to, CHANNEL)
                return [(Op.KEY_PACKAGE, session.get_serialized_key_package())]
            return []
        head = {"transition_id": int.from_bytes(data[:2], "big")}
        match parcel.op:
            case Op.EXTERNAL_SENDER:
                session.set_external_sender(data)
                return []
            case Op.PROPOSALS:
                kind = davey.ProposalsOperationType.revoke if data[0] else davey.ProposalsOperationType.append
                made = session.process_proposals(kind, data[1:])
                return [] if made is None else [(Op.COMMIT_WELCOME, made.commit + (made.welcome or b""))]
            case Op.ANNOUNCE_COMMIT:
                session.process_commit(data[2:])
            case Op.WELCOME:
                session.process_welcome(data[2:])
            case _:
                pytest.fail(f"unexpected op {parcel.op}")
        return [(Op.TRANSITION_READY, head)] if head["transition_id"] else []

    def ops(self, user: int) -> list[int]:
        return [parcel.op for parcel in self.seen if parcel.to == user]

    def assert_one_group(self) -> None:
        assert len({session.voice_privacy_code for session in self.sessions.values()}) == 1
        for speaker, session in self.sessions.items():
            frame = session.encrypt_opus(OPUS)
            for listener, other in self.sessions.items():
                if listener != speaker:
                    assert other.decrypt(speaker, davey.MediaType.audio, frame) == OPUS

    def assert_leaves(self) -> None:
        """What the service believes of the tree is what the members' trees say."""
        for user, session in self.sessions.items():
            assert self.service._leaves[session.own_leaf_index or 0] == user
            assert session.epoch == self.service.epoch


def test_the_first_commit_wins_and_the_others_are_welcomed() -> None:
    call = Members()
    for user in (1, 2, 3):
        call.join(user)
    call.settle()
    call.assert_one_group()
    call.assert_leaves()
    commits = [parcel for parcel in call.seen if parcel.op == Op.ANNOUNCE_COMMIT]
    welcomes = [parcel for parcel in call.seen if parcel.op == Op.WELCOME]
    assert len(commits) == 1
    assert {commits[0].to} | {parcel.to for parcel in welcomes} == {1, 2, 3}
    assert call.service.counts.late_commits > 0
    assert all(parcel.payload[:2] == b"\0\0" for parcel in commits + welcomes if isinstance(parcel.payload, bytes))


def test_a_joiner_takes_the_leftmost_free_leaf() -> None:
    call = Members()
    for user in (1, 2, 3, 4):
        call.join(user)
        call.settle()
    call.leave(2)
    call.settle()
    call.join(5)
    call.settle()
    call.assert_one_group()
    call.assert_leaves()


def test_a_transition_is_executed_when_everybody_is_ready() -> None:
    call = Members()
    for user in (1, 2, 3):
        call.join(user)
        call.settle()
    assert {parcel.to for parcel in call.seen if parcel.op == Op.EXECUTE_TRANSITION} == {1, 2, 3}


def test_a_transition_is_executed_without_the_slow_when_time_is_up() -> None:
    call = Members()
    for user in (1, 2):
        call.join(user)
    call.settle()
    call.join(3)
    while call.inbox:
        parcel = call.inbox.pop(0)
        for op, body in call.read(call.sessions[parcel.to], parcel):
            if op != Op.TRANSITION_READY or parcel.to != 3:
                call.inbox += call.service.receive(parcel.to, op, body, 0.0)
    assert call.service.tick(TRANSITION_TIMEOUT_S - 0.1) == []
    executed = call.service.tick(TRANSITION_TIMEOUT_S)
    assert [(parcel.to, parcel.op) for parcel in executed] == [(user, Op.EXECUTE_TRANSITION) for user in (1, 2, 3)]
    assert call.service.tick(2 * TRANSITION_TIMEOUT_S) == []


def test_one_who_stays_alone_is_told_to_start_over() -> None:
    call = Members()
    call.join(1)
    call.join(2)
    call.settle()
    call.leave(2)
    call.settle()
    assert call.ops(1)[-2:] == [Op.PREPARE_EPOCH, Op.PREPARE_TRANSITION]
    last = call.seen[-2:]
    assert last[0].payload == {"protocol_version": 1, "epoch": 1}
    assert last[1].payload == {"protocol_version": 1, "transition_id": 0}
    call.join(3)
    call.settle()
    call.assert_one_group()


def test_one_who_leaves_before_being_added_is_taken_back() -> None:
    call = Members()
    for user in (1, 2):
        call.join(user)
    call.settle()
    call.join(3)
    call.leave(3)
    call.settle()
    call.join(4)
    call.settle()
    call.assert_one_group()
    call.assert_leaves()
    assert call.service.group_members == [1, 2, 4]


def test_a_member_who_could_not_follow_is_removed_and_added_again() -> None:
    call = Members()
    for user in (1, 2, 3):
        call.join(user)
        call.settle()
    call.sessions[2].reinit(1, 2, CHANNEL)
    call.inbox += call.service.receive(2, Op.INVALID_COMMIT_WELCOME, {"transition_id": 1}, 0.0)
    call.offer(2)
    call.settle()
    call.assert_one_group()
    call.assert_leaves()
    assert call.service.counts.reinvited == 1


def test_a_group_in_which_nobody_commits_starts_over() -> None:
    call = Members()
    for user in (1, 2, 3):
        call.join(user)
        call.settle()
    call.join(4)
    call.settle(answering=set())
    assert call.service.tick(COMMIT_TIMEOUT_S - 0.1) == []
    call.inbox += call.service.tick(COMMIT_TIMEOUT_S)
    call.settle()
    call.assert_one_group()


def test_a_stage_is_never_encrypted() -> None:
    call = Members(is_stage=True)
    assert call.service.version_for(1) == 0
    call.join(1)
    call.join(2)
    assert call.inbox == []
    assert call.service.version == 0


def test_an_old_client_is_told_version_0_and_takes_the_others_with_it() -> None:
    call = Members()
    for user in (1, 2):
        call.join(user)
    call.settle()
    assert call.service.version_for(0) == 0
    told = call.service.join(9, 0.0, max_version=0)
    assert {parcel.to for parcel in told} == {1, 2}
    assert all(isinstance(p.payload, dict) and p.payload["protocol_version"] == 0 for p in told)
    assert call.service.version == 1
    for parcel in told:
        assert isinstance(parcel.payload, dict)
        body = {"transition_id": parcel.payload["transition_id"]}
        call.inbox += call.service.receive(parcel.to, Op.TRANSITION_READY, body, 0.0)
    assert call.service.version == 0
    assert [parcel.op for parcel in call.inbox] == [Op.EXECUTE_TRANSITION, Op.EXECUTE_TRANSITION]


@pytest.mark.parametrize("cut", [0, 1, 3, 10, 60, 200])
def test_a_commit_that_is_cut_is_refused(cut: int) -> None:
    call = Members()
    for user in (1, 2):
        call.join(user)
    proposals = next(parcel for parcel in call.inbox if parcel.op == Op.PROPOSALS)
    call.read(call.sessions[1], call.inbox[0])
    ((op, body),) = call.read(call.sessions[proposals.to], proposals)
    assert call.service.receive(proposals.to, op, body[:cut], 0.0) == []
    assert call.service.counts.refused == 1
    assert call.service.epoch == 0


def test_a_commit_of_one_who_is_not_in_the_group_is_refused() -> None:
    call = Members()
    for user in (1, 2):
        call.join(user)
    call.settle()
    call.join(3)
    proposals = next(parcel for parcel in call.inbox if parcel.op == Op.PROPOSALS)
    ((op, body),) = call.read(call.sessions[proposals.to], proposals)
    assert call.service.receive(3, op, body, 0.0) == []
    assert call.service.counts.refused == 1
    assert call.service.receive(proposals.to, op, body, 0.0)


@given(data=st.binary(max_size=20_000))
@settings(deadline=None, max_examples=50)
def test_a_vector_is_read_back_and_not_a_byte_more(data: bytes) -> None:
    read = Reader(vector(data) + b"rest")
    assert read.vector() == data
    assert read.take(4) == b"rest"
    assert read.is_done


@given(data=st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_whatever_is_not_a_commit_is_a_value_error(data: bytes) -> None:
    for head in (b"", b"\x00\x01\x00\x01", b"\x00\x01\x00\x01\x08" + bytes(16) + b"\x01" + bytes(5) + b"\x03"):
        try:
            parse_commit_welcome(head + data)
        except ValueError:
            continue


def test_a_revoked_proposal_is_known_by_its_reference() -> None:
    sender = ExternalSender(CHANNEL)
    session, other = davey.DaveSession(1, 1, CHANNEL), davey.DaveSession(1, 2, CHANNEL)
    session.set_external_sender(sender.package())
    proposal = sender.add(0, other.get_serialized_key_package())
    append, revoke = davey.ProposalsOperationType.append, davey.ProposalsOperationType.revoke
    assert session.process_proposals(append, append_payload([proposal])[1:]) is not None
    assert session.process_proposals(revoke, revoke_payload([proposal.reference])[1:]) is None


SENT = st.tuples(st.integers(1, 4), st.integers(20, 33), st.binary(max_size=40) | st.just({"transition_id": 1}))


@settings(deadline=None, max_examples=60)
@given(sent=st.lists(SENT, max_size=20))
def test_whatever_members_send_the_service_stands(sent: list[tuple[int, int, Any]]) -> None:
    call = Members()
    for user in (1, 2, 3):
        call.join(user)
        call.settle()
    for user, op, body in sent:
        if op != Op.KEY_PACKAGE:
            call.service.receive(user, op, body, 0.0)
    call.service.tick(10.0)
