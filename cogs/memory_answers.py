"""How a press or a command about a member's memories is answered: for their eyes only, and in the place of the page that was pressed."""

from __future__ import annotations

import discord
from discord import ui

from bot.app import Companion
from bot.storage.memories import Memory
from cogs.answers import replace
from cogs.memory_buttons import kept_view, offered_view, one_view
from cogs.memory_shelf import Shelf, shelf_of
from cogs.memory_words import KEPT_SHOWN, OFFERED_SHOWN, kept_words, offered_words, one_words, pages
from cogs.permissions import member_of


async def tell(interaction: discord.Interaction, words: str, view: ui.View | None = None, *, is_new: bool) -> None:
    """For the member's eyes only: a message of its own, or in the place of the page that was pressed."""
    embed, shown = discord.Embed(description=words), view if view is not None else ui.View()
    if is_new and not interaction.response.is_done():
        await interaction.response.send_message(embed=embed, view=shown, ephemeral=True)
    else:
        await replace(interaction, content=None, embed=embed, view=shown)


async def own_shelf(companion: Companion, interaction: discord.Interaction) -> Shelf:
    member = member_of(interaction)
    return await shelf_of(companion, member.guild.id, member.id)


async def tell_kept(
    companion: Companion,
    interaction: discord.Interaction,
    shelf: Shelf,
    page: int = 0,
    *,
    is_new: bool = False,
    first: str = "",
) -> None:
    """A page of what is kept (the last one, if there are not so many any more), under the line `first`."""
    locale, texts = interaction.locale.value, companion.texts
    page = min(page, pages(len(shelf.memories), KEPT_SHOWN) - 1)
    words = _under(first, kept_words(texts, locale, shelf, page))
    await tell(interaction, words, kept_view(texts, locale, shelf, page), is_new=is_new)


async def tell_offered(
    companion: Companion,
    interaction: discord.Interaction,
    shelf: Shelf,
    page: int = 0,
    *,
    is_new: bool = False,
    first: str = "",
) -> None:
    """A page of what waits for the member's word, under the line `first`."""
    locale, texts = interaction.locale.value, companion.texts
    page = min(page, pages(len(shelf.proposals), OFFERED_SHOWN) - 1)
    words = _under(first, offered_words(texts, locale, shelf, page))
    await tell(interaction, words, offered_view(texts, locale, shelf, page), is_new=is_new)


async def tell_one(
    companion: Companion, interaction: discord.Interaction, shelf: Shelf, memory: Memory, *, first: str = ""
) -> None:
    locale, texts = interaction.locale.value, companion.texts
    words = _under(first, one_words(texts, locale, shelf, memory))
    page = shelf.memories.index(memory) // KEPT_SHOWN
    await tell(interaction, words, one_view(texts, locale, memory, page), is_new=interaction.message is None)


def _under(first: str, words: str) -> str:
    """What has just happened, if anything has, and the page."""
    return f"{first}\n{words}" if first else words
