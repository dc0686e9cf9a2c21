"""discord.py's own objects for one guild with one voice channel, and a main gateway that answers a voice state with a ticket at hand.

Client, guild, channel, permissions and voice states are discord.py's; only the socket of the main gateway and REST are missing.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import discord

ME = 1


class Lobby:
    """One client for any number of guilds."""

    def __init__(self) -> None:
        self._client = discord.Client(intents=discord.Intents(guilds=True, voice_states=True))
        self._state = cast("Any", self._client._connection)
        self._state.user = discord.ClientUser(state=self._state, data=_user())
        self._state._get_websocket = lambda *_: self
        self.open, self.session_id = True, "main session"  # as discord.py's socket has them
        self._tickets: dict[int, tuple[str, str]] = {}
        self._answered: set[int] = set()

    def channel(self, guild_id: int, channel_id: int, ticket: tuple[str, str]) -> discord.VoiceChannel:
        """The channel of a new guild; whoever joins it gets this token and endpoint."""
        self._tickets[guild_id] = ticket
        guild = discord.Guild(data=_guild(guild_id, channel_id), state=self._state)
        self._state._add_guild(guild)
        return cast("discord.VoiceChannel", guild.get_channel(channel_id))

    async def voice_state(
        self, guild_id: int, channel_id: int | None, self_mute: bool = False, self_deaf: bool = False
    ) -> None:
        """Op 4, as discord.py's socket of the main gateway takes it."""
        asyncio.get_running_loop().call_later(0.005, self._answer, guild_id, channel_id)

    def _answer(self, guild_id: int, channel_id: int | None) -> None:
        self._state.parse_voice_state_update(
            {
                "guild_id": str(guild_id),
                "channel_id": None if channel_id is None else str(channel_id),
                "user_id": str(ME),
                "session_id": "session",
                **dict.fromkeys(("deaf", "mute", "self_deaf", "self_mute", "self_video", "suppress"), False),
                "request_to_speak_timestamp": None,
                "member": _member(),
            }
        )
        if channel_id is not None and guild_id not in self._answered:
            self._answered.add(guild_id)
            token, endpoint = self._tickets[guild_id]
            server = {"guild_id": str(guild_id), "token": token, "endpoint": endpoint}
            self._state.parse_voice_server_update(server)


def _user() -> Any:
    return {"id": str(ME), "username": "kith", "discriminator": "0", "avatar": None, "bot": True}


def _member() -> dict[str, Any]:
    joined = "2026-01-01T00:00:00+00:00"
    return {"user": _user(), "roles": [], "joined_at": joined, "deaf": False, "mute": False, "flags": 0}


def _guild(guild_id: int, channel_id: int) -> Any:
    permissions = discord.Permissions(view_channel=True, connect=True, speak=True)
    everyone: dict[str, Any] = {
        "id": str(guild_id),
        "name": "@everyone",
        "permissions": str(permissions.value),
        **dict.fromkeys(("position", "color", "flags"), 0),
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        **dict.fromkeys(("hoist", "managed", "mentionable"), False),
    }
    channel: dict[str, Any] = {
        "id": str(channel_id),
        "type": 2,
        "name": "room",
        "permission_overwrites": [],
        "bitrate": 64_000,
        **dict.fromkeys(("position", "user_limit"), 0),
        "parent_id": None,
        "nsfw": False,
    }
    lists = ("voice_states", "emojis", "stickers", "features", "threads", "presences", "stage_instances")
    numbers = ("verification_level", "default_message_notifications", "explicit_content_filter", "mfa_level")
    return {
        "id": str(guild_id),
        "name": "guild",
        "owner_id": "5",
        "member_count": 2,
        "roles": [everyone],
        "channels": [channel],
        "members": [_member()],
        **{name: [] for name in (*lists, "guild_scheduled_events", "soundboard_sounds")},
        **dict.fromkeys((*numbers, "nsfw_level", "premium_tier", "system_channel_flags"), 0),
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "afk_timeout": 300,
    }
