"""The UDP socket of the loopback voice server: moves datagrams between the wire and a `MediaRelay`, each at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bot.rehearsal.media_relay import Address, MediaRelay, Outgoing

IN_FLIGHT_LIMIT: Final = 20_000
"""Datagrams that a delaying link may hold at once; beyond it the newest are dropped, as a full queue on a path does."""

ALREADY_DUE_S: Final = 0.000_5


class UdpServer(asyncio.DatagramProtocol):
    """One port on 127.0.0.1 for all calls of a voice server."""

    def __init__(self, relay: MediaRelay, clock: Callable[[], float]) -> None:
        self._relay = relay
        self._clock = clock
        self._transport: asyncio.DatagramTransport | None = None
        self._in_flight: set[asyncio.TimerHandle] = set()
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))

    def stop(self) -> None:
        for handle in self._in_flight:
            handle.cancel()
        self._in_flight.clear()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        now = self._clock()
        for outgoing in self._relay.receive(data, addr, now):
            self.send(outgoing, now)

    def error_received(self, exc: Exception) -> None:
        self._relay.counts["unreachable"] += 1  # a client's socket is gone; its session will go too

    def send(self, outgoing: Outgoing, now: float) -> None:
        if outgoing.due - now <= ALREADY_DUE_S:
            self._put(outgoing)
        elif len(self._in_flight) < IN_FLIGHT_LIMIT:
            self._put_later(outgoing, outgoing.due - now)
        else:
            self._relay.counts["dropped"] += 1

    def _put_later(self, outgoing: Outgoing, delay_s: float) -> None:
        def put() -> None:
            self._in_flight.discard(handle)
            self._put(outgoing)

        handle = asyncio.get_running_loop().call_later(delay_s, put)
        self._in_flight.add(handle)

    def _put(self, outgoing: Outgoing) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(outgoing.data, outgoing.address)
