"""What each close code leads to, through the gateway: told, tried again, or over."""

from __future__ import annotations

import pytest
from gateway_client import Client, established

from bot.errors import VoiceFault
from bot.voice.close_codes import REACTIONS, Reaction, fault_of, reaction_to
from bot.voice.events import VoiceClosed, VoiceInterrupted
from bot.voice.gateway import MAIN_AWAY_S, MAIN_BACK_S, State
from bot.voice.gateway_events import Connect, Raise, Rejoin
from bot.voice.reconnection import OWN_FAULT_WINDOW_S, REJOINS, SESSION_REPLACED_S, STABLE_S, WAIT_S

pytestmark = pytest.mark.core

RESUMED = [1001, 1006, 4013, 4015, None]
REJOINED = [1000, 4004, 4006, 4009, 4011]
REJOINED_ONCE = [4001, 4002, 4003, 4005, 4012, 4016, 4020]
WAITED_FOR = [4014, 4022]
OVER = [(4017, VoiceFault.ENCRYPTION_REQUIRED), (4021, VoiceFault.RATE_LIMITED)]


def test_every_code_of_the_documentation_has_its_reaction() -> None:
    documented = {4001, 4002, 4003, 4004, 4005, 4006, 4009, 4011, 4012, 4014, 4015, 4016, 4017, 4020, 4021, 4022}
    assert documented <= set(REACTIONS)


@pytest.mark.parametrize(
    ("codes", "reaction"),
    [
        (RESUMED, Reaction.RESUME),
        (REJOINED, Reaction.REJOIN),
        (REJOINED_ONCE, Reaction.REJOIN_ONCE),
        (WAITED_FOR, Reaction.WAIT),
        ([4017], Reaction.NEVER),
        ([4021], Reaction.COOL_DOWN),
        ([4999, 4100], Reaction.REJOIN),
        ([1011, 1012, 3000], Reaction.RESUME),
    ],
)
def test_the_table_says_what_the_protocol_says(codes: list[int | None], reaction: Reaction) -> None:
    assert {reaction_to(code) for code in codes} == {reaction}


@pytest.mark.parametrize("code", RESUMED)
def test_a_lost_socket_is_resumed_at_once_and_once(code: int | None) -> None:
    client = established()
    assert client.closed(code) == [Raise(VoiceInterrupted(code))]
    assert client.later(1.0) == [Connect(client.server.url)]
    assert '"op":7' in client.sent(client.hello())
    client.closed(code)
    assert client.later(1.0) == [Rejoin()]


@pytest.mark.parametrize("code", REJOINED)
def test_a_dead_session_is_left_and_joined_anew_within_a_second(code: int) -> None:
    client = established()
    assert client.closed(code) == [Raise(VoiceInterrupted(code))]
    assert client.later(1.0) == [Rejoin()]
    assert client.gateway.state is State.REJOINING


@pytest.mark.parametrize("code", REJOINED)
def test_rejoining_is_bounded_and_ends_with_a_reason(code: int) -> None:
    client = established()
    for _ in range(REJOINS):
        client.closed(code)
        assert client.later(20.0) == [Rejoin()]
        client.begin()
        client.establish()
    assert Raise(VoiceClosed(fault_of(code), code)) in client.closed(code)
    assert client.gateway.state is State.CLOSED
    assert client.gateway.next_deadline is None


def test_a_connection_that_stood_has_its_whole_budget_again() -> None:
    client = established()
    for _ in range(3 * REJOINS):
        client.closed(4006)
        assert client.later(20.0) == [Rejoin()]
        client.begin()
        client.establish()
        client.stand(STABLE_S + 1)
    assert client.gateway.state is State.ESTABLISHED


def test_the_pauses_grow_and_differ_between_bots() -> None:
    def pauses(jitter: float) -> list[float]:
        client = established(jitter)
        found = []
        for _ in range(REJOINS):
            client.closed(4006)
            deadline = client.gateway.next_deadline
            assert deadline is not None
            found.append(deadline - client.now)
            client.later(20.0)
            client.begin()
            client.establish()
        return found

    eager, lazy = pauses(0.0), pauses(0.99)
    assert eager == sorted(eager)
    assert all(one < other for one, other in zip(eager, lazy, strict=True))
    assert eager[0] <= lazy[0] <= 0.5


@pytest.mark.parametrize("code", REJOINED_ONCE)
def test_our_own_fault_gets_one_fresh_session_and_no_second(code: int) -> None:
    client = established()
    client.closed(code)
    assert client.later(1.0) == [Rejoin()]
    client.begin()
    client.establish()
    assert Raise(VoiceClosed(VoiceFault.FAILED, code)) in client.closed(code)


def test_our_own_fault_is_forgiven_after_a_while() -> None:
    client = established()
    for _ in range(3):
        client.closed(4002)
        assert client.later(20.0) == [Rejoin()]
        client.begin()
        client.establish()
        client.stand(OWN_FAULT_WINDOW_S + 1)


@pytest.mark.parametrize("code", WAITED_FOR)
def test_a_move_is_followed_when_the_main_gateway_tells(code: int) -> None:
    client = established()
    assert client.closed(code) == [Raise(VoiceInterrupted(code))]
    assert client.later(2.0) == []
    client.move(channel_id=4711)
    assert client.establish()
    assert client.gateway.channel_id == 4711
    # And the next one too.
    client.closed(code)
    client.move(channel_id=4712)
    assert client.establish()


@pytest.mark.parametrize(("code", "fault"), [(4014, VoiceFault.KICKED), (4022, VoiceFault.CHANNEL_GONE)])
def test_where_the_main_gateway_stays_silent_it_is_over(code: int, fault: VoiceFault) -> None:
    client = established()
    client.closed(code)
    assert client.later(WAIT_S - 0.5) == []
    assert Raise(VoiceClosed(fault, code)) in client.later(1.0)


def disconnected(code: int = 4014) -> Client:
    client = established()
    client.gateway.main_session("one", client.now)
    client.closed(code)
    return client


@pytest.mark.parametrize("is_replaced_before", [True, False])
def test_a_disconnection_for_want_of_a_main_session_is_answered_with_one_rejoin(is_replaced_before: bool) -> None:
    client = established()
    client.gateway.main_session("one", client.now)
    if is_replaced_before:
        client.gateway.main_session("two", client.now)
        client.stand(SESSION_REPLACED_S - 5)
    client.closed(4014)
    if not is_replaced_before:
        client.later(3.0)
        client.gateway.main_session(None, client.now)
        client.gateway.main_session("two", client.now)
    client.later(WAIT_S)
    assert client.later(1.0) == [Rejoin()]
    client.begin()
    client.establish()
    client.closed(4014)
    assert Raise(VoiceClosed(VoiceFault.KICKED, 4014)) in client.later(WAIT_S)


def test_a_main_session_that_was_replaced_long_ago_explains_no_disconnection() -> None:
    client = established()
    client.gateway.main_session("one", client.now)
    client.gateway.main_session("two", client.now)
    client.stand(SESSION_REPLACED_S + 5)
    client.closed(4014)
    assert Raise(VoiceClosed(VoiceFault.KICKED, 4014)) in client.later(WAIT_S)


def test_a_main_session_that_was_replaced_does_not_bring_back_a_call_that_was_ended() -> None:
    client = disconnected(4022)
    client.gateway.main_session("two", client.now)
    assert Raise(VoiceClosed(VoiceFault.CHANNEL_GONE, 4022)) in client.later(WAIT_S)


def test_while_the_main_gateway_is_away_it_is_waited_for_within_bounds() -> None:
    client = disconnected()
    waited = 0
    while client.gateway.state is State.WAITING:
        client.gateway.main_session(None, client.now)
        client.later(1.0)
        waited += 1
    assert MAIN_AWAY_S <= waited <= MAIN_AWAY_S + MAIN_BACK_S + 1


def test_a_main_gateway_that_is_back_has_time_to_tell_where_we_are() -> None:
    client = disconnected()
    for _ in range(20):
        client.gateway.main_session(None, client.now)
        assert client.later(1.0) == []
    client.gateway.main_session("one", client.now)
    assert client.later(MAIN_BACK_S - 1.5) == []
    client.move(channel_id=4711)
    assert client.establish()


@pytest.mark.parametrize(("code", "fault"), OVER)
def test_some_codes_end_it_without_another_try(code: int, fault: VoiceFault) -> None:
    client = established()
    commands = client.closed(code)
    assert Raise(VoiceClosed(fault, code)) in commands
    assert not [command for command in commands if isinstance(command, Connect | Rejoin)]
    assert client.later(3600.0) == []


def test_a_close_before_the_session_stood_is_never_resumed() -> None:
    client = Client()
    client.begin()
    client.hello()
    client.closed(1006)
    assert client.later(1.0) == [Rejoin()]


def test_a_refused_resume_becomes_a_rejoin() -> None:
    client = established()
    client.closed(1006)
    client.later(1.0)
    client.hello()
    assert client.gateway.state is State.RESUMING
    client.closed(4006)
    assert client.later(1.0) == [Rejoin()]


def test_the_interruption_is_told_once() -> None:
    client = established()
    told = client.closed(1006)
    client.later(1.0)
    told += client.closed(None)
    assert [command for command in told if isinstance(command, Raise)] == [Raise(VoiceInterrupted(1006))]
