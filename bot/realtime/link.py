"""The socket to a speech model: the shell around `Session`.

`run` opens the socket, feeds messages through the dialect into the session, writes what the session wants sent, ticks it, and opens
another socket when one is lost. It decides nothing about a talk, only whether a fault is fatal or worth another try, and when.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from bot.errors import ModelError, ModelFault
from bot.realtime.backoff import Backoff
from bot.realtime.dialect import ConnectOptions, Dialect
from bot.realtime.events import (
    ModelCommand,
    ModelEvent,
    ModelFailed,
    ModelLost,
    ModelReady,
    SessionConfig,
)
from bot.realtime.outbox import Outbox
from bot.realtime.outcome import Outcome
from bot.realtime.session import Session, SessionOptions
from bot.realtime.upgrade import hang_up, open_socket
from bot.realtime.writing import can_write, write

logger = logging.getLogger(__name__)

TICK_S: Final = 0.1
STEADY_S: Final = 10.0
"""A session that lasted so long was a success: the next wait is short again."""


@dataclass(slots=True)
class LinkStats:
    """Counters since the link began; `counts` are the session's, by name."""

    is_ready: bool = False
    connections: int = 0
    losses: int = 0
    restarts: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    oversized: int = 0
    dropped_audio: int = 0
    last_fault: ModelFault | None = None
    counts: dict[str, int] = field(default_factory=dict)


class ModelLink:
    """A speech model for one room: commands go in by `send`, events come out by `sink`, both on the event loop.

    `sink` must not block; it may call `send`. It hears `ModelLost` with every unplanned loss and `ModelFailed` once, at the end of `run`.
    """

    def __init__(
        self,
        dialect: Dialect,
        connect_options: ConnectOptions,
        config: SessionConfig,
        options: SessionOptions,
        sink: Callable[[ModelEvent], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` gives a number from 0 to 1, for the jitter of the waits."""
        self._dialect = dialect
        self._connect_options = connect_options
        self._session = Session(dialect.capabilities, config, options)
        self._sink = sink
        self._clock = clock
        self._outbox = Outbox()
        self._untold: deque[ModelEvent] = deque()
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        self._closing = asyncio.Event()
        self._finished = asyncio.Event()
        self._is_running = False
        self._socket: ClientConnection | None = None  # for as long as it is written to
        self._is_waiting = False  # for a socket that is slow to take something
        self._patience: asyncio.Timeout | None = None
        self._end_fault: ModelFault | None = None
        self._backoff = Backoff(chance)
        self._stats = LinkStats()

    # ------------------------------------------------------------------------ the seam

    async def run(self) -> None:
        """Until closed, or failed for good. Exceptions of `sink` come out here."""
        self._is_running = True
        try:
            while not self._closing.is_set():
                fault = await self._connect_and_serve()
                self._perform(self._session.lost(self._clock()))
                self._outbox.clear()
                self._tell()
                if fault is None or self._closing.is_set():
                    continue  # planned: a fresh session at once, or the end
                self._stats.last_fault = fault
                if fault.is_fatal:
                    self._tell(ModelFailed(fault))
                    return
                wait_s = self._backoff.next_s()
                self._stats.losses += 1
                logger.warning("model lost: %s; next attempt in %.1f s", fault, wait_s)
                self._tell(ModelLost(fault, wait_s))
                await _wait(self._closing, wait_s)
        finally:
            self._is_running = False
            self._finished.set()

    def send(self, command: ModelCommand) -> None:
        """Never blocks. What it causes to be told is told later, on the loop, never from inside this call."""
        self._perform(self._session.command(command, self._clock()))

    async def close(self) -> None:
        """Close the socket and end `run`; returns when it has ended."""
        self._closing.set()
        self._over.set()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())  # no longer wait for a server to answer
        if self._is_running:
            await self._finished.wait()

    def stats(self) -> LinkStats:
        self._stats.is_ready = self._session.is_ready
        self._stats.counts = self._session.counts()
        self._stats.dropped_audio = self._outbox.dropped + self._stats.counts["dropped_audio"]
        return self._stats

    # ------------------------------------------------------------------------ one connection

    async def _connect_and_serve(self) -> ModelFault | None:
        """One socket from upgrade to end. `None`: the end was planned."""
        self._over.clear()
        self._end_fault = None
        try:
            async with asyncio.timeout(None) as self._patience:
                socket = await open_socket(self._dialect, self._connect_options)
        except ModelError as error:
            return error.fault
        except TimeoutError:
            return None  # closed while the server took its time
        finally:
            self._patience = None
        self._stats.connections += 1
        try:
            await self._serve(socket)
        finally:
            await hang_up(socket)
        return self._end_fault

    async def _serve(self, socket: ClientConnection) -> None:
        opened_at = self._clock()
        if self._closing.is_set():
            return
        self._socket = socket
        try:
            async with asyncio.TaskGroup() as tasks:
                working = [
                    tasks.create_task(self._read(socket), name="model-read"),
                    tasks.create_task(self._write(socket), name="model-write"),
                    tasks.create_task(self._tick(), name="model-tick"),
                ]
                await self._over.wait()
                for task in working:
                    task.cancel()
        finally:
            self._socket = None
        if self._clock() - opened_at >= STEADY_S:
            self._backoff.reset()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                self._stats.messages_received += 1
                for event in self._dialect.decode(message):
                    self._perform(self._session.receive(event, self._clock()))
                self._tell()
                if self._over.is_set():
                    return
        except ConnectionClosed as closed:
            # 1009 is ours: a message over the limit.
            self._stats.oversized += closed.sent is not None and closed.sent.code == 1009
        self._end(ModelFault.CLOSED)

    async def _write(self, socket: ClientConnection) -> None:
        """Tells what a command caused, and writes whatever could not be written at once."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._tell()
                self._is_waiting = True
                while self._outbox:
                    for message in self._dialect.encode(self._outbox.take()):
                        await socket.send(message)
                        self._stats.messages_sent += 1
                    self._outbox.taken(self._clock())
                self._is_waiting = False
        except ConnectionClosed:
            self._end(ModelFault.CLOSED)
        finally:
            self._is_waiting = False

    def _write_now(self) -> None:
        """What waits, as long as the socket takes it without being waited for; never ahead of what is being waited for."""
        socket = self._socket
        if socket is None or self._is_waiting or self._over.is_set():
            return
        while self._outbox and can_write(socket):
            for message in self._dialect.encode(self._outbox.take()):
                write(socket, message)
                self._stats.messages_sent += 1
            self._outbox.taken(self._clock())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._perform(self._session.tick(self._clock()))
            self._tell()

    # ------------------------------------------------------------------------ values to movement

    def _perform(self, outcome: Outcome) -> None:
        now = self._clock()
        for event in outcome.send:
            self._outbox.put(event, now)
        self._untold.extend(outcome.events)
        if outcome.send:
            self._write_now()
        if self._outbox or outcome.events:
            self._wake.set()
        if outcome.restart:
            self._stats.restarts += 1
            self._end(None)
        if outcome.fault is not None:
            self._end(outcome.fault)
        elif self._outbox.is_overfull:
            self._end(ModelFault.OVERLOADED)

    def _tell(self, *events: ModelEvent) -> None:
        """Tell everything in order. A sink that sends may cause more to tell: that comes after, not in between."""
        self._untold.extend(events)
        while self._untold:
            event = self._untold.popleft()
            if isinstance(event, ModelReady):
                logger.info("model ready, turns by %s", event.turn_mode)
            self._sink(event)

    def _end(self, fault: ModelFault | None) -> None:
        """This connection is over; the first reason counts."""
        if not self._over.is_set():
            self._end_fault = fault
            self._over.set()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
