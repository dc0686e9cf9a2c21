"""The voice gateway's client: handshake, heartbeats, who is here, and what it does about nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gateway_client import GCM, KEY, SERVER, XCHACHA, Client, established
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import VoiceFault
from bot.voice.events import MemberArrived, MemberLeft, VoiceClosed, VoiceInterrupted, VoiceReady
from bot.voice.gateway import DISCOVERY_TRIES, Gateway, State
from bot.voice.gateway_events import (
    Connect,
    Disconnect,
    Discover,
    ForgetMember,
    IgnoreSsrc,
    MapSsrc,
    MediaReady,
    Raise,
    Rejoin,
    ResetMedia,
    SendBinary,
    SendText,
    UseCipher,
)
from bot.voice.opcodes import VoiceOp
from bot.voice.undecryptable import Undecryptable

pytestmark = pytest.mark.core


def said(commands: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(command.data) for command in commands if isinstance(command, SendText)]


# ---------------------------------------------------------------------------- handshake


def test_the_handshake_goes_as_the_protocol_says() -> None:
    client = Client()
    assert client.begin() == [ResetMedia(), Connect("wss://voice.test:2053/?v=8")]
    assert client.gateway.opened(client.now) == []  # the server speaks first
    identify = said(client.hello())
    assert identify == [
        {
            "op": 0,
            "d": {
                "server_id": "900",
                "user_id": "10",
                "session_id": "session 1",
                "token": "token 1",
                "max_dave_protocol_version": 1,
            },
        }
    ]
    assert client.ready() == [Discover("198.51.100.1", 50001, 77)]
    select = said(client.gateway.discovered("203.0.113.9", 40000, client.now))
    assert select == [
        {"op": 1, "d": {"protocol": "udp", "data": {"address": "203.0.113.9", "port": 40000, "mode": GCM}}}
    ]
    cipher, speaking, *rest = client.describe(version=0)
    assert cipher == UseCipher(GCM, bytes(KEY), 77)
    assert said([speaking]) == [{"op": 5, "d": {"speaking": 0, "delay": 0, "ssrc": 77}}]
    assert rest == [MediaReady(False), Raise(VoiceReady(4700, False))]
    assert client.gateway.state is State.ESTABLISHED
    assert client.gateway.ssrc == 77


def test_an_encrypted_call_is_answered_with_a_key_package_unasked_and_is_not_ready_yet() -> None:
    client = Client()
    client.begin()
    commands = client.establish(version=1)
    assert [command.data[0] for command in commands if isinstance(command, SendBinary)] == [VoiceOp.KEY_PACKAGE]
    assert not [command for command in commands if isinstance(command, MediaReady)]
    assert client.gateway.encrypt(b"opus") is None


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [([XCHACHA, GCM], GCM), ([GCM, XCHACHA], GCM), (["aead_aes256_gcm", XCHACHA, "xsalsa20_poly1305"], XCHACHA)],
)
def test_the_best_mode_that_is_offered_is_chosen(offered: list[str], chosen: str) -> None:
    client = Client()
    client.begin()
    client.hello()
    client.ready(offered)
    (select,) = said(client.gateway.discovered("203.0.113.9", 1, client.now))
    assert select["d"]["data"]["mode"] == chosen


def test_no_mode_in_common_is_the_end() -> None:
    client = Client()
    client.begin()
    client.hello()
    assert Raise(VoiceClosed(VoiceFault.FAILED)) in client.ready(["xsalsa20_poly1305_lite"])


def test_discovery_is_repeated_while_datagrams_get_lost_and_then_given_up() -> None:
    client = Client()
    client.begin()
    client.hello()
    (first,) = client.ready()
    for _ in range(DISCOVERY_TRIES - 1):
        assert client.later(1.0) == [first]
    assert Disconnect(4000) in client.later(1.0)
    assert client.later(1.0) == [Rejoin()]


def test_an_answer_to_a_discovery_that_is_over_changes_nothing() -> None:
    client = established()
    assert client.gateway.discovered("203.0.113.9", 40000, client.now) == []


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_server_that_falls_silent_in_mid_handshake_is_left(steps: int) -> None:
    client = Client()
    client.begin()
    if steps > 0:
        client.hello(60_000)
    if steps > 1:
        client.ready()
        client.gateway.discovered("203.0.113.9", 40000, client.now)
    commands = client.later(11.0)
    assert Disconnect(4000) in commands
    assert client.later(1.0) == [Rejoin()]


def test_a_second_session_description_is_a_new_key() -> None:
    client = established()
    commands = client.describe(key=[9] * 32, mode=XCHACHA)
    assert commands[0] == UseCipher(XCHACHA, bytes([9] * 32), 77)


def test_secrets_do_not_show_in_what_is_printed() -> None:
    client = Client()
    client.begin()
    shown = repr(client.server) + repr(client.hello()) + repr(client.ready())
    client.gateway.discovered("203.0.113.9", 40000, client.now)
    shown += repr(client.describe())
    assert "token 1" not in shown
    assert "session 1" not in shown
    assert repr(bytes(KEY)) not in shown


# ---------------------------------------------------------------------------- main gateway


def test_the_same_server_again_changes_nothing() -> None:
    client = established(members=[20])
    assert client.gateway.begin(client.server, [20], client.now) == []
    assert client.gateway.state is State.ESTABLISHED


def test_another_server_is_another_session_from_the_start() -> None:
    client = established(version=1)
    client.text(VoiceOp.CLIENT_FLAGS, {"user_id": "1", "flags": 0}, seq=12)
    commands = client.begin()
    assert commands == [Raise(VoiceInterrupted(None)), ResetMedia(), Connect(client.server.url)]
    assert "seq_ack" not in client.sent(client.hello())
    (beat,) = said(client.later(5.0))
    assert beat["d"]["seq_ack"] == -1  # not the old session's
    assert client.gateway.ssrc == 0


def test_a_new_session_that_never_stood_is_not_resumed() -> None:
    client = established()
    client.begin()
    client.closed(1006)
    assert client.later(1.0) == [Rejoin()]


def test_a_move_to_another_channel_brings_other_people() -> None:
    client = established(members=[20, 21])
    commands = client.move(4800, members=[21, 22])
    assert Raise(MemberLeft(20)) in commands
    assert Raise(MemberArrived(22)) in commands
    assert client.gateway.present == {21, 22}
    assert Raise(VoiceReady(4800, False)) in client.establish()


def test_leaving_closes_the_socket_and_tells_once() -> None:
    client = established()
    commands = client.gateway.end(VoiceFault.CLOSED, client.now)
    assert commands == [Disconnect(1000), ResetMedia(), Raise(VoiceClosed(VoiceFault.CLOSED))]
    assert client.gateway.end(VoiceFault.CLOSED, client.now) == []
    assert client.begin() == []
    assert client.closed(1006) == []


def test_a_restart_is_a_fresh_session_within_the_budget() -> None:
    client = established()
    assert client.gateway.restart(client.now) == [Disconnect(1000), Raise(VoiceInterrupted(None))]
    assert client.later(1.0) == [Rejoin()]


def test_a_rejoin_that_nobody_answers_is_tried_again_and_ends_without_an_answer() -> None:
    client = established()
    client.closed(4006)
    rejoins = 0
    for _ in range(400):
        commands = client.later(1.0)
        rejoins += commands.count(Rejoin())
        if Raise(VoiceClosed(VoiceFault.NO_ANSWER, 4006)) in commands:
            break
    assert rejoins > 1
    assert client.gateway.state is State.CLOSED


def ops_said_in(client: Client, seconds: int) -> list[int]:
    """What is said while time goes by and every heartbeat is answered."""
    ops = []
    for _ in range(seconds):
        ops += [message["op"] for message in said(client.later(1.0))]
        client.text(VoiceOp.HEARTBEAT_ACK, {"t": 0})
    return ops


def test_a_group_that_does_not_form_in_another_channel_is_another_matter() -> None:
    client = established(version=1, members=[20])
    assert VoiceOp.INVALID_COMMIT_WELCOME in ops_said_in(client, 20)
    client.move(4800, members=[21])
    client.establish(version=1)
    assert VoiceOp.INVALID_COMMIT_WELCOME in ops_said_in(client, 20)


# ---------------------------------------------------------------------------- heartbeats


def test_heartbeats_come_every_5_s_at_most_with_the_last_sequence_number() -> None:
    client = established()
    assert client.gateway.next_deadline == client.now + 5.0
    client.text(VoiceOp.CLIENT_FLAGS, {"user_id": "1", "flags": 0}, seq=41)
    client.gateway.receive_binary(b"\x00\x2a\x19rest", client.now)
    (beat,) = said(client.later(5.0))
    assert beat["op"] == VoiceOp.HEARTBEAT
    assert beat["d"]["seq_ack"] == 42
    client.now += 0.025
    client.text(VoiceOp.HEARTBEAT_ACK, {"t": beat["d"]["t"]})
    assert client.gateway.stats().latency_ms == pytest.approx(25, abs=0.1)


def test_a_shorter_interval_of_the_server_is_obeyed() -> None:
    client = Client()
    client.begin()
    client.hello(1500)
    assert client.later(1.4) == []
    assert [message["op"] for message in said(client.later(0.2))] == [VoiceOp.HEARTBEAT]


def test_a_heartbeat_that_the_server_asks_for_is_sent_at_once() -> None:
    client = established()
    assert [message["op"] for message in said(client.text(VoiceOp.HEARTBEAT, None))] == [VoiceOp.HEARTBEAT]


def test_two_unanswered_heartbeats_are_a_lost_connection() -> None:
    client = established()
    assert said(client.later(5.0))
    assert said(client.later(5.0))
    assert client.later(5.0) == [Disconnect(4000), Raise(VoiceInterrupted(None))]
    assert client.later(1.0) == [Connect(client.server.url)]


# ---------------------------------------------------------------------------- resume


def resumed(client: Client) -> list[Any]:
    client.later(1.0)
    client.hello()
    return client.text(VoiceOp.RESUMED, None)


def test_a_resume_names_the_last_message_and_keeps_key_and_group() -> None:
    client = established(version=0)
    client.text(VoiceOp.CLIENT_FLAGS, {"user_id": "1", "flags": 0}, seq=7)
    client.closed(1006)
    client.later(1.0)
    (resume,) = said(client.hello())
    assert resume == {
        "op": 7,
        "d": {"server_id": "900", "session_id": "session 1", "token": "token 1", "seq_ack": 7},
    }
    commands = client.text(VoiceOp.RESUMED, None)
    assert not [command for command in commands if isinstance(command, UseCipher | ResetMedia)]
    assert Raise(VoiceReady(4700, False)) in commands
    assert client.gateway.ssrc == 77


def test_the_speaking_flag_is_said_again_after_a_resume_and_after_a_rejoin() -> None:
    client = established()
    assert said(client.gateway.speaking(1)) == [{"op": 5, "d": {"speaking": 1, "delay": 0, "ssrc": 77}}]
    client.closed(1006)
    assert client.gateway.speaking(1) == []
    assert [message["d"]["speaking"] for message in said(resumed(client))] == [1]
    client.closed(4006)
    client.later(1.0)
    client.begin()
    assert [message["d"]["speaking"] for message in said(client.establish())] == [1]


# ---------------------------------------------------------------------------- who is here


def test_members_are_announced_once_by_whichever_source_comes_first() -> None:
    client = established()
    assert client.text(VoiceOp.CLIENTS_CONNECT, {"user_ids": ["20", "21", "10"]}) == [
        Raise(MemberArrived(20)),
        Raise(MemberArrived(21)),
    ]
    assert client.gateway.member_here(20, client.now) == []
    assert client.gateway.member_here(22, client.now) == [Raise(MemberArrived(22))]
    assert client.text(VoiceOp.CLIENTS_CONNECT, {"user_ids": ["22"]}) == []
    assert client.gateway.present == {20, 21, 22}


def test_a_member_who_leaves_is_forgotten_once() -> None:
    client = established(members=[20])
    assert client.text(VoiceOp.CLIENT_DISCONNECT, {"user_id": "20"}) == [ForgetMember(20), Raise(MemberLeft(20))]
    assert client.gateway.member_gone(20, client.now) == []


def test_ssrcs_are_mapped_from_speaking_and_video() -> None:
    client = established()
    assert client.text(VoiceOp.SPEAKING, {"user_id": "20", "ssrc": 500, "speaking": 1}) == [MapSsrc(20, 500)]
    streams = [{"ssrc": 501, "rtx_ssrc": 502, "rid": "100", "quality": 100}]
    video = {"user_id": "20", "audio_ssrc": 500, "video_ssrc": 501, "streams": streams}
    commands = client.text(VoiceOp.VIDEO, video)
    assert commands[0] == MapSsrc(20, 500)
    assert {command.ssrc for command in commands if isinstance(command, IgnoreSsrc)} == {501, 502}
    assert client.text(VoiceOp.VIDEO, {"user_id": "20", "audio_ssrc": 0, "video_ssrc": 0, "streams": []}) == []
    assert client.text(VoiceOp.VIDEO, {"user_id": "20", "audio_ssrc": 500, "video_ssrc": 500}) == [MapSsrc(20, 500)]


def test_our_own_ssrc_is_nobodys_voice() -> None:
    client = established()
    assert client.text(VoiceOp.SPEAKING, {"user_id": "10", "ssrc": 77, "speaking": 1}) == []
    assert client.text(VoiceOp.SPEAKING, {"user_id": "20", "ssrc": 77, "speaking": 1}) == []


# ---------------------------------------------------------------------------- the unknown and the malformed


def test_unknown_opcodes_and_fields_change_nothing() -> None:
    client = established()
    assert client.text(99, {"anything": [1, 2]}) == []
    assert client.text(VoiceOp.CLIENT_PLATFORM, {"user_id": "20", "platform": 0, "new": {}}, extra=True) == []
    assert client.gateway.receive_binary(b"\x00\x01\xf0whatever", client.now) == []
    assert client.gateway.stats().unknown == {99: 1, 0xF0: 1}
    assert client.gateway.stats().malformed == 0


def test_messages_out_of_place_are_counted_and_ignored() -> None:
    client = established()
    assert client.hello() == []
    assert client.ready() == []
    assert client.text(VoiceOp.RESUMED, None) == []
    assert client.gateway.state is State.ESTABLISHED
    assert client.gateway.stats().ignored == {VoiceOp.HELLO: 1, VoiceOp.READY: 1, VoiceOp.RESUMED: 1}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '{"op":"x"}',
        '{"op":-1}',
        '{"op":5,"d":null}',
        '{"op":5,"d":{"user_id":"abc","ssrc":1}}',
        '{"op":5,"d":{"user_id":true,"ssrc":1}}',
        '{"op":5,"d":{"user_id":"1","ssrc":4294967296}}',
        '{"op":11,"d":{"user_ids":"20"}}',
        '{"op":4,"d":{"mode":"aead_aes256_gcm_rtpsize","secret_key":[1,2,3]}}',
        '{"op":4,"d":{"mode":"none","secret_key":[' + ",".join("1" * 32) + "]}}",
        '{"op":21,"d":{"transition_id":70000,"protocol_version":1}}',
        '{"op":22,"d":{"transition_id":NaN}}',
        '{"op":22,"d":{"transition_id":Infinity}}',
        "[" * 100_000,
        '{"op":' + "1" * 5000 + "}",
    ],
)
def test_a_malformed_message_is_counted_and_changes_nothing(message: str) -> None:
    client = established()
    assert client.gateway.receive_text(message, client.now) == []
    assert client.gateway.stats().malformed == 1
    assert client.gateway.state is State.ESTABLISHED


def test_five_malformed_messages_in_ten_seconds_are_a_reason_for_a_fresh_session() -> None:
    client = established()
    for _ in range(20):
        client.now += 2.6
        assert client.gateway.receive_text("{", client.now) == []
    for _ in range(3):
        client.gateway.receive_binary(b"\x00", client.now)
    assert client.gateway.state is not State.ESTABLISHED
    assert client.later(1.0) == [Rejoin()]


def test_without_a_session_nothing_is_encrypted_and_nothing_decrypted() -> None:
    gateway = Gateway(lambda: 0.5)
    assert gateway.encrypt(b"opus") is None
    assert gateway.decrypt(1, b"frame") == Undecryptable("no_session")
    assert gateway.next_deadline is None
    assert gateway.tick(0.0) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["20", "10", GCM]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "user_id", "user_ids", "ssrc", "audio_ssrc", "video_ssrc", "streams", "heartbeat_interval", "modes", "mode", "ip",
    "port", "secret_key", "dave_protocol_version", "transition_id", "protocol_version", "epoch",
]  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {"op": st.integers(0, 32) | JSON, "d": st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5) | JSON},
    optional={"seq": JSON},
)
BINARY = st.binary(max_size=80) | st.builds(
    lambda op, rest: b"\x00\x01" + bytes((op,)) + rest, st.integers(24, 31), st.binary(max_size=80)
)
EVENTS = st.one_of(
    MESSAGES.map(lambda message: ("text", json.dumps(message))),
    st.text(max_size=20).map(lambda data: ("text", data)),
    BINARY.map(lambda data: ("binary", data)),
    st.sampled_from([None, 1000, 1006, 4006, 4014, 4015, 4001]).map(lambda code: ("closed", code)),
    st.floats(0, 20).map(lambda seconds: ("later", seconds)),
    st.sampled_from([("begin", None), ("same", None), ("discovered", None), ("establish", None), ("speaking", None)]),
)


@settings(deadline=None, max_examples=150)
@given(events=st.lists(EVENTS, max_size=25))
def test_whatever_arrives_in_whatever_order_nothing_is_raised(events: list[tuple[str, Any]]) -> None:
    client = Client()
    client.begin([20])
    for what, value in events:
        match what:
            case "text":
                client.gateway.receive_text(value, client.now)
            case "binary":
                client.gateway.receive_binary(value, client.now)
                client.gateway.decrypt(20, value)
            case "closed":
                client.closed(value)
            case "later":
                client.later(value)
            case "begin":
                client.begin([20, 21])
            case "same":
                client.gateway.begin(client.server, [20], client.now)
            case "discovered":
                client.gateway.discovered("203.0.113.9", 1, client.now)
            case "establish" if client.gateway.state is State.CONNECTING:
                client.hello()
                client.ready()
                client.gateway.discovered("203.0.113.9", 1, client.now)
                client.describe(version=1)
            case _:
                client.gateway.speaking(1)
        sent = client.gateway.encrypt(b"\x78opus")
        assert sent is None or client.gateway.dave_version == 0
        # A deadline in the past that nothing moves would have the shell spin.
        for _ in range(50):
            deadline = client.gateway.next_deadline
            if deadline is None or deadline > client.now:
                break
            client.gateway.tick(client.now)
        else:
            pytest.fail(f"always something due in {client.gateway.state}")


def test_the_address_may_carry_any_port_and_no_scheme() -> None:
    assert SERVER.url == "wss://voice.test:2053/?v=8"
