"""/consent allow, stop, show, explain, off-record: the panel's buttons as commands, for whoever has no panel in sight."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from bot.storage.consent import Scope
from cogs import panel
from cogs.consent_words import SCOPE_WORDS
from cogs.wording import worded

PACE: Final = (6, 15.0)
"""Uses in so many seconds, of a member. Taking agreement back is never slowed down."""


def scope_of(value: str) -> Scope:
    """Raises `KithError` for what is none."""
    try:
        return Scope(value)
    except ValueError:
        expected = ", ".join(scope.value for scope in Scope)
        raise KithError("no such scope", key="error-consent-scope", expected=expected) from None


def _choices() -> list[Choice[str]]:
    return [Choice(name=worded(key), value=scope.value) for scope, key in SCOPE_WORDS.items()]


@app_commands.guild_only()
class Consent(
    commands.GroupCog, group_name=worded("command-consent"), group_description=worded("command-consent-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-consent-allow"), description=worded("command-consent-allow-description"))
    @app_commands.rename(scope=worded("option-consent"))
    @app_commands.describe(scope=worded("option-consent-allow-description"))
    @app_commands.choices(scope=_choices())
    @app_commands.checks.cooldown(*PACE)
    async def allow(self, interaction: discord.Interaction, scope: str = Scope.LISTEN.value) -> None:
        await panel.allow(self._companion, interaction, scope_of(scope))

    @app_commands.command(name=worded("command-consent-stop"), description=worded("command-consent-stop-description"))
    @app_commands.rename(scope=worded("option-consent"))
    @app_commands.describe(scope=worded("option-consent-stop-description"))
    @app_commands.choices(scope=_choices())
    async def stop(self, interaction: discord.Interaction, scope: str = Scope.LISTEN.value) -> None:
        await panel.stop(self._companion, interaction, scope_of(scope))

    @app_commands.command(name=worded("command-consent-show"), description=worded("command-consent-show-description"))
    @app_commands.checks.cooldown(*PACE)
    async def show(self, interaction: discord.Interaction) -> None:
        await panel.show(self._companion, interaction)

    @app_commands.command(
        name=worded("command-consent-explain"), description=worded("command-consent-explain-description")
    )
    @app_commands.checks.cooldown(*PACE)
    async def explain(self, interaction: discord.Interaction) -> None:
        await panel.explain(self._companion, interaction)

    @app_commands.command(
        name=worded("command-consent-off-record"), description=worded("command-consent-off-record-description")
    )
    @app_commands.checks.cooldown(*PACE)
    async def off_record(self, interaction: discord.Interaction) -> None:
        await panel.off_record(self._companion, interaction)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Consent(bot.companion))
    bot.add_view(panel.Explained(bot.companion))
    bot.add_view(panel.Panel(bot.companion))
