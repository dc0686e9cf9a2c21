"""Messages that real servers and clients sent: our group takes them, checks their real signatures, and answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.rehearsal.delivery_wire import ExternalSender, append_payload, parse_commit_welcome
from bot.voice.dave import DaveGroup
from bot.voice.dave_session import message_epoch, proposals_epoch
from bot.voice.gateway_events import SendBinary, SendText
from bot.voice.opcodes import VoiceOp

pytestmark = pytest.mark.core

DATA = Path(__file__).parent.parent / "data" / "dave"
CHANNEL = 0x1415AD1CF84410A5
ADDED = 0x054B7F8685400000
OURSELVES = 9


def captured(name: str) -> bytes:
    return bytes.fromhex((DATA / f"{name}.hex").read_text().replace("\n", ""))


def payload(name: str, seq: int, op: int) -> bytes:
    """Of a server message, whose frame has to be what we believe it to be."""
    data = captured(name)
    assert data[:2] == seq.to_bytes(2, "big")
    assert data[2] == op
    return data[3:]


def group(*expected: int, channel_id: int = CHANNEL) -> DaveGroup:
    made = DaveGroup(OURSELVES, channel_id, expected)
    answer = made.select_version(1, 0.0)
    assert [type(command) for command in answer] == [SendBinary]
    return made


def test_a_real_add_proposal_passes_its_real_signature_and_is_committed() -> None:
    ours = group(ADDED)
    assert ours.receive(25, payload("call_op25_external_sender", 1, 25), 0.0) == []
    answer = ours.receive(27, payload("call_op27_proposals", 5, 27), 0.0)
    assert len(answer) == 1
    assert isinstance(answer[0], SendBinary)
    assert answer[0].data[0] == VoiceOp.COMMIT_WELCOME
    made = parse_commit_welcome(answer[0].data[1:])
    assert (made.group_id, made.epoch, len(made.references)) == (CHANNEL, 0, 1)
    assert made.welcome.startswith(b"\x00\x02")


@pytest.mark.parametrize("sender", ["other_op25_external_sender", "third_op25_external_sender"])
def test_the_same_proposal_under_another_sender_is_refused(sender: str) -> None:
    ours = group(ADDED)
    assert ours.receive(25, payload(sender, 1, 25), 0.0) == []
    assert ours.receive(27, payload("call_op27_proposals", 5, 27), 0.0) == []
    assert ours.stats().commits_proposed == 0
    assert ours.stats().ignored.total() == 1


def test_a_real_add_of_somebody_unannounced_waits_for_op_11() -> None:
    ours = group()
    ours.receive(25, payload("call_op25_external_sender", 1, 25), 0.0)
    assert ours.receive(27, payload("call_op27_proposals", 5, 27), 0.0) == []
    answer = ours.expect(ADDED, 0.4)
    assert [command.data[0] for command in answer if isinstance(command, SendBinary)] == [VoiceOp.COMMIT_WELCOME]


def test_a_real_commit_of_a_group_that_is_not_ours_is_answered_with_op_31_and_a_key_package() -> None:
    ours = group(ADDED)
    ours.receive(25, payload("call_op25_external_sender", 1, 25), 0.0)
    ours.receive(27, payload("call_op27_proposals", 5, 27), 0.0)
    commit = payload("call_op29_commit", 6, 29)
    assert commit[:2] == b"\x00\x00"  # the first group of a call is transition 0
    said, offered = ours.receive(29, commit, 0.0)
    assert isinstance(said, SendText)
    assert json.loads(said.data) == {"op": 31, "d": {"transition_id": 0}}
    assert isinstance(offered, SendBinary)
    assert offered.data[0] == VoiceOp.KEY_PACKAGE


def test_real_messages_say_which_group_and_epoch_they_are_for() -> None:
    assert proposals_epoch(payload("call_op27_proposals", 5, 27)) == (CHANNEL, 0)
    assert message_epoch(payload("call_op29_commit", 6, 29)[2:]) == (CHANNEL, 0)


def test_a_real_key_package_can_be_added() -> None:
    key_package = captured("client_op26_key_package")
    assert key_package[0] == VoiceOp.KEY_PACKAGE
    at = key_package.index(b"\x00\x01\x08") + 3
    user_id = int.from_bytes(key_package[at : at + 8], "big")
    sender = ExternalSender(CHANNEL)
    ours = group(user_id)
    ours.receive(25, sender.package(), 0.0)
    answer = ours.receive(27, append_payload([sender.add(0, key_package[1:])]), 0.0)
    assert [type(command) for command in answer] == [SendBinary]


def test_our_key_package_has_the_layout_of_the_official_clients() -> None:
    official = captured("client_op26_key_package")
    answer = DaveGroup(OURSELVES, CHANNEL).select_version(1, 0.0)
    assert isinstance(answer[0], SendBinary)
    ours = answer[0].data
    # Opcode, version, suite and three vectors of 65-byte keys, then the credential, capabilities, lifetime.
    keys_end = 5 + 3 * 67
    assert ours[:8] == official[:8]
    for at in range(5, keys_end, 67):
        assert ours[at : at + 3] == official[at : at + 3] == b"\x40\x41\x04"
    assert ours[keys_end : keys_end + 3] == official[keys_end : keys_end + 3]
    capabilities = slice(keys_end + 11, keys_end + 11 + 29)
    assert ours[capabilities] == official[capabilities]


def test_what_libdave_commits_is_split_where_its_welcome_begins() -> None:
    made = parse_commit_welcome(captured("client_op28_commit_welcome_cut"))
    assert (made.group_id, made.epoch, made.author_leaf) == (0x1473F55F5F421079, 0, 0)
    assert len(made.references) == 1
    assert len(made.references[0]) == 32
    assert made.welcome.startswith(b"\x00\x02\x40\x98")


@pytest.mark.parametrize("op", [25, 27, 29])
def test_a_real_message_cut_anywhere_never_raises(op: int) -> None:
    name = {25: "call_op25_external_sender", 27: "call_op27_proposals", 29: "call_op29_commit"}[op]
    whole = captured(name)[3:]
    for size in range(0, len(whole), 7):
        ours = group(ADDED)
        if op != 25:
            ours.receive(25, captured("call_op25_external_sender")[3:], 0.0)
        ours.receive(op, whole[:size], 0.0)
        assert not ours.is_ready
