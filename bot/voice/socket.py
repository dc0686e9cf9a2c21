"""The UDP side of one voice session: datagrams in and out, IP discovery, and keepalives.

A server stops forwarding audio after some minutes to an address that it does not hear from, so eight bytes, a little-endian
counter, go out every 5 s from the start, also while nothing is said. Their echo is not required: not every server sends one.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from bot.voice.discovery import discovery_request, is_discovery, parse_discovery

MAX_DATAGRAM_BYTES: Final = 2048
KEEPALIVE_S: Final = 5.0
WRITE_BUFFER_BYTES: Final = 64 * 1024
"""What the kernel does not take at once waits here; beyond it datagrams are dropped, since late sound is worthless."""

_COUNTER = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class SocketStats:
    received: int
    sent: int
    keepalives: int
    dropped: int
    errors: int


class VoiceSocket(asyncio.DatagramProtocol):
    """A connected UDP socket; `open` makes one.

    Args:
        on_datagram: gets everything but discovery replies, on the loop.
        on_address: gets our own address and port as the server sees them.
    """

    def __init__(self, on_datagram: Callable[[bytes], None], on_address: Callable[[str, int], None]) -> None:
        self._on_datagram = on_datagram
        self._on_address = on_address
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._asked_ssrc = 0
        self._keepalive: asyncio.TimerHandle | None = None
        self._received = self._sent = self._keepalives = self._dropped = self._errors = 0

    @classmethod
    async def open(
        cls, host: str, port: int, on_datagram: Callable[[bytes], None], on_address: Callable[[str, int], None]
    ) -> VoiceSocket:
        """A socket to the voice server. Raises `OSError` when there is no way to it."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(
            lambda: cls(on_datagram, on_address), remote_addr=(host, port)
        )
        return protocol

    def ask_address(self, ssrc: int) -> None:
        """Send one question of IP discovery; `on_address` gets the answer, if there is one."""
        self._asked_ssrc = ssrc
        self.send(discovery_request(ssrc))

    def keep_alive(self) -> None:
        """Send keepalives from now until the socket is closed."""
        if self._keepalive is None:
            self._beat()

    def send(self, data: bytes) -> None:
        """Send one datagram now, or drop it when the kernel has been refusing for long."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        # Both loops' datagram transports have it, though typeshed does not say so.
        if transport.get_write_buffer_size() > WRITE_BUFFER_BYTES:  # type: ignore[attr-defined]
            self._dropped += 1
            return
        self._sent += 1
        transport.sendto(data)

    def close(self) -> None:
        """Close at once; nothing is sent or told any more. Closing twice is fine."""
        if self._keepalive is not None:
            self._keepalive.cancel()
        if self._transport is not None:
            self._transport.abort()

    def stats(self) -> SocketStats:
        return SocketStats(self._received, self._sent, self._keepalives, self._dropped, self._errors)

    # ------------------------------------------------------------------------ asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        if hasattr(transport, "max_size"):
            # asyncio asks the kernel for 256 KiB each time otherwise, which costs more than the rest of a packet.
            transport.max_size = MAX_DATAGRAM_BYTES

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._received += 1
        if is_discovery(data):
            address = parse_discovery(data, self._asked_ssrc)
            if address is not None:
                self._on_address(*address)
        else:
            self._on_datagram(data)

    def error_received(self, exc: Exception) -> None:
        # ICMP "unreachable" comes while a server restarts; the websocket tells what becomes of the session.
        self._errors += 1

    def _beat(self) -> None:
        self.send(_COUNTER.pack(self._keepalives & 0xFFFFFFFFFFFFFFFF))
        self._keepalives += 1
        self._keepalive = self._loop.call_later(KEEPALIVE_S, self._beat)
