"""What is dropped when something does not keep up, and what never is; and how long it takes to try again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.realtime.backlog import Backlog
from bot.realtime.backoff import FIRST_S, LONGEST_S, Backoff
from bot.realtime.events import Append, Clear, ClientEvent, Commit, CreateResponse
from bot.realtime.outbox import MAX_BURST_SOUND, MAX_CONTROL, MAX_STALLED_SOUND, Outbox

pytestmark = pytest.mark.core


def sound(number: int) -> Append:
    return Append(number.to_bytes(2, "little"))


def contents(outbox: Outbox) -> list[ClientEvent]:
    return [outbox.take() for _ in range(len(outbox))]


def test_a_full_backlog_drops_its_oldest_sound_and_keeps_the_order_of_the_rest() -> None:
    backlog: Backlog[ClientEvent] = Backlog(Append, Commit, max_sound=2, max_other=9)
    for entry in (Clear(), sound(1), sound(2), Commit(), sound(3)):
        backlog.put(entry)
    assert backlog.take_all() == [Clear(), sound(2), Commit(), sound(3)]
    assert backlog.dropped == 1


def test_what_is_not_sound_is_never_dropped_only_too_much() -> None:
    backlog: Backlog[ClientEvent] = Backlog(Append, Commit, max_sound=1, max_other=3)
    for _ in range(4):
        assert not backlog.is_overfull
        backlog.put(Commit())
    assert len(backlog) == 4
    assert backlog.is_overfull


@settings(deadline=None, max_examples=200)
@given(kinds=st.lists(st.sampled_from("acox"), max_size=40), limit=st.integers(1, 5))
def test_a_backlog_counts_its_sound_right_whatever_is_done(kinds: list[str], limit: int) -> None:
    backlog: Backlog[ClientEvent] = Backlog(Append, Commit, limit, 99)
    for number, kind in enumerate(kinds):
        match kind:
            case "a":
                backlog.put(sound(number))
            case "c":
                backlog.put(Commit())
            case "o":
                backlog.drop_open_utterance()
            case _ if backlog:
                backlog.take()
            case _:
                pass
        assert backlog.sound_count == sum(isinstance(entry, Append) for entry in backlog)
        assert backlog.sound_count <= limit


def test_sound_of_a_stalled_socket_is_bounded_to_a_second() -> None:
    outbox = Outbox()
    for number in range(200):
        outbox.put(sound(number), now=number * 0.02)
    waiting = contents(outbox)
    assert len(waiting) == MAX_STALLED_SOUND
    assert waiting[-1] == sound(199)
    assert outbox.dropped == 200 - MAX_STALLED_SOUND


def test_a_burst_is_not_a_stall() -> None:
    outbox = Outbox()
    for number in range(1500):
        outbox.put(sound(number), now=5.0)
    assert len(outbox) == 1500
    assert outbox.dropped == 0


def test_a_long_queue_that_the_socket_takes_from_is_not_a_stall() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.put(sound(number), now=0.0)
    for number in range(500):
        now = number * 0.02
        outbox.take()
        outbox.taken(now)
        outbox.put(sound(number), now)
    assert outbox.dropped == 0


def test_even_a_burst_has_a_bound() -> None:
    outbox = Outbox()
    for number in range(MAX_BURST_SOUND + 10):
        outbox.put(sound(number % 60000), now=0.0)
    assert len(outbox) == MAX_BURST_SOUND


def test_sound_that_was_taken_back_does_not_leave() -> None:
    outbox = Outbox()
    for event in (sound(1), Commit(), sound(2), sound(3), Clear()):
        outbox.put(event, now=0.0)
    assert contents(outbox) == [sound(1), Commit(), Clear()]


def test_too_much_control_is_overfull() -> None:
    outbox = Outbox()
    for _ in range(MAX_CONTROL + 1):
        outbox.put(CreateResponse(), now=0.0)
    assert outbox.is_overfull
    assert len(outbox) == MAX_CONTROL + 1


def test_waits_grow_to_a_limit_and_start_anew() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.next_s() for _ in range(10)]
    assert waits[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert waits[-1] == LONGEST_S
    backoff.reset()
    assert backoff.next_s() == FIRST_S


@settings(deadline=None)
@given(chances=st.lists(st.floats(0, 1), max_size=50))
def test_no_wait_is_nothing_or_longer_than_the_limit(chances: list[float]) -> None:
    given_chances = iter(chances)
    backoff = Backoff(lambda: next(given_chances))
    for _ in chances:
        assert 0.1 * FIRST_S <= backoff.next_s() <= LONGEST_S
