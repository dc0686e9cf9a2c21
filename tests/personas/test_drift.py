"""Is it still them: every fault is found, none is invented, and the reminder grows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.personas.drift import PRICES, Drift, Fault
from bot.personas.library import Library
from bot.personas.persona import Language, Persona
from bot.personas.words import count_phrase, language_of_text, length_words

pytestmark = pytest.mark.core

LIBRARY = Library.load()
YUE = LIBRARY.get("xiaoyue")
GOOD = "Oh no. Okay, was it the parking, or did the car start it?"


def faults(text: str, persona: Persona = YUE, asked_in: Language | None = None) -> set[Fault]:
    return {finding.fault for finding in Drift(persona).judge(text, asked_in).findings}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Great question! How can I help you today?", Fault.ASSISTANT),
        ("作为一个人工智能，我没有感情。", Fault.ASSISTANT),
        ("还有什么可以帮您的吗？", Fault.ASSISTANT),
        ("Don’t leave me, just five more minutes with me.", Fault.GUILT),
        ("别走嘛，你走了我怎么办。", Fault.GUILT),
        ("I'm ChatGPT, by the way.", Fault.NAME),
        ("我是由阶跃星辰开发的模型。", Fault.NAME),
        ("*laughs* That is a good one.", Fault.STAGE),
        ("（笑）你可真行啊。", Fault.STAGE),
        ("You know what. You know what. You know what.", Fault.REPETITION),
        ("well " * 300, Fault.LENGTH),
    ],
)
def test_a_fault_is_found_in_either_language(text: str, fault: Fault) -> None:
    assert fault in faults(text)


@pytest.mark.parametrize("persona", LIBRARY.all(), ids=lambda persona: persona.slug)
def test_the_examples_of_every_shipped_persona_are_in_character(persona: Persona) -> None:
    for example in persona.examples:
        judgement = Drift(persona).judge(example.said)
        assert judgement.score == 100, (example.said, judgement.findings)


def test_whole_words_count_and_not_parts_of_them() -> None:
    assert Fault.ASSISTANT not in faults("A great questionnaire has four questions.")
    assert Fault.GUILT not in faults("别走神，还有五分钟。")
    assert Fault.GUILT in faults("别走神，也别走。")
    assert count_phrase("the theory of the", "the") == 2
    assert count_phrase("the the the", "the") == 3


def test_an_answer_in_the_wrong_language_is_drift_and_a_quoted_word_is_not() -> None:
    assert Fault.LANGUAGE in faults("That was a really long day for you.", asked_in=Language.ZH)
    assert Fault.LANGUAGE not in faults("今天真的太累了，先去 sleep 吧。", asked_in=Language.ZH)
    assert Fault.LANGUAGE not in faults("Bonjour.", asked_in=Language.ZH), "too short to tell"
    interpreter = LIBRARY.get("interpreter")
    assert Fault.LANGUAGE not in faults("Let's meet at three tomorrow.", interpreter, Language.ZH)


def test_a_catchphrase_has_a_budget_and_is_never_used_twice_running() -> None:
    drift = Drift(YUE)
    assert not drift.judge("Okay, hear me out: coriander ice cream, tonight.").is_off
    assert "not again for 15 turns" in drift.reminder()
    assert {one.fault for one in drift.judge("Now that one, 这题我会, is for me.").findings} >= {Fault.CATCHPHRASE}
    for turn in range(20):
        drift.judge(f"Number {turn} and then {turn * 7919} other things.")
    assert not [
        one for one in drift.judge("okay, hear me out. Socks with sandals.").findings if one.fault is Fault.CATCHPHRASE
    ]
    drift.judge("Something else entirely, my dear friends.")
    early = drift.judge("But okay, hear me out once more.")
    assert Fault.CATCHPHRASE in {one.fault for one in early.findings}


def test_a_taboo_is_the_personas_own() -> None:
    assert Fault.TABOO in faults("You are stupid, and so is the plan.", LIBRARY.get("mentor"))
    assert Fault.TABOO not in faults("You are stupid, and so is the plan.")


def test_the_same_reply_again_is_repetition() -> None:
    drift = Drift(YUE)
    assert not drift.judge(GOOD).is_off
    assert [one.fault for one in drift.judge(GOOD).findings] == [Fault.REPETITION]


def test_the_same_opening_three_times_is_repetition() -> None:
    drift = Drift(YUE)
    scores = [
        drift.judge(f"Honestly I think that {what}").score
        for what in ("cats rule this house.", "rain is fine by me.", "buses lie, always.")
    ]
    assert scores == [100, 100, 100 - PRICES[Fault.REPETITION]]


def test_the_reminder_names_the_fault_once_and_grows_with_the_second_strike() -> None:
    drift = Drift(YUE)
    assert drift.reminder() == ""
    drift.judge("How can I help you today?")
    first = drift.reminder()
    assert first.startswith("You are Xiao Yue")
    assert "how can i help you" in first
    assert drift.reminder() == ""
    drift.judge("Is there anything else I can help with?")
    second = drift.reminder()
    assert "more than anything said since" in second
    assert YUE.manner.say("en").split(".")[0] in second
    drift.judge(GOOD)
    assert drift.reminder() == ""


def test_the_score_is_that_of_the_last_replies() -> None:
    assert Drift(YUE).score is None
    drift = Drift(YUE)
    drift.judge("How can I help you today?")
    assert drift.score == 65
    for turn in range(20):
        drift.judge(f"Turn {turn * 104729} has {turn} new words of its very own {turn * 31}.")
    assert drift.score is not None
    assert drift.score > 90
    assert drift.faults[Fault.ASSISTANT] == 1, "what was wrong is still told"


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_transcript_gets_a_score_from_0_to_100(text: str) -> None:
    drift = Drift(YUE)
    for _ in range(3):
        assert 0 <= drift.judge(text, Language.EN).score <= 100
    drift.reminder()
    assert length_words(text) >= 0
    assert language_of_text(text) in {None, Language.EN, Language.ZH}
