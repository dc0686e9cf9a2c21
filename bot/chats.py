"""The text chats of rooms: in which language a server is spoken to, and sentences said there."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import discord

from bot.conversation.services import TextChannel
from bot.errors import KithError
from bot.texts import ENGLISH, Texts

LOCALES_KEPT: Final = 4096
DEFAULT_LOCALE: Final = "en-US"
"""What Discord gives to every server that has not chosen one."""


class Chats:
    """The language is that of whoever called the companion there last; until then the server's own."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._locales: OrderedDict[int, str] = OrderedDict()

    def locale_of(self, guild: discord.Guild) -> str:
        return self._locales.get(guild.id, str(guild.preferred_locale))

    def place_of(self, guild: discord.Guild) -> str:
        """The locale by which what is near is chosen: the server's own, where somebody chose it; all others come as en-US, and tell nothing."""
        own = str(guild.preferred_locale)
        return own if own != DEFAULT_LOCALE else self.locale_of(guild)

    def called(self, guild_id: int, locale: str) -> None:
        """Somebody who reads this language called the companion there."""
        self._locales[guild_id] = locale
        self._locales.move_to_end(guild_id)
        if len(self._locales) > LOCALES_KEPT:
            self._locales.popitem(last=False)

    def forget(self, guild_id: int) -> None:
        self._locales.pop(guild_id, None)

    async def tell(self, channel: TextChannel, key: str, values: dict[str, str | int | float]) -> None:
        """A sentence of the catalogues. Raises `KithError` when the chat is closed to us."""
        guild = getattr(channel, "guild", None)
        locale = self.locale_of(guild) if guild is not None else ENGLISH
        try:
            await channel.send(self._texts.say(locale, key, **values))
        except discord.DiscordException as error:
            raise KithError(f"the chat takes no message ({type(error).__name__})") from error
