"""One connection to the service: the session, the input, the conversation's items."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.server import ServerConnection

from bot.audio.frame import pcm_bytes
from bot.rehearsal.stepfun.detection import Began, Detection, Ended
from bot.rehearsal.stepfun.responses import Responses
from bot.rehearsal.stepfun.rules import Refused, check_detection, check_session, check_voice, sound_of, text_of
from bot.rehearsal.stepfun.script import HistoryItem, Talk
from bot.rehearsal.stepfun.service import Service
from bot.rehearsal.stepfun.wire import Wire

DEFAULT_DETECTION: Final = {"type": "server_vad", "silence_duration_ms": 100}
FRAME_MS: Final = 20


class Line:
    """Made for a connection that was let in; `talk` is its record."""

    def __init__(self, service: Service, socket: ServerConnection, talk: Talk, tasks: asyncio.TaskGroup) -> None:
        self._service = service
        self._talk = talk
        self._tasks = tasks
        self._wire = Wire(service, socket, talk)
        self._responses = Responses(service, self._wire, talk, tasks)
        self._began_at = time.monotonic()
        self._turn_detection: dict[str, Any] | None = dict(DEFAULT_DETECTION)
        self._detection = Detection()
        self._coming_item = ""
        self._buffer = bytearray()
        self._background: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Callable[[dict[str, Any]], Coroutine[Any, Any, None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel,
        }

    async def greet(self) -> None:
        session = {
            "id": self._service.next_id("sess"),
            "object": "realtime.session",
            "model": self._talk.model,
            "modalities": ["text", "audio"],
            "instructions": "",
            "voice": "linjiajiejie",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "max_response_output_tokens": "4096",  # a string here, a number elsewhere
        }
        await self._wire.emit("session.created", session=session)

    async def expire(self) -> None:
        await asyncio.sleep(self._service.session_s)
        await self._wire.error("session expired: the longest session is 30 minutes")
        await self._wire.close(1001, "session expired")

    async def receive(self, message: str | bytes) -> None:
        try:
            event = json.loads(message)
            if not isinstance(event, dict) or event.get("type") not in self._answers:
                kind = event.get("type") if isinstance(event, dict) else None
                raise Refused(f"invalid event type {str(kind)[:60]}")
            self._record(event, message)
            await self._answers[event["type"]](event)
            await self._garbage()
        except Refused as refusal:
            await self._wire.error(str(refusal))
        except (ValueError, KeyError, TypeError, AttributeError):
            await self._wire.error("invalid event format")

    def stop(self) -> None:
        """The connection is over."""
        self._responses.abandon()
        for task in self._background:
            task.cancel()

    def _record(self, event: dict[str, Any], message: str | bytes) -> None:
        if event["type"] != "input_audio_buffer.append":
            self._talk.received.append(event)
            self._talk.raw.append(message if isinstance(message, str) else message.decode())

    async def _garbage(self) -> None:
        if self._service.misbehaviour.garbage:
            for message in (
                '{"type":"response.audio.del',
                '{"type":"response.audio.delta","delta":"%%%"}',
                "[1]",
                "{}",
            ):
                await self._wire.write("garbage", message)
            await self._wire.emit("rate_limits.updated", rate_limits=None)
            await self._wire.emit("response.something.new", item_id=7)

    # ------------------------------------------------------------------------ session

    async def _update(self, event: dict[str, Any]) -> None:
        session, bad = event["session"], self._service.misbehaviour
        check_session(session, takes_text_only=not bad.insists_on_sound)
        check_voice(
            session.get("voice"),
            self._talk.session.get("voice"),
            self._service.voices,
            has_spoken=self._responses.has_spoken,
        )
        # The pages disagree about what holds if it is not said; detection on is the harder case.
        detection = session.get("turn_detection", self._turn_detection)
        check_detection(detection)
        self._turn_detection = dict(DEFAULT_DETECTION) if detection is None and bad.insists_on_detection else detection
        self._talk.session |= session
        if bad.never_updates:
            return
        echo = {key: value for key, value in self._talk.session.items() if key != "turn_detection"}
        if bad.says_detection:
            echo["turn_detection"] = self._turn_detection
        await self._wire.emit("session.updated", session=echo)

    # ------------------------------------------------------------------------ input

    async def _append(self, event: dict[str, Any]) -> None:
        pcm = sound_of(event)
        self._talk.appends.append((time.monotonic() - self._began_at, pcm))
        if self._turn_detection is None:
            self._buffer += pcm
            return
        frame_bytes = pcm_bytes(FRAME_MS)
        for start in range(0, len(pcm), frame_bytes):
            await self._listen(pcm[start : start + frame_bytes], self._turn_detection)

    async def _listen(self, frame: bytes, settings: dict[str, Any]) -> None:
        match self._detection.hear(frame, settings):
            case Began(at_ms):
                self._coming_item = self._service.next_id("item")
                await self._wire.emit(
                    "input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=self._coming_item
                )
                if self._service.misbehaviour.cancels_itself:
                    await self._responses.stop()
            case Ended(at_ms, pcm):
                item_id = self._coming_item
                await self._wire.emit("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item_id)
                await self._take_utterance(item_id, pcm)
                await self._responses.stop()
                await self._responses.begin()

    async def _commit(self, _: dict[str, Any]) -> None:
        if self._turn_detection is not None:
            raise Refused("commit when server vad")
        if not self._buffer:
            raise Refused("append is not called before commit")
        pcm = bytes(self._buffer)
        self._buffer.clear()
        await self._take_utterance(self._service.next_id("item"), pcm)

    async def _take_utterance(self, item_id: str, pcm: bytes) -> None:
        item = HistoryItem(item_id, "user", self._service.transcribe(pcm), pcm)
        previous = self._talk.add(item)
        await self._wire.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        shown = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "content": None}
        await self._wire.emit("conversation.item.created", previous_item_id=previous, item=shown)
        task = self._tasks.create_task(self._transcribe(item))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _transcribe(self, item: HistoryItem) -> None:
        kind = "conversation.item.input_audio_transcription"
        words = item.text.split()
        for count in range(1, len(words) + 1):
            # Cumulative, and every one of them twice.
            for _ in range(2):
                delta = " ".join(words[:count])
                await self._wire.emit(f"{kind}.delta", item_id=item.item_id, content_index=0, delta=delta)
            await asyncio.sleep(0)
        await self._wire.emit(f"{kind}.completed", item_id=item.item_id, content_index=0, transcript=item.text)

    async def _clear(self, _: dict[str, Any]) -> None:
        self._buffer.clear()
        self._detection.clear()
        await self._wire.emit("input_audio_buffer.cleared")

    # ------------------------------------------------------------------------ items

    async def _create_item(self, event: dict[str, Any]) -> None:
        if event.get("previous_item_id") is not None:
            known = {item.item_id for item in self._talk.history}
            if event["previous_item_id"] not in known:
                raise Refused(f"cannot find previous item {event['previous_item_id']}")
        asked = event["item"]
        if asked["type"] not in {"message", "function_call_output"}:
            raise Refused("item.type must be message or function_call_output")
        if asked["type"] == "function_call_output":
            role, text = "tool", self._output(asked)
        else:
            role, text = asked["role"], "".join(text_of(asked["role"], part) for part in asked["content"])
        item = HistoryItem(self._service.next_id("item"), role, text)
        previous = self._talk.add(item)
        shown = {"id": item.item_id, "type": asked["type"], "role": asked.get("role"), "content": asked.get("content")}
        await self._wire.emit("conversation.item.created", previous_item_id=previous, item=shown)

    def _output(self, asked: dict[str, Any]) -> str:
        if self._responses.is_ongoing:
            raise Refused("ongoing response already exists")
        if asked["call_id"] not in self._responses.open_calls:
            raise Refused(f"cannot find item {asked['call_id']}")
        self._responses.open_calls.discard(asked["call_id"])
        return f"{asked['call_id']}: {asked['output']}"

    async def _delete_item(self, event: dict[str, Any]) -> None:
        kept = [item for item in self._talk.history if item.item_id != event["item_id"]]
        if len(kept) == len(self._talk.history):
            raise Refused(f"cannot find item {event['item_id']}")
        self._talk.history[:] = kept
        await self._wire.emit("conversation.item.deleted", item_id=event["item_id"])

    # ------------------------------------------------------------------------ responses

    async def _create_response(self, _: dict[str, Any]) -> None:
        if self._responses.is_ongoing:
            raise Refused("ongoing response already exists")
        if not self._talk.history:
            raise Refused("Cannot set `continue_final_message` with an empty conversation")
        if self._service.is_at_cap(time.monotonic()):
            raise Refused("rate limit exceeded, please try again later")
        await self._responses.begin()

    async def _cancel(self, _: dict[str, Any]) -> None:
        if not self._responses.is_ongoing:
            raise Refused("no ongoing response to cancel")
        await self._responses.stop()
