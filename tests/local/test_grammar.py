"""The grammar and its notation: what may be said, in which words, and how they are pronounced."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.local.espeak import engine
from bot.local.grammar import Grammar, Hints, grammar, plain_lines, pronunciation, spoken_name
from bot.local.phrases import PhraseError, expand, normal, with_contractions, written
from bot.local.script import script

pytestmark = pytest.mark.core

HINTS = Hints("Xiao Yue", ("Alice", "xX_Ben_Xx"), ("Is it Canberra?", "今天加班", "What's a kith?"))


def said_by(known: Grammar, limit: int = 200_000) -> set[str]:
    """Every way through the network."""
    ways: dict[int, list[tuple[int, str | None]]] = {}
    for source, target, _, word in known.arcs:
        ways.setdefault(source, []).append((target, word))
    found: set[str] = set()
    open_ways: list[tuple[int, tuple[str, ...]]] = [(known.start, ())]
    while open_ways:
        state, words = open_ways.pop()
        if state == known.final:
            found.add(" ".join(words))
            assert len(found) < limit
        for target, word in ways.get(state, ()):
            open_ways.append((target, (*words, word) if word else words))
    return found


def test_a_phrase_stands_for_every_choice_and_with_or_without_what_may_be_left_out() -> None:
    assert expand("tell (me | us) a [good] joke") == [
        "tell me a good joke",
        "tell me a joke",
        "tell us a good joke",
        "tell us a joke",
    ]


@pytest.mark.parametrize("phrase", ["(a | b", "a]", "", "()", "a | | b"])
def test_a_phrase_that_does_not_parse_is_an_error(phrase: str) -> None:
    with pytest.raises(PhraseError):
        expand(phrase)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's your name?!", "what is your name"),
        ("I’m Ben…", "i am ben"),
        ("Don't! Can not.", "do not cannot"),
        ("OK 'quoted' A.I.", "okay quoted a i"),
        ("", ""),
    ],
)
def test_text_is_compared_in_one_normal_form(text: str, expected: str) -> None:
    assert normal(text) == expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    assert normal(normal(text)) == normal(text)


def test_captions_are_written_as_people_write() -> None:
    assert written("what is your name") == "What is your name?"
    assert written("i am an a i") == "I am an AI."
    assert written("my name is mary ann", ["mary ann"]) == "My name is Mary Ann."
    assert written("") == ""


def test_the_network_says_the_sentences_with_courtesies_around_them_and_nothing_else() -> None:
    known = grammar(HINTS)
    spoken = said_by(known)
    assert {"what's your name", "hey xiao yue what is your name", "tell me a joke please", "is it canberra"} <= spoken
    assert {"my name is xx ben xx", "call me alice", "count to twenty", "what is a kith"} <= spoken
    assert all(known.understood(words) in known.sentences for words in spoken)
    # Each sentence of the script can be heard, but for those that are marked as typed only.
    asked = {
        normal(ask) for topic in script().topics for phrase in topic.asks for ask in expand(phrase) if "<" not in ask
    }
    assert asked <= {normal(words) for words in spoken}


def test_answers_to_puzzles_are_listened_for_while_one_is_open() -> None:
    assert grammar(HINTS).understood("is it a clock") is None
    assert grammar(replace(HINTS, is_guessing=True)).understood("is it a clock") == "is it a clock"


def test_half_a_sentence_is_not_understood() -> None:
    known = grammar(HINTS)
    assert known.understood("what is your") is None
    assert known.understood("please") is None
    assert known.understood("") is None
    assert known.understood("stop please") == "stop"
    assert known.understood("hey xiao yue what's your name please") == "what is your name"


def test_every_word_of_the_network_can_be_pronounced() -> None:
    known = grammar(HINTS)
    assert {word for *_, word in known.arcs if word} <= known.words
    for word in ("xiao", "yue", "zbigniew", "kith"):
        phones = pronunciation(word, engine().phonemes)
        assert phones.split(), word
        assert set(phones.split()) <= {
            *[
                "AA",
                "AE",
                "AH",
                "AO",
                "AW",
                "AY",
                "B",
                "CH",
                "D",
                "DH",
                "EH",
                "ER",
                "EY",
                "F",
                "G",
                "HH",
                "IH",
                "IY",
                "JH",
                "K",
                "L",
                "M",
                "N",
                "NG",
                "OW",
                "OY",
                "P",
                "R",
                "S",
                "SH",
                "T",
                "TH",
                "UH",
                "UW",
                "V",
                "W",
                "Y",
                "Z",
                "ZH",
            ]
        }


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40))
def test_a_display_name_becomes_words_or_nothing(name: str) -> None:
    spoken = spoken_name(name)
    assert len(spoken.split()) <= 3
    assert spoken.replace(" ", "").replace("'", "").isalpha() or not spoken
    for word in spoken.split():
        pronunciation(word, engine().phonemes)


def test_lines_that_ears_cannot_hold_are_left_out() -> None:
    assert plain_lines(["今天加班", "Is it Canberra?", "", "word " * 20]) == ("is it canberra",)


def test_what_people_contract_can_be_heard_both_ways() -> None:
    assert set(expand(with_contractions("what is it"))) == {"what is it", "what's it"}
