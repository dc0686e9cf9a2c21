"""How we come to Discord: its REST address, the trust for it, and a gateway that is where REST says.

discord.py 2.7.1 has two habits that a proxy or a rehearsal cannot live with: aiohttp's trust store is read once, at import; and after an
invalid session it goes to a gateway address of its own. Both are put right here, for the bot and for `kith check --voice` alike.
"""

from __future__ import annotations

import ssl
from typing import Final

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

INTENTS: Final = discord.Intents(guilds=True, voice_states=True)
"""129: servers and voice states. Neither is privileged."""


def use_api_base(address: str | None) -> None:
    """Where REST is, for this process; unset leaves discord.py's own address alone."""
    if address is not None:
        Route.BASE = address


def connector() -> aiohttp.TCPConnector:
    """Connections that trust what OpenSSL trusts now, `SSL_CERT_FILE` included. On the event loop."""
    return aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context())


class DiscordDoor(discord.AutoShardedClient):
    """A client whose shards go where REST sends them, also when a session was invalid."""

    async def launch_shards(self) -> None:
        if not self.is_closed():
            self.shard_count, address, _ = await self.http.get_bot_gateway()
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
            await super().launch_shards()
