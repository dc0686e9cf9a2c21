"""Who may call the companion, choose who it is and change its settings, and where it may come: decisions over values, and thin checks around them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import discord
from discord.app_commands import CommandInvokeError

from bot.app import Companion
from bot.attendance import Bar, barred, may_talk
from bot.errors import KithError
from bot.personas.persona import AgeRating, Persona
from bot.storage.guilds import GuildSettings
from bot.storage.quiet_hours import parse_quiet_hours
from cogs.answers import in_time

NAMED: Final = 5
"""Channels that a refusal names."""


def may_choose_persona(manages_guild: bool, role_ids: Collection[int], manager_role_ids: Collection[int]) -> bool:
    """Manage Server, or a role that an admin named. Nobody else, whatever the persona says."""
    return manages_guild or not set(role_ids).isdisjoint(manager_role_ids)


def may_use(manages_guild: bool, role_ids: Collection[int], settings: GuildSettings) -> bool:
    """Whoever may talk with it, and whoever may choose who it is: an admin locks nobody out of the commands by naming roles."""
    return may_talk(settings, role_ids) or may_choose_persona(manages_guild, role_ids, settings.manager_role_ids)


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


def role_ids_of(member: discord.Member) -> frozenset[int]:
    """@everyone among them: its id is the server's."""
    return frozenset(role.id for role in member.roles)


async def may_choose(companion: Companion, member: discord.Member, permissions: discord.Permissions) -> bool:
    settings = await companion.guilds.get(member.guild.id)
    return may_choose_persona(permissions.manage_guild, role_ids_of(member), settings.manager_role_ids)


async def check_may_choose_persona(
    companion: Companion, member: discord.Member, permissions: discord.Permissions
) -> None:
    """Raises `KithError` for a member who may not."""
    if not await may_choose(companion, member, permissions):
        raise KithError("a member may not choose the persona", key="error-need-manager")


async def check_may_use(companion: Companion, member: discord.Member, permissions: discord.Permissions) -> None:
    """Raises `KithError` for a member who may neither talk with it nor choose who it is."""
    if not may_use(permissions.manage_guild, role_ids_of(member), await companion.guilds.get(member.guild.id)):
        raise KithError("a member without the role to call it", key="error-need-role")


async def is_usable(companion: Companion, interaction: discord.Interaction) -> bool:
    """`check_may_use` as the `interaction_check` of a cog, where discord.py lets only its own errors through to whoever answers them."""
    try:
        await in_time(check_may_use(companion, member_of(interaction), interaction.permissions))
    except KithError as error:
        assert interaction.command is not None
        raise CommandInvokeError(interaction.command, error) from error
    return True


def check_manages(interaction: discord.Interaction) -> None:
    """Settings are for who may manage the server, whatever its integration settings let others see. Raises `KithError`."""
    if not interaction.permissions.manage_guild:
        raise KithError("a member may not change settings", key="error-settings-manager")


async def check_may_come(
    companion: Companion, channel: discord.VoiceChannel | discord.StageChannel, when: datetime
) -> None:
    """Whether it may enter this channel now, as whoever would speak there. Raises `KithError` that says why not, and where or when instead."""
    guild = channel.guild
    settings = await companion.guilds.get(guild.id)
    bar = barred(settings, channel.id, when)
    if bar is Bar.QUIET:
        hours = parse_quiet_hours(settings.quiet_hours or "")
        until = f"{hours.end:%H:%M}"
        raise KithError("quiet hours", key="error-quiet-now", until=until, zone=hours.zone)
    if bar is Bar.ELSEWHERE:
        named = [known for one in settings.channel_ids if (known := guild.get_channel(one)) is not None]
        if not named:
            raise KithError("the channels are gone", key="error-channel-none")
        shown = ", ".join(known.name for known in sorted(named, key=lambda known: known.position)[:NAMED])
        raise KithError("not one of the channels", key="error-channel-elsewhere", channels=shown)
    people = tuple(member.id for member in channel.members if not member.bot)
    check_age_gate(await companion.cast.of(guild.id, channel.id, people), channel)
