"""The websocket to one voice server: messages in and out, in order, with limits. It knows no opcode and decides nothing.

Writing never waits: messages queue up (bounded) for one writer. A queue that overflows means a server that reads nothing, and the
socket is cut. TLS trust is the context's; the default one follows `SSL_CERT_FILE`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

OPEN_S: Final = 8.0
CLOSE_S: Final = 1.0
MESSAGE_LIMIT_BYTES: Final = 1024 * 1024
"""The adds of a call of a hundred members come in one message of some 50 KB."""

QUEUE_MESSAGES: Final = 256


class VoiceWebSocket:
    """One connection, from opening to close; not to be used twice.

    Args:
        on_open: called when messages can be sent.
        on_message: called for each message received; an exception of it ends `run`.
    """

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        on_open: Callable[[], None],
        on_message: Callable[[str | bytes], None],
    ) -> None:
        self._url = url
        self._tls = tls
        self._on_open = on_open
        self._on_message = on_message
        self._queue: asyncio.Queue[str | bytes | int] = asyncio.Queue(QUEUE_MESSAGES)
        self._socket: ClientConnection | None = None

    async def run(self) -> int | None:
        """Open, read until the end, and answer with the close code; None: it could not be opened."""
        try:
            socket = await connect(
                self._url,
                ssl=self._tls,
                compression=None,
                max_size=MESSAGE_LIMIT_BYTES,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
                ping_interval=None,  # the voice gateway has heartbeats of its own
                proxy=None,  # the media beside it could not pass one
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed):
            return None
        self._socket = socket
        try:
            await self._converse(socket)
        finally:
            # Also when cancelled: a socket that is left to itself would keep its descriptor.
            socket.transport.abort()
        return socket.close_code

    def send(self, message: str | bytes) -> None:
        """Queue one message."""
        self._put(message)

    def close(self, code: int) -> None:
        """Send what is queued, then close with this code."""
        self._put(code)

    async def _converse(self, socket: ClientConnection) -> None:
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(socket), name="voice websocket writer")
            self._on_open()
            try:
                async for message in socket:
                    self._on_message(message)
            except ConnectionClosed:
                pass  # the code says why, and it is the answer of `run`
            finally:
                writer.cancel()

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while not isinstance(message := await self._queue.get(), int):
                await socket.send(message)
            await socket.close(message)
        except ConnectionClosed:
            return  # the reader notices it as well

    def _put(self, item: str | bytes | int) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            if self._socket is not None:
                self._socket.transport.abort()
