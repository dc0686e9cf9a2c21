"""What everybody on a server can see of a call: who is heard, in the companion's nickname, the voice channel's status and the panel.

A shell around a small core (`Newest`): a change is shown at once, then at most every two seconds, and the newest state wins. Every surface (`surfaces`) is
used where Discord allows it and silently not where it does not; none of them can hold a call up or end it. (The deafened icon belongs to the voice connection.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import discord
import structlog

from bot.texts import Texts

EVERY_S: Final = 2.0
SURFACE_S: Final = 10.0
"""One request of one surface; what takes longer is given up until the next change."""

CLEAR_S: Final = 3.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen. `off_record_until`: seconds since 1970, 0 for none; `off_record_by`: whose wish that is."""

    channel: str
    persona: str
    heard: int
    present: int
    off_record_by: str = ""
    off_record_until: int = 0


def panel_words(texts: Texts, locale: str, shown: Shown) -> str:
    """The panel's message: who is here, whom it hears, and whether anything is kept now."""
    lines = [texts.say(locale, "panel", channel=shown.channel, persona=shown.persona)]
    if shown.present:
        lines.append(texts.say(locale, "panel-now-heard", heard=shown.heard, present=shown.present))
    if shown.off_record_until:
        until = str(shown.off_record_until)
        lines.append(texts.say(locale, "panel-now-off-record", name=shown.off_record_by, until=until))
    return "\n".join(lines)


class Newest:
    """The last state that was wanted and the last that was shown. Sans-I/O; `now`: seconds, monotonic."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._wanted: Shown | None = None
        self._shown: Shown | None = None
        self._next_at = float("-inf")

    @property
    def wanted(self) -> Shown | None:
        return self._wanted

    def want(self, state: Shown) -> None:
        self._wanted = state

    def wait_s(self, now: float) -> float | None:
        """How long until there is something to show; `None`: nothing changed."""
        if self._wanted is None or self._wanted == self._shown:
            return None
        return max(0.0, self._next_at - now)

    def take(self, now: float) -> Shown | None:
        """What is to be shown now, once."""
        if self.wait_s(now) != 0.0:
            return None
        self._shown, self._next_at = self._wanted, now + self._every_s
        return self._shown

    def forget_shown(self) -> None:
        """There is a new place where nothing was shown yet."""
        self._shown = None


class Surface(Protocol):
    """One place where the state is seen. Both raise `discord.DiscordException` or `OSError`."""

    async def show(self, shown: Shown) -> None: ...
    async def clear(self) -> None: ...


class Board:
    """One call's surfaces and the task that keeps them true."""

    def __init__(
        self,
        surfaces: Iterable[Surface],
        clock: Callable[[], float],
        wall: Callable[[], float],
        off_record: tuple[str, int] = ("", 0),
    ) -> None:
        self._surfaces = list(surfaces)  # bounded by the kinds of surface
        self._replaced: list[Surface] = []  # bounded by the panels that people call up between two turns of `run`
        self._clock = clock
        self._wall = wall
        self._newest = Newest()
        self._changed = asyncio.Event()
        self._off_record = off_record

    def show(self, shown: Shown) -> None:
        by, until = self._off_record
        self._newest.want(replace(shown, off_record_by=by, off_record_until=until))
        self._changed.set()

    def off_record(self, name: str, until: int) -> None:
        self._off_record = (name, until)
        if self._newest.wanted is not None:
            self.show(self._newest.wanted)

    @property
    def off_record_now(self) -> tuple[str, int]:
        return self._off_record if self._wall() < self._off_record[1] else ("", 0)

    def has(self, kind: type[Surface]) -> bool:
        return any(type(one) is kind for one in self._surfaces)

    def add(self, surface: Surface) -> None:
        """A new panel takes the place of the one before."""
        before = [one for one in self._surfaces if type(one) is type(surface)]
        self._replaced += [one for one in before if one != surface]
        self._surfaces = [one for one in self._surfaces if one not in before] + [surface]
        self._newest.forget_shown()
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._changed.clear()
            self._end_off_record()
            while self._replaced:
                surface = self._replaced.pop(0)
                await self._try(surface, surface.clear(), SURFACE_S)
            shown = self._newest.take(self._clock())
            if shown is not None:
                await self._show(shown)
                continue
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def clear(self) -> None:
        for surface in self._surfaces:
            await self._try(surface, surface.clear(), CLEAR_S)

    async def _show(self, shown: Shown) -> None:
        for surface in list(self._surfaces):
            if not await self._try(surface, surface.show(shown), SURFACE_S) and surface in self._surfaces:
                self._surfaces.remove(surface)

    async def _try(self, surface: Surface, doing: Awaitable[None], within_s: float) -> bool:
        """False: this surface is closed to us and need not be tried again."""
        try:
            async with asyncio.timeout(within_s):
                await doing
        except (discord.Forbidden, discord.NotFound):
            _log.info("surface_closed", kind=type(surface).__name__)
            return False
        except (discord.DiscordException, OSError, TimeoutError) as error:
            _log.warning("surface_not_shown", kind=type(surface).__name__, error=type(error).__name__)
        return True

    def _end_off_record(self) -> None:
        if self._off_record[1] and self._wall() >= self._off_record[1]:
            self.off_record("", 0)

    def _patience_s(self) -> float | None:
        waits = [self._newest.wait_s(self._clock())]
        if self._off_record[1]:
            waits.append(max(0.05, self._off_record[1] - self._wall()))
        return min((wait for wait in waits if wait is not None), default=None)


class Presence:
    """The boards of a process, by guild. Every method is called on the loop; only `clear` and `close` wait for Discord."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._boards: dict[int, tuple[Board, asyncio.Task[None]]] = {}  # bounded by the calls of the process
        self._wishes: dict[tuple[int, int], tuple[str, int]] = {}  # by channel; bounded by the calls of ten minutes

    def open(self, guild_id: int, channel_id: int, surfaces: Iterable[Surface]) -> None:
        """A call begins. What stood there before is let go of, not cleared; a room that was taken off the record still is."""
        before = self._boards.pop(guild_id, None)
        if before is not None:
            before[1].cancel()
        wish = self._wishes.get((guild_id, channel_id), ("", 0))
        board = Board(surfaces, self._clock, self._wall, wish if self._wall() < wish[1] else ("", 0))
        self._boards[guild_id] = (board, asyncio.create_task(board.run(), name=f"presence {guild_id}"))

    def is_open(self, guild_id: int) -> bool:
        return guild_id in self._boards

    def has(self, guild_id: int, kind: type[Surface]) -> bool:
        """Whether the call is shown on a surface of this kind."""
        found = self._boards.get(guild_id)
        return found is not None and found[0].has(kind)

    def show(self, guild_id: int, shown: Shown) -> None:
        """Who is here, or is heard, has changed. Nothing happens without a call."""
        if guild_id in self._boards:
            self._boards[guild_id][0].show(shown)

    def add(self, guild_id: int, surface: Surface) -> None:
        """One more place to show it: a panel that was just sent."""
        if guild_id in self._boards:
            self._boards[guild_id][0].add(surface)

    def off_record(self, guild_id: int, channel_id: int, name: str, until: int) -> None:
        """Somebody took the room off the record. `channel_id`: where its call began, whose memory has the same wish. `until`: seconds since
        1970; it ends by itself, and not with the call."""
        self._wishes = {room: wish for room, wish in self._wishes.items() if self._wall() < wish[1]}
        self._wishes[guild_id, channel_id] = (name, until)
        if guild_id in self._boards:
            self._boards[guild_id][0].off_record(name, until)

    def off_record_of(self, guild_id: int) -> tuple[str, int]:
        """Whose wish it is and until when, seconds since 1970; an empty name and 0 where the room is on the record."""
        found = self._boards.get(guild_id)
        return found[0].off_record_now if found is not None else ("", 0)

    async def clear(self, guild_id: int) -> None:
        """The call is over: everything is put back. Bounded in time; never raises what Discord says."""
        found = self._boards.pop(guild_id, None)
        if found is None:
            return
        board, task = found
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await board.clear()

    async def close(self) -> None:
        await asyncio.gather(*(self.clear(guild_id) for guild_id in list(self._boards)))
