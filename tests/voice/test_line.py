"""The line's sockets where a call is not enough to see them: addresses that change under way, writers that are cut off."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Coroutine
from typing import Any

import pytest
from waiting import PATIENCE_S
from websockets.asyncio.server import ServerConnection, serve

from bot.audio.opus import EncoderProfile
from bot.voice.events import VoiceEvent
from bot.voice.gateway import Gateway
from bot.voice.gateway_events import Discover
from bot.voice.line import VoiceLine
from bot.voice.receiver import Receiver
from bot.voice.sender import Sender
from bot.voice.websocket import VoiceWebSocket

pytestmark = pytest.mark.shell


class Owner:
    """What a connection is to its line, with the tasks kept to wait for."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.append(task)
        return task

    def tell(self, event: VoiceEvent) -> None: ...

    def established(self) -> None: ...

    def media_ready(self) -> None: ...

    def rejoin(self) -> None: ...

    def broke(self, bug: Exception) -> None:
        raise bug


def make_line(owner: Owner) -> VoiceLine:
    gateway = Gateway(lambda: 0.5)
    sender = Sender(gateway.encrypt, EncoderProfile.ECO)
    return VoiceLine(owner, gateway, Receiver(gateway.decrypt), sender, ssl.create_default_context())


def datagram_sockets() -> int:
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    inodes = {os.readlink(link)[8:-1] for link in links if os.path.exists(link) and "socket" in os.readlink(link)}
    with open("/proc/self/net/udp") as table:
        return sum(row.split()[9] in inodes for row in table.readlines()[1:])


async def test_an_address_that_changes_while_its_socket_is_being_opened_leaves_one_socket() -> None:
    owner, before = Owner(), datagram_sockets()
    line = make_line(owner)
    line.perform([Discover("127.0.0.1", 50_001, 1), Discover("127.0.0.1", 50_002, 2)])
    await asyncio.gather(*owner.tasks)
    await asyncio.sleep(0)
    assert len(owner.tasks) == 2
    assert datagram_sockets() == before + 1
    stats = line.socket_stats()
    assert stats is not None
    assert stats.sent == 1
    line._close_udp()
    await asyncio.sleep(0)
    assert datagram_sockets() == before


async def test_a_websocket_whose_reader_is_cut_off_is_closed_at_once() -> None:
    met: asyncio.Queue[ServerConnection] = asyncio.Queue(1)

    async def greet(connection: ServerConnection) -> None:
        met.put_nowait(connection)
        await connection.wait_closed()

    async with serve(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/"
        is_open = asyncio.Event()
        socket = VoiceWebSocket(url, None, on_open=is_open.set, on_message=lambda _: None)  # type: ignore[arg-type]
        reader = asyncio.create_task(socket.run())
        connection = await met.get()
        await is_open.wait()
        reader.cancel()
        await asyncio.wait((reader,))
        # The client's object is still held here: nothing but `run` itself can have closed it.
        async with asyncio.timeout(PATIENCE_S):
            await connection.wait_closed()
        assert socket._socket is not None
        assert connection.close_code == 1006
