"""Opening a socket to a speech model, with the limits that every one of them has, and the reason when it does not open."""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from bot.errors import ModelError, ModelFault
from bot.realtime.dialect import MESSAGE_LIMIT_BYTES, ConnectOptions, Dialect

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
PING_EVERY_S: Final = 20.0
PING_TIMEOUT_S: Final = 10.0
REFUSAL_BYTES: Final = 4096

# The library's own logger writes every header and frame at debug level: keys and speech.
_socket_logger = logging.getLogger("bot.realtime.socket")
_socket_logger.setLevel(logging.WARNING)


async def open_socket(dialect: Dialect, options: ConnectOptions) -> ClientConnection:
    """A socket after its upgrade. TLS verifies against the environment's trust store. Raises `ModelError`."""
    request = dialect.connect(options)
    try:
        return await connect(
            request.url,
            additional_headers=request.headers,
            compression=None,  # base64 of PCM does not shrink, and deflate costs more than all else together
            max_size=MESSAGE_LIMIT_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_TIMEOUT_S,
            proxy=None if _is_loopback(request.url) else True,
            logger=_socket_logger,
        )
    except InvalidStatus as error:
        body = (error.response.body or b"")[:REFUSAL_BYTES].decode("utf-8", "replace")
        status = error.response.status_code
        raise ModelError(f"the server answered {status}", dialect.refused(status, body)) from None
    except (InvalidURI, ValueError):
        raise ModelError("the address is none", ModelFault.BAD_REQUEST) from None
    except (InvalidHandshake, OSError, EOFError) as error:  # a TimeoutError is an OSError
        raise ModelError(f"no connection: {type(error).__name__}", ModelFault.UNREACHABLE) from None


async def hang_up(socket: ClientConnection) -> None:
    """Close politely. What the server still says is read and dropped: unread, it would stand before its answer to our close."""
    closing = asyncio.ensure_future(socket.close())
    try:
        while True:
            await socket.recv()
    except ConnectionClosed:
        pass
    finally:
        await closing


def _is_loopback(url: str) -> bool:
    """A proxy of the environment is for the world, not for a server on this machine."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
