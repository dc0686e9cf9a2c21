"""Our seat in the guild's voice channels: what the two updates of the main gateway mean, in whatever order they come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import VoiceFault
from bot.voice.gateway_events import VoiceServer
from bot.voice.seat import (
    ANSWER_S,
    ENDPOINT_S,
    LEAVE_PAUSE_S,
    REJOIN_ANSWER_S,
    REJOINS,
    Ask,
    Begin,
    Moved,
    Seat,
    SeatCommand,
    ServerGone,
    Vacated,
)

pytestmark = pytest.mark.core

GUILD, ME, ROOM, HALL = 1, 2, 30, 40


def server(channel: int = ROOM, token: str = "t", endpoint: str = "e:443", session: str = "s") -> VoiceServer:
    return VoiceServer(GUILD, channel, ME, session, token, endpoint)


def seated() -> Seat:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    seat.state_updated(ROOM, "s", 0.1)
    assert seat.server_updated("t", "e:443", 0.2) == [Begin(server())]
    return seat


def test_a_join_begins_when_the_state_comes_first() -> None:
    seat = Seat(GUILD, ME, ROOM)
    assert seat.join(0.0) == [Ask(ROOM)]
    assert seat.state_updated(ROOM, "s", 0.1) == []
    assert seat.server_updated("t", "e:443", 0.2) == [Begin(server())]
    assert seat.is_seated


def test_a_join_begins_when_the_server_comes_first() -> None:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    assert seat.server_updated("t", "e:443", 0.1) == []
    assert seat.state_updated(ROOM, "s", 0.2) == [Begin(server())]


def test_a_null_endpoint_waits_for_another_update() -> None:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    seat.state_updated(ROOM, "s", 0.1)
    assert seat.server_updated("t", None, 0.2) == []
    assert seat.tick(ANSWER_S + 1) == []
    assert seat.server_updated("t2", "e:443", 30.0) == [Begin(server(token="t2"))]


def test_an_outage_does_not_last_for_ever() -> None:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    seat.state_updated(ROOM, "s", 0.1)
    seat.server_updated("t", None, 0.2)
    assert seat.tick(ENDPOINT_S + 1) == [Ask(None), Vacated(VoiceFault.NO_ANSWER)]


def test_no_answer_to_a_first_join_ends_it() -> None:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    assert seat.tick(ANSWER_S - 0.1) == []
    assert seat.tick(ANSWER_S) == [Ask(None), Vacated(VoiceFault.NO_ANSWER)]
    assert seat.tick(ANSWER_S + 60) == []


def test_the_same_server_again_changes_nothing() -> None:
    seat = seated()
    assert seat.server_updated("t", "e:443", 5.0) == []
    assert seat.state_updated(ROOM, "s", 5.1) == []


@pytest.mark.parametrize(("token", "endpoint"), [("t2", "e:443"), ("t", "f:2053"), ("t2", "f:2053")])
def test_a_new_token_or_endpoint_is_a_migration(token: str, endpoint: str) -> None:
    seat = seated()
    assert seat.server_updated(token, endpoint, 5.0) == [Begin(server(token=token, endpoint=endpoint))]


def test_the_same_server_is_news_after_it_hung_up() -> None:
    seat = seated()
    seat.server_lost()
    assert seat.server_updated("t", "e:443", 5.0) == [Begin(server())]


def test_a_null_endpoint_in_mid_call_stops_talking_until_there_is_a_server() -> None:
    seat = seated()
    assert seat.server_updated("t2", None, 5.0) == [ServerGone()]
    assert seat.server_updated("t2", "f:443", 8.0) == [Begin(server(token="t2", endpoint="f:443"))]


def test_a_move_waits_for_the_new_server_even_at_the_same_endpoint() -> None:
    seat = seated()
    assert seat.state_updated(HALL, "s", 5.0) == [Moved(HALL)]
    assert not seat.is_seated
    assert seat.server_updated("t2", "e:443", 5.1) == [Begin(server(HALL, "t2"))]


def test_a_move_whose_server_came_first_begins_in_the_new_channel() -> None:
    seat = seated()
    assert seat.server_updated("t2", "f:443", 5.0) == [Begin(server(token="t2", endpoint="f:443"))]
    assert seat.state_updated(HALL, "s", 5.1) == [Moved(HALL), Begin(server(HALL, "t2", "f:443"))]


def test_a_server_that_was_given_up_for_a_new_one_does_not_lose_the_new_one() -> None:
    seat = seated()
    seat.server_updated("t2", "f:443", 5.0)
    seat.server_lost()  # the old one, because of the new one
    assert seat.state_updated(HALL, "s", 5.1) == [Moved(HALL), Begin(server(HALL, "t2", "f:443"))]


def test_a_move_long_after_a_migration_waits_for_its_own_server() -> None:
    seat = seated()
    seat.server_updated("t2", "f:443", 5.0)
    assert seat.state_updated(HALL, "s", 60.0) == [Moved(HALL)]


def test_a_move_without_a_server_leaves_and_joins_the_new_channel() -> None:
    seat = seated()
    seat.state_updated(HALL, "s", 5.0)
    assert seat.tick(5.0 + REJOIN_ANSWER_S) == [Ask(None)]
    assert seat.tick(5.0 + REJOIN_ANSWER_S + LEAVE_PAUSE_S) == [Ask(HALL)]


def test_being_disconnected_is_the_end() -> None:
    seat = seated()
    assert seat.state_updated(None, "s", 5.0) == [Vacated(VoiceFault.KICKED)]
    assert seat.server_updated("t2", "e:443", 5.1) == []
    assert seat.rejoin(6.0) == []


@pytest.mark.parametrize("echo_at", [5.1, 5.0 + LEAVE_PAUSE_S + 0.1])
def test_a_rejoin_leaves_joins_and_does_not_mistake_its_own_leaving_for_a_kick(echo_at: float) -> None:
    seat = seated()
    assert seat.rejoin(5.0) == [Ask(None)]
    asked: list[SeatCommand] = []
    for at in sorted({echo_at, 5.0 + LEAVE_PAUSE_S}):
        asked += seat.state_updated(None, "s", at) if at == echo_at else seat.tick(at)
    assert asked == [Ask(ROOM)]
    seat.server_updated("t2", "e:443", 6.0)
    assert seat.state_updated(ROOM, "s2", 6.1) == [Begin(server(token="t2", session="s2"))]
    assert seat.state_updated(None, "s2", 7.0) == [Vacated(VoiceFault.KICKED)]


def test_a_rejoin_without_an_answer_is_tried_again_and_bounded() -> None:
    seat = seated()
    now, asked = 5.0, 0
    commands = seat.rejoin(now)
    for _ in range(100):
        asked += commands.count(Ask(ROOM))
        if any(isinstance(command, Vacated) for command in commands):
            break
        now += min(LEAVE_PAUSE_S, REJOIN_ANSWER_S)
        commands = seat.tick(now)
    assert commands == [Ask(None), Vacated(VoiceFault.NO_ANSWER)]
    assert asked == REJOINS


def test_a_move_during_a_rejoin_is_followed() -> None:
    seat = seated()
    seat.rejoin(5.0)
    assert seat.state_updated(HALL, "s", 5.1) == []
    assert seat.tick(5.0 + LEAVE_PAUSE_S) == [Ask(HALL)]


def test_leaving_for_good_is_asked_once_and_its_echo_says_nothing() -> None:
    seat = seated()
    assert seat.leave() == [Ask(None)]
    assert seat.leave() == []
    assert seat.state_updated(None, "s", 5.0) == []


updates = st.lists(
    st.one_of(
        st.tuples(st.just("state"), st.sampled_from([None, ROOM, HALL])),
        st.tuples(st.just("server"), st.sampled_from([None, "e:443", "f:443"])),
        st.tuples(st.just("tick"), st.floats(0.1, 12.0)),
        st.tuples(st.just("rejoin"), st.none()),
    ),
    max_size=30,
)


@given(updates)
@settings(deadline=None, max_examples=200)
def test_whatever_comes_it_begins_in_its_own_channel_and_ends_once(story: list[tuple[str, object]]) -> None:
    seat = Seat(GUILD, ME, ROOM)
    seat.join(0.0)
    now, ends, tokens = 0.0, 0, 0
    for what, value in story:
        if what == "state":
            commands = seat.state_updated(value, "s", now)  # type: ignore[arg-type]
        elif what == "server":
            tokens += 1
            commands = seat.server_updated(f"t{tokens}", value, now)  # type: ignore[arg-type]
        elif what == "rejoin":
            commands = seat.rejoin(now)
        else:
            now += value  # type: ignore[operator]
            commands = seat.tick(now)
        for command in commands:
            assert not ends or command != Ask(ROOM)
            if isinstance(command, Begin):
                assert command.server.channel_id == seat.channel_id
                assert command.server.token == f"t{tokens}" or what == "state"
            ends += isinstance(command, Vacated)
    assert ends <= 1
