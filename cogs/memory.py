"""/memory: what is kept about whoever asks, and making it go, change, wait or leave with them. All of it for their eyes only."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from cogs.answers import in_time
from cogs.memory_answers import own_shelf, tell, tell_kept
from cogs.memory_buttons import MemoryButton, MemoryMenu, forget_all_view
from cogs.memory_panel import offer_proposals, open_change
from cogs.memory_words import EVERYTHING, choices, find
from cogs.pace import HEAVY, by_member
from cogs.permissions import member_of
from cogs.wording import worded

ON: Final = "on"
OFF: Final = "off"


def exported(everything: Mapping[str, Any]) -> bytes:
    """A file for people and programs: JSON, readable as it is."""
    return json.dumps(everything, ensure_ascii=False, indent=2, sort_keys=True, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Collection):
        return sorted(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _is_all(interaction: discord.Interaction) -> bool:
    return str(getattr(interaction.namespace, "what", "")).strip().casefold() == EVERYTHING


def _forget_key(interaction: discord.Interaction) -> tuple[int | None, int, bool]:
    return *by_member(interaction), _is_all(interaction)


def _forget_pace(interaction: discord.Interaction) -> app_commands.Cooldown:
    return app_commands.Cooldown(*HEAVY) if _is_all(interaction) else app_commands.Cooldown(10, 60.0)


@app_commands.guild_only()
class MemoryCog(
    commands.GroupCog, group_name=worded("command-memory"), group_description=worded("command-memory-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self._texts = companion.texts

    @app_commands.command(name=worded("command-memory-show"), description=worded("command-memory-show-description"))
    @app_commands.checks.cooldown(10, 60.0, key=by_member)
    async def show(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await tell_kept(self._companion, interaction, await own_shelf(self._companion, interaction), is_new=True)

    @app_commands.command(name=worded("command-memory-edit"), description=worded("command-memory-edit-description"))
    @app_commands.rename(what=worded("option-memory"))
    @app_commands.describe(what=worded("option-memory-description"))
    @app_commands.checks.cooldown(10, 60.0, key=by_member)
    async def edit(self, interaction: discord.Interaction, what: str) -> None:
        shelf = await in_time(own_shelf(self._companion, interaction))  # a form must be the first answer
        await open_change(self._companion, interaction, find(shelf, what))

    @app_commands.command(name=worded("command-memory-forget"), description=worded("command-memory-forget-description"))
    @app_commands.rename(what=worded("option-memory"))
    @app_commands.describe(what=worded("option-memory-forget-description"))
    @app_commands.checks.dynamic_cooldown(_forget_pace, key=_forget_key)
    async def forget(self, interaction: discord.Interaction, what: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(ephemeral=True, thinking=True)
        if _is_all(interaction):
            question = self._texts.say(locale, "memory-forget-all-ask")
            await tell(interaction, question, forget_all_view(self._texts, locale), is_new=True)
            return
        memory = find(await own_shelf(self._companion, interaction), what)
        count = await self._companion.keeper.forget(member.guild.id, member.id, [memory.memory_id])
        await tell(interaction, self._texts.say(locale, "memory-forgotten", count=count), is_new=True)

    @app_commands.command(name=worded("command-memory-export"), description=worded("command-memory-export-description"))
    @app_commands.checks.cooldown(*HEAVY, key=by_member)
    async def export(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(ephemeral=True, thinking=True)
        everything = await self._companion.estate.export_member(member.guild.id, member.id)
        file = discord.File(io.BytesIO(exported(everything)), filename=f"kith-{member.guild.id}.json")
        told = self._texts.say(locale, "memory-exported")
        await interaction.edit_original_response(content=told, attachments=[file])

    @app_commands.command(name=worded("command-memory-pause"), description=worded("command-memory-pause-description"))
    @app_commands.rename(state=worded("option-pause"))
    @app_commands.describe(state=worded("option-pause-description"))
    @app_commands.choices(
        state=[
            Choice(name=worded("memory-pause-choice-on"), value=ON),
            Choice(name=worded("memory-pause-choice-off"), value=OFF),
        ]
    )
    @app_commands.checks.cooldown(5, 60.0, key=by_member)
    async def pause(self, interaction: discord.Interaction, state: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        if state not in {ON, OFF}:
            raise KithError("neither on nor off", key="error-option")
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._companion.keeper.pause(member.guild.id, member.id, state == ON)
        key = "memory-paused" if state == ON else "memory-resumed"
        await interaction.edit_original_response(content=self._texts.say(locale, key))

    # ------------------------------------------------------------------ completion

    @edit.autocomplete("what")
    async def _complete(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        member = member_of(interaction)
        return choices(await self._companion.keeper.show(member.guild.id, member.id), typed)

    @forget.autocomplete("what")
    async def _complete_or_all(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        member = member_of(interaction)
        everything = Choice(
            name=self._texts.say(interaction.locale.value, "memory-forget-all-choice"), value=EVERYTHING
        )
        return choices(await self._companion.keeper.show(member.guild.id, member.id), typed, everything)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(MemoryCog(bot.companion))
    bot.companion.offer_proposals = partial(offer_proposals, bot.companion)
    bot.add_dynamic_items(MemoryButton, MemoryMenu)
