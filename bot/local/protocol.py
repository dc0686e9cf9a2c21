"""One session of the local model, sans I/O: StepFun's realtime dialect as its server sees it.

    event (dict) ─▶ Session.receive ─▶ [Send(json) | Sound | Forget | Hear(item) | Answer | Stop]

The session keeps what the model remembers (items), the sound that is coming in, and whether a response is in flight. It refuses what
the service refuses, with the service's words, and never raises for what a client sends. Who recognises, thinks and speaks is the
server's affair: it reports back with `understood`, `spoke` and `finished`.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from bot.local.turn_detection import Detection, TurnBegan, TurnDetector, TurnEnded, TurnSound

APPEND_LIMIT_BYTES: Final = 15 * 1024 * 1024
ITEMS_KEPT: Final = 200
TEXT_LIMIT: Final = 8_000
INSTRUCTIONS_LIMIT: Final = 64_000
DEFAULT_VOICE: Final = "en-us+f3"


@dataclass(slots=True)
class Item:
    """What the model remembers: text that was written or spoken, or an utterance and what was understood of it."""

    item_id: str
    role: str
    text: str = ""


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
    """A response to be made from the items; answer with `spoke` and `finished`."""

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
            "modalities": ["text", "audio"],
            "instructions": self.told.instructions,
            "voice": self.told.voice,
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "turn_detection": self.told.detection.as_data() if self.told.detection else None,
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
        acts = self._detect_by(detection)
        self.told = Told(instructions[:INSTRUCTIONS_LIMIT], voice, detection)
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
        self.items.append(item)
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
            role, text = "tool", str(asked["output"])
        else:
            role, text = asked["role"], "".join(_text_of(asked["role"], part) for part in asked["content"])
        last = self._last_id()
        item = Item(self._new_id("item"), role, text[:TEXT_LIMIT])
        self.items.append(item)
        return [self._item_created(item, last)]

    def _delete_item(self, event: dict[str, Any]) -> list[Act]:
        found = next((item for item in self.items if item.item_id == event["item_id"]), None)
        if found is None:
            raise _Refused(f"cannot find item {str(event['item_id'])[:60]}")
        self.items.remove(found)
        return [Send("conversation.item.deleted", {"item_id": found.item_id})]

    def _item_created(self, item: Item, previous: str | None) -> Send:
        shown = {"id": item.item_id, "object": "realtime.item", "type": "message", "status": "completed"}
        return Send(
            "conversation.item.created",
            {"previous_item_id": previous, "item": {**shown, "role": item.role, "content": None}},
        )

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
        return [stopped, *self._close_audio(), self._done("cancelled", {"reason": reason})]

    def spoke(self, response_id: str, words: str, pcm: bytes) -> list[Act]:
        """The next piece of the reply. Nothing is sent of a response that is over."""
        if response_id != self._response_id:
            return []
        acts: list[Act] = []
        if self._spoken is None:
            self._spoken = Item(self._new_id("item"), "assistant")
            created = self._item_created(self._spoken, self._last_id())
            self.items.append(self._spoken)
            added = {"response_id": response_id, "output_index": 0, "item": created.fields["item"]}
            acts += [Send("response.output_item.added", added), created]
            acts.append(Send("response.content_part.added", {**self._place(), "part": {"type": "audio"}}))
        if words:
            self._spoken.text += words
            acts.append(Send("response.audio_transcript.delta", {**self._place(), "delta": words}))
        if pcm:
            acts.append(Send("response.audio.delta", {**self._place(), "delta": base64.b64encode(pcm).decode()}))
        return acts

    def finished(self, response_id: str, *, has_failed: bool = False) -> list[Act]:
        """All of the reply has been spoken, or it cannot be."""
        if response_id != self._response_id:
            return []
        if has_failed:
            failure = {"error": {"type": "server_error", "message": "internal error"}}
            return [_error("internal error"), *self._close_audio(), self._done("failed", failure)]
        return [*self._close_audio(), self._done("completed", None)]

    def _close_audio(self) -> list[Act]:
        if self._spoken is None:
            return []
        text = self._spoken.text
        acts: list[Act] = [
            Send("response.audio.done", self._place()),
            Send("response.audio_transcript.done", {**self._place(), "transcript": text}),
        ]
        part = {"type": "audio", "transcript": text}
        acts.append(Send("response.content_part.done", {**self._place(), "part": part}))
        shown = {
            "id": self._spoken.item_id,
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        acts.append(
            Send("response.output_item.done", {"response_id": self._response_id, "output_index": 0, "item": shown})
        )
        return acts

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


def _text_of(role: str, part: dict[str, Any]) -> str:
    expected = {"user": "input_text", "system": "input_text", "assistant": "text"}[role]
    if part["type"] != expected or not isinstance(part["text"], str):
        raise ValueError
    return str(part["text"])


def _error(message: str) -> Send:
    return Send("error", {"error": {"type": "invalid_request_error", "code": "", "message": message}})
