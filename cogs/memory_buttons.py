"""Buttons and menus of a member's memories, and the pages that carry them. All that one needs stands in its id, so each outlives a restart.

What a press does is a deed, registered by name (`cogs/memory_panel.py`). Every deed concerns the memories of whoever pressed, and of nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, Self

import discord
import structlog
from discord import ButtonStyle, SelectOption, ui

from bot.app import Companion, KithBot, answer_fault
from bot.memory.room import may_share
from bot.storage.memories import Memory
from bot.texts import Texts, short
from cogs.memory_shelf import Shelf
from cogs.memory_words import CHOICE_LIMIT, KEPT_SHOWN, OFFERED_SHOWN, pages

Deed = Callable[[Companion, discord.Interaction, str], Awaitable[None]]

DEEDS: Final[dict[str, Deed]] = {}
"""Bounded by the code that registers them."""

STYLES: Final = {
    "show": ButtonStyle.primary,
    "keep": ButtonStyle.success,
    "edit": ButtonStyle.secondary,
    "drop": ButtonStyle.danger,
    "kept": ButtonStyle.secondary,
    "offered": ButtonStyle.primary,
    "change": ButtonStyle.primary,
    "forget": ButtonStyle.danger,
    "mute": ButtonStyle.secondary,
    "unmute": ButtonStyle.secondary,
    "share": ButtonStyle.secondary,
    "unshare": ButtonStyle.secondary,
    "forget-all": ButtonStyle.danger,
}
"""Every button by the name in its id. `kept` and `offered` lead to a page, by its number from 0; the rest concern one thing, by its id."""

PICK: Final = "kith:memory:pick"
BACK: Final = "◀"
ON: Final = "▶"
LAST_ROW: Final = 4

_log = structlog.get_logger(__name__)


def deed(name: str) -> Callable[[Deed], Deed]:
    """What a press of the button (or a choice from the menu) `name` does."""

    def register(does: Deed) -> Deed:
        DEEDS[name] = does
        return does

    return register


async def _do(name: str, interaction: discord.Interaction, target: str) -> None:
    assert isinstance(interaction.client, KithBot)
    companion = interaction.client.companion
    try:
        await DEEDS[name](companion, interaction, target)
    except (
        discord.NotFound
    ) as error:  # Discord forgot the press, or the page is gone: what was done stays, and shows itself on the next page
        _log.info("press_expired", command=f"memory {name}", error=type(error).__name__)
    except Exception as error:  # answered to the member, and logged if it is a bug
        await answer_fault(companion.texts, interaction, error)


class MemoryButton(
    ui.DynamicItem[ui.Button[ui.View]],
    template=rf"kith:memory:(?P<name>{'|'.join(STYLES)})(?::(?P<target>[A-Za-z0-9_-]{{1,64}}))?",
):
    def __init__(self, name: str, target: str = "", label: str = "", row: int | None = None) -> None:
        custom_id = f"kith:memory:{name}:{target}" if target else f"kith:memory:{name}"
        super().__init__(ui.Button(style=STYLES[name], label=label or name, custom_id=custom_id), row=row)
        self._name = name
        self._target = target

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Self:
        return cls(match["name"], match["target"] or "", getattr(item, "label", None) or "")

    async def callback(self, interaction: discord.Interaction) -> None:
        await _do(self._name, interaction, self._target)


class MemoryMenu(ui.DynamicItem[ui.Select[ui.View]], template=PICK):
    """One of the memories of a page."""

    def __init__(self, select: ui.Select[ui.View]) -> None:
        super().__init__(select, row=0)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Self:
        assert isinstance(item, ui.Select)
        return cls(item)

    async def callback(self, interaction: discord.Interaction) -> None:
        await _do("pick", interaction, "".join(self.item.values[:1]))


# ---------------------------------------------------------------------------- pages


def show_view(texts: Texts, locale: str) -> ui.View:
    """For the room's chat: everyone may press, and sees their own."""
    view = ui.View(timeout=None)
    view.add_item(MemoryButton("show", label=texts.say(locale, "memory-button-show")))
    return view


def kept_view(texts: Texts, locale: str, shelf: Shelf, page: int) -> ui.View:
    """A menu of the page's memories, and the way to other pages."""
    view = ui.View(timeout=None)
    begin = page * KEPT_SHOWN
    shown = shelf.memories[begin : begin + KEPT_SHOWN]
    if shown:
        options = [
            SelectOption(label=short(f"{number}. {memory.text}", CHOICE_LIMIT), value=memory.memory_id)
            for number, memory in enumerate(shown, begin + 1)
        ]
        placeholder = texts.say(locale, "memory-menu")
        view.add_item(MemoryMenu(ui.Select(custom_id=PICK, placeholder=placeholder, options=options)))
    _add_turning(view, "kept", page, pages(len(shelf.memories), KEPT_SHOWN))
    if shelf.proposals:
        label = texts.say(locale, "memory-button-offered", count=len(shelf.proposals))
        view.add_item(MemoryButton("offered", "0", label, LAST_ROW))
    return view


def offered_view(texts: Texts, locale: str, shelf: Shelf, page: int) -> ui.View:
    """A row of buttons for each proposal of the page, and the way to other pages."""
    view = ui.View(timeout=None)
    begin = page * OFFERED_SHOWN
    for row, proposal in enumerate(shelf.proposals[begin : begin + OFFERED_SHOWN]):
        number, offered = begin + row + 1, proposal.proposal_id
        view.add_item(MemoryButton("keep", offered, texts.say(locale, "memory-button-keep", number=number), row))
        view.add_item(MemoryButton("edit", offered, texts.say(locale, "memory-button-edit", number=number), row))
        view.add_item(MemoryButton("drop", offered, texts.say(locale, "memory-button-drop", number=number), row))
    _add_turning(view, "offered", page, pages(len(shelf.proposals), OFFERED_SHOWN))
    view.add_item(MemoryButton("kept", "0", texts.say(locale, "memory-button-kept"), LAST_ROW))
    return view


def one_view(texts: Texts, locale: str, memory: Memory, page: int) -> ui.View:
    """What may be done with one memory."""
    view = ui.View(timeout=None)
    view.add_item(MemoryButton("change", memory.memory_id, texts.say(locale, "memory-button-change"), 0))
    view.add_item(MemoryButton("forget", memory.memory_id, texts.say(locale, "memory-button-forget"), 0))
    if memory.is_muted:
        view.add_item(MemoryButton("unmute", memory.memory_id, texts.say(locale, "memory-button-unmute"), 1))
    else:
        view.add_item(MemoryButton("mute", memory.memory_id, texts.say(locale, "memory-button-mute"), 1))
    if memory.is_shareable:
        view.add_item(MemoryButton("unshare", memory.memory_id, texts.say(locale, "memory-button-unshare"), 1))
    elif may_share(memory):
        view.add_item(MemoryButton("share", memory.memory_id, texts.say(locale, "memory-button-share"), 1))
    view.add_item(MemoryButton("kept", str(page), texts.say(locale, "memory-button-back"), LAST_ROW))
    return view


def forget_all_view(texts: Texts, locale: str) -> ui.View:
    """The one question before everything goes."""
    view = ui.View(timeout=None)
    view.add_item(MemoryButton("forget-all", label=texts.say(locale, "memory-button-forget-all")))
    view.add_item(MemoryButton("kept", "0", texts.say(locale, "memory-button-keep-all")))
    return view


def _add_turning(view: ui.View, name: str, page: int, total: int) -> None:
    if page > 0:
        view.add_item(MemoryButton(name, str(page - 1), BACK, LAST_ROW))
    if page + 1 < total:
        view.add_item(MemoryButton(name, str(page + 1), ON, LAST_ROW))
