"""/model card: what is known of the model that hears members, and what its maker does not say."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.provenance import card_words, provenance
from cogs.wording import worded


@app_commands.guild_only()
class Model(
    commands.GroupCog, group_name=worded("command-model"), group_description=worded("command-model-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-model-card"), description=worded("command-model-card-description"))
    @app_commands.checks.cooldown(6, 60.0)
    async def card(self, interaction: discord.Interaction) -> None:
        locale, companion = interaction.locale.value, self._companion
        card = provenance(companion.settings, companion.texts, locale)
        words = card_words(companion.texts, locale, card)
        await interaction.response.send_message(words, ephemeral=True, suppress_embeds=True)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Model(bot.companion))
