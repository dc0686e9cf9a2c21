"""Who may choose the persona of a server, as a decision over values."""

from __future__ import annotations

from collections.abc import Collection

import discord

from bot.app import Companion
from bot.errors import KithError
from bot.personas.persona import AgeRating, Persona


def may_choose_persona(manages_guild: bool, role_ids: Collection[int], manager_role_ids: Collection[int]) -> bool:
    """Manage Server, or a role that an admin named. Nobody else, whatever the persona says."""
    return manages_guild or not set(role_ids).isdisjoint(manager_role_ids)


def check_age_gate(persona: Persona, channel: object) -> None:
    """A persona for adults speaks in age-restricted channels alone. Raises `KithError` for any other, and for none in particular."""
    if persona.age_rating is not AgeRating.ADULT:
        return
    if not isinstance(channel, (discord.VoiceChannel, discord.StageChannel)) or not channel.is_nsfw():
        raise KithError("a persona for adults outside of an age-restricted channel", key="error-persona-adult")


def member_of(interaction: discord.Interaction) -> discord.Member:
    """Who asks, as a member of the server they ask on. Raises `KithError` outside of one."""
    if not isinstance(interaction.user, discord.Member) or interaction.guild is None:
        raise KithError("a command was used outside of a server", key="error-guild-only")
    return interaction.user


async def may_choose(companion: Companion, member: discord.Member, permissions: discord.Permissions) -> bool:
    settings = await companion.guilds.get(member.guild.id)
    role_ids = {role.id for role in member.roles}
    return may_choose_persona(permissions.manage_guild, role_ids, settings.manager_role_ids)


async def check_may_choose_persona(
    companion: Companion, member: discord.Member, permissions: discord.Permissions
) -> None:
    """Raises `KithError` for a member who may not."""
    if not await may_choose(companion, member, permissions):
        raise KithError("a member may not choose the persona", key="error-need-manager")
