"""The boards of calls (`bot.presence`) as cogs share them. Not an extension itself: those are executed anew when they are loaded."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import discord

from bot.app import Companion
from bot.presence import Presence
from bot.surfaces import PanelMessage

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


def adopt(companion: Companion, interaction: discord.Interaction) -> None:
    """A button was pressed on a panel while the call has none that is kept true (it was sent before a restart, say): it is the call's from now on."""
    message, guild = interaction.message, interaction.guild
    if message is None or guild is None or message.flags.ephemeral:
        return
    if not presence_of(companion).has(guild.id, PanelMessage):
        keep_true(companion, guild.id, companion.chats.locale_of(guild), message)
