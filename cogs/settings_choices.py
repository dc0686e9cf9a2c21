"""What the menus of `/settings` offer on this server, and what was meant by a choice: where rows meet the cast, the voices, roles and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord

from bot.app import Companion
from bot.errors import KithError
from bot.personas.persona import AgeRating, Persona
from bot.personas.voices import voices_of
from bot.storage.guilds import (
    SETTINGS,
    GuildSettings,
    Pick,
    PickChannels,
    PickPersona,
    PickRoles,
    PickVoice,
    Section,
    Switch,
    Write,
    row_of,
)
from cogs.permissions import check_age_gate
from cogs.settings_controls import OPTIONS
from cogs.settings_values import NONE, Unreadable, option_of, picked, typed
from cogs.settings_words import Words


async def words_for(companion: Companion, guild_id: int, locale: str) -> Words:
    """The words of a server's settings in this language. Raises `StorageError`."""
    everyone = await companion.cast.all(guild_id)
    return Words(
        companion.texts,
        locale,
        {persona.slug: persona.name_in(locale) for persona in everyone},
        {voice: persona.name_in(locale) for voice, persona in _voices(companion).items()},
        companion.settings.kith_currency,
        _limits(companion),
        idle=frozenset() if companion.errands.has_search else frozenset({"web_search"}),
    )


async def options_of(
    companion: Companion, guild_id: int, words: Words, name: str, value: Any
) -> dict[str, tuple[str, str]]:
    """What the menu of this setting offers: value to label and description. What is chosen now is among it, and nothing that would be refused."""
    row, locale = row_of(name), words.locale
    match row:
        case Pick():
            return {option_of(one): (words.picked(name, one), "") for one in row.values}
        case PickPersona():
            everyone = [one for one in await companion.cast.all(guild_id) if one.age_rating is not AgeRating.ADULT]
            everyone.sort(key=lambda persona: persona.slug != value)
            personas = {one.slug: (one.name_in(locale), one.tagline_in(locale)) for one in everyone[: OPTIONS - 1]}
            return {NONE: (words.value(name, None), ""), **personas}
        case PickVoice():
            voices = {voice: (words.voice(voice, owner), "") for voice, owner in words.voices.items()}
            return {NONE: (words.value(name, None), ""), **voices}
        case _:
            return {}


async def value_of(
    companion: Companion, guild: discord.Guild, words: Words, name: str, chosen: Sequence[str], text: str
) -> Any:
    """What was meant by values chosen from a menu, or by the text of a form. Raises `Unreadable`, `KithError`."""
    row = row_of(name)
    only = chosen[0] if chosen else NONE
    match row:
        case Write():
            value, most = typed(row, text), words.limits.get(name)
            if most is not None and isinstance(value, (int, float)) and value > most:
                told = words.written(row.unit, most)
                raise KithError(
                    "more than the operator allows", key="error-setting-over", name=words.name(name), most=told
                )
            return value
        case Pick():
            return picked(row, only)
        case PickPersona():
            if only == NONE:
                return None
            persona = await companion.cast.find(guild.id, only)
            check_age_gate(persona, None)
            return persona.slug
        case PickVoice():
            if only != NONE and only not in _voices(companion):
                raise Unreadable
            return None if only == NONE else only
        case PickRoles():
            return _roles(guild, _ids(chosen))
        case PickChannels(is_text=is_text):
            return _channels(guild, _ids(chosen), is_text)
        case Switch():
            raise Unreadable


def gone_in(guild: discord.Guild, value: Any) -> frozenset[int]:
    """Ids of roles and channels that the server has no more."""
    ids = value if isinstance(value, frozenset) else {value} if isinstance(value, int) else frozenset()
    return frozenset(one for one in ids if guild.get_role(one) is None and guild.get_channel(one) is None)


def faults_in(guild: discord.Guild, words: Words, settings: GuildSettings, section: Section) -> list[str]:
    """What an admin should know of this page besides: something that was chosen is gone, or changes can be told nowhere."""
    told = [
        words.say("settings-gone-since", name=words.name(name))
        for name in words.shown(section)
        if isinstance(row_of(name), (PickRoles, PickChannels))
        and name != "audit_channel_id"
        and gone_in(guild, getattr(settings, name))
    ]
    audit_id = settings.audit_channel_id
    if audit_id is not None and not _may_write(guild, guild.get_channel(audit_id)):
        told.append(words.say("settings-audit-closed", name=words.name("audit_channel_id")))
    return told


def _may_write(guild: discord.Guild, channel: object) -> bool:
    if not isinstance(channel, discord.TextChannel):
        return False
    granted = channel.permissions_for(guild.me)
    return granted.view_channel and granted.send_messages


def _limits(companion: Companion) -> dict[str, int | float]:
    """The operator's settings that are called as a server's: the most of it."""
    found = {name: getattr(companion.settings, f"kith_{name}", None) for name in SETTINGS}
    return {name: most for name, most in found.items() if isinstance(most, (int, float))}


def _voices(companion: Companion) -> dict[str, Persona]:
    return voices_of(companion.library.all(), companion.settings.provider)


def _ids(chosen: Sequence[str]) -> frozenset[int]:
    """Raises `Unreadable` for what is no id."""
    if not all(one.isascii() and one.isdigit() and len(one) <= 20 for one in chosen):
        raise Unreadable
    return frozenset(int(one) for one in chosen)


def _roles(guild: discord.Guild, ids: frozenset[int]) -> frozenset[int]:
    if any(guild.get_role(one) is None for one in ids):
        raise KithError("a role that is gone", key="error-settings-gone")
    return ids


def _channels(guild: discord.Guild, ids: frozenset[int], is_text: bool) -> frozenset[int] | int | None:
    """Voice channels, or one in which we may write."""
    kinds = (discord.TextChannel,) if is_text else (discord.VoiceChannel, discord.StageChannel)
    for one in ids:
        channel = guild.get_channel(one)
        if not isinstance(channel, kinds):
            raise KithError("a channel that is gone", key="error-settings-gone")
        if is_text and not _may_write(guild, channel):
            raise KithError("a channel where we may not write", key="error-settings-closed")
    return next(iter(ids), None) if is_text else ids
