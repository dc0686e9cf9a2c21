"""The shell: the service on a socket of 127.0.0.1."""

from __future__ import annotations

import asyncio
import http
import json
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.rehearsal.stepfun.line import Line
from bot.rehearsal.stepfun.rules import APPEND_LIMIT_BYTES
from bot.rehearsal.stepfun.script import Talk
from bot.rehearsal.stepfun.service import PATH, Service, model_of


class FakeStepFun(Service):
    """`async with FakeStepFun() as fake:` then connect to `fake.url` with the key `fake.key`."""

    _server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{PATH}"

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

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self.refusal(request.path, request.headers.get("Authorization"))
        if status is None:
            return None
        self.refused.append(status)
        return connection.respond(http.HTTPStatus(status), json.dumps({"error": {"message": "refused"}}))

    async def _converse(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        talk = Talk(model_of(socket.request.path))
        self.talks.append(talk)
        async with asyncio.TaskGroup() as tasks:
            line = Line(self, socket, talk, tasks)
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
