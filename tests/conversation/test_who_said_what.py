"""Whoever speaks whenever: every byte that reaches the model is of the member it is attributed to, and of nobody who has not agreed."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room_script import ALICE, BOB, CAROL, NAMES, VALUES, Room, values, voice

from bot.audio.frame import FRAME_SAMPLES
from bot.conversation.events import ConsentWithdrawn, Event, MemberGone, ToModel
from bot.errors import ModelFault
from bot.realtime.events import AppendAudio, DiscardAudio, ModelLost, ModelReady, TurnMode, TurnModeChanged
from bot.voice.events import SpeakerFrame

pytestmark = pytest.mark.core

MEMBERS = (ALICE, BOB, CAROL)
VALUE_OF = {NAMES[user_id]: VALUES[user_id] for user_id in MEMBERS}

stretches = st.lists(
    st.tuples(st.sets(st.sampled_from(MEMBERS)), st.integers(10, 60), st.booleans()), min_size=1, max_size=12
)
happenings = st.lists(
    st.tuples(
        st.sampled_from(
            ["speak", "speak", "speak", "pause", "withdraw", "agree", "leave", "come", "lose", "ready", "switch"]
        ),
        st.sampled_from(MEMBERS),
        st.integers(1, 50),
    ),
    min_size=1,
    max_size=25,
)


def opened() -> Room:
    room = Room()
    room.enter(ALICE, BOB)
    room.enter(CAROL, may_hear=False)
    room.open()
    return room


@given(stretches)
@settings(deadline=None, max_examples=60)
def test_every_utterance_holds_the_sound_of_its_speaker_alone_and_all_of_it(
    plan: list[tuple[set[int], int, bool]],
) -> None:
    room = opened()
    spoken: dict[int, int] = defaultdict(int)
    for speakers, frames, has_pause in plan:
        for _ in range(frames):
            room.step(*speakers)
        for user_id in speakers:
            spoken[user_id] += frames
        if has_pause:
            room.pause(*MEMBERS)
            room.wait(1_200)
    room.pause(*MEMBERS)
    room.wait(3_000)
    samples: dict[str, int] = defaultdict(int)
    for speaker, pcm in room.utterances():
        assert values(pcm) <= {VALUE_OF[speaker]}
        samples[speaker] += pcm.count(VALUE_OF[speaker].to_bytes(2, "little"))
    assert samples == {NAMES[user_id]: spoken[user_id] * FRAME_SAMPLES for user_id in (ALICE, BOB) if spoken[user_id]}
    assert room.conversation.dropped_ms == 0
    assert room.conversation.frames_refused == spoken[CAROL]


class Unruly(Room):
    """A room where anything happens to anybody. `agreed`: who may be heard at this moment."""

    def __init__(self, mode: TurnMode) -> None:
        super().__init__(mode=mode)
        self.agreed = {ALICE: True, BOB: True, CAROL: False}
        for user_id in MEMBERS:
            self.enter(user_id, may_hear=self.agreed[user_id])
        self.open()

    def happen(self, what: str, user_id: int, frames: int) -> None:
        match what:
            case "speak":
                self.speak(user_id, ms=frames * 20)
            case "pause":
                self.pause(user_id)
                self.wait(frames * 20)
            case "withdraw":
                self.agreed[user_id] = False
                self.feed(ConsentWithdrawn(user_id))
            case "agree" | "come":
                self.agreed[user_id] = self.agreed[user_id] or what == "agree"
                self.enter(user_id, may_hear=self.agreed[user_id])
            case "leave":
                self.feed(MemberGone(user_id))
            case _:
                self.disturb(what)

    def disturb(self, what: str) -> None:
        now = self.conversation.turn_mode
        other = {TurnMode.MANUAL: TurnMode.SERVER_VAD, TurnMode.SERVER_VAD: TurnMode.MANUAL}[now]
        events: dict[str, Event] = {
            "lose": ModelLost(ModelFault.CLOSED, 0.5),
            "ready": ModelReady("again", now),
            "switch": TurnModeChanged(other),
        }
        self.feed(events[what])
        if what == "lose":  # what it had of an utterance is gone with the session
            self.log.append((self.now, ToModel(DiscardAudio())))


@given(happenings, st.sampled_from(list(TurnMode)))
@settings(deadline=None, max_examples=150)
def test_nothing_of_a_member_who_has_not_agreed_reaches_the_model_whatever_happens(
    plan: list[tuple[str, int, int]], mode: TurnMode
) -> None:
    room = Unruly(mode)
    for what, user_id, frames in plan:
        before = len(room.log)
        room.happen(what, user_id, frames)
        for _, command in room.log[before:]:
            if not isinstance(command, ToModel) or not isinstance(command.command, AppendAudio):
                continue
            told = command.command
            heard = {name for name, value in VALUE_OF.items() if value in values(told.pcm)}
            assert not heard & {NAMES[user_id] for user_id in MEMBERS if not room.agreed[user_id]}
            assert len(heard) <= 1
            assert told.speaker is None or heard <= {told.speaker}
    for speaker, pcm in room.utterances():
        assert values(pcm) <= {VALUE_OF[speaker]}


def test_a_frame_of_nobody_we_know_is_refused() -> None:
    room = opened()
    room.feed(SpeakerFrame(999, voice(ALICE)))
    assert room.conversation.frames_refused == 1
