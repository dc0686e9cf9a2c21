"""A long call hears again that it talks with an AI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.disclosure import DISCLOSURE_NOTE, EVERY_S, Disclosure

pytestmark = pytest.mark.core


def test_three_hours_after_the_first_time_it_is_said_again_and_every_three_hours_after() -> None:
    disclosure = Disclosure()
    assert not disclosure.due(100.0), "the notice at join was the first time"
    assert not disclosure.due(100.0 + EVERY_S - 1)
    assert disclosure.due(100.0 + EVERY_S)
    assert not disclosure.due(100.0 + EVERY_S + 1), "it was said"
    assert disclosure.due(100.0 + 2 * EVERY_S)


def test_a_call_that_was_not_looked_at_for_long_hears_it_once() -> None:
    disclosure = Disclosure()
    disclosure.due(0.0)
    assert disclosure.due(10 * EVERY_S)
    assert not disclosure.due(10 * EVERY_S + 1)


@given(st.lists(st.floats(0, 4_000), max_size=200))
def test_it_is_never_said_twice_within_three_hours_nor_later_than_the_first_look_after(steps: list[float]) -> None:
    disclosure, now, last = Disclosure(), 0.0, 0.0
    disclosure.due(now)
    for step in steps:
        now += step
        is_due = disclosure.due(now)
        assert is_due == (now - last >= EVERY_S)
        last = now if is_due else last


def test_the_note_says_ai_and_asks_for_one_sentence() -> None:
    assert "you are an AI" in DISCLOSURE_NOTE
    assert "one plain" in DISCLOSURE_NOTE
