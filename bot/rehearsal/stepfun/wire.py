"""What the service sends on one connection, and the record of it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bot.rehearsal.stepfun.script import Talk
from bot.rehearsal.stepfun.service import Service


class Wire:
    """It assigns ids of its own and echoes none."""

    def __init__(self, service: Service, socket: ServerConnection, talk: Talk) -> None:
        self._service = service
        self._socket = socket
        self._talk = talk

    async def emit(self, kind: str, **fields: Any) -> None:
        await self.write(kind, json.dumps({"event_id": self._service.next_id("event"), "type": kind, **fields}))

    async def write(self, kind: str, message: str) -> None:
        self._talk.sent.append(kind)
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(message)

    async def error(self, message: str) -> None:
        self._talk.errors.append(message)
        await self.emit("error", error={"type": "invalid_request_error", "code": "", "message": message})

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)

    def abort(self) -> None:
        """Gone without a word."""
        self._socket.transport.abort()
