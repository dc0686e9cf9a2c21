"""One session of the local model, sans I/O: StepFun's realtime dialect as its server sees it.

    event (dict) ─▶ Session.receive ─▶ [Send(json) | Sound | Forget | Hear(item) | Answer | Stop]

The session keeps what the model remembers (items), the sound that is coming in, and whether a response is in flight. It refuses what
the service refuses, with the service's words, and never raises for what a client sends. Who recognises, thinks and speaks is the
server's affair: it reports back with `understood`, `spoke`, `called` and `finished`.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from bot.local.mind import Call, Item, Tool
from bot.local.turn_detection import Detection, TurnBegan, TurnDetector, TurnEnded, TurnSound

APPEND_LIMIT_BYTES: Final = 15 * 1024 * 1024
ITEMS_KEPT: Final = 200
TEXT_LIMIT: Final = 64_000
"""Of one item: a whole talk may stand in it, for a digest."""

ALL_TEXT_LIMIT: Final = 1_000_000
TOOLS_AT_MOST: Final = 64
TOOL_ID_LIMIT: Final = 128
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
INSTRUCTIONS_LIMIT: Final = 64_000
DEFAULT_VOICE: Final = "en-us+f3"


@dataclass(frozen=True, slots=True)
class Send:
    """An event for the client; `fields` beside `type` and `event_id`."""

    kind: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sound:
    """More of the utterance that is coming in, s16le mono at 24 kHz: it can be recognised while it does."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Forget:
    """What came in so far was no utterance."""


@dataclass(frozen=True, slots=True)
class Hear:
    """The utterance is complete and is this item; answer with `Session.understood`."""

    item: Item


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to be made from the items; answer with `spoke`, `called` and `finished`."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The response in flight is over at once; nothing more of it may be said."""

    response_id: str


Act = Send | Sound | Forget | Hear | Answer | Stop


class _Refused(Exception):
    """Becomes an error event; the session goes on."""


@dataclass(slots=True)
class Told:
    """What `session.update` said last."""

    instructions: str = ""
    voice: str = DEFAULT_VOICE
    detection: Detection | None = field(default_factory=Detection)
    tools: tuple[Tool, ...] = ()
    shown_tools: list[Any] = field(default_factory=list)
    is_text_only: bool = False


class Session:
    """One connection's session. Ids are the server's own; those of a client are ignored, as the service does."""

    def __init__(
        self,
        session_id: str,
        model: str,
        *,
        has_voice: Callable[[str], bool] = lambda _: True,
        probability: Callable[[bytes], float] | None = None,
    ) -> None:
        """`has_voice` says which voices may be chosen; `probability` of speech helps the turn detection."""
        self.told = Told()
        self._has_voice = has_voice
        self._probability = probability
        self.items: deque[Item] = deque(maxlen=ITEMS_KEPT)
        self._ids = itertools.count(1)
        self._session_id = session_id
        self._model = model
        self._has_sound = False
        self._detector: TurnDetector | None = TurnDetector(Detection(), probability)
        self._coming_item = ""
        self._response_id = ""
        self._spoken: Item | None = None
        self._is_writing = False
        self._answers = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel,
        }

    def begin(self) -> list[Act]:
        return [Send("session.created", {"session": self._shown_session()})]

    def receive(self, event: Any) -> list[Act]:
        """What follows from one event of the client."""
        kind = event.get("type") if isinstance(event, dict) else None
        try:
            if not isinstance(kind, str) or kind not in self._answers:
                raise _Refused(f"invalid event type {str(kind)[:60]}")
            return self._answers[kind](event)
        except _Refused as refusal:
            return [_error(str(refusal))]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [_error("invalid event format")]

    # ------------------------------------------------------------------------ session

    def _shown_session(self) -> dict[str, Any]:
        return {
            "id": self._session_id,
            "object": "realtime.session",
            "model": self._model,
            "modalities": ["text"] if self.told.is_text_only else ["text", "audio"],
            "instructions": self.told.instructions,
            "voice": self.told.voice,
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "turn_detection": self.told.detection.as_data() if self.told.detection else None,
            "tools": self.told.shown_tools,
            "max_response_output_tokens": 4096,
        }

    def _update(self, event: dict[str, Any]) -> list[Act]:
        session = event["session"]
        instructions, voice = (
            session.get("instructions", self.told.instructions),
            session.get("voice") or self.told.voice,
        )
        if not isinstance(instructions, str) or not isinstance(voice, str) or not isinstance(session, dict):
            raise ValueError
        if {session.get("input_audio_format", "pcm16"), session.get("output_audio_format", "pcm16")} != {"pcm16"}:
            raise ValueError
        if not self._has_voice(voice):
            raise _Refused(f"voice {voice[:60]} is not valid")
        detection = self.told.detection
        if "turn_detection" in session:
            detection = Detection.of(session["turn_detection"])
        shown_tools = session.get("tools", self.told.shown_tools)
        tools = _tools(shown_tools)
        is_text_only = _is_text_only(session.get("modalities", self._shown_session()["modalities"]))
        acts = self._detect_by(detection)
        told = instructions[:INSTRUCTIONS_LIMIT]
        self.told = Told(told, voice, detection, tools, list(shown_tools or ()), is_text_only)
        return [*acts, Send("session.updated", {"session": self._shown_session()})]

    def _detect_by(self, detection: Detection | None) -> list[Act]:
        """Another way to find turns begins with nothing heard; the same one goes on, in the middle of a turn too."""
        if detection == (self._detector.detection if self._detector is not None else None):
            return []
        self._detector = TurnDetector(detection, self._probability) if detection is not None else None
        self._has_sound = False
        return [Forget()]

    # ------------------------------------------------------------------------ sound

    def _append(self, event: dict[str, Any]) -> list[Act]:
        try:
            pcm = base64.b64decode(event["audio"], validate=True)
        except binascii.Error:
            raise ValueError from None
        if not pcm or len(pcm) % 2 or len(pcm) > APPEND_LIMIT_BYTES:
            raise ValueError
        if self._detector is not None:
            return self._detect(self._detector, pcm)
        self._has_sound = True
        return [Sound(pcm)]

    def _detect(self, detector: TurnDetector, pcm: bytes) -> list[Act]:
        acts: list[Act] = []
        heard = bytearray()
        for part in detector.feed(pcm):
            match part:
                case TurnBegan(at_ms, before):
                    heard += before
                    acts += self._turn_began(at_ms)
                case TurnSound(more):
                    heard += more
                case TurnEnded(at_ms):
                    acts += [Sound(bytes(heard)), *self._turn_ended(at_ms)]
                    heard.clear()
                case _:
                    assert_never(part)
        return [*acts, Sound(bytes(heard))] if heard else acts

    def _turn_began(self, at_ms: float) -> list[Act]:
        self._coming_item = self._new_id("item")
        fields = {"audio_start_ms": round(at_ms), "item_id": self._coming_item}
        return [Send("input_audio_buffer.speech_started", fields), *self._stop("turn_detected")]

    def _turn_ended(self, at_ms: float) -> list[Act]:
        fields = {"audio_end_ms": round(at_ms), "item_id": self._coming_item}
        stopped = Send("input_audio_buffer.speech_stopped", fields)
        return [stopped, *self._take_utterance(self._coming_item), *self._begin_response()]

    def _commit(self, _: dict[str, Any]) -> list[Act]:
        if self._detector is not None:
            raise _Refused("commit when server vad")
        if not self._has_sound:
            raise _Refused("append is not called before commit")
        self._has_sound = False
        return self._take_utterance(self._new_id("item"))

    def _clear(self, _: dict[str, Any]) -> list[Act]:
        self._has_sound = False
        if self._detector is not None:
            self._detector = TurnDetector(self._detector.detection, self._probability)
        return [Forget(), Send("input_audio_buffer.cleared", {})]

    def _take_utterance(self, item_id: str) -> list[Act]:
        previous = self._last_id()
        item = Item(item_id, "user")
        self._remember(item)
        return [
            Send("input_audio_buffer.committed", {"previous_item_id": previous, "item_id": item_id}),
            self._item_created(item, previous),
            Hear(item),
        ]

    def understood(self, item: Item, text: str) -> list[Act]:
        """What was recognised of an utterance; empty: nothing that makes sense."""
        item.text = text
        kind = "conversation.item.input_audio_transcription.completed"
        return [Send(kind, {"item_id": item.item_id, "content_index": 0, "transcript": text})]

    # ------------------------------------------------------------------------ items

    def _create_item(self, event: dict[str, Any]) -> list[Act]:
        asked = event["item"]
        if asked["type"] not in {"message", "function_call_output"}:
            raise _Refused("item.type must be message or function_call_output")
        previous = event.get("previous_item_id")
        if previous is not None and previous not in {item.item_id for item in self.items}:
            raise _Refused(f"cannot find previous item {str(previous)[:60]}")
        if asked["type"] == "function_call_output":
            if self._response_id:
                raise _Refused("ongoing response already exists")
            item = Item("", "tool", str(asked["output"])[:TEXT_LIMIT], call_id=str(asked["call_id"])[:TOOL_ID_LIMIT])
        else:
            text = "".join(_text_of(asked["role"], part) for part in asked["content"])
            item = Item("", asked["role"], text[:TEXT_LIMIT])
        last = self._last_id()
        item.item_id = self._new_id("item")
        self._remember(item)
        return [self._item_created(item, last)]

    def _remember(self, item: Item) -> None:
        """The oldest items go when there are too many, or too much text in them."""
        self.items.append(item)
        size = sum(len(kept.text) for kept in self.items)
        while size > ALL_TEXT_LIMIT:
            size -= len(self.items.popleft().text)

    def _delete_item(self, event: dict[str, Any]) -> list[Act]:
        found = next((item for item in self.items if item.item_id == event["item_id"]), None)
        if found is None:
            raise _Refused(f"cannot find item {str(event['item_id'])[:60]}")
        self.items.remove(found)
        return [Send("conversation.item.deleted", {"item_id": found.item_id})]

    def _item_created(self, item: Item, previous: str | None) -> Send:
        shown: dict[str, Any] = {"id": item.item_id, "object": "realtime.item", "status": "completed"}
        match item.role:
            case "call":
                shown |= {"type": "function_call", "status": "incomplete", "call_id": item.call_id, "name": item.name}
            case "tool":
                shown |= {"type": "function_call_output", "call_id": item.call_id, "output": item.text}
            case role:
                shown |= {"type": "message", "role": role, "content": None}
        return Send("conversation.item.created", {"previous_item_id": previous, "item": shown})

    def _last_id(self) -> str | None:
        return self.items[-1].item_id if self.items else None

    def _new_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):06d}"

    # ------------------------------------------------------------------------ responses

    def _create_response(self, _: dict[str, Any]) -> list[Act]:
        if self._response_id:
            raise _Refused("ongoing response already exists")
        if not self.items:
            raise _Refused("Cannot set `continue_final_message` with an empty conversation")
        return self._begin_response()

    def _begin_response(self) -> list[Act]:
        acts = self._stop("turn_detected")
        self._response_id = self._new_id("resp")
        return [*acts, Send("response.created", self._shown_response("in_progress")), Answer(self._response_id)]

    def _cancel(self, _: dict[str, Any]) -> list[Act]:
        if not self._response_id:
            raise _Refused("no ongoing response to cancel")
        return self._stop("client_cancelled")

    def _stop(self, reason: str) -> list[Act]:
        if not self._response_id:
            return []
        stopped = Stop(self._response_id)
        return [stopped, *self._close_message(), self._done("cancelled", {"reason": reason})]

    def spoke(self, response_id: str, words: str, pcm: bytes) -> list[Act]:
        """The next piece of the reply; without sound in a session of text only. Nothing is sent of a response that is over."""
        if response_id != self._response_id:
            return []
        is_silent = self.told.is_text_only
        acts: list[Act] = [] if self._spoken is not None else self._begin_message("text" if is_silent else "audio")
        assert self._spoken is not None
        if words:
            self._spoken.text += words
            kind = "response.text.delta" if self._is_writing else "response.audio_transcript.delta"
            acts.append(Send(kind, {**self._place(), "delta": words}))
        if pcm and not self._is_writing:
            acts.append(Send("response.audio.delta", {**self._place(), "delta": base64.b64encode(pcm).decode()}))
        return acts

    def _begin_message(self, part: str) -> list[Act]:
        self._is_writing = part == "text"
        self._spoken = Item(self._new_id("item"), "assistant")
        created = self._item_created(self._spoken, self._last_id())
        self._remember(self._spoken)
        added = {"response_id": self._response_id, "output_index": 0, "item": created.fields["item"]}
        begun = Send("response.content_part.added", {**self._place(), "part": {"type": part}})
        return [Send("response.output_item.added", added), created, begun]

    def called(self, response_id: str, call: Call) -> list[Act]:
        """The response calls a tool: announced without arguments, then they come, as text in `arguments`."""
        if response_id != self._response_id:
            return []
        previous = self._last_id()
        item = Item(self._new_id("item"), "call", call.arguments[:TEXT_LIMIT], call.name, self._new_id("call"))
        self._remember(item)
        place = {"response_id": response_id, "item_id": item.item_id, "output_index": 1, "call_id": item.call_id}
        told = {**place, "name": item.name, "arguments": item.text}
        return [
            *self._close_message(),
            self._item_created(item, previous),
            Send("response.function_call_arguments.delta", told),
            Send("response.function_call_arguments.done", told),
        ]

    def finished(self, response_id: str, *, has_failed: bool = False) -> list[Act]:
        """All of the reply has been spoken, or it cannot be."""
        if response_id != self._response_id:
            return []
        if has_failed:
            failure = {"error": {"type": "server_error", "message": "internal error"}}
            return [_error("internal error"), *self._close_message(), self._done("failed", failure)]
        return [*self._close_message(), self._done("completed", None)]

    def _close_message(self) -> list[Act]:
        if self._spoken is None:
            return []
        text, place = self._spoken.text, self._place()
        if self._is_writing:
            part = {"type": "text", "text": text}
            acts: list[Act] = [Send("response.text.done", {**place, "text": text})]
        else:
            part = {"type": "audio", "transcript": text}
            transcript = Send("response.audio_transcript.done", {**place, "transcript": text})
            acts = [Send("response.audio.done", place), transcript]
        message = {"id": self._spoken.item_id, "type": "message", "role": "assistant", "status": "completed"}
        done = {"response_id": self._response_id, "output_index": 0, "item": {**message, "content": [part]}}
        self._spoken = None
        return [
            *acts,
            Send("response.content_part.done", {**place, "part": part}),
            Send("response.output_item.done", done),
        ]

    def _done(self, status: str, details: dict[str, Any] | None) -> Send:
        done = Send("response.done", self._shown_response(status, details))
        self._response_id, self._spoken = "", None
        return done

    def _place(self) -> dict[str, Any]:
        assert self._spoken is not None
        return {
            "response_id": self._response_id,
            "item_id": self._spoken.item_id,
            "output_index": 0,
            "content_index": 0,
        }

    def _shown_response(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        shown = {"id": self._response_id, "object": "realtime.response", "status": status, "output": []}
        return {"response": {**shown, "status_details": details}}


def _tools(shown: Any) -> tuple[Tool, ...]:
    """The functions that were offered, nested as the service wants them. What runs at a server (`web_search`) is none of ours. Raises ValueError."""
    if not isinstance(shown, list) or len(shown) > TOOLS_AT_MOST:
        raise ValueError
    tools: list[Tool] = []
    for one in shown:
        if one["type"] != "function":
            continue
        function = one["function"]
        parameters = function.get("parameters") or {}
        if not TOOL_NAME.fullmatch(function["name"]) or not isinstance(parameters, dict):
            raise ValueError
        tools.append(Tool(function["name"], str(function.get("description") or ""), parameters))
    return tuple(tools)


def _is_text_only(modalities: Any) -> bool:
    if not isinstance(modalities, list) or not {"text"} <= set(modalities) <= {"text", "audio"}:
        raise ValueError
    return "audio" not in modalities


def _text_of(role: str, part: dict[str, Any]) -> str:
    expected = {"user": "input_text", "system": "input_text", "assistant": "text"}[role]
    if part["type"] != expected or not isinstance(part["text"], str):
        raise ValueError
    return str(part["text"])


def _error(message: str) -> Send:
    return Send("error", {"error": {"type": "invalid_request_error", "code": "", "message": message}})
