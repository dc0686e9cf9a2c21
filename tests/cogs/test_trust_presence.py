"""What everybody can see of a call: at once, then at most every two seconds, the newest state last, and put back at the end."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import PATIENCE_S

from bot.presence import EVERY_S, Newest, Presence, Shown, panel_words
from bot.surfaces import NICK_CHARS, SUFFIX, suffixed
from bot.texts import LOCALES, Texts

pytestmark = pytest.mark.shell

LOUNGE_ID = 50
LOUNGE = Shown("Lounge", "Xiao Yue", 0, 2)


def heard(count: int) -> Shown:
    return Shown("Lounge", "Xiao Yue", count, 5)


class Wall:
    """A surface that anybody can look at, and that takes its orders from a test."""

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[Shown] = []
        self.is_cleared = False
        self.error = error
        self.changed = asyncio.Event()

    async def show(self, shown: Shown) -> None:
        self.seen.append(shown)
        self.changed.set()
        if self.error is not None:
            raise self.error

    async def clear(self) -> None:
        self.is_cleared = True

    async def until(self, shown: Shown) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.seen or self.seen[-1] != shown:
                self.changed.clear()
                await self.changed.wait()


def refusal(kind: type[discord.HTTPException]) -> discord.HTTPException:
    answer: Any = SimpleNamespace(status=403, reason="Forbidden")
    return kind(answer, "no")


# ---------------------------------------------------------------------------- the core


def test_the_first_change_is_shown_at_once_and_the_next_after_two_seconds() -> None:
    newest = Newest()
    newest.want(heard(1))
    assert newest.take(10.0) == heard(1)
    newest.want(heard(2))
    assert newest.take(10.5) is None
    assert newest.wait_s(10.5) == EVERY_S - 0.5
    newest.want(heard(3))
    assert newest.take(10.0 + EVERY_S) == heard(3), "the newest wins"
    assert newest.wait_s(20.0) is None


def test_what_changes_back_before_it_was_shown_is_not_shown() -> None:
    newest = Newest()
    newest.want(heard(1))
    newest.take(0.0)
    newest.want(heard(2))
    newest.want(heard(1))
    assert newest.take(100.0) is None


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5)), max_size=60))
def test_no_two_edits_are_nearer_than_two_seconds_and_the_last_state_is_shown_within_them(
    steps: list[tuple[float, int]],
) -> None:
    newest, now, edits, wanted = Newest(), 0.0, list[float](), None
    for wait, count in steps:
        due = newest.wait_s(now)
        if due is not None and due <= wait:
            assert newest.take(now + due) is not None
            edits.append(now + due)
        now += wait
        wanted = heard(count)
        newest.want(wanted)
    due = newest.wait_s(now)
    assert due is None or due <= EVERY_S
    assert all(later - earlier >= EVERY_S - 1e-9 for earlier, later in pairwise(edits))


@pytest.mark.parametrize("name", ["Kith", "k" * 32, "小跃" * 16, "", "Kith" + SUFFIX])
def test_a_nickname_says_ai_within_discords_32_characters_once(name: str) -> None:
    nick = suffixed(name)
    assert len(nick) <= NICK_CHARS
    assert nick.endswith(SUFFIX)
    assert nick.count("AI") == 1


@pytest.mark.parametrize("locale", LOCALES)
def test_the_panel_says_who_is_heard_and_who_took_the_room_off_the_record(locale: str) -> None:
    words = panel_words(Texts(), locale, Shown("Lounge", "Xiao Yue", 2, 5, "**Bob**", 1_790_000_000))
    assert "2" in words.splitlines()[2]
    assert "5" in words.splitlines()[2]
    assert r"\*\*Bob\*\*" in words
    assert "<t:1790000000:t>" in words
    assert len(panel_words(Texts(), locale, LOUNGE).splitlines()) == 3


# ---------------------------------------------------------------------------- the shell


async def test_a_call_is_shown_everywhere_and_put_back_when_it_is_over() -> None:
    presence, walls = Presence(), [Wall(), Wall()]
    presence.open(1, LOUNGE_ID, walls)
    presence.show(1, heard(2))
    for wall in walls:
        await wall.until(heard(2))
    await presence.clear(1)
    assert all(wall.is_cleared for wall in walls)
    assert not presence.is_open(1)
    await presence.clear(1)
    presence.show(1, heard(3))
    assert all(wall.seen == [heard(2)] for wall in walls), "nothing is shown after the end"


async def test_a_surface_that_is_closed_to_us_is_not_tried_again_and_holds_nobody_up() -> None:
    now = [0.0]
    presence, closed, broken, wall = Presence(clock=lambda: now[0]), Wall(refusal(discord.Forbidden)), Wall(), Wall()
    broken.error = refusal(discord.HTTPException)
    presence.open(1, LOUNGE_ID, [closed, broken, wall])
    presence.show(1, heard(1))
    await wall.until(heard(1))
    now[0] = 10.0
    presence.show(1, heard(2))
    await wall.until(heard(2))
    assert closed.seen == [heard(1)]
    assert broken.seen == [heard(1), heard(2)], "a fault of the moment is tried again"
    await presence.close()


async def test_a_panel_that_comes_later_is_made_true_and_takes_the_place_of_the_one_before() -> None:
    now = [0.0]
    presence, first, second = Presence(clock=lambda: now[0]), Wall(), Wall()
    presence.open(1, LOUNGE_ID, [])
    presence.show(1, heard(1))
    presence.add(1, first)
    await first.until(heard(1))
    now[0] = 10.0
    presence.add(1, second)
    await second.until(heard(1))
    assert first.seen == [heard(1)]
    assert first.is_cleared, "it says nothing any more that may be untrue"
    assert not second.is_cleared
    await presence.close()


async def test_off_the_record_is_seen_and_ends_by_itself() -> None:
    now, wall = [0.0, 1000.0], Wall()
    presence = Presence(clock=lambda: now[0], wall=lambda: now[1])
    presence.open(1, LOUNGE_ID, [wall])
    presence.show(1, heard(1))
    await wall.until(heard(1))
    now[0] = 10.0
    presence.off_record(1, LOUNGE_ID, "Bob", 1600)
    await wall.until(Shown("Lounge", "Xiao Yue", 1, 5, "Bob", 1600))
    assert presence.off_record_of(1) == ("Bob", 1600)
    now[0] = 20.0
    presence.show(1, heard(2))
    await wall.until(Shown("Lounge", "Xiao Yue", 2, 5, "Bob", 1600))
    now[:] = [700.0, 1600.0]
    assert presence.off_record_of(1) == ("", 0)
    presence.show(1, heard(2))
    await wall.until(heard(2))
    await presence.close()


async def test_a_call_that_begins_within_the_ten_minutes_says_so_and_one_elsewhere_or_later_does_not() -> None:
    now = [0.0, 1000.0]
    presence = Presence(clock=lambda: now[0], wall=lambda: now[1])

    async def shown_in(channel_id: int) -> Shown:
        wall = Wall()
        presence.open(1, channel_id, [wall])
        presence.show(1, heard(1))
        async with asyncio.timeout(5):
            await wall.changed.wait()
        return wall.seen[-1]

    assert (await shown_in(LOUNGE_ID)).off_record_until == 0
    presence.off_record(1, LOUNGE_ID, "Bob", 1600)
    await presence.clear(1)
    assert await shown_in(LOUNGE_ID) == Shown("Lounge", "Xiao Yue", 1, 5, "Bob", 1600)
    assert presence.off_record_of(1) == ("Bob", 1600)
    assert (await shown_in(LOUNGE_ID + 1)).off_record_until == 0
    now[1] = 1600.0
    assert (await shown_in(LOUNGE_ID)).off_record_until == 0
    await presence.close()


async def test_nothing_is_left_behind() -> None:
    presence = Presence()
    for guild_id in range(5):
        presence.open(guild_id, LOUNGE_ID, [Wall()])
    presence.open(0, LOUNGE_ID, [Wall()])
    await presence.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
