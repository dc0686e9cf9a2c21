"""A reminder in writing: for a member whom no call can tell, in the channel where they asked, with a ping for them and nobody else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import discord

from bot.errors import KithError
from bot.storage.reminders import Reminder
from bot.texts import Texts

LATE: Final = timedelta(minutes=5)


def reminder_sentence(texts: Texts, locale: str, reminder: Reminder, now: datetime) -> str:
    """What is said after the member's name. One that comes late says when it was meant for."""
    if not reminder.text:
        return texts.say(locale, "reminder-due-blank")
    if now - reminder.due_at > LATE:
        return texts.say(locale, "reminder-late", at=str(int(reminder.due_at.timestamp())), text=reminder.text)
    return texts.say(locale, "reminder-due", text=reminder.text)


async def write_reminder(client: discord.Client, texts: Texts, reminder: Reminder, now: datetime) -> None:
    """Into the reminder's channel. Raises `KithError` when that is gone, `discord.DiscordException` when it is closed to us."""
    channel = client.get_channel(reminder.channel_id)
    if not isinstance(channel, (discord.VoiceChannel, discord.StageChannel, discord.TextChannel, discord.Thread)):
        raise KithError("the channel of a reminder is gone")
    if channel.guild.id != reminder.guild_id:
        raise KithError("the channel of a reminder is another server's")
    sentence = reminder_sentence(texts, channel.guild.preferred_locale.value, reminder, now)
    mentions = discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(reminder.user_id)])
    await channel.send(f"<@{reminder.user_id}> {sentence}", allowed_mentions=mentions)
