"""A digest by URL: any service with OpenAI's chat interface (`…/v1/chat/completions`). Every read has a size and a time limit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from bot.errors import ModelError, ModelFault
from bot.memory.digest import ANSWER_CHARS, Line, Point, read_points, task, told

ANSWER_LIMIT_BYTES: Final = 256 * 1024
TIMEOUT: Final = aiohttp.ClientTimeout(total=15, connect=5)
ANSWER_TOKENS: Final = 1_500

_FAULTS: Final = {
    401: ModelFault.KEY_REFUSED,
    402: ModelFault.NO_BALANCE,
    403: ModelFault.KEY_REFUSED,
    404: ModelFault.NOT_FOUND,
    429: ModelFault.RATE_LIMITED,
    503: ModelFault.OVERLOADED,
}


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What was asked, what was answered, and what the service says that it used (anything)."""

    asked: str
    text: str
    usage: Any

    @property
    def points(self) -> tuple[Point, ...]:
        return read_points(self.text)


@dataclass(frozen=True, slots=True)
class ChatDigester:
    """`Digester`. Raises `ModelError`, which names the status and never the content; the key stays out of `repr`."""

    url: str = field(repr=False)
    model: str
    key: str = field(default="", repr=False)

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        return (await self.ask(lines, language)).points

    async def ask(self, lines: Sequence[Line], language: str) -> ChatAnswer:
        """As `digest`, with what the service says that it used."""
        asked = (task(language), told(lines))
        messages = [{"role": role, "content": text} for role, text in zip(("system", "user"), asked, strict=True)]
        body = {"model": self.model, "messages": messages, "max_tokens": ANSWER_TOKENS}
        completion = _completion(await self._post(body))
        return ChatAnswer("".join(asked), _message(completion), completion.get("usage"))

    async def _post(self, body: dict[str, Any]) -> bytes:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            # One question a call: no connection is worth keeping.
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as http,
                http.post(self.url, json=body, headers=headers, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise ModelError(f"the digest answered with status {response.status}", _fault_of(response.status))
                answer = bytearray()
                async for chunk in response.content.iter_chunked(16 * 1024):
                    answer += chunk
                    if len(answer) > ANSWER_LIMIT_BYTES:
                        raise ModelError(f"the digest is over {ANSWER_LIMIT_BYTES} bytes", ModelFault.BAD_REQUEST)
                return bytes(answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ModelError(f"the digest is not reachable ({type(error).__name__})", ModelFault.UNREACHABLE) from None


def _fault_of(status: int) -> ModelFault:
    return _FAULTS.get(status, ModelFault.BAD_REQUEST if status < 500 else ModelFault.OVERLOADED)


def _completion(data: bytes) -> dict[str, Any]:
    try:
        completion = json.loads(data)
    except (ValueError, RecursionError):
        completion = None
    if not isinstance(completion, dict):
        raise ModelError("the digest is no chat completion", ModelFault.BAD_REQUEST)
    return completion


def _message(completion: dict[str, Any]) -> str:
    try:
        content = completion["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        raise ModelError("the digest is no chat completion", ModelFault.BAD_REQUEST) from None
    return content[:ANSWER_CHARS] if isinstance(content, str) else ""
