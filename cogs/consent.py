"""/consent allow, stop, explain: the panel's buttons as commands, for whoever has no panel in sight."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.app import Companion, KithBot
from cogs import panel
from cogs.wording import worded


@app_commands.guild_only()
class Consent(
    commands.GroupCog, group_name=worded("command-consent"), group_description=worded("command-consent-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-consent-allow"), description=worded("command-consent-allow-description"))
    async def allow(self, interaction: discord.Interaction) -> None:
        await panel.allow(self._companion, interaction)

    @app_commands.command(name=worded("command-consent-stop"), description=worded("command-consent-stop-description"))
    async def stop(self, interaction: discord.Interaction) -> None:
        await panel.stop(self._companion, interaction)

    @app_commands.command(
        name=worded("command-consent-explain"), description=worded("command-consent-explain-description")
    )
    async def explain(self, interaction: discord.Interaction) -> None:
        await panel.explain(self._companion, interaction)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Consent(bot.companion))
    bot.add_view(panel.Panel(bot.companion))
