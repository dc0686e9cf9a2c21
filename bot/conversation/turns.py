"""The turn-taking of a room: all of it, on one screen.

    IDLE       nobody speaks, nothing is owed
    LISTENING  someone speaks
    THINKING   a reply was asked for; nothing of it sounds yet
    HOLDING    ... and someone speaks: what comes of the reply is held back until it is clear whether they mean it
    SPEAKING   the reply sounds
    DUCKED     ... and someone speaks over it: it sounds on, softly, until it is clear whether they mean it
    STOPPING   the reply was told to stop; how much of it was heard is not known yet

A signal without a row leaves the state alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    HOLDING = "holding"
    SPEAKING = "speaking"
    DUCKED = "ducked"
    STOPPING = "stopping"


class Signal(StrEnum):
    ONSET = "onset"  # someone begins to speak
    HUSH = "hush"  # nobody speaks any more
    ASKED = "asked"  # a reply was asked for, or the model is about to give one by itself
    SOUND = "sound"  # the first audio of a reply goes to the room
    OVER = "over"  # the reply is over: heard to its end, or it never had a sound
    CUT = "cut"  # the reply is not wanted any more: a confirmed interruption, "stop", another persona, goodbye
    STOPPED = "stopped"  # the playout is silent, and how much was heard is known


TRANSITIONS: Final[dict[tuple[State, Signal], State]] = {
    (State.IDLE, Signal.ONSET): State.LISTENING,
    (State.IDLE, Signal.ASKED): State.THINKING,
    (State.IDLE, Signal.SOUND): State.SPEAKING,
    (State.LISTENING, Signal.HUSH): State.IDLE,
    (State.LISTENING, Signal.ASKED): State.HOLDING,
    (State.THINKING, Signal.ONSET): State.HOLDING,
    (State.THINKING, Signal.SOUND): State.SPEAKING,
    (State.THINKING, Signal.OVER): State.IDLE,
    (State.THINKING, Signal.CUT): State.IDLE,
    (State.HOLDING, Signal.HUSH): State.THINKING,
    (State.HOLDING, Signal.OVER): State.LISTENING,
    (State.HOLDING, Signal.CUT): State.LISTENING,
    (State.SPEAKING, Signal.ONSET): State.DUCKED,
    (State.SPEAKING, Signal.OVER): State.IDLE,
    (State.SPEAKING, Signal.CUT): State.STOPPING,
    (State.DUCKED, Signal.HUSH): State.SPEAKING,
    (State.DUCKED, Signal.OVER): State.LISTENING,
    (State.DUCKED, Signal.CUT): State.STOPPING,
    (State.STOPPING, Signal.STOPPED): State.IDLE,
    (State.STOPPING, Signal.OVER): State.STOPPING,
}


def follow(state: State, signal: Signal) -> State:
    return TRANSITIONS.get((state, signal), state)
