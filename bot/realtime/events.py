"""What can be said to a speech model, and what it can say back.

Three vocabularies, from the room to the wire:

- `ModelCommand` / `ModelEvent`: between a conversation and a `Session`: utterances, replies, interruptions.
- `ClientEvent` / `ServerEvent`: between a `Session` and a `Dialect`: the realtime protocols' own notions (items, responses,
  buffers) with no vendor's spelling.
- Strings: between a `Dialect` and the socket.

PCM is s16le mono at the session's rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.errors import ModelFault


class TurnMode(StrEnum):
    """Who decides that a turn is over (DESIGN D4)."""

    MANUAL = "manual"  # the host commits utterances and creates responses
    SERVER_VAD = "server_vad"  # the model's own detection does both


class Attribution(StrEnum):
    """How the model learns who speaks."""

    ITEM = "item"  # a short text item before each committed utterance
    INSTRUCTIONS = "instructions"  # the current speaker's name at the end of the instructions


class Unheard(StrEnum):
    """What is done about the unheard rest of an interrupted reply where the provider cannot truncate."""

    RECREATE = "recreate"  # delete the item, create one with the heard words
    NOTE = "note"  # leave the item, add a note of what was heard


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function the model may call. `parameters` is a JSON Schema object.

    With `is_built_in` it is the model's own, run where the model runs: only for one whose capabilities say so, and never called here.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    is_built_in: bool = False


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a session is told about itself. Rates are in Hz."""

    instructions: str
    voice: str | None = None
    turn_mode: TurnMode = TurnMode.MANUAL
    tools: tuple[ToolSpec, ...] = ()
    input_rate_hz: int = 24_000
    output_rate_hz: int = 24_000
    is_text_only: bool = False
    """Answers are written, not spoken, where the provider can; elsewhere their sound is simply not used."""


# ---------------------------------------------------------------------------- conversation → session


@dataclass(frozen=True, slots=True)
class HeardItem:
    """How much of one reply item the room heard: milliseconds of audio, and the words that fit into them."""

    item_id: str
    heard_ms: float
    total_ms: float
    heard_text: str


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Sound of the floor holder (manual mode), or of the open microphone (server_vad mode).

    `speaker` (a cleaned display name) attributes it in server_vad mode, where the host commits nothing; a commit names its own.
    """

    pcm: bytes
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class DiscardAudio:
    """What was appended since the last commit was no utterance.

    With a `speaker`, that member may not be heard any more: whatever of theirs has not left this process is dropped too, committed or not.
    """

    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class CommitUtterance:
    """What was appended since the last commit is one utterance of `speaker` (a cleaned display name)."""

    speaker: str


@dataclass(frozen=True, slots=True)
class AddText:
    """Text that joins the talk: typed by `speaker`, or by nobody (`None`: a note from the host, a system item)."""

    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer now, or as soon as the response in flight is done and the cap of responses a minute allows it."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop generating; keep of the items what was heard."""

    heard: tuple[HeardItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """New instructions, voice, tools or turn mode. A voice that may not change any more starts a fresh session."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class AnswerTool:
    call_id: str
    output: str


ModelCommand = AppendAudio | DiscardAudio | CommitUtterance | AddText | Respond | Interrupt | Reconfigure | AnswerTool

# ---------------------------------------------------------------------------- session → conversation


@dataclass(frozen=True, slots=True)
class ModelReady:
    """A session is open and configured. `is_new` after a reconnection too: the model remembers nothing."""

    session_id: str
    turn_mode: TurnMode
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    response_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """The next words of a reply's transcript (never cumulative)."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """`status`: completed, cancelled, failed or incomplete. `usage` as the provider counts it, if it does."""

    response_id: str
    status: str
    usage: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UtteranceTranscribed:
    """What the model understood of a committed utterance. `speaker` is whom it was attributed to."""

    item_id: str
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCalled:
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelHearsSpeech:
    """The model's own detection noticed that speech began (server_vad)."""


@dataclass(frozen=True, slots=True)
class ModelHearsSilence:
    """The model's own detection noticed that speech ended (server_vad); a response may come by itself."""


@dataclass(frozen=True, slots=True)
class TurnModeChanged:
    """The server showed that its own detection is on, or we were told to switch: utterances are driven this way now."""

    turn_mode: TurnMode


@dataclass(frozen=True, slots=True)
class ModelLost:
    """The socket is gone; a new one is being opened in `retry_in_s` seconds. The reply in flight is over."""

    fault: ModelFault
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """There will be no model with these settings. Said once, plainly, to the room and the operator."""

    fault: ModelFault


ModelEvent = (
    ModelReady
    | ReplyStarted
    | ReplyAudio
    | ReplyWords
    | ReplyDone
    | UtteranceTranscribed
    | ToolCalled
    | ModelHearsSpeech
    | ModelHearsSilence
    | TurnModeChanged
    | ModelLost
    | ModelFailed
)

# ---------------------------------------------------------------------------- session ↔ dialect


@dataclass(frozen=True, slots=True)
class Item:
    """A conversation item as a client can create it. `role` is user, system or assistant (assistant: text only)."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    config: SessionConfig


@dataclass(frozen=True, slots=True)
class Append:
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    pass


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class CreateItem:
    item: Item


@dataclass(frozen=True, slots=True)
class CreateToolOutput:
    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class DeleteItem:
    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class CreateResponse:
    pass


@dataclass(frozen=True, slots=True)
class CancelResponse:
    pass


ClientEvent = (
    Configure
    | Append
    | Commit
    | Clear
    | CreateItem
    | CreateToolOutput
    | DeleteItem
    | TruncateItem
    | CreateResponse
    | CancelResponse
)


@dataclass(frozen=True, slots=True)
class SessionCreated:
    session_id: str


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """`turn_detection_on`: what the server echoes of its own detection, if it says."""

    turn_detection_on: bool | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    item_id: str


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    item_id: str


@dataclass(frozen=True, slots=True)
class Committed:
    item_id: str


@dataclass(frozen=True, slots=True)
class Cleared:
    pass


@dataclass(frozen=True, slots=True)
class ItemCreated:
    """`kind` is message, function_call or function_call_output."""

    item_id: str
    kind: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    item_id: str


@dataclass(frozen=True, slots=True)
class InputTranscript:
    """`text` is the whole transcript so far, also where the vendor sends pieces."""

    item_id: str
    text: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    response_id: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    response_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """`is_written`: the model writes instead of speaking; these are no words of a sound."""

    response_id: str
    item_id: str
    text: str
    is_written: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    response_id: str
    item_id: str
    text: str
    is_written: bool = False


@dataclass(frozen=True, slots=True)
class FunctionCalled:
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    response_id: str
    status: str
    usage: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


class ErrorKind(StrEnum):
    """What an error event asks of the session. Dialects match their vendor's texts and codes onto these."""

    BUSY = "busy"  # a response is in flight already: queue
    NOTHING_TO_CANCEL = "nothing_to_cancel"  # benign
    SERVER_VAD_ON = "server_vad_on"  # the server decides turns: switch
    NOTHING_TO_COMMIT = "nothing_to_commit"
    EMPTY_CONVERSATION = "empty_conversation"  # add an item before a response
    VOICE_REFUSED = "voice_refused"  # fall back to the documented default
    UNKNOWN_ITEM = "unknown_item"
    UNSUPPORTED = "unsupported"  # the server does not know this event (for example truncation)
    RATE_LIMITED = "rate_limited"
    TRANSIENT = "transient"  # try the turn again
    FATAL = "fatal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ProviderError:
    """An `error` event; the session stays open unless it is FATAL. `message` may be logged: it holds no speech."""

    kind: ErrorKind
    message: str
    code: str = ""
    fault: ModelFault | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and of no consequence here (thinking, rate limits, content parts)."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not what the protocol allows: counted, never fatal. `reason` quotes no content."""

    reason: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | Committed
    | Cleared
    | ItemCreated
    | ItemDeleted
    | ItemTruncated
    | InputTranscript
    | ResponseCreated
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | FunctionCalled
    | ResponseDone
    | ProviderError
    | Ignored
    | Malformed
)
