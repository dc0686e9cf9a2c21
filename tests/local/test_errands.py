"""The small brain with tools: what it calls, what it makes of the answers, and what it remembers aloud."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.brain import Brain
from bot.local.errands import Errand, outcome
from bot.local.mind import Call, Item, Thought, Tool
from bot.local.script import script
from bot.local.talk import Said

pytestmark = pytest.mark.core

NAMES = ("remember", "recall", "roll_dice", "current_time", "set_timer")
TOOLS = tuple(Tool(name) for name in NAMES)
YUE = "Name: Yue\nLanguage: en\nManner: plain\n"
KNOWN = YUE + (
    "\nWhat you remember of the people here (bring it up only when it fits, never as a list):\n"
    "- Alice: Likes green tea.\n- Ben: Their dog is called Rex.\n- Alice: Lives in Lisbon.\n"
)


class Talk:
    """A session as the brain sees it: items that grow."""

    def __init__(self, instructions: str = YUE, tools: tuple[Tool, ...] = TOOLS) -> None:
        self.brain = Brain()
        self.instructions = instructions
        self.tools = tools
        self.items: list[Item] = []

    def add(self, role: str, text: str, **fields: str) -> None:
        self.items.append(Item(f"item_{len(self.items)}", role, text, **fields))

    def next(self) -> Thought:
        thought = asyncio.run(self.brain.answer(self.instructions, self.items, self.tools))
        if thought.words:
            self.add("assistant", thought.words)
        for number, call in enumerate(thought.calls):
            self.add("call", call.arguments, name=call.name, call_id=f"call_{len(self.items)}_{number}")
        return thought

    def say(self, text: str, name: str = "Alice") -> Thought:
        self.add("user", f"[{name}] types: {text}")
        return self.next()

    def answer(self, **answer: Any) -> str:
        """The open calls are answered alike; what is said then."""
        answered = {item.call_id for item in self.items if item.role == "tool"}
        for item in [item for item in self.items if item.role == "call" and item.call_id not in answered]:
            self.add("tool", json.dumps(answer), call_id=item.call_id)
        return self.next().words


def arguments(thought: Thought) -> tuple[str, dict[str, Any]]:
    [call] = thought.calls
    return call.name, json.loads(call.arguments)


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("Remember that I like green tea.", ("remember", {"about": "me", "text": "Likes green tea.", "kind": "preference"})),
        ("My dog is called Rex.", ("remember", {"about": "me", "text": "Their dog is called Rex.", "kind": "fact"})),
        ("记住我喜欢苔藓", ("remember", {"about": "me", "text": "喜欢苔藓。", "kind": "preference"})),
        ("What do you remember about me?", ("recall", {"words": "Alice"})),
        ("你还记得我吗", ("recall", {"words": "Alice"})),
        ("Roll two dice.", ("roll_dice", {"sides": 6, "count": 2})),
        ("Flip a coin.", ("roll_dice", {"sides": 2, "count": 1})),
        ("What time is it?", ("current_time", {})),
        ("Set a timer for five minutes.", ("set_timer", {"minutes": 5})),
        ("定时三分钟", ("set_timer", {"minutes": 3})),
    ],
)  # fmt: skip
def test_what_is_said_becomes_the_call_that_it_asks_for(said: str, called: tuple[str, dict[str, Any]]) -> None:
    thought = Talk().say(said)
    assert arguments(thought) == called
    assert thought.words == ""


@pytest.mark.parametrize(
    "said", ["Remember that I like moss.", "What do you remember about me?", "Roll a die.", "What time is it?"]
)
def test_without_tools_the_same_is_answered_in_words(said: str) -> None:
    thought = Talk(tools=()).say(said)
    assert thought.words
    assert not thought.calls


@pytest.mark.parametrize(
    ("result", "topic"),
    [
        ("Kept. Mention lightly that you will remember it.", "remembered-kept"),
        ("Not kept yet: the person it is about will be asked after the call.", "remembered-proposed"),
        ("Not kept: they have not agreed to be remembered.", "remembered-not-agreed"),
        ("Not kept: the room is off the record now.", "remembered-off-record"),
        ("Not kept: nothing is remembered on this server.", "remembered-off"),
        ("Not kept: there is no more room for it.", "remembered-unclear"),
    ],
)
def test_what_became_of_a_memory_is_said(result: str, topic: str) -> None:
    talk = Talk()
    talk.say("Remember that I like green tea.")
    lines = [line.replace("{you}", "Alice") for line in script().topic(topic).lines("plain")]
    assert talk.answer(result=result) in lines


def test_an_answer_is_taken_up_once_and_nothing_is_called_again() -> None:
    talk = Talk()
    talk.say("Roll a die.")
    assert "a four" in talk.answer(rolls=[4], total=4)
    assert arguments(talk.say("What time is it?")) == ("current_time", {})
    assert "3 oh 5 in the afternoon" in talk.answer(date="2026-03-02", weekday="Monday", time="15:05", zone="UTC")


def test_who_else_spoke_is_answered_with_what_came_of_the_call() -> None:
    talk = Talk()
    talk.add("user", "[Ben] types: tell me a riddle")
    thought = talk.say("Roll a die.")
    assert not thought.words
    words = talk.answer(rolls=[2], total=2)
    assert "Ben" in words
    assert "Alice" in words
    assert "a two" in words


def test_a_tool_that_failed_leaves_a_sentence() -> None:
    talk = Talk()
    talk.say("Roll a die.")
    assert talk.answer(error="the tool failed").strip()


def test_what_is_remembered_is_told_to_whom_it_is_about_only() -> None:
    mine = Talk(KNOWN).say("What do you remember about me?")
    assert "you like green tea and you live in Lisbon" in mine.words
    assert "Rex" not in mine.words
    assert "your dog is called Rex" in Talk(KNOWN).say("What do you know about me?", "Ben").words


def test_a_look_up_tells_the_speakers_own_lines() -> None:
    talk = Talk()
    talk.say("What do you remember about me?")
    lines = [{"about": "Alice", "words": "Likes moss."}, {"about": "Ben", "words": "Likes rain."}]
    words = talk.answer(remembered=lines, note="Quotations")
    assert "you like moss" in words
    assert "rain" not in words


def test_nothing_remembered_is_said_so() -> None:
    talk = Talk()
    talk.say("What do you remember about me?")
    lines = [line.replace("{you}", "Alice") for line in script().topic("nothing-remembered").lines("plain")]
    assert talk.answer(remembered=[], note="Nothing") in lines


def test_the_first_greeting_brings_up_one_thing_about_somebody_there_and_later_ones_none() -> None:
    talk = Talk(KNOWN)
    talk.add("system", 'Greet the room briefly, in one or two short sentences. In the talk: "Alice", "Carol".')
    words = talk.next().words
    assert "Still fond of green tea?" in words
    assert "Lisbon" not in words
    assert "Rex" not in words
    talk.add("system", 'Greet the room very briefly as "Yue". In the talk: "Alice".')
    assert "tea" not in talk.next().words


def test_a_greeting_says_nothing_of_who_is_not_there() -> None:
    talk = Talk(KNOWN)
    talk.add("system", 'Greet the room briefly. In the talk: "Carol".')
    words = talk.next().words
    assert "tea" not in words
    assert "Rex" not in words


def test_a_reminder_is_said_to_who_asked_for_it() -> None:
    talk = Talk()
    talk.add(
        "system", 'It is time: "Alice" asked to be reminded now. What of, in their words: "the noodles". Tell them.'
    )
    assert talk.next().words == "Alice, it is time: the noodles."


def test_a_disclosure_is_said_as_one() -> None:
    talk = Talk()
    talk.add(
        "system", "In your next words remind everybody, in one plain sentence, that you are an AI and not a person."
    )
    assert "I am an AI" in talk.next().words


def test_a_digest_is_written_and_nothing_else() -> None:
    talk = Talk("Task: digest\nYou are given the lines of a talk.")
    talk.add("system", '{"by": "Alice", "said": "I like moss."}')
    assert json.loads(talk.next().words.splitlines()[0]) == {
        "about": "Alice",
        "kind": "preference",
        "text": "Likes moss.",
    }


@given(
    st.sampled_from(NAMES),
    st.text() | st.dictionaries(st.text(), st.integers() | st.lists(st.integers())).map(json.dumps),
)
def test_whatever_a_tool_answers_there_is_something_to_say(name: str, output: str) -> None:
    errand = Errand(Call(name, "{}"), script().topic("dice"), Said("Alice", "roll"), "plain")
    assert script().topic(outcome(errand, output).topic).lines("plain")
