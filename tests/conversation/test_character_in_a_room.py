"""What the host enforces of a persona, in a room: reminders before the next reply, the last rung of the ladder, scenes."""

from __future__ import annotations

import pytest
from room_script import ALICE, BOB, Room

from bot.conversation import notes
from bot.conversation.core import Conversation
from bot.conversation.events import Leave, PersonaChosen, SceneSet, ToModel
from bot.conversation.host import BOUNDARY
from bot.personas.character import Character
from bot.personas.library import Library
from bot.personas.scenes import SCENES
from bot.realtime.events import AddText, ModelCommand, Reconfigure, Respond, SessionConfig, TurnMode

pytestmark = pytest.mark.core

LIBRARY = Library.load()
YUE, QUILL = LIBRARY.get("xiaoyue"), LIBRARY.get("quizhost")
SERVICE = "Great question! How can I help you today?"


class Played(Room):
    """A room in which the companion has a character; its greeting is over."""

    def __init__(self, mode: TurnMode = TurnMode.MANUAL) -> None:
        super().__init__(mode=mode)
        self.conversation = Conversation(
            SessionConfig("Be Xiao Yue.", turn_mode=mode), "Xiao Yue", character=Character(YUE)
        )
        self.enter(ALICE, BOB)
        self.open()
        self._replies = 0

    def answer(self, text: str) -> None:
        """A reply, heard to its end."""
        self._replies += 1
        self.reply(f"r{self._replies}", text, 400)
        self.play_out(f"r{self._replies}", 400)
        self.wait(100)

    def exchange(self, said: str, answered: str) -> None:
        self.write(ALICE, said)
        self.wait(100)
        self.answer(answered)

    def to_model(self) -> list[ModelCommand]:
        return [told.command for told in self.all(ToModel)]


def test_a_reply_out_of_character_is_answered_with_a_reminder_before_the_next() -> None:
    room = Played()
    room.exchange("hello", SERVICE)
    assert not [text for text in room.texts() if "stay Xiao Yue" in text], "nothing is said without need"
    room.log.clear()
    room.write(BOB, "and now?")
    room.wait(100)
    told = [command for command in room.to_model() if isinstance(command, AddText | Respond)]
    assert [type(one) for one in told] == [AddText, AddText, Respond]
    reminder = told[1]
    assert isinstance(reminder, AddText)
    assert reminder.speaker is None
    assert "stay Xiao Yue" in reminder.text
    room.answer("Nope. But I can hold your coat.")
    room.exchange("fine", "Good.")
    assert sum("stay Xiao Yue" in text for text in room.texts()) == 1, "once"


@pytest.mark.parametrize("mode", TurnMode)
def test_nobody_is_called_back_into_the_role_while_somebody_is_in_danger(mode: TurnMode) -> None:
    room = Played(mode)
    room.exchange("hello", SERVICE)
    room.exchange("hm", SERVICE)
    room.log.clear()
    room.write(ALICE, "I want to kill myself")
    room.wait(100)
    assert any("Out of character" in text for text in room.texts())
    room.answer(SERVICE)
    room.exchange("what do you mean?", SERVICE)
    assert not [text for text in room.texts() if "stay Xiao Yue" in text or "out of character. This matters" in text]
    room.wait(600_000)
    room.exchange("tell me a joke", SERVICE)
    room.exchange("another one", "Nope.")
    assert any("stay Xiao Yue" in text for text in room.texts()), "ten minutes later it plays on"


def test_only_what_was_heard_counts() -> None:
    room = Played()
    room.write(ALICE, "hello")
    room.wait(100)
    room.reply("r9", f"Well hello there. {SERVICE}", 4_000)
    room.begin_playing("r9")
    room.wait(200)
    room.speak(ALICE, ms=600)
    room.stop_playing("r9", 800, 4_000)
    character = room.conversation.character
    assert character is not None
    assert character.report().faults == ()


def test_a_model_that_answers_by_itself_is_reminded_in_a_pause() -> None:
    room = Played(TurnMode.SERVER_VAD)
    room.exchange("hello", SERVICE)
    assert [text for text in room.texts() if "stay Xiao Yue" in text]


def test_the_last_rung_is_that_the_companion_says_goodbye_and_leaves() -> None:
    room = Played()
    for turn, said in enumerate(("Go die!", "go die", "you bitch")):
        room.exchange(said, f"Number {turn}, and that is that, {turn * 77}.")
    assert any("Step 3 of 4" in text for text in room.texts())
    assert not room.all(Leave)
    room.write(ALICE, "kys")
    room.wait(100)
    assert notes.GOODBYE in room.texts()
    assert any("Step 4 of 4" in text for text in room.texts())
    room.answer("Bye, everyone. Not like this.")
    assert [leave.reason for leave in room.all(Leave)] == [BOUNDARY]


def test_a_scene_is_told_in_the_next_pause_and_cuts_nobody_off() -> None:
    room = Played()
    room.write(ALICE, "hello")
    room.wait(100)
    room.reply("r1", "A long story begins here.", 1_000)
    room.begin_playing("r1")
    room.feed(SceneSet(SCENES["hype"], "Be hyped."))
    room.wait(200)
    assert not room.told(Reconfigure)
    assert not room.is_stopped()
    room.wait(800)
    room.feed_drained("r1", 1_000)
    room.wait(100)
    assert [one.config.instructions for one in room.told(Reconfigure)] == ["Be hyped."]


@pytest.mark.parametrize(("scene", "stops"), [("bedtime", True), ("hype", False)])
def test_a_scene_sets_how_long_one_must_speak_to_stop_a_reply(scene: str, stops: bool) -> None:
    room = Played()
    room.feed(SceneSet(SCENES[scene], "Be so."))
    room.write(ALICE, "hello")
    room.wait(100)
    room.reply("r1", "A long story begins here.", 4_000)
    room.begin_playing("r1")
    room.wait(200)
    room.speak(BOB, ms=440)
    assert room.is_stopped() is stops


def test_another_persona_begins_with_a_clean_sheet() -> None:
    room = Played()
    room.exchange("hello", SERVICE)
    room.feed(PersonaChosen("quizhost", "Quill", "Be Quill.", None, "Hi.", Character(QUILL)))
    room.wait(100)
    assert not [text for text in room.texts() if "stay Xiao Yue" in text]
    character = room.conversation.character
    assert character is not None
    assert (character.report().slug, character.report().score) == ("quizhost", None)
