"""What happens in a room, and what a conversation decides to do about it.

`Conversation.handle(event, now)` takes any `Event` (also those of `bot.voice.events` and `bot.realtime.events`) and answers
with commands; `ChannelSession` performs them. A conversation never sees a socket, a task or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.personas.character import Character
from bot.personas.scenes import Scene
from bot.realtime.events import HeardItem, ModelCommand, ModelEvent, ToolSpec
from bot.voice.events import VoiceEvent


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the room. `name` is the display name, cleaned and capped; it is untrusted all the same."""

    user_id: int
    name: str
    may_hear: bool  # the member has agreed to be heard


# ---------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class MemberPresent:
    """Someone is in the channel, or agreed, or changed their name. Replaces what was known of the member."""

    member: Member


@dataclass(frozen=True, slots=True)
class MemberGone:
    user_id: int


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """From this instant nothing of the member's speech may be used: what is buffered is dropped."""

    user_id: int


@dataclass(frozen=True, slots=True)
class TextSaid:
    """A member typed to the companion (`/say`). `name` counts for one who types from outside of the channel."""

    user_id: int
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SpeechJudged:
    """The acoustic model's word on the last doubtful stretch of a member's sound."""

    user_id: int
    probability: float


@dataclass(frozen=True, slots=True)
class PersonaChosen:
    """Someone else speaks from now on; the talk goes on. `instructions` are composed already; `character` is what the host enforces of them."""

    slug: str
    name: str
    instructions: str
    voice: str | None
    greeting_hint: str = ""
    character: Character | None = None
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneSet:
    """The room does something else from now on (`None`: nothing in particular). `instructions` are composed already."""

    scene: Scene | None
    instructions: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """What may be remembered in this room has changed. `instructions` are composed already.

    With `is_withdrawn`, something that the model was told is not for somebody who is here now: its session is renewed, and what was
    said so far is neither told nor remembered there.
    """

    instructions: str
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The host's answer to `CallTool`: JSON for the model. With `wants_reply`, the model is asked to go on."""

    call_id: str
    output: str
    wants_reply: bool = True


@dataclass(frozen=True, slots=True)
class HostNote:
    """The host has something to say through the companion (a reminder, a disclosure): told in the next pause, and a reply asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first datagram of a reply has left."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlayoutDrained:
    """Everything that was written has been heard. `heard` lists the items since the last clear or drain."""

    heard: tuple[HeardItem, ...]


@dataclass(frozen=True, slots=True)
class PlayoutStopped:
    """Answer to `StopPlayout`: what had been heard until then. `heard_text` is still empty; the conversation cuts it."""

    heard: tuple[HeardItem, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """20 ms went by (not more often while nothing sounds: every 100 ms). Hangovers, timeouts and holds expire."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The call is to end: say goodbye if there is time, then leave."""

    reason: str


Event = (
    VoiceEvent
    | ModelEvent
    | MemberPresent
    | MemberGone
    | ConsentWithdrawn
    | TextSaid
    | SpeechJudged
    | PersonaChosen
    | SceneSet
    | Recalled
    | ToolAnswered
    | HostNote
    | PlayoutStarted
    | PlayoutDrained
    | PlayoutStopped
    | Tick
    | Goodbye
)

# ---------------------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class ToModel:
    command: ModelCommand


@dataclass(frozen=True, slots=True)
class Play:
    """Reply audio for the room. The shell writes it to the playout under `item_id`."""

    response_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class FinishPlay:
    """No more audio will come for this response: let the playout drain."""

    response_id: str


@dataclass(frozen=True, slots=True)
class StopPlayout:
    """Silence at the next frame. The shell answers with `PlayoutStopped`."""


@dataclass(frozen=True, slots=True)
class SetGain:
    """How loud the reply is: 1.0 as it is, 0.2 while someone speaks over it and we are not yet sure."""

    gain: float


@dataclass(frozen=True, slots=True)
class JudgeSpeech:
    """The level is doubtful: ask the acoustic model about these 16 kHz samples, off the loop; answer `SpeechJudged`."""

    user_id: int
    pcm_16k: bytes


class CaptionKind(StrEnum):
    SAID = "said"  # a member's utterance, as the model understood it
    HEARD = "heard"  # what was heard of a reply
    TYPED = "typed"


@dataclass(frozen=True, slots=True)
class Caption:
    """A line of the talk, for captions, memory and the report of a rehearsal; never for a log. Times in seconds, monotonic.

    `heard_by`: ids of the people who were in the channel, the speaker among them.
    """

    kind: CaptionKind
    speaker: str
    text: str
    started_at: float
    ended_at: float
    user_id: int | None = None
    is_cut: bool = False
    heard_by: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class TurnMeasured:
    """Latency of one turn, milliseconds: end of speech → commit → first audio → first datagram."""

    speaker: str
    endpoint_ms: float
    model_ms: float
    playout_ms: float

    @property
    def total_ms(self) -> float:
        return self.endpoint_ms + self.model_ms + self.playout_ms


@dataclass(frozen=True, slots=True)
class TellRoom:
    """A sentence for the room's text chat: a catalogue key and its values."""

    key: str
    values: tuple[tuple[str, str | int | float], ...] = ()


@dataclass(frozen=True, slots=True)
class CallTool:
    """The model calls a tool: run it off the loop's critical path, within its time, and answer `ToolAnswered`.

    `asked_by`: whose words the model was answering, as far as the host knows (`None`: nobody's); `present`: who is in the channel.
    """

    call_id: str
    name: str
    arguments: str
    asked_by: int | None
    present: frozenset[int]


@dataclass(frozen=True, slots=True)
class Leave:
    reason: str


Command = (
    ToModel
    | Play
    | FinishPlay
    | StopPlayout
    | SetGain
    | JudgeSpeech
    | Caption
    | TurnMeasured
    | TellRoom
    | CallTool
    | Leave
)
