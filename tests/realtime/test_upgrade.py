"""Opening and closing a model's socket, against servers that do it badly."""

from __future__ import annotations

import asyncio

import pytest
from waiting import PATIENCE_S
from websockets.asyncio.server import ServerConnection, serve

from bot.errors import ModelError, ModelFault
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.upgrade import hang_up, open_socket

pytestmark = pytest.mark.shell


async def test_unread_messages_do_not_stand_in_the_way_of_the_goodbye() -> None:
    codes: list[int | None] = []

    async def flood(socket: ServerConnection) -> None:
        for number in range(200):
            await socket.send(str(number))
        await socket.wait_closed()
        codes.append(socket.close_code)

    async with serve(flood, "127.0.0.1", 0, close_timeout=1) as server:
        port = server.sockets[0].getsockname()[1]
        socket = await open_socket(load("local"), ConnectOptions(f"ws://127.0.0.1:{port}"))
        async with asyncio.timeout(PATIENCE_S):
            assert await socket.recv() == "0"
            await asyncio.sleep(0.05)  # more arrives than the library buffers
            await hang_up(socket)
    assert socket.close_code == 1000
    assert codes == [1000]


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_a_server_that_speaks_no_websocket_is_no_crash(answer: bytes) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ModelError) as caught:
            await open_socket(load("local"), ConnectOptions(f"ws://127.0.0.1:{port}"))
    assert caught.value.fault in {ModelFault.UNREACHABLE, ModelFault.OVERLOADED}


@pytest.mark.parametrize("url", ["ws://", "ftp://127.0.0.1/", "nonsense", "ws://127.0.0.1:99999/"])
async def test_an_address_that_is_none_is_a_bad_request(url: str) -> None:
    with pytest.raises(ModelError) as caught:
        await open_socket(load("local"), ConnectOptions(url))
    assert caught.value.fault is ModelFault.BAD_REQUEST


async def test_an_error_names_neither_key_nor_address() -> None:
    with pytest.raises(ModelError) as caught:
        await open_socket(load("stepfun"), ConnectOptions("ws://127.0.0.1:9/?token=hidden", "", "the-key"))
    assert "the-key" not in str(caught.value)
    assert "hidden" not in str(caught.value)
