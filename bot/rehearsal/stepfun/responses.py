"""The response in flight of one connection: sound, words or calls, as the script has it, and what services do on a bad day."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any, Final

from bot.audio.frame import pcm_bytes
from bot.rehearsal.stepfun.script import HistoryItem, SpokenReply, Talk, ToolUse
from bot.rehearsal.stepfun.service import Service
from bot.rehearsal.stepfun.wire import Wire

CHUNK_MS: Final = 100


class Responses:
    """One at a time."""

    def __init__(self, service: Service, wire: Wire, talk: Talk, tasks: asyncio.TaskGroup) -> None:
        self.has_spoken = False
        self.open_calls: set[str] = set()  # functions that were called and not answered; bounded by the session
        self._service = service
        self._wire = wire
        self._talk = talk
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._id = ""

    @property
    def is_ongoing(self) -> bool:
        return self._task is not None

    def abandon(self) -> None:
        """The connection is over."""
        if self._task is not None:
            self._task.cancel()

    async def begin(self) -> None:
        self._service.responded(time.monotonic())
        self._id = self._service.next_id("resp")
        await self._wire.emit("response.created", response=self._shown("in_progress"))
        self._task = self._tasks.create_task(self._respond(self._id))

    def _shown(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [],
        }

    async def stop(self) -> None:
        response, self._task = self._task, None
        if response is None:
            return
        response.cancel()
        await asyncio.wait([response])
        if not self._service.misbehaviour.mute_cancels:
            await self._wire.emit("response.done", response=self._shown("cancelled"))

    async def _respond(self, response_id: str) -> None:
        bad = self._service.misbehaviour
        await asyncio.sleep(self._service.thinking_s)
        if bad.oversized_events > 0:
            bad.oversized_events -= 1
            await self._wire.emit("response.audio.delta", response_id=response_id, delta="A" * 10_000_000)
        if bad.stalls:
            await asyncio.Event().wait()
        if bad.internal_errors > 0:
            bad.internal_errors -= 1
            self._task = None
            await self._wire.error("internal error")
            await self._wire.emit(
                "response.done", response=self._shown("failed", {"error": {"message": "internal error"}})
            )
            return
        reply = self._service.reply(tuple(self._talk.history))
        if not isinstance(reply, SpokenReply):
            for use in (reply,) if isinstance(reply, ToolUse) else reply:
                await self._call_tool(response_id, use)
            await asyncio.sleep(CHUNK_MS / 1000 / self._service.speed)  # long enough for an output that comes too early
        elif self._talk.session.get("modalities") == ["text"]:
            await self._write_reply(response_id, reply.text)
        else:
            await self._speak(response_id, reply)
        self._task = None
        await self._wire.emit("response.done", response=self._shown("completed"))

    async def _call_tool(self, response_id: str, use: ToolUse) -> None:
        call = {"call_id": self._service.next_id("call"), "name": use.name}
        self.open_calls.add(call["call_id"])
        item_id = self._service.next_id("item")
        shown = {"id": item_id, "type": "function_call", "status": "incomplete", **call}
        await self._wire.emit("conversation.item.created", previous_item_id=None, item=shown)
        kind = "response.function_call_arguments"
        # The piece of text is in `arguments`, not in `delta`.
        await self._wire.emit(
            f"{kind}.delta", response_id=response_id, item_id=item_id, arguments=use.arguments[:4], **call
        )
        await self._wire.emit(f"{kind}.done", response_id=response_id, item_id=item_id, arguments=use.arguments, **call)

    async def _write_reply(self, response_id: str, text: str) -> None:
        """A session of `["text"]`: no sound, and the words under other names."""
        item = HistoryItem(self._service.next_id("item"), "assistant", text)
        self._talk.history.append(item)
        shown = {"id": item.item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": None}
        place = {"response_id": response_id, "item_id": item.item_id, "output_index": 0, "content_index": 0}
        await self._wire.emit("response.output_item.added", response_id=response_id, output_index=0, item=shown)
        await self._wire.emit("conversation.item.created", previous_item_id=None, item=shown)
        await self._wire.emit("response.content_part.added", **place, part={"type": "text"})
        for start in range(0, len(text), 40):
            await self._wire.emit("response.text.delta", **place, delta=text[start : start + 40])
        await self._wire.emit("response.text.done", **place, text=text)
        await self._wire.emit("response.output_item.done", response_id=response_id, output_index=0, item=shown)

    async def _speak(self, response_id: str, reply: SpokenReply) -> None:
        self.has_spoken = True
        item = HistoryItem(self._service.next_id("item"), "assistant", "")
        self._talk.history.append(item)
        shown = {"id": item.item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": None}
        place = {"response_id": response_id, "item_id": item.item_id, "output_index": 0, "content_index": 0}
        await self._wire.emit("response.output_item.added", response_id=response_id, output_index=0, item=shown)
        await self._wire.emit("conversation.item.created", previous_item_id=None, item=shown)
        await self._wire.emit("response.content_part.added", **place, part={"type": "audio"})
        chunk_bytes = pcm_bytes(CHUNK_MS)
        chunks = max(1, -(-len(reply.pcm) // chunk_bytes))
        for index in range(chunks):
            words = reply.text[len(item.text) : len(reply.text) * (index + 1) // chunks]
            if words:
                item.text += words
                await self._wire.emit("response.audio_transcript.delta", **place, delta=words)
            pcm = reply.pcm[index * chunk_bytes : (index + 1) * chunk_bytes]
            if pcm:
                await self._wire.emit("response.audio.delta", **place, delta=base64.b64encode(pcm).decode())
            if index == chunks // 2 and self._service.misbehaviour.close_in_reply > 0:
                self._service.misbehaviour.close_in_reply -= 1
                self._wire.abort()
            await asyncio.sleep(CHUNK_MS / 1000 / self._service.speed)
        await self._wire.emit("response.audio.done", **place)
        await self._wire.emit("response.audio_transcript.done", **place, transcript=item.text)
        await self._wire.emit("response.output_item.done", response_id=response_id, output_index=0, item=shown)
