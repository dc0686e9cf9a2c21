"""Where Discord shows the state of a call (`bot.presence.Surface`): the nickname, the voice channel's status line, the panel's message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import discord

from bot.presence import Shown, panel_words
from bot.texts import Texts

SUFFIX: Final = " · AI"
NICK_CHARS: Final = 32
STATUS_CHARS: Final = 500


def suffixed(name: str) -> str:
    """The name with ` · AI` behind it, within Discord's 32 characters; one that has it stays as it is."""
    return name if name.endswith(SUFFIX) else name[: NICK_CHARS - len(SUFFIX)].rstrip() + SUFFIX


class Nickname:
    """` · AI` behind the name while the call lasts, where we may change our nickname. A name that somebody changes meanwhile stays theirs."""

    def __init__(self, guild: discord.Guild) -> None:
        self._guild = guild
        self._is_set = False
        self._before: str | None = None

    async def show(self, shown: Shown) -> None:
        me = self._guild.me
        if self._is_set or not me.guild_permissions.change_nickname:
            return
        nick = me.nick.removesuffix(SUFFIX).rstrip() if me.nick else None
        self._before = None if nick in {"", me.global_name, me.name} else nick
        self._is_set = True
        await me.edit(nick=suffixed(nick or me.global_name or me.name))

    async def clear(self) -> None:
        me = self._guild.me
        if self._is_set and me.nick is not None and me.nick.endswith(SUFFIX):
            await me.edit(nick=self._before)


class ChannelStatus:
    """The voice channel's status line, where we may set it (`1 << 48`); stages have none. Follows the call when it is moved."""

    def __init__(self, texts: Texts, locale: str, channel_of: Callable[[], object]) -> None:
        """`channel_of`: where the call is now."""
        self._texts = texts
        self._locale = locale
        self._channel_of = channel_of
        self._set_in: discord.VoiceChannel | None = None

    async def show(self, shown: Shown) -> None:
        channel = self._channel_of()
        if not isinstance(channel, discord.VoiceChannel):
            return
        if self._set_in is not None and self._set_in.id != channel.id:
            await self.clear()
        if not channel.permissions_for(channel.guild.me).set_voice_channel_status:
            return
        words = self._texts.say(self._locale, "status-channel", heard=shown.heard, present=shown.present)
        self._set_in = channel
        await channel.edit(status=words[:STATUS_CHARS])

    async def clear(self) -> None:
        if self._set_in is not None:
            channel, self._set_in = self._set_in, None
            await channel.edit(status=None)


class PanelMessage:
    """The panel's own message. Edited as a message of ours, since the token of the interaction that sent it lasts 15 minutes only."""

    def __init__(self, texts: Texts, locale: str, message: discord.PartialMessage) -> None:
        self._texts = texts
        self._locale = locale
        self._message = message

    async def show(self, shown: Shown) -> None:
        await self._message.edit(content=panel_words(self._texts, self._locale, shown))

    async def clear(self) -> None:
        """It stays, since its buttons work without a call, and says no more what is not so any more."""
        await self._message.edit(content=self._texts.say(self._locale, "panel-old"))

    def __eq__(self, other: object) -> bool:
        """Two that edit the same message are one panel."""
        return isinstance(other, PanelMessage) and other._message.id == self._message.id

    def __hash__(self) -> int:
        return hash(self._message.id)
