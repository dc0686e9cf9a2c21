"""A StepFun that fits in one process: the realtime service as its pages and its observed behaviour describe it, and strict about it.

It listens on 127.0.0.1, assigns its own ids and echoes none, refuses what the service refuses with the service's words, and records all
that reaches it. Both turn modes: manual (`clear`, `append`*, `commit`, `response.create`) and an energy detection on the audio clock that
needs trailing silence in the stream. What it says is injected: `reply` from the history, `transcribe` from the sound. `Misbehaviour` makes
it do what services do on a bad day. It is not a model, and where the vendor's pages are silent it takes the harder way.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import http
import itertools
import json
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.audio.frame import MODEL_RATE_HZ, pcm_bytes, pcm_ms

CHUNK_MS: Final = 100
APPEND_LIMIT_BYTES: Final = 15 * 1024 * 1024
ONSET_MS: Final = 60
MODELS: Final = frozenset(
    {"stepaudio-2.5-realtime", "stepaudio-3-realtime-preview", "step-1o-audio", "step-audio-2", "step-audio-2-mini"}
)
_SESSION_FIELDS: Final = frozenset(
    [
        "modalities",
        "instructions",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "turn_detection",
        "tools",
        "tool_choice",
    ]
)
_TURN_FIELDS: Final = frozenset(["type", "prefix_padding_ms", "silence_duration_ms", "energy_awakeness_threshold"])
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEFAULT_DETECTION: Final = {"type": "server_vad", "silence_duration_ms": 100}


@dataclass(slots=True)
class HistoryItem:
    """What the model remembers: text that was written or spoken, and the sound of an utterance."""

    item_id: str
    role: str
    text: str
    pcm: bytes = b""


@dataclass(frozen=True, slots=True)
class SpokenReply:
    """`pcm`: s16le mono at 24 kHz."""

    text: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    arguments: str


ReplyLogic = Callable[[Sequence[HistoryItem]], SpokenReply | ToolUse | Sequence[ToolUse]]
Transcribe = Callable[[bytes], str]


def tone(duration_ms: float, frequency_hz: float = 440.0, level: float = 0.2) -> bytes:
    """A sine at 24 kHz."""
    samples = np.arange(pcm_bytes(duration_ms) // 2)
    wave = np.sin(2 * np.pi * frequency_hz * samples / MODEL_RATE_HZ) * level * 32767
    return wave.astype("<i2").tobytes()


def echo_reply(history: Sequence[HistoryItem]) -> SpokenReply:
    """Says what it got, 60 ms of tone a character."""
    last = next((item.text for item in reversed(history) if item.role != "assistant"), "")
    text = f"I heard: {last}"
    return SpokenReply(text, tone(60 * len(text)))


def duration_transcript(pcm: bytes) -> str:
    return f"{round(pcm_ms(len(pcm)) / 100) / 10} seconds of sound"


@dataclass(slots=True)
class Misbehaviour:
    """What goes wrong. Counted ones happen so often and then no more."""

    refuse_status: int | None = None  # the answer to every upgrade
    refuse_upgrades: int = 0  # so many upgrades get 503
    close_in_reply: int = 0  # the socket dies in the middle of so many replies
    oversized_events: int = 0  # so many 10 MB events, each before a reply
    garbage: bool = False  # malformed JSON, unknown events, missing fields, between all else
    insists_on_detection: bool = False  # server_vad although told null
    says_detection: bool = True  # whether `session.updated` echoes turn_detection
    internal_errors: int = 0  # so many responses fail before any audio
    mute_cancels: bool = False  # a cancelled response never gets its `done`
    cancels_itself: bool = False  # speech_started ends the response
    stalls: bool = False  # responses are created and then nothing comes
    never_updates: bool = False  # no answer to session.update
    insists_on_sound: bool = False  # takes no `modalities` but the documented pair


@dataclass(slots=True)
class Talk:
    """Everything that one connection said to the server. `appends` holds the sound, with seconds since the connection began."""

    model: str
    received: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    appends: list[tuple[float, bytes]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    history: list[HistoryItem] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    close_code: int | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def types(self) -> list[str]:
        """Types received, without appends."""
        return [str(event.get("type")) for event in self.received]

    @property
    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.appends)


class FakeStepFun:
    """`async with FakeStepFun() as fake:` then connect to `fake.url` with the key `fake.key`."""

    def __init__(
        self,
        *,
        reply: ReplyLogic = echo_reply,
        transcribe: Transcribe = duration_transcript,
        key: str = "test-key",
        models: frozenset[str] = MODELS,
        voices: frozenset[str] | None = None,
        session_s: float = 1800.0,
        responses_per_minute: int = 1000,
        thinking_s: float = 0.0,
        speed: float = 20.0,
        misbehaviour: Misbehaviour | None = None,
    ) -> None:
        """`voices` of `None` accepts any. `speed`: how much faster than real time replies are generated."""
        self.reply = reply
        self.transcribe = transcribe
        self.key = key
        self.models = models
        self.voices = voices
        self.session_s = session_s
        self.responses_per_minute = responses_per_minute
        self.thinking_s = thinking_s
        self.speed = speed
        self.misbehaviour = misbehaviour or Misbehaviour()
        self.talks: list[Talk] = []
        self.refused: list[int] = []
        self.response_times: deque[float] = deque(maxlen=responses_per_minute)
        self._ids = itertools.count(1)
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1/realtime"

    @property
    def talk(self) -> Talk:
        """The latest connection."""
        return self.talks[-1]

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            max_size=2 * APPEND_LIMIT_BYTES,
            close_timeout=0.5,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Every connection is gone, without a word."""
        assert self._server is not None
        for connection in self._server.connections:
            connection.transport.abort()

    def next_id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._ids):06d}"

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self._status(request)
        if status is None:
            return None
        self.refused.append(status)
        return connection.respond(http.HTTPStatus(status), json.dumps({"error": {"message": "refused"}}))

    def _status(self, request: Request) -> int | None:
        parts = urlsplit(request.path)
        if self.misbehaviour.refuse_status is not None:
            return self.misbehaviour.refuse_status
        if self.misbehaviour.refuse_upgrades > 0:
            self.misbehaviour.refuse_upgrades -= 1
            return 503
        if parts.path != "/v1/realtime":
            return 404
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return 401
        if parse_qs(parts.query).get("model", [""])[0] not in self.models:
            return 400
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        talk = Talk(parse_qs(urlsplit(socket.request.path).query)["model"][0])
        self.talks.append(talk)
        async with asyncio.TaskGroup() as tasks:
            line = _Line(self, socket, talk, tasks)
            expiry = tasks.create_task(line.expire())
            try:
                await line.greet()
                async for message in socket:
                    await line.receive(message)
            except ConnectionClosed:
                pass
            finally:
                talk.close_code = socket.close_code
                talk.closed.set()
                expiry.cancel()
                line.stop()


class _Refused(Exception):
    """What the service answers with an error event; the session goes on."""


class _Line:
    """One connection: the session, the buffer, the detection, the response in flight."""

    def __init__(self, fake: FakeStepFun, socket: ServerConnection, talk: Talk, tasks: asyncio.TaskGroup) -> None:
        self._fake = fake
        self._socket = socket
        self._talk = talk
        self._tasks = tasks
        self._began_at = time.monotonic()
        self._detection: dict[str, Any] | None = dict(_DEFAULT_DETECTION)
        self._has_spoken = False
        self._buffer = bytearray()
        self._detected = bytearray()
        self._silence_ms = 0.0
        self._speech_ms = 0.0
        self._clock_ms = 0.0
        self._coming_item = ""
        self._response: asyncio.Task[None] | None = None
        self._response_id = ""
        self._background: set[asyncio.Task[None]] = set()
        self._open_calls: set[str] = set()  # functions that were called and not answered; bounded by the session
        self._answers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel,
        }

    # ------------------------------------------------------------------------ the wire

    async def emit(self, kind: str, **fields: Any) -> None:
        await self._write(kind, json.dumps({"event_id": self._fake.next_id("event"), "type": kind, **fields}))

    async def _write(self, kind: str, message: str) -> None:
        self._talk.sent.append(kind)
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(message)

    async def greet(self) -> None:
        session = {
            "id": self._fake.next_id("sess"),
            "object": "realtime.session",
            "model": self._talk.model,
            "modalities": ["text", "audio"],
            "instructions": "",
            "voice": "linjiajiejie",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "max_response_output_tokens": "4096",  # a string here, a number elsewhere
        }
        await self.emit("session.created", session=session)

    async def expire(self) -> None:
        await asyncio.sleep(self._fake.session_s)
        await self._error("session expired: the longest session is 30 minutes")
        await self._socket.close(1001, "session expired")

    async def receive(self, message: str | bytes) -> None:
        try:
            event = json.loads(message)
            if not isinstance(event, dict) or event.get("type") not in self._answers:
                kind = event.get("type") if isinstance(event, dict) else None
                raise _Refused(f"invalid event type {str(kind)[:60]}")
            self._record(event, message)
            await self._answers[event["type"]](event)
            await self._garbage()
        except _Refused as refusal:
            await self._error(str(refusal))
        except (ValueError, KeyError, TypeError, AttributeError):
            await self._error("invalid event format")

    def _record(self, event: dict[str, Any], message: str | bytes) -> None:
        if event["type"] != "input_audio_buffer.append":
            self._talk.received.append(event)
            self._talk.raw.append(message if isinstance(message, str) else message.decode())

    async def _error(self, message: str) -> None:
        self._talk.errors.append(message)
        await self.emit("error", error={"type": "invalid_request_error", "code": "", "message": message})

    async def _garbage(self) -> None:
        if self._fake.misbehaviour.garbage:
            for message in (
                '{"type":"response.audio.del',
                '{"type":"response.audio.delta","delta":"%%%"}',
                "[1]",
                "{}",
            ):
                await self._write("garbage", message)
            await self.emit("rate_limits.updated", rate_limits=None)
            await self.emit("response.something.new", item_id=7)

    def stop(self) -> None:
        for task in (*self._background, *([self._response] if self._response else [])):
            task.cancel()

    def _in_background(self, coroutine: Any) -> None:
        task = self._tasks.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ------------------------------------------------------------------------ session

    async def _update(self, event: dict[str, Any]) -> None:
        session = event["session"]
        if set(session) - _SESSION_FIELDS or not isinstance(session.get("instructions", ""), str):
            raise ValueError
        if session.get("modalities", ["text", "audio"]) not in (["text", "audio"], ["text"]):
            raise ValueError
        if self._fake.misbehaviour.insists_on_sound and session.get("modalities") == ["text"]:
            raise ValueError
        if {session.get("input_audio_format", "pcm16"), session.get("output_audio_format", "pcm16")} != {"pcm16"}:
            raise ValueError
        if not isinstance(session.get("tool_choice", "auto"), str):
            raise ValueError
        for tool in session.get("tools", ()):
            self._check_tool(tool)
        self._check_voice(session)
        self._detect(session)
        self._talk.session |= session
        if self._fake.misbehaviour.never_updates:
            return
        echo = {key: value for key, value in self._talk.session.items() if key != "turn_detection"}
        if self._fake.misbehaviour.says_detection:
            echo["turn_detection"] = self._detection
        await self.emit("session.updated", session=echo)

    @staticmethod
    def _check_tool(tool: dict[str, Any]) -> None:
        function = tool.get("function", {})
        if tool["type"] not in {"function", "web_search", "retrieval"} or not isinstance(function, dict):
            raise ValueError
        if tool["type"] == "function" and not (
            _TOOL_NAME.fullmatch(function["name"]) and isinstance(function["parameters"], dict)
        ):
            raise ValueError

    def _check_voice(self, session: dict[str, Any]) -> None:
        voice = session.get("voice")
        if voice is not None and self._fake.voices is not None and voice not in self._fake.voices:
            raise _Refused(f"voice {voice} is not valid for this model")
        if self._has_spoken and voice not in {None, self._talk.session.get("voice")}:
            raise _Refused("voice cannot be changed after audio output")

    def _detect(self, session: dict[str, Any]) -> None:
        # The pages disagree about what holds if it is not said; detection on is the harder case.
        detection = session.get("turn_detection", self._detection)
        if detection is not None and (detection["type"] != "server_vad" or set(detection) - _TURN_FIELDS):
            raise ValueError
        if detection is None and self._fake.misbehaviour.insists_on_detection:
            detection = dict(_DEFAULT_DETECTION)
        self._detection = detection

    # ------------------------------------------------------------------------ input

    async def _append(self, event: dict[str, Any]) -> None:
        try:
            pcm = base64.b64decode(event["audio"], validate=True)
        except binascii.Error:
            raise ValueError from None
        if not pcm or len(pcm) % 2 or len(pcm) > APPEND_LIMIT_BYTES:
            raise ValueError
        self._talk.appends.append((time.monotonic() - self._began_at, pcm))
        if self._detection is None:
            self._buffer += pcm
            return
        frame_bytes = pcm_bytes(20)
        for start in range(0, len(pcm), frame_bytes):
            await self._listen(pcm[start : start + frame_bytes])

    async def _listen(self, frame: bytes) -> None:
        """The energy detection: 60 ms of sound begin an utterance, silence in the stream ends it."""
        detection = self._detection or {}
        ms = pcm_ms(len(frame))
        self._clock_ms += ms
        level = float(np.sqrt(np.mean(np.square(np.frombuffer(frame, "<i2").astype(np.float64)))))
        is_loud = level >= detection.get("energy_awakeness_threshold", 2500) * 0.2
        self._speech_ms = self._speech_ms + ms if is_loud else 0.0
        self._silence_ms = 0.0 if is_loud else self._silence_ms + ms
        self._detected += frame
        if not self._coming_item:
            padding_bytes = pcm_bytes(detection.get("prefix_padding_ms", 500) + ONSET_MS)
            del self._detected[:-padding_bytes]
            if self._speech_ms >= ONSET_MS:
                self._coming_item = self._fake.next_id("item")
                await self.emit(
                    "input_audio_buffer.speech_started", audio_start_ms=int(self._clock_ms), item_id=self._coming_item
                )
                if self._fake.misbehaviour.cancels_itself:
                    await self._stop_response()
        elif self._silence_ms >= detection.get("silence_duration_ms", 100):
            await self._end_of_turn()

    async def _end_of_turn(self) -> None:
        item_id, self._coming_item = self._coming_item, ""
        pcm = bytes(self._detected)
        self._detected.clear()
        await self.emit("input_audio_buffer.speech_stopped", audio_end_ms=int(self._clock_ms), item_id=item_id)
        await self._take_utterance(item_id, pcm)
        await self._stop_response()
        await self._begin_response()

    async def _commit(self, _: dict[str, Any]) -> None:
        if self._detection is not None:
            raise _Refused("commit when server vad")
        if not self._buffer:
            raise _Refused("append is not called before commit")
        pcm = bytes(self._buffer)
        self._buffer.clear()
        await self._take_utterance(self._fake.next_id("item"), pcm)

    async def _take_utterance(self, item_id: str, pcm: bytes) -> None:
        previous = self._talk.history[-1].item_id if self._talk.history else None
        item = HistoryItem(item_id, "user", self._fake.transcribe(pcm), pcm)
        self._talk.history.append(item)
        await self.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        shown = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "content": None}
        await self.emit("conversation.item.created", previous_item_id=previous, item=shown)
        self._in_background(self._transcribe(item))

    async def _transcribe(self, item: HistoryItem) -> None:
        kind = "conversation.item.input_audio_transcription"
        words = item.text.split()
        for count in range(1, len(words) + 1):
            # Cumulative, and every one of them twice.
            for _ in range(2):
                delta = " ".join(words[:count])
                await self.emit(f"{kind}.delta", item_id=item.item_id, content_index=0, delta=delta)
            await asyncio.sleep(0)
        await self.emit(f"{kind}.completed", item_id=item.item_id, content_index=0, transcript=item.text)

    async def _clear(self, _: dict[str, Any]) -> None:
        self._buffer.clear()
        self._detected.clear()
        await self.emit("input_audio_buffer.cleared")

    # ------------------------------------------------------------------------ items

    async def _create_item(self, event: dict[str, Any]) -> None:
        if event.get("previous_item_id") is not None:
            known = {item.item_id for item in self._talk.history}
            if event["previous_item_id"] not in known:
                raise _Refused(f"cannot find previous item {event['previous_item_id']}")
        asked = event["item"]
        if asked["type"] not in {"message", "function_call_output"}:
            raise _Refused("item.type must be message or function_call_output")
        if asked["type"] == "function_call_output":
            if self._response is not None:
                raise _Refused("ongoing response already exists")
            if asked["call_id"] not in self._open_calls:
                raise _Refused(f"cannot find item {asked['call_id']}")
            self._open_calls.discard(asked["call_id"])
            role, text = "tool", f"{asked['call_id']}: {asked['output']}"
        else:
            role, text = asked["role"], "".join(self._text(asked["role"], part) for part in asked["content"])
        previous = self._talk.history[-1].item_id if self._talk.history else None
        item = HistoryItem(self._fake.next_id("item"), role, text)
        self._talk.history.append(item)
        shown = {"id": item.item_id, "type": asked["type"], "role": asked.get("role"), "content": asked.get("content")}
        await self.emit("conversation.item.created", previous_item_id=previous, item=shown)

    @staticmethod
    def _text(role: str, part: dict[str, Any]) -> str:
        if part["type"] != {"user": "input_text", "system": "input_text", "assistant": "text"}[role]:
            raise ValueError
        if not isinstance(part["text"], str):
            raise ValueError
        return part["text"]

    async def _delete_item(self, event: dict[str, Any]) -> None:
        kept = [item for item in self._talk.history if item.item_id != event["item_id"]]
        if len(kept) == len(self._talk.history):
            raise _Refused(f"cannot find item {event['item_id']}")
        self._talk.history[:] = kept
        await self.emit("conversation.item.deleted", item_id=event["item_id"])

    # ------------------------------------------------------------------------ responses

    async def _create_response(self, _: dict[str, Any]) -> None:
        if self._response is not None:
            raise _Refused("ongoing response already exists")
        if not self._talk.history:
            raise _Refused("Cannot set `continue_final_message` with an empty conversation")
        times, now = self._fake.response_times, time.monotonic()
        if len(times) == self._fake.responses_per_minute and now - times[0] < 60:
            raise _Refused("rate limit exceeded, please try again later")
        await self._begin_response()

    async def _begin_response(self) -> None:
        self._fake.response_times.append(time.monotonic())
        self._response_id = self._fake.next_id("resp")
        await self.emit("response.created", response=self._shown("in_progress"))
        self._response = self._tasks.create_task(self._respond(self._response_id))

    def _shown(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "id": self._response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [],
        }

    async def _cancel(self, _: dict[str, Any]) -> None:
        if self._response is None:
            raise _Refused("no ongoing response to cancel")
        await self._stop_response()

    async def _stop_response(self) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        response.cancel()
        await asyncio.wait([response])
        if not self._fake.misbehaviour.mute_cancels:
            await self.emit("response.done", response=self._shown("cancelled"))

    async def _respond(self, response_id: str) -> None:
        bad = self._fake.misbehaviour
        await asyncio.sleep(self._fake.thinking_s)
        if bad.oversized_events > 0:
            bad.oversized_events -= 1
            await self.emit("response.audio.delta", response_id=response_id, delta="A" * 10_000_000)
        if bad.stalls:
            await asyncio.Event().wait()
        if bad.internal_errors > 0:
            bad.internal_errors -= 1
            self._response = None
            await self._error("internal error")
            await self.emit("response.done", response=self._shown("failed", {"error": {"message": "internal error"}}))
            return
        reply = self._fake.reply(tuple(self._talk.history))
        if not isinstance(reply, SpokenReply):
            for use in (reply,) if isinstance(reply, ToolUse) else reply:
                await self._call_tool(response_id, use)
            await asyncio.sleep(CHUNK_MS / 1000 / self._fake.speed)  # long enough for an output that comes too early
        elif self._talk.session.get("modalities") == ["text"]:
            await self._write_reply(response_id, reply.text)
        else:
            await self._speak(response_id, reply)
        self._response = None
        await self.emit("response.done", response=self._shown("completed"))

    async def _call_tool(self, response_id: str, use: ToolUse) -> None:
        call = {"call_id": self._fake.next_id("call"), "name": use.name}
        self._open_calls.add(call["call_id"])
        item_id = self._fake.next_id("item")
        shown = {"id": item_id, "type": "function_call", "status": "incomplete", **call}
        await self.emit("conversation.item.created", previous_item_id=None, item=shown)
        kind = "response.function_call_arguments"
        # The piece of text is in `arguments`, not in `delta`.
        await self.emit(f"{kind}.delta", response_id=response_id, item_id=item_id, arguments=use.arguments[:4], **call)
        await self.emit(f"{kind}.done", response_id=response_id, item_id=item_id, arguments=use.arguments, **call)

    async def _write_reply(self, response_id: str, text: str) -> None:
        """A session of `["text"]`: no sound, and the words under other names."""
        item = HistoryItem(self._fake.next_id("item"), "assistant", text)
        self._talk.history.append(item)
        shown = {"id": item.item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": None}
        place = {"response_id": response_id, "item_id": item.item_id, "output_index": 0, "content_index": 0}
        await self.emit("response.output_item.added", response_id=response_id, output_index=0, item=shown)
        await self.emit("conversation.item.created", previous_item_id=None, item=shown)
        await self.emit("response.content_part.added", **place, part={"type": "text"})
        for start in range(0, len(text), 40):
            await self.emit("response.text.delta", **place, delta=text[start : start + 40])
        await self.emit("response.text.done", **place, text=text)
        await self.emit("response.output_item.done", response_id=response_id, output_index=0, item=shown)

    async def _speak(self, response_id: str, reply: SpokenReply) -> None:
        self._has_spoken = True
        item = HistoryItem(self._fake.next_id("item"), "assistant", "")
        self._talk.history.append(item)
        shown = {"id": item.item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": None}
        place = {"response_id": response_id, "item_id": item.item_id, "output_index": 0, "content_index": 0}
        await self.emit("response.output_item.added", response_id=response_id, output_index=0, item=shown)
        await self.emit("conversation.item.created", previous_item_id=None, item=shown)
        await self.emit("response.content_part.added", **place, part={"type": "audio"})
        chunk_bytes = pcm_bytes(CHUNK_MS)
        chunks = max(1, -(-len(reply.pcm) // chunk_bytes))
        for index in range(chunks):
            words = reply.text[len(item.text) : len(reply.text) * (index + 1) // chunks]
            if words:
                item.text += words
                await self.emit("response.audio_transcript.delta", **place, delta=words)
            pcm = reply.pcm[index * chunk_bytes : (index + 1) * chunk_bytes]
            if pcm:
                await self.emit("response.audio.delta", **place, delta=base64.b64encode(pcm).decode())
            if index == chunks // 2 and self._fake.misbehaviour.close_in_reply > 0:
                self._fake.misbehaviour.close_in_reply -= 1
                self._socket.transport.abort()
            await asyncio.sleep(CHUNK_MS / 1000 / self._fake.speed)
        await self.emit("response.audio.done", **place)
        await self.emit("response.audio_transcript.done", **place, transcript=item.text)
        await self.emit("response.output_item.done", response_id=response_id, output_index=0, item=shown)
