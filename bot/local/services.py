"""Parts of the local model that somebody else runs: any service with OpenAI's HTTP interface, by its address.

`…/v1/audio/transcriptions`, `…/v1/chat/completions`, `…/v1/audio/speech`. Every read has a size and a time limit; what is wrong
becomes a `ModelError` that names the service and the status, never the content.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import numpy as np

from bot.audio.frame import MODEL_RATE_HZ, pcm_bytes
from bot.audio.resample import resample
from bot.errors import ModelError, ModelFault
from bot.local.digesting import is_digest
from bot.local.grammar import Hints
from bot.local.mind import Call, Item, Thought, Tool
from bot.local.recognition import LONGEST_S, Listening

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
SPEECH_LIMIT_BYTES: Final = 32 * 1024 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=5)
REPLY_TOKENS: Final = 300
DIGEST_TOKENS: Final = 1_500
CALLS_AT_MOST: Final = 4
ARGUMENTS_LIMIT: Final = 8_000
"""Characters of one call's arguments."""

TURNS_TOLD: Final = 40


@dataclass(frozen=True, slots=True)
class Service:
    """Where it is. The key stays out of `repr`."""

    url: str
    model: str
    key: str = ""

    def __repr__(self) -> str:
        return f"Service(model={self.model!r})"

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


async def _post(service: Service, http: aiohttp.ClientSession, limit_bytes: int, **body: Any) -> bytes:
    try:
        async with http.post(service.url, headers=service.headers(), timeout=TIMEOUT, **body) as response:
            if response.status != 200:
                raise ModelError(f"the service answered with status {response.status}", _fault_of(response.status))
            answer = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                answer += chunk
                if len(answer) > limit_bytes:
                    raise ModelError(f"the service sent more than {limit_bytes} bytes", ModelFault.BAD_REQUEST)
            return bytes(answer)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ModelError(f"the service is not reachable ({type(error).__name__})", ModelFault.UNREACHABLE) from None


def _fault_of(status: int) -> ModelFault:
    known = {401: ModelFault.KEY_REFUSED, 402: ModelFault.NO_BALANCE, 404: ModelFault.NOT_FOUND}
    known |= {429: ModelFault.RATE_LIMITED, 503: ModelFault.OVERLOADED}
    return known.get(status, ModelFault.BAD_REQUEST if status < 500 else ModelFault.OVERLOADED)


class TranscriptionService:
    """Ears by URL: an utterance is sent when it is complete."""

    def __init__(self, service: Service, http: aiohttp.ClientSession) -> None:
        self._service = service
        self._http = http

    def listen(self, hints: Hints) -> Listening:
        return _Recorded(self._transcribe)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _transcribe(self, pcm: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("model", self._service.model)
        form.add_field("response_format", "json")
        form.add_field("file", _wav(pcm), filename="speech.wav", content_type="audio/wav")
        answer = _json(await _post(self._service, self._http, ANSWER_LIMIT_BYTES, data=form))
        if not isinstance(answer.get("text"), str):
            raise ModelError("the transcription has no `text`", ModelFault.BAD_REQUEST)
        return str(answer["text"]).strip()


class _Recorded:
    """`Listening` that keeps the sound until it is complete."""

    def __init__(self, transcribe: Callable[[bytes], Awaitable[str]]) -> None:
        self._transcribe = transcribe
        self._sound = bytearray()

    def write(self, pcm: bytes) -> None:
        room = pcm_bytes(LONGEST_S * 1000) - len(self._sound)
        self._sound += pcm[: max(0, room)]

    async def finish(self) -> str | None:
        return await self._transcribe(bytes(self._sound)) or None if self._sound else None

    def discard(self) -> None:
        self._sound.clear()


class ChatService:
    """A mind by URL."""

    def __init__(self, service: Service, http: aiohttp.ClientSession) -> None:
        self._service = service
        self._http = http

    async def answer(self, instructions: str, items: Iterable[Item], tools: tuple[Tool, ...] = ()) -> Thought:
        messages = [{"role": "system", "content": instructions}, *_messages(list(items)[-TURNS_TOLD:])]
        most = DIGEST_TOKENS if is_digest(instructions) else REPLY_TOKENS
        body: dict[str, Any] = {"model": self._service.model, "messages": messages, "max_tokens": most}
        if tools:
            body["tools"] = [{"type": "function", "function": _offered(tool)} for tool in tools]
        answer = _json(await _post(self._service, self._http, ANSWER_LIMIT_BYTES, json=body))
        try:
            message = answer["choices"][0]["message"]
            thought = Thought(str(message.get("content") or "").strip(), _calls(message.get("tool_calls") or [], tools))
        except (LookupError, TypeError, AttributeError):
            raise ModelError("the completion has no message", ModelFault.BAD_REQUEST) from None
        if not (thought.words or thought.calls) and not is_digest(instructions):
            raise ModelError("the completion is empty", ModelFault.BAD_REQUEST)
        return thought


def _messages(items: list[Item]) -> list[dict[str, Any]]:
    """The talk as a chat. Calls stand with their answers behind them, as such services want it; one without an answer is left out."""
    answers = {item.call_id: item for item in items if item.role == "tool"}
    messages: list[dict[str, Any]] = []
    is_calling = False
    for item in items:
        if item.role == "call" and item.call_id in answers:
            function = {"name": item.name, "arguments": item.text}
            if not is_calling:
                messages.append({"role": "assistant", "content": None, "tool_calls": []})
            calling = next(one for one in reversed(messages) if one.get("tool_calls") is not None)
            calling["tool_calls"].append({"id": item.call_id, "type": "function", "function": function})
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": answers[item.call_id].text})
            is_calling = True
        elif item.role not in {"call", "tool"} and item.text:
            messages.append({"role": item.role, "content": item.text})
            is_calling = False
    return messages


def _offered(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _calls(shown: list[Any], tools: tuple[Tool, ...]) -> tuple[Call, ...]:
    """The first few calls of tools that were offered; what the arguments hold is for whoever runs them. Raises LookupError, TypeError."""
    offered = {tool.name for tool in tools}
    calls = [Call(str(one["function"]["name"]), str(one["function"]["arguments"] or "{}")) for one in shown]
    fitting = [call for call in calls if call.name in offered and len(call.arguments) <= ARGUMENTS_LIMIT]
    return tuple(fitting[:CALLS_AT_MOST])


class SpeechService:
    """A voice by URL: asks for WAV, whose rate is what it says."""

    def __init__(self, service: Service, http: aiohttp.ClientSession) -> None:
        self._service = service
        self._http = http

    def has_voice(self, voice: str) -> bool:
        return True  # only the service knows

    async def speak(self, text: str, voice: str | None) -> bytes:
        body = {"model": self._service.model, "input": text, "voice": voice or "alloy", "response_format": "wav"}
        return _pcm_of(await _post(self._service, self._http, SPEECH_LIMIT_BYTES, json=body))


def _json(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ModelError("the service's answer is no JSON object", ModelFault.BAD_REQUEST)
    return answer


def _wav(pcm: bytes) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MODEL_RATE_HZ)
        file.writeframes(pcm)
    return made.getvalue()


def _pcm_of(wav: bytes) -> bytes:
    """24 kHz mono of a 16-bit WAV; streamed ones announce a length that is too great."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            width, channels, rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(len(wav))
    except (wave.Error, EOFError):
        raise ModelError("the speech is no WAV file", ModelFault.BAD_REQUEST) from None
    if width != 2 or not channels or not rate_hz:
        raise ModelError("the speech is not 16-bit PCM", ModelFault.BAD_REQUEST)
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    mono = samples.mean(axis=1).astype(np.int16)
    return resample(mono, rate_hz, MODEL_RATE_HZ).astype("<i2").tobytes()
