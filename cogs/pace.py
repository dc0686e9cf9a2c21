"""How often a command may be used: whose uses are counted together, and the pace of what is heavy."""

from __future__ import annotations

from typing import Final

import discord

HEAVY: Final = (3, 300.0)
"""Uses in so many seconds, of a member on a server: what writes the whole database's log anew, or reads everything."""


def by_member(interaction: discord.Interaction) -> tuple[int | None, int]:
    """A member on a server."""
    return interaction.guild_id, interaction.user.id


def by_guild(interaction: discord.Interaction) -> int | None:
    """Everybody on a server."""
    return interaction.guild_id
