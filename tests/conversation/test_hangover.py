"""How long a member may pause before an utterance is over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.hangover import LONGEST_MS, USUAL_MS, Hangover

pytestmark = pytest.mark.core


def test_who_was_cut_off_in_mid_sentence_gets_more_time() -> None:
    hangover = Hangover()
    hangover.ended(10.0)
    hangover.began(10.3)
    assert hangover.limit_ms == USUAL_MS + 120


def test_who_begins_anew_later_was_not_cut_off() -> None:
    hangover = Hangover()
    hangover.ended(10.0)
    hangover.began(12.0)
    assert hangover.limit_ms == USUAL_MS


def test_long_pauses_inside_an_utterance_raise_the_limit_above_them() -> None:
    hangover = Hangover()
    hangover.paused(390)
    assert hangover.limit_ms == pytest.approx(526.5)


def test_it_drifts_back_to_the_usual() -> None:
    hangover = Hangover()
    hangover.paused(600)
    for utterance in range(30):
        hangover.began(utterance * 10.0)
        hangover.ended(utterance * 10.0 + 2)
    assert hangover.limit_ms == pytest.approx(USUAL_MS, abs=5)


@given(st.lists(st.tuples(st.sampled_from(["began", "ended", "paused"]), st.floats(0, 2_000))))
@settings(deadline=None, max_examples=100)
def test_it_stays_within_its_bounds(happenings: list[tuple[str, float]]) -> None:
    hangover = Hangover()
    for what, value in happenings:
        getattr(hangover, what)(value)
        assert USUAL_MS <= hangover.limit_ms <= LONGEST_MS
