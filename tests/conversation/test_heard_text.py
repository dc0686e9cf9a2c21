"""The words that fit the audio heard."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.heard import heard_text, spoken_ms

pytestmark = pytest.mark.core

ENGLISH = "Once upon a time, there was a very small dragon."
CHINESE = "从前有一条很小的龙，它住在山里。"
MIXED = "OK 那我们开始 the game 吧。"


@pytest.mark.parametrize(
    ("text", "share", "expected"),
    [
        (ENGLISH, 0.0, ""),
        (ENGLISH, 0.02, ""),
        (ENGLISH, 0.13, "Once"),
        (ENGLISH, 0.5, "Once upon a time, there"),
        (ENGLISH, 1.0, ENGLISH),
        (CHINESE, 0.5, "从前有一条很小"),
        (CHINESE, 0.08, "从"),
        (MIXED, 0.3, "OK 那我"),
    ],
)
def test_a_cut_follows_the_share_heard_and_falls_between_words(text: str, share: float, expected: str) -> None:
    assert heard_text(text, share * 4_000, 4_000) == expected


def test_text_that_runs_ahead_of_the_audio_is_not_taken_for_heard() -> None:
    text = ENGLISH * 5
    whole = heard_text(text, 2_000, 2_000, is_complete=False)
    assert text.startswith(whole)
    assert spoken_ms(whole) <= 2_000


@pytest.mark.parametrize(
    "text", ["cafe\u0301 noir", "家\U000e0100庭", "a\U0001f469\u200d\U0001f680b", "\U0001f1eb\U0001f1f7 x"]
)
def test_no_visible_character_is_cut_in_half(text: str) -> None:
    for heard_ms in range(0, 1_001, 5):
        cut = heard_text(text, heard_ms, 1_000)
        rest = text[len(cut) :]
        assert not rest or unicodedata.category(rest[0])[0] != "M"
        assert not cut.endswith("\u200d")
        assert not rest.startswith("\u200d")
        assert cut != "\U0001f1eb"


@given(st.text(max_size=120), st.integers(0, 10_000), st.integers(0, 10_000), st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_cut_is_a_beginning_and_grows_with_what_was_heard(
    text: str, first_ms: int, more_ms: int, is_complete: bool
) -> None:
    less = heard_text(text, first_ms, 10_000, is_complete=is_complete)
    more = heard_text(text, first_ms + more_ms, 10_000 + more_ms, is_complete=is_complete)
    assert text.startswith(less)
    assert text.startswith(more)
    if is_complete and first_ms + more_ms <= 10_000:
        assert heard_text(text, first_ms + more_ms, 10_000).startswith(less)


@given(
    st.lists(st.sampled_from(["hello", "world", "a", "dragon's", "well-known"]), min_size=1, max_size=12),
    st.floats(0, 1),
)
@settings(deadline=None, max_examples=200)
def test_a_cut_never_leaves_half_a_word(words: list[str], share: float) -> None:
    text = " ".join(words)
    assert set(heard_text(text, share * 3_000, 3_000).split()) <= set(words)
