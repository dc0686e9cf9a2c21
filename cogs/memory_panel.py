"""What the buttons, menus and forms of a member's memories do, and the message after a talk that leads to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Self

import discord
import structlog
from discord import TextStyle, ui

from bot.app import Companion
from bot.errors import KithError
from bot.storage.memories import TEXT_CHARS, Memory
from cogs.answers import in_time, promptly
from cogs.memory_answers import own_shelf, tell, tell_kept, tell_offered, tell_one
from cogs.memory_buttons import deed, show_view
from cogs.memory_shelf import Shelf
from cogs.memory_words import KEPT_SHOWN, OFFERED_SHOWN, written
from cogs.permissions import member_of
from cogs.persona_forms import TITLE_LIMIT, Form

_log = structlog.get_logger(__name__)


# ---------------------------------------------------------------------------- the form


class MemoryForm(Form):
    """One memory in the member's own words. `name` tells forms apart that are open at the same time."""

    def __init__(
        self,
        companion: Companion,
        locale: str,
        name: str,
        shown: str,
        submit: Callable[[discord.Interaction, str], Awaitable[None]],
    ) -> None:
        super().__init__(companion, companion.texts.say(locale, "memory-form"), f"kith:memory:form:{name}")
        self._submit = submit
        label = companion.texts.say(locale, "memory-form-text")[:TITLE_LIMIT]
        self._text: ui.TextInput[Self] = ui.TextInput(
            label=label,
            custom_id="text",
            style=TextStyle.paragraph,
            max_length=TEXT_CHARS,
            default=shown[:TEXT_CHARS],
        )
        self.add_item(self._text)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        await self._submit(interaction, written(self._text.value))


async def open_change(companion: Companion, interaction: discord.Interaction, memory: Memory) -> None:
    """The form of `/memory edit` and of the button."""

    async def submit(later: discord.Interaction, text: str) -> None:
        async def change() -> tuple[Shelf, str]:
            member = member_of(later)
            changed = await companion.keeper.edit(member.guild.id, member.id, memory.memory_id, text)
            if changed is None:
                raise KithError("no such memory of this member", key="error-memory-gone")
            return await own_shelf(companion, later), changed.memory_id  # what says something else has another id

        shelf, memory_id = await promptly(later, change(), is_new=later.message is None)
        first = companion.texts.say(later.locale.value, "memory-changed")
        await tell_one(companion, later, shelf, shelf.memory(memory_id), first=first)

    form = MemoryForm(companion, interaction.locale.value, memory.memory_id, memory.text, submit)
    await interaction.response.send_modal(form)


# ---------------------------------------------------------------------------- pages


@deed("show")
async def show(companion: Companion, interaction: discord.Interaction, _: str) -> None:
    """The button in the room's chat: whoever presses sees their own, or that there is nothing of theirs."""
    shelf = await promptly(interaction, own_shelf(companion, interaction), is_new=True)
    await tell_offered(companion, interaction, shelf, is_new=True)


@deed("kept")
async def turn_kept(companion: Companion, interaction: discord.Interaction, page: str) -> None:
    shelf = await promptly(interaction, own_shelf(companion, interaction))
    await tell_kept(companion, interaction, shelf, _number(page))


@deed("offered")
async def turn_offered(companion: Companion, interaction: discord.Interaction, page: str) -> None:
    shelf = await promptly(interaction, own_shelf(companion, interaction))
    await tell_offered(companion, interaction, shelf, _number(page))


@deed("pick")
async def pick(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    shelf = await promptly(interaction, own_shelf(companion, interaction))
    await tell_one(companion, interaction, shelf, shelf.memory(memory_id))


def _number(page: str) -> int:
    return int(page) if page.isdecimal() and len(page) < 6 else 0


# ---------------------------------------------------------------------------- what waits for the member's word


async def settle(
    companion: Companion, interaction: discord.Interaction, proposal_id: str, *, keep: bool, text: str | None = None
) -> None:
    """Keep it (in these words) or drop it, and show what is left. Raises `KithError` when it is settled already, or may not be kept."""

    async def change() -> tuple[Shelf, int]:
        member, before = member_of(interaction), await own_shelf(companion, interaction)
        proposal = before.proposal(proposal_id)
        if keep:
            before.check_may_keep()
        kept = await companion.keeper.settle(member.guild.id, member.id, proposal_id, keep=keep, text=text)
        after = await own_shelf(companion, interaction)
        if kept is None and (keep or after.was_kept(proposal)):
            raise KithError("settled in the meantime", key="error-memory-settled")
        return after, before.proposals.index(proposal) // OFFERED_SHOWN

    shelf, page = await promptly(interaction, change())
    first = companion.texts.say(interaction.locale.value, "memory-kept" if keep else "memory-dropped")
    await tell_offered(companion, interaction, shelf, page, first=first)


@deed("keep")
async def keep(companion: Companion, interaction: discord.Interaction, proposal_id: str) -> None:
    await settle(companion, interaction, proposal_id, keep=True)


@deed("drop")
async def drop(companion: Companion, interaction: discord.Interaction, proposal_id: str) -> None:
    await settle(companion, interaction, proposal_id, keep=False)


@deed("edit")
async def edit(companion: Companion, interaction: discord.Interaction, proposal_id: str) -> None:
    shelf = await in_time(own_shelf(companion, interaction))
    proposal = shelf.proposal(proposal_id)
    shelf.check_may_keep()

    async def submit(later: discord.Interaction, text: str) -> None:
        await settle(companion, later, proposal_id, keep=True, text=text)

    form = MemoryForm(companion, interaction.locale.value, proposal_id, proposal.text, submit)
    await interaction.response.send_modal(form)


# ---------------------------------------------------------------------------- one memory


@deed("change")
async def change(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    shelf = await in_time(own_shelf(companion, interaction))
    await open_change(companion, interaction, shelf.memory(memory_id))


@deed("forget")
async def forget(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    async def change() -> tuple[Shelf, int, int]:
        member, before = member_of(interaction), await own_shelf(companion, interaction)
        page = before.memories.index(before.memory(memory_id)) // KEPT_SHOWN
        count = await companion.keeper.forget(member.guild.id, member.id, [memory_id])
        return await own_shelf(companion, interaction), page, count

    shelf, page, count = await promptly(interaction, change())
    if count == 0:
        raise KithError("forgotten in the meantime", key="error-memory-gone")
    first = companion.texts.say(interaction.locale.value, "memory-forgotten", count=count)
    await tell_kept(companion, interaction, shelf, page, first=first)


@deed("forget-all")
async def forget_all(companion: Companion, interaction: discord.Interaction, _: str) -> None:
    member, locale = member_of(interaction), interaction.locale.value
    count = await promptly(interaction, _forget_all(companion, member))
    await tell(interaction, companion.texts.say(locale, "memory-forgotten-all", count=count), is_new=False)


async def _forget_all(companion: Companion, member: discord.Member) -> int:
    return await companion.keeper.forget(member.guild.id, member.id, None)


async def _mark(companion: Companion, interaction: discord.Interaction, memory_id: str, name: str, on: bool) -> None:
    """Mute or share, and take either back."""

    async def change() -> Shelf:
        member, keeper = member_of(interaction), companion.keeper
        (await own_shelf(companion, interaction)).memory(memory_id)
        mark = keeper.mute if name == "mute" else keeper.share
        await mark(member.guild.id, member.id, memory_id, on)
        return await own_shelf(companion, interaction)

    shelf = await promptly(interaction, change())
    await tell_one(companion, interaction, shelf, shelf.memory(memory_id))


@deed("mute")
async def mute(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    await _mark(companion, interaction, memory_id, "mute", True)


@deed("unmute")
async def unmute(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    await _mark(companion, interaction, memory_id, "mute", False)


@deed("share")
async def share(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    await _mark(companion, interaction, memory_id, "share", True)


@deed("unshare")
async def unshare(companion: Companion, interaction: discord.Interaction, memory_id: str) -> None:
    await _mark(companion, interaction, memory_id, "share", False)


# ---------------------------------------------------------------------------- after a talk


async def offer_proposals(
    companion: Companion, channel: discord.abc.Messageable, locale: str, user_ids: Collection[int]
) -> None:
    """One short message in the room's chat, if anybody has proposals to look at; it says neither what nor whose. A closed chat is only logged:
    everybody finds their own with `/memory show` as well."""
    if not user_ids:
        return
    try:
        await channel.send(companion.texts.say(locale, "memory-offer"), view=show_view(companion.texts, locale))
    except discord.DiscordException as error:
        _log.warning("proposals_not_offered", error=type(error).__name__, count=len(user_ids))
