"""A room that is running out of what the day gives: it winds down, it ends, and one member's share is not another's."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room_script import ALICE, BOB, CAROL, NAMES, VALUES, Room, values

from bot.audio.frame import pcm_ms
from bot.conversation.budget import WINDING_DOWN, Budget, Caps, Spent, Used
from bot.conversation.core import Conversation
from bot.conversation.events import Leave, TellRoom
from bot.conversation.prices import Prices
from bot.conversation.turns import State
from bot.errors import ModelFault
from bot.realtime.events import (
    AddText,
    AppendAudio,
    Interrupt,
    ModelLost,
    ModelReady,
    ReplyDone,
    ReplyStarted,
    Respond,
    SessionConfig,
    TurnMode,
    UtteranceTranscribed,
)

pytestmark = pytest.mark.core

DAY = date(2026, 11, 21)
MIDNIGHT = 9_000.0
"""The room's clock begins at 1 000 s."""


class ThriftyRoom(Room):
    """A room with a budget."""

    def __init__(
        self, caps: Caps, *used: tuple[int, float], mode: TurnMode = TurnMode.MANUAL, ends_at: float = MIDNIGHT
    ) -> None:
        super().__init__(mode=mode)
        spent = Spent(DAY, {user_id: Used(seconds * 1000) for user_id, seconds in used})
        self.budget = Budget(caps, Prices(1.5, 0.3, 10.0), spent, ends_at)
        config = SessionConfig("Be Kith.", turn_mode=mode)
        self.conversation = Conversation(config, "Kith", greeting_hint="Be warm.", budget=self.budget)

    def come(self, *user_ids: int) -> None:
        """They are here, the model is too, and has greeted."""
        self.enter(*user_ids)
        self.open()

    def told_room(self, key: str) -> list[TellRoom]:
        return [told for told in self.all(TellRoom) if told.key == key]

    def left(self) -> list[str]:
        return [leave.reason for leave in self.all(Leave)]

    def heard_ms(self) -> float:
        return sum(pcm_ms(len(one.pcm), 24_000) for one in self.told(AppendAudio))

    def voices(self) -> set[int]:
        """The sample values of everything that went to the model."""
        return set().union(*(values(one.pcm) for one in self.told(AppendAudio)))

    def talk(self, user_id: int, response_id: str, ms: int = 2_000) -> None:
        """An utterance, and its reply heard to the end."""
        self.say(user_id, ms=600)
        self.reply(response_id, "Quite so.", ms)
        self.play_out(response_id, ms)


# ---------------------------------------------------------------------------- the guild's day


def test_below_nine_tenths_nobody_speaks_of_it() -> None:
    room = ThriftyRoom(Caps(guild_seconds=1_000), (BOB, 800))
    room.come(ALICE)
    room.talk(ALICE, "r1")
    assert not any(WINDING_DOWN in text for text in room.texts())
    assert room.all(TellRoom) == []
    assert room.left() == []


def test_at_nine_tenths_the_next_reply_winds_down_and_the_room_is_told_once() -> None:
    room = ThriftyRoom(Caps(guild_seconds=1_000), (BOB, 899))
    room.come(ALICE)
    for turns in range(3):
        room.talk(ALICE, f"r{turns}")
    told = [one for one in room.told(AddText) if WINDING_DOWN in one.text]
    assert len(told) == 1
    assert told[0].speaker is None
    commands = room.told(AddText | Respond)  # type: ignore[arg-type]
    assert isinstance(commands[commands.index(told[0]) + 1], Respond | AddText)
    assert commands.index(told[0]) < next(at for at, one in enumerate(commands) if isinstance(one, Respond))
    (sentence,) = room.told_room("budget-winding-down")
    assert dict(sentence.values)["percent"] in {89, 90}
    assert room.left() == []


def test_at_the_cap_the_room_is_told_and_the_call_ends_when_the_last_reply_was_heard() -> None:
    room = ThriftyRoom(Caps(guild_seconds=1_000), (BOB, 998))
    room.come(ALICE)
    room.say(ALICE, ms=600)
    assert room.replies_asked() == 1
    room.reply("last", "It was lovely.", 3_000)
    assert room.left() == []
    room.play_out("last", 3_000)
    assert len(room.told_room("budget-spent")) == 1
    assert room.left() == ["budget"]
    assert room.budget.spent.guild.ms < 1_000_000 + 3_000


def test_who_reaches_the_cap_by_talking_ends_the_call_without_a_reply() -> None:
    room = ThriftyRoom(Caps(guild_seconds=100), (BOB, 98))
    room.come(ALICE)
    room.speak(ALICE, ms=8_000)
    assert room.replies_asked() == 0
    assert room.left() == ["budget"]
    assert room.budget.spent.guild.ms <= 100_500


def test_a_typed_question_is_not_answered_beyond_the_cap() -> None:
    room = ThriftyRoom(Caps(guild_seconds=100), (BOB, 100))
    room.enter(ALICE)
    room.feed(ModelReady("s1", TurnMode.MANUAL))
    room.write(ALICE, "Are you there?")
    room.wait(200)
    assert room.replies_asked() == 0
    assert room.left() == ["budget"]


# ---------------------------------------------------------------------------- a member's day


def test_a_member_over_their_cap_is_not_streamed_while_others_are() -> None:
    room = ThriftyRoom(Caps(guild_seconds=10_000, member_seconds=60), (ALICE, 60))
    room.come(ALICE, BOB)
    room.say(ALICE, ms=2_000)
    room.say(BOB, ms=1_000)
    room.speak(ALICE, BOB, ms=600)
    room.wait(1_000)
    assert VALUES[BOB] in room.voices()
    assert VALUES[ALICE] not in room.voices()
    (sentence,) = room.told_room("budget-member-spent")
    assert dict(sentence.values)["name"] == NAMES[ALICE]
    assert room.left() == []


def test_a_member_who_reaches_their_cap_in_mid_sentence_is_heard_until_there() -> None:
    room = ThriftyRoom(Caps(guild_seconds=10_000, member_seconds=60), (ALICE, 58))
    room.come(ALICE, BOB)
    room.speak(ALICE, ms=6_000)
    assert 1_500 < room.heard_ms() <= 2_500
    room.wait(1_000)
    assert room.replies_asked() == 1  # to what was heard
    assert room.budget.spent.of(ALICE).ms <= 60_500


def test_what_a_member_over_their_cap_types_is_refused_with_a_word() -> None:
    room = ThriftyRoom(Caps(guild_seconds=10_000, member_seconds=60), (ALICE, 60))
    room.come(ALICE, BOB)
    room.write(ALICE, "Then I shall write.")
    room.wait(200)
    assert room.replies_asked() == 0
    assert not any("Then I shall write." in text for text in room.texts())
    assert room.told_room("budget-member-spent")


def test_a_member_over_their_cap_does_not_interrupt() -> None:
    room = ThriftyRoom(Caps(guild_seconds=10_000, member_seconds=60), (ALICE, 60))
    room.come(ALICE, BOB)
    room.say(BOB)
    room.reply("r1", "A long story.", 8_000)
    room.begin_playing("r1")
    room.speak(ALICE, ms=2_000)
    assert not room.is_stopped()


def test_with_another_day_they_are_heard_again() -> None:
    room = ThriftyRoom(Caps(guild_seconds=10_000, member_seconds=60), (ALICE, 60), ends_at=1_010.0)
    room.come(ALICE, BOB)
    room.say(ALICE)
    assert VALUES[ALICE] not in room.voices()
    room.now = 1_010.0
    room.say(ALICE)
    assert VALUES[ALICE] in room.voices()


# ---------------------------------------------------------------------------- what is counted


def test_what_is_counted_is_what_went_to_the_model_and_what_came_of_it() -> None:
    room = ThriftyRoom(Caps())
    room.come(ALICE, BOB)
    greeted_ms = room.budget.spent.of(0).ms
    room.talk(ALICE, "r1", ms=2_000)
    room.talk(BOB, "r2", ms=1_000)
    entries = {entry.user_id: entry for entry in room.budget.take_entries()}
    assert greeted_ms == 400  # the greeting was nobody's question
    assert entries[ALICE].heard_ms + entries[BOB].heard_ms == room.heard_ms()
    assert (entries[ALICE].spoken_ms, entries[BOB].spoken_ms) == (2_000, 1_000)
    assert (entries[ALICE].replies, entries[BOB].replies, entries[0].replies) == (1, 1, 1)
    assert all(entry.cost_micros > 0 for entry in entries.values())


def test_a_reply_that_was_cut_off_counts_as_far_as_the_model_gave_it() -> None:
    room = ThriftyRoom(Caps())
    room.come(ALICE)
    room.say(ALICE)
    room.reply("r1", "A long story,", 4_000, is_done=False)
    room.reply("r1", " as they go.", 1_000, is_done=False, is_announced=False)
    room.begin_playing("r1")
    room.speak(ALICE, ms=1_000)
    room.stop_playing("r1", 900, 5_000)
    room.feed(ReplyDone("r1", "cancelled"))
    assert [entry.spoken_ms for entry in room.budget.take_entries() if entry.user_id == ALICE] == [5_000]


def test_a_reply_that_was_taken_back_before_it_began_costs_nothing() -> None:
    room = ThriftyRoom(Caps())
    room.come(ALICE)
    room.say(ALICE)
    assert room.replies_asked() == 1
    assert room.budget.held.ms > 0
    room.speak(ALICE, ms=1_000)  # goes on speaking, and means it
    assert room.budget.held == Used()


def test_a_reply_that_words_took_back_before_it_began_costs_nothing_either() -> None:
    room = ThriftyRoom(Caps(guild_seconds=1_000))
    room.come(ALICE)
    room.say(ALICE, ms=600)
    room.feed(UtteranceTranscribed("i", "I want to kill myself.", "Alice"))
    room.wait(100)
    assert len(room.told(Interrupt)) == 1
    assert room.replies_asked() == 2
    room.reply("care", "I am here.", 1_000)
    room.play_out("care", 1_000)
    assert room.budget.held.ms == 0


def test_nothing_is_reserved_when_the_model_is_lost_or_fails() -> None:
    room = ThriftyRoom(Caps())
    room.come(ALICE)
    room.say(ALICE)
    room.feed(ModelLost(ModelFault.UNREACHABLE, 1.0))
    assert room.budget.held == Used()
    room.feed(ModelReady("s2", TurnMode.MANUAL))
    room.wait(100)
    assert room.replies_asked() == 2
    room.feed(ReplyDone("", "failed"))
    assert room.budget.held == Used()


def test_a_model_that_answers_by_itself_is_counted_and_stopped_too() -> None:
    room = ThriftyRoom(Caps(guild_seconds=100), (BOB, 97), mode=TurnMode.SERVER_VAD)
    room.come(ALICE)
    room.say(ALICE)
    room.reply("r1", "Quite so.", 3_000)
    room.play_out("r1", 3_000)
    assert room.budget.held == Used()
    assert room.left() == ["budget"]


# ---------------------------------------------------------------------------- any talk

acts = st.lists(
    st.sampled_from(["say", "say", "interrupt", "over", "cancel", "lose", "type", "wait"]), min_size=1, max_size=14
)


@settings(max_examples=60, deadline=None)
@given(acts, st.integers(5, 60), st.none() | st.integers(3, 30), st.integers(200, 6_000))
def test_whatever_happens_the_cap_is_exceeded_by_one_reply_at_most_and_nothing_stays_reserved(
    what: list[str], guild_s: int, member_s: int | None, reply_ms: int
) -> None:
    room = ThriftyRoom(Caps(guild_seconds=guild_s, member_seconds=member_s))
    room.come(ALICE, BOB, CAROL)
    for at, act in enumerate(what):
        user_id = (ALICE, BOB, CAROL)[at % 3]
        asked, reply_id = room.replies_asked(), f"r{at}"
        if act == "type":
            room.write(user_id, "And now?")
        elif act == "over":
            room.speak(*(ALICE, BOB), ms=800)
            room.wait(1_200)
        elif act != "wait":
            room.say(user_id)
        if act == "lose":
            room.feed(ModelLost(ModelFault.UNREACHABLE, 1.0))
            room.feed(ModelReady(f"s{at}", TurnMode.MANUAL))
            room.wait(200)
        if act == "cancel" and room.conversation.state is State.THINKING:
            room.speak(user_id, ms=1_000)  # means it, before a word was said
            room.wait(1_000)
        if room.left():
            break
        if room.replies_asked() > asked:
            answer(room, reply_id, reply_ms, is_interrupted=act == "interrupt", by=user_id)
        room.wait(400)
    while room.conversation.state is State.THINKING and not room.left():
        answer(room, "end", reply_ms, is_interrupted=False, by=ALICE)
    assert room.budget.held == Used()
    assert room.budget.spent.held == Used()
    assert room.budget.spent.guild.ms <= guild_s * 1000 + 3_000 + reply_ms  # what waited for its turn, and the reply


def answer(room: ThriftyRoom, reply_id: str, ms: int, *, is_interrupted: bool, by: int) -> None:
    room.feed(ReplyStarted(reply_id))
    room.reply(reply_id, "Quite so.", ms, is_done=not is_interrupted, is_announced=False)
    if is_interrupted:
        room.begin_playing(reply_id)
        room.speak(by, ms=700)
        room.stop_playing(reply_id, min(700, ms), ms)
        room.feed(ReplyDone(reply_id, "cancelled"))
        room.wait(1_000)
    else:
        room.play_out(reply_id, ms)
