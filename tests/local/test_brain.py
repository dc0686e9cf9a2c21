import asyncio
import itertools
from datetime import datetime, tzinfo
from typing import Self as ThisType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.local.brain import Brain, find_topic
from bot.local.mind import Item
from bot.local.persona import Self
from bot.local.script import TONES, script
from bot.local.talk import Said, owed, people, said

pytestmark = pytest.mark.core

YUE = Self("Xiao Yue", "en", "witty", ("okay, hear me out", "你品，你细品"))


class Noon(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> ThisType:
        return cls(2026, 3, 2, 12, 5)


def ask(
    text: str, brain: Brain | None = None, me: Self = YUE, speaker: str = "Alice", room: tuple[str, ...] = ("Alice",)
) -> str:
    return (brain or Brain(now=Noon)).reply(me, Said(speaker, text), list(room))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is your name?", "Xiao Yue"),
        ("What's your name?", "Xiao Yue"),
        ("Okay Kith, tell me a riddle please", "?"),
        ("你叫什么名字", "Xiao Yue"),
        ("what time is it", "12 oh 5 in the afternoon"),
        ("what day is it", "Monday, the 2nd of March"),
        ("几点了", "12点05分"),
        ("count to five", "One, two, three, four, five."),
        ("数到三", "一，二，三"),
    ],
)
def test_it_answers_what_it_knows(text: str, expected: str) -> None:
    assert expected in ask(text)


def test_it_answers_the_speaker_by_name_on_every_topic_that_addresses_anybody() -> None:
    for topic in script().topics:
        for tone in TONES:
            for line in topic.lines(tone):
                assert (
                    "{you}" in line or topic.name in {"greeting", "farewell", "repeat"} or "{" in line or not topic.asks
                )


def test_every_sentence_of_the_script_finds_its_own_topic() -> None:
    for sentence, topic in script().sentences.items():
        assert find_topic(sentence) is topic


def test_every_topic_says_something_complete_in_every_manner() -> None:
    for topic in script().topics:
        for tone in TONES:
            me = Self("Yue", "zh" if tone == "zh" else "en", tone)
            text = Brain(now=Noon)._say(topic, me, Said("Ben", ""), tone, ["Ben"])
            assert text, topic.name
            assert "{" not in text, (topic.name, tone, text)


def test_a_name_that_was_told_is_used_from_then_on() -> None:
    brain = Brain(now=Noon)
    assert "Bob" in ask("my name is bob", brain)
    assert "Bob" in ask("what is my name", brain)
    assert "Ben" in ask("what is my name", brain, speaker="Ben")


def test_a_riddle_waits_for_its_answer_and_counts_who_knew_it() -> None:
    brain = Brain(now=Noon)
    question = ask("tell me a riddle", brain)
    puzzle = next(one for one in script().puzzles["riddle"] if one.question in question)
    assert puzzle.hint in ask("give me a hint", brain)
    assert "one point" in ask(f"is it {puzzle.answers[0]}", brain, speaker="Ben")
    assert "Ben has 1" in ask("what is the score", brain)
    assert "not asked anything" in ask("i give up", brain)


def test_more_goes_on_with_the_last_game_and_nothing_is_told_twice_before_all_is() -> None:
    brain = Brain(now=Noon)
    jokes = [
        ask("tell me a joke" if not number else "another one", brain) for number in range(len(script().jokes["en"]))
    ]
    told = [next(joke for joke in script().jokes["en"] if joke in text) for text in jokes]
    assert len(set(told)) == len(told)


def test_brief_shortens_stories_until_asked_otherwise() -> None:
    brain = Brain(now=Noon)
    long = len(ask("tell me a story", brain))
    ask("be brief", brain)
    assert len(ask("tell me a story", brain)) < long / 2


def test_personas_answer_in_manners_of_their_own() -> None:
    answers = {ask("who are you", me=Self("X", "en", tone)) for tone in ("plain", "witty", "gentle", "bright")}
    assert len(answers) == 4


def test_a_catchphrase_comes_at_most_once_in_six_replies() -> None:
    brain = Brain(now=Noon)
    replies = [ask("tell me a fact", brain) for _ in range(18)]
    at = [index for index, reply in enumerate(replies) if "hear me out" in reply]
    assert at
    assert all(later - earlier >= 6 for earlier, later in itertools.pairwise(at))


def test_what_was_not_understood_is_told_apart_from_what_was_not_known() -> None:
    assert any(line.split(",")[0][:12] in ask("") for line in script().topic("not-caught").lines("witty"))
    assert any(line.split(",")[0][:12] in ask("zxq wvu") for line in script().topic("not-understood").lines("witty"))


def test_it_reads_itself_from_the_instructions() -> None:
    me = Self.of("Name: Quill\nLanguage: en\nManner: a quiz host, bright, with a bell\nCatchphrases: ding | 叮\n\nmore")
    assert me == Self("Quill", "en", "bright", ("ding", "叮"))
    assert Self.of("be nice") == Self()


def test_the_last_mark_names_the_speaker_and_a_typed_line_is_what_was_said() -> None:
    items = [
        Item("1", "user", "[Alice] speaks:"),
        Item("2", "user", "hello"),
        Item("3", "assistant", "Hi."),
        Item("4", "user", "[Ben] types: tell me a joke"),
    ]
    assert said(items) == [Said("Alice", "hello"), Said("Ben", "tell me a joke")]
    assert people(items) == ["Alice", "Ben"]


def test_the_host_may_ask_for_a_greeting_or_a_goodbye() -> None:
    greet = Item("1", "system", 'Greet the room briefly. In the talk: "Alice", "Ben".')
    assert said([greet]) == [Said("Alice and Ben", "", "greeting")]
    both = said([greet, Item("2", "system", "Say goodbye to the room now.")])
    assert [one.order for one in owed(both, ())] == ["farewell"]


def test_everyone_who_spoke_since_the_last_reply_is_answered_and_nobody_twice() -> None:
    brain = Brain(now=Noon)
    items = [
        Item("1", "user", "[Alice] speaks:"),
        Item("2", "user", "what time is it"),
        Item("3", "user", "[Ben] speaks:"),
        Item("4", "user", "what is my name"),
    ]
    first = asyncio.run(brain.answer("Name: Yue", items)).words
    assert "12 oh 5" in first
    assert "Alice" in first
    assert "You are Ben" in first
    items += [Item("5", "assistant", first), Item("6", "user", "[Alice] speaks:"), Item("7", "user", "roll a die")]
    second = asyncio.run(brain.answer("Name: Yue", items)).words
    assert "rolled" in second
    assert "12 oh 5" not in second


def test_what_was_not_understood_is_passed_over_when_somebody_else_was() -> None:
    items = [Item("1", "user", "[Alice] speaks:"), Item("2", "user", ""), Item("3", "user", "[Ben] types: roll a die")]
    text = asyncio.run(Brain(now=Noon).answer("Name: Yue", items)).words
    assert "Ben" in text
    assert "Alice" not in text


def test_a_stop_is_all_that_is_answered() -> None:
    items = [Item("1", "user", "[Alice] types: tell me a story"), Item("2", "user", "[Ben] types: Stop, please!")]
    assert asyncio.run(Brain(now=Noon).answer("Name: Yue", items)).words in {
        "Okay, Ben. I have stopped.",
        "All right, Ben.",
    }


def test_a_talk_begun_elsewhere_is_answered_from_its_last_reply_on() -> None:
    items = [
        Item("1", "user", "[Alice] types: what time is it"),
        Item("2", "assistant", "It is noon."),
        Item("3", "user", "[Alice] types: roll a die"),
    ]
    text = asyncio.run(Brain(now=Noon).answer("Name: Yue", items)).words
    assert "rolled" in text
    assert "12 oh 5" not in text


def test_the_speaker_may_be_named_in_the_instructions_instead() -> None:
    told = "Name: Yue\nWhoever speaks now is called: Alice\nWhoever speaks now is called: Carol"
    assert "Carol" in asyncio.run(Brain(now=Noon).answer(told, [Item("1", "user", "what is my name")])).words


def test_a_personas_own_examples_are_said_to_whoever_asks_once_a_talk() -> None:
    examples = (("Who are you?", "Quill, your host, Ben. I ask."), ("Pineapple on pizza?", "Yes. Always."))
    me = Self("Quill", "en", "bright", (), examples)
    brain = Brain(now=Noon)
    assert ask("who are you", brain, me) == "Quill, your host, Alice. I ask."
    assert ask("pineapple on pizza", brain, me) == "Yes, Alice. Always."
    assert ask("pineapple on pizza", brain, me) != "Yes, Alice. Always."


def test_examples_are_read_from_the_instructions() -> None:
    told = 'Name: Quill\n\nHow it sounds:\n- "Who are you?" → "Quill, \'the\' host."\n- "你是谁？" → "何问。"\n- broken'
    assert Self.of(told).examples == (("Who are you?", "Quill, 'the' host."), ("你是谁？", "何问。"))


def test_a_wrong_guess_is_no_answer_and_the_riddle_stays_open() -> None:
    brain = Brain(now=Noon)
    question = ask("tell me a riddle", brain)
    right = next(one for one in script().puzzles["riddle"] if one.question in question).answers[0]
    wrong = "mars" if right != "mars" else "tokyo"
    lines = script().topic("wrong-guess").lines("witty")
    assert ask(f"is it {wrong}", brain) in {line.replace("{you}", "Alice") for line in lines}
    assert "Annoyingly right" in ask(f"is it {right}", brain)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("stop please", "stop"),
        ("Hey Xiao Yue, could you tell me a joke please?", "joke"),
        ("um, okay, so what's your name", "who-are-you"),
        ("OK", "yes"),
        ("I think you should tell me a story about a bear", "story"),
        ("quiz me", "quiz"),
        ("please please", None),
        ("", None),
    ],
)
def test_courtesies_do_not_hide_what_is_meant(text: str, topic: str | None) -> None:
    found = find_topic(text, "Xiao Yue")
    assert (found.name if found else None) == topic


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(["user", "system", "assistant", "tool"]), st.text(max_size=80)), max_size=6),
    st.text(max_size=200),
)
def test_whatever_is_said_there_is_an_answer(lines: list[tuple[str, str]], instructions: str) -> None:
    items = [Item(str(number), role, text) for number, (role, text) in enumerate(lines)]
    assert asyncio.run(Brain(now=Noon).answer(instructions, items)).words
