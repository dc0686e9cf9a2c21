"""StepFun's realtime dialect: OpenAI's beta event names, a flat session object, and habits of its own.

A session goes like this: the server opens with `session.created`; we answer `session.update` and wait for `session.updated`;
then `input_audio_buffer.append` streams sound. With `turn_detection: null` we say `clear`, `append`*, `commit`, `response.create`;
with a `server_vad` object the server does the last two. A reply is `response.created`, audio and transcript deltas, `response.done`.

The habits: client-made ids are ignored and never echoed, so nothing here sends one; transcription comes unasked and its deltas are
cumulative; function-call deltas carry their text in `arguments`; errors are known by their wording, since `code` is often empty;
samples in the vendor's pages mislabel events and omit fields, so every field but `type` may be missing.
Pages: platform.stepfun.com/docs/zh/api-reference/realtime/chat and /guides/developer/realtime.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import pybase64

from bot.errors import ModelFault
from bot.realtime.dialect import MESSAGE_LIMIT_BYTES, Capabilities, ConnectOptions, ConnectRequest
from bot.realtime.events import (
    Append,
    AudioDelta,
    AudioDone,
    CancelResponse,
    Clear,
    Cleared,
    ClientEvent,
    Commit,
    Committed,
    Configure,
    CreateItem,
    CreateResponse,
    CreateToolOutput,
    DeleteItem,
    ErrorKind,
    FunctionCalled,
    Ignored,
    InputTranscript,
    Item,
    ItemCreated,
    ItemDeleted,
    ItemTruncated,
    Malformed,
    ProviderError,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    ToolSpec,
    TranscriptDelta,
    TranscriptDone,
    TruncateItem,
    TurnMode,
)

# ---------------------------------------------------------------------------- who speaks this dialect


@dataclass(frozen=True, slots=True)
class Service:
    """A place where this dialect is spoken. `default_voice` of `None` leaves the choice to the server."""

    name: str
    url: str
    model: str
    default_voice: str | None
    capabilities: Capabilities


STEPFUN: Final = Service(
    name="stepfun",
    url="wss://api.stepfun.com/v1/realtime",
    model="stepaudio-2.5-realtime",
    default_voice="linjiajiejie",
    # 24 kHz is what the vendor's samples and most clients use; one shipping client sends 16 kHz, and the reference is silent.
    capabilities=Capabilities(
        input_rates_hz=(24_000, 16_000), output_rates_hz=(24_000, 16_000), session_s=30 * 60.0, built_in_search=True
    ),
)
LOCAL: Final = Service(
    name="local",
    url="ws://127.0.0.1:8765",
    model="local",
    default_voice=None,
    capabilities=Capabilities(voice_locks=False),
)

# The same voices under the names of the two regions (.com and .ai).
_VOICE_PAIRS: Final = {
    "yuanqishaonv": "lively-girl",
    "youyanvsheng": "elegantgentle-female",
    "shuangkuaijiejie": "livelybreezy-female",
    "cixingnansheng": "magnetic-voiced-male",
    "ruyananshi": "soft-spoken-gentleman",
    "yuanqinansheng": "vibrant-youth",
}
_VOICES_AT_HOME: Final = {abroad: home for home, abroad in _VOICE_PAIRS.items()}
_DEFAULT_VOICE_ABROAD: Final = "lively-girl"

# step-audio-2-mini knows two voices, and its instructions must end with the sentence that belongs to the voice.
_MINI_LAST_SENTENCE: Final = {
    "qingchunshaonv": "请使用默认女声与用户交流",
    "wenrounansheng": "请使用默认男声与用户交流",
}
_STEP_AUDIO_2_DEFAULT_VOICE: Final = "qingchunshaonv"

# The documented default of `silence_duration_ms` is 100, which ends a turn at every breath; clients in use have 400 to 800.
_SERVER_VAD: Final = {
    "type": "server_vad",
    "prefix_padding_ms": 500,
    "silence_duration_ms": 500,
    "energy_awakeness_threshold": 2500,
}

# ---------------------------------------------------------------------------- what it says


class _Named(msgspec.Struct):
    type: str


class _AudioDelta(msgspec.Struct):
    delta: str
    response_id: str | None = None
    item_id: str | None = None


class _Session(msgspec.Struct):
    id: str | None = None
    turn_detection: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET


class _Item(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    role: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    status: str | None = None
    status_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None


class _Error(msgspec.Struct):
    type: str | None = None
    code: str | int | None = None
    message: str | None = None


class _Event(msgspec.Struct):
    """Every field that any event but the audio delta has; absent ones are `None`."""

    type: str = ""
    item_id: str | None = None
    response_id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    delta: str | None = None
    transcript: str | None = None
    text: str | None = None
    session: _Session | None = None
    item: _Item | None = None
    response: _Response | None = None
    error: _Error | None = None
    usage: dict[str, Any] | None = None
    code: str | int | None = None
    message: str | None = None


_named = msgspec.json.Decoder(_Named)
_audio_delta = msgspec.json.Decoder(_AudioDelta)
_event = msgspec.json.Decoder(_Event)


def _response_created(event: _Event) -> ServerEvent:
    response = event.response or _Response()
    return ResponseCreated(response.id or event.response_id or "")


def _response_done(event: _Event) -> ServerEvent:
    response = event.response or _Response()
    response_id = response.id or event.response_id or ""
    # The page's sample of `response.created` is labelled `response.done`; the status tells them apart.
    if response.status == "in_progress":
        return ResponseCreated(response_id)
    details = response.status_details or {}
    error = details.get("error")
    detail = error.get("message") if isinstance(error, dict) else details.get("reason")
    return ResponseDone(
        response_id, response.status or "completed", response.usage or event.usage or {}, _loggable(str(detail or ""))
    )


def _response_cancelled(event: _Event) -> ServerEvent:
    # Named only in the text about `response.cancel`; a `response.done` may follow or not.
    response = event.response or _Response()
    return ResponseDone(response.id or event.response_id or "", "cancelled")


def _session_updated(event: _Event) -> ServerEvent:
    detection = event.session.turn_detection if event.session else msgspec.UNSET
    return SessionUpdated(None if detection is msgspec.UNSET else detection is not None)


def _item_created(event: _Event) -> ServerEvent:
    item = event.item or _Item()
    return ItemCreated(item.id or event.item_id or "", item.type or "message", item.role)


def _function_called(event: _Event) -> ServerEvent:
    if not event.call_id or not event.name:
        return Malformed("a function call without name or call_id")
    return FunctionCalled(event.call_id, event.name, event.arguments or "{}")


def _transcript(event: _Event, text: str | None, is_final: bool) -> ServerEvent:
    return InputTranscript(event.item_id or "", text or "", is_final)


_READERS: Final[Mapping[str, Callable[[_Event], ServerEvent]]] = {
    "session.created": lambda e: SessionCreated((e.session and e.session.id) or ""),
    "session.updated": _session_updated,
    "input_audio_buffer.speech_started": lambda e: SpeechStarted(e.item_id or ""),
    "input_audio_buffer.speech_stopped": lambda e: SpeechStopped(e.item_id or ""),
    "input_audio_buffer.committed": lambda e: Committed(e.item_id or ""),
    "input_audio_buffer.cleared": lambda _: Cleared(),
    "conversation.item.created": _item_created,
    "conversation.item.deleted": lambda e: ItemDeleted(e.item_id or ""),
    "conversation.item.truncated": lambda e: ItemTruncated(e.item_id or ""),
    # `delta` holds the whole transcript so far, and identical ones repeat.
    "conversation.item.input_audio_transcription.delta": lambda e: _transcript(e, e.delta, False),
    "conversation.item.input_audio_transcription.completed": lambda e: _transcript(e, e.transcript, True),
    "conversation.item.input_audio_transcription.failed": lambda e: _transcript(e, "", True),
    "response.created": _response_created,
    "response.done": _response_done,
    "response.cancelled": _response_cancelled,
    "response.audio.done": lambda e: AudioDone(e.response_id or "", e.item_id or ""),
    "response.audio_transcript.delta": lambda e: TranscriptDelta(e.response_id or "", e.item_id or "", e.delta or ""),
    "response.audio_transcript.done": lambda e: TranscriptDone(
        e.response_id or "", e.item_id or "", e.transcript or ""
    ),
    # Written answers: of a session that was asked for them, and now and then of one that was not.
    "response.text.delta": lambda e: TranscriptDelta(e.response_id or "", e.item_id or "", e.delta or "", True),
    "response.text.done": lambda e: TranscriptDone(e.response_id or "", e.item_id or "", e.text or "", True),
    "response.function_call_arguments.done": _function_called,
    "error": lambda e: _error(e.error or _Error(code=e.code, message=e.message)),
}
"""What is not listed is of no consequence here: thinking (never spoken, never shown), content parts, rate limits, whatever is new."""

# ---------------------------------------------------------------------------- what its errors mean

_ERRORS: Final[tuple[tuple[str, ErrorKind, ModelFault | None], ...]] = (
    ("ongoing response already exists", ErrorKind.BUSY, None),
    ("conversation_already_has_active_response", ErrorKind.BUSY, None),
    ("no ongoing response to cancel", ErrorKind.NOTHING_TO_CANCEL, None),
    ("has no active response", ErrorKind.NOTHING_TO_CANCEL, None),
    ("response_cancel_not_active", ErrorKind.NOTHING_TO_CANCEL, None),
    ("commit when server vad", ErrorKind.SERVER_VAD_ON, None),
    ("append is not called", ErrorKind.NOTHING_TO_COMMIT, None),
    ("input_audio_buffer_commit_empty", ErrorKind.NOTHING_TO_COMMIT, None),
    ("continue_final_message", ErrorKind.EMPTY_CONVERSATION, None),
    ("cannot find previous item", ErrorKind.UNKNOWN_ITEM, None),
    ("cannot find item", ErrorKind.UNKNOWN_ITEM, None),
    ("item_not_found", ErrorKind.UNKNOWN_ITEM, None),
    ("not supported", ErrorKind.UNSUPPORTED, None),
    ("unsupported", ErrorKind.UNSUPPORTED, None),
    ("unknown event", ErrorKind.UNSUPPORTED, None),
    ("invalid event type", ErrorKind.UNSUPPORTED, None),
    ("invalid event format", ErrorKind.UNSUPPORTED, None),
    ("item.type must be", ErrorKind.UNSUPPORTED, None),
    ("rate limit", ErrorKind.RATE_LIMITED, ModelFault.RATE_LIMITED),
    ("rate_limit", ErrorKind.RATE_LIMITED, ModelFault.RATE_LIMITED),
    ("too many requests", ErrorKind.RATE_LIMITED, ModelFault.RATE_LIMITED),
    ("insufficient_quota", ErrorKind.FATAL, ModelFault.NO_BALANCE),
    ("insufficient balance", ErrorKind.FATAL, ModelFault.NO_BALANCE),
    ("invalid_api_key", ErrorKind.FATAL, ModelFault.KEY_REFUSED),
    ("incorrect api key", ErrorKind.FATAL, ModelFault.KEY_REFUSED),
    ("internal error", ErrorKind.TRANSIENT, None),
    ("server_error", ErrorKind.TRANSIENT, None),
)
_VOICE_REFUSED: Final = re.compile(r"voice\b.*\bis not valid|invalid voice|voice_not_found")
_LIKE_A_SECRET: Final = re.compile(r"[\w+/=*-]{20,}")


def _loggable(text: str) -> str:
    """At most 160 characters, none of them control characters, no word so long that it could be a key."""
    printable = "".join(character if character.isprintable() else " " for character in text[:160])
    return _LIKE_A_SECRET.sub("…", printable)


def _error(error: _Error) -> ProviderError:
    code, message = str(error.code or ""), error.message or ""
    # The code is the surer sign; the text decides only where it is empty or unknown.
    for haystack in (code.lower(), message.lower()):
        if _VOICE_REFUSED.search(haystack):
            return ProviderError(ErrorKind.VOICE_REFUSED, _loggable(message), _loggable(code))
        for fragment, kind, fault in _ERRORS:
            if fragment in haystack:
                return ProviderError(kind, _loggable(message), _loggable(code), fault)
    return ProviderError(ErrorKind.OTHER, _loggable(message), _loggable(code))


_REFUSALS: Final = {
    400: ModelFault.BAD_REQUEST,
    401: ModelFault.KEY_REFUSED,
    402: ModelFault.NO_BALANCE,
    403: ModelFault.KEY_REFUSED,
    404: ModelFault.NOT_FOUND,
    429: ModelFault.RATE_LIMITED,
    451: ModelFault.MODERATED,
    503: ModelFault.OVERLOADED,
}

# ---------------------------------------------------------------------------- what we say

_APPEND_HEAD: Final = '{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL: Final = '"}'
_CONTENT_TYPES: Final = {"user": "input_text", "system": "input_text", "assistant": "text"}


def _say(**fields: Any) -> list[str]:
    # Compact, so that switching the server's detection off is the literal "turn_detection":null on the wire.
    return [msgspec.json.encode(fields).decode()]


def _message(item: Item) -> dict[str, Any]:
    content = {"type": _CONTENT_TYPES[item.role], "text": item.text}
    return {"type": "message", "role": item.role, "content": [content]}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    if tool.is_built_in:
        # Runs at the server; its type is its name. More than five results only make the answer later.
        options = {"top_k": 5, "timeout_seconds": 3}
        return {"type": tool.name, "function": {"description": tool.description, "options": options}}
    # Nested, unlike OpenAI's realtime form.
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


class StepFunDialect:
    """`Dialect` of StepFun's service, and of the local server, which speaks the same."""

    def __init__(self, service: Service = STEPFUN) -> None:
        self._service = service
        self._model = service.model
        self._is_abroad = False
        self._has_sent_tools = False

    @property
    def name(self) -> str:
        return self._service.name

    @property
    def capabilities(self) -> Capabilities:
        return self._service.capabilities

    def connect(self, options: ConnectOptions) -> ConnectRequest:
        parts = urlsplit(options.url or self._service.url)
        self._model = options.model or self._service.model
        self._is_abroad = (parts.hostname or "").endswith(".stepfun.ai")
        self._has_sent_tools = False
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        # The model is chosen by the address, for the whole session.
        query = urlencode([*((k, v) for k, v in parse_qsl(parts.query) if k != "model"), ("model", self._model)])
        headers = {"Authorization": f"Bearer {options.secret}"} if options.secret else {}
        return ConnectRequest(urlunsplit((scheme, parts.netloc, parts.path, query, "")), headers)

    def encode(self, event: ClientEvent) -> list[str]:
        match event:
            case Append(pcm):
                # The hot path: fifty times a second and call.
                return [_APPEND_HEAD + pybase64.b64encode_as_string(pcm) + _APPEND_TAIL]
            case Commit():
                return ['{"type":"input_audio_buffer.commit"}']
            case Clear():
                return ['{"type":"input_audio_buffer.clear"}']
            case CreateResponse():
                return ['{"type":"response.create"}']
            case CancelResponse():
                return ['{"type":"response.cancel"}']
            case Configure(config):
                return _say(type="session.update", session=self._session(config))
            case CreateItem(item):
                return _say(type="conversation.item.create", item=_message(item))
            case CreateToolOutput(call_id, output):
                answer = {"type": "function_call_output", "call_id": call_id, "output": output}
                return _say(type="conversation.item.create", item=answer)
            case DeleteItem(item_id):
                return _say(type="conversation.item.delete", item_id=item_id)
            case TruncateItem(item_id, audio_end_ms):
                # Undocumented here, so `capabilities` deny it; `kith check` asks the server.
                return _say(
                    type="conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms
                )

    def decode(self, message: str | bytes) -> list[ServerEvent]:
        if len(message) > MESSAGE_LIMIT_BYTES:
            return [Malformed("a message over the size limit")]
        try:
            kind = _named.decode(message).type
            if kind == "response.audio.delta":
                delta = _audio_delta.decode(message)
                # pybase64 takes a quarter of the time of a `bytes` field; the other half of the hot path.
                pcm = pybase64.b64decode(delta.delta, validate=True)
                return [AudioDelta(delta.response_id or "", delta.item_id or "", pcm)]
            read = _READERS.get(kind)
            if read is not None:
                return [read(_event.decode(message))]
            # The developer guide shows an error as a bare object: its type is the error's own.
            return [_error(_bare_error.decode(message))] if kind.endswith("_error") else [Ignored(_loggable(kind))]
        except msgspec.ValidationError:
            return [Malformed("a field of another type than documented")]
        except (msgspec.DecodeError, UnicodeError):
            return [Malformed("no JSON")]
        except ValueError:
            return [Malformed("no base64")]
        except RecursionError:
            return [Malformed("nested too deeply")]

    def refused(self, status: int, body: str) -> ModelFault:
        if "insufficient_quota" in body or "insufficient balance" in body.lower():
            return ModelFault.NO_BALANCE
        if status in _REFUSALS:
            return _REFUSALS[status]
        return ModelFault.BAD_REQUEST if 400 <= status < 500 else ModelFault.OVERLOADED

    # ------------------------------------------------------------------------ the session object

    def _session(self, config: SessionConfig) -> dict[str, Any]:
        voice = self._voice(config.voice)
        session: dict[str, Any] = {
            # The page calls both together the only value; text alone is taken by the service all the same.
            "modalities": ["text"] if config.is_text_only else ["text", "audio"],
            "instructions": self._instructions(config.instructions, voice),
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            # One page says that detection is off unless asked for, another that it is on: always say it.
            "turn_detection": None if config.turn_mode is TurnMode.MANUAL else _SERVER_VAD,
        }
        if voice is not None:
            session["voice"] = voice
        tools = [_tool(one) for one in config.tools if self.capabilities.built_in_search or not one.is_built_in]
        if tools or self._has_sent_tools:
            session["tools"] = tools
            self._has_sent_tools = True
        if tools:
            # Only strings are accepted; an object is an "invalid event format".
            session["tool_choice"] = "auto"
        return session

    def _voice(self, wanted: str | None) -> str | None:
        if self._service is not STEPFUN:
            return wanted or self._service.default_voice
        if self._model.startswith("step-audio-2-mini"):
            return wanted if wanted in _MINI_LAST_SENTENCE else _STEP_AUDIO_2_DEFAULT_VOICE
        if wanted is None:
            if self._model.startswith("step-audio-2"):
                return _STEP_AUDIO_2_DEFAULT_VOICE
            return _DEFAULT_VOICE_ABROAD if self._is_abroad else self._service.default_voice
        # An unknown voice may be a clone; the server knows.
        return (_VOICE_PAIRS if self._is_abroad else _VOICES_AT_HOME).get(wanted, wanted)

    def _instructions(self, instructions: str, voice: str | None) -> str:
        if not self._model.startswith("step-audio-2-mini"):
            return instructions
        return f"{instructions.rstrip()}\n{_MINI_LAST_SENTENCE[voice or _STEP_AUDIO_2_DEFAULT_VOICE]}"


_bare_error = msgspec.json.Decoder(_Error)
