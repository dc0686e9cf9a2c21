"""The boards of calls (`bot.presence`) as cogs share them. Not an extension itself: those are executed anew when they are loaded."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import discord

from bot.app import Companion
from bot.presence import PanelMessage, Presence

_presences: WeakKeyDictionary[Companion, Presence] = WeakKeyDictionary()


def presence_of(companion: Companion) -> Presence:
    """The one of this companion."""
    return _presences.setdefault(companion, Presence())


def keep_true(
    companion: Companion, guild_id: int, locale: str, message: discord.Message | discord.PartialMessage
) -> None:
    """This message is the call's panel from now on: it is edited when who is heard changes. Call it when a panel was sent."""
    channel = message.channel
    if isinstance(channel, (discord.TextChannel, discord.VoiceChannel, discord.StageChannel, discord.Thread)):
        partial = channel.get_partial_message(message.id)
        presence_of(companion).add(guild_id, PanelMessage(companion.texts, locale, partial))
