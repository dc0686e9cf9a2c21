"""discord.py's own objects for one guild, with the main gateway's socket replaced: op 4 goes to a loopback voice server.

Client, guild, channels, members, permissions and voice states are discord.py's and updated by its own parsers, so that a connection
is made with the real `channel.connect(cls=...)`. The lobby answers as Discord does, and badly where a test asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import discord
from waiting import PATIENCE_S

from bot.rehearsal.voice_server import VoiceServer
from bot.voice.connection import Connection

GUILD, ME, ROOM, HALL, STAGE = 900, 1, 100, 200, 300
ALICE, BOB = 11, 12
VOICE_CHANNEL, STAGE_CHANNEL = 2, 13
ANSWER_S = 0.01
ALL_PERMISSIONS = discord.Permissions(view_channel=True, connect=True, speak=True, request_to_speak=True)


class Lobby:
    """Knobs: `is_silent` answers no op 4 (a full channel), `server_first` swaps the two answers, `null_endpoints` such answers
    come before a real one, `repeats_server` says the same server again after a change of flags, `refuses_edits` forbids to
    change our own voice state on a stage."""

    def __init__(self, voice: VoiceServer, *, permissions: discord.Permissions = ALL_PERMISSIONS) -> None:
        self.voice = voice
        self.asked: list[tuple[int | None, bool]] = []  # (channel, self_deaf) of each op 4
        self.edits: list[dict[str, Any]] = []  # of our own voice state, by REST
        self.is_silent = False
        self.server_first = False
        self.null_endpoints = 0
        self.repeats_server = False
        self.refuses_edits = False
        self.open = True
        self.session_id = "main session 1"
        self._permissions = permissions
        self._channel_id: int | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self.client = discord.Client(intents=discord.Intents(guilds=True, voice_states=True))
        self._state = cast("Any", self.client._connection)
        self._state.user = discord.ClientUser(state=self._state, data=_user(ME))
        self._state._get_websocket = lambda *_: self
        self._state.http.edit_my_voice_state = self._edit
        self.guild = discord.Guild(data=_guild(permissions), state=self._state)
        self._state._add_guild(self.guild)

    def renew_session(self, *, is_described: bool = True) -> None:
        """The main gateway knows us by another session: discord.py makes the guild anew, with who is there by now, or at
        first with nothing but its id."""
        self.session_id += "'"
        data: Any = _guild(self._permissions) if is_described else {"id": str(GUILD), "unavailable": True}
        self.guild = discord.Guild(data=data, state=self._state)
        self._state._add_guild(self.guild)

    async def close(self) -> None:
        await asyncio.gather(*self._answers)
        await asyncio.sleep(0)

    def room(self, channel_id: int = ROOM) -> Any:
        return self.guild.get_channel(channel_id)

    async def join(
        self, protocol: Callable[..., Connection], channel_id: int = ROOM, timeout: float = PATIENCE_S
    ) -> Connection:
        connection: Connection = await self.room(channel_id).connect(cls=protocol, timeout=timeout)
        return connection

    # ------------------------------------------------------------------ other people

    def enter(self, user_id: int, channel_id: int | None) -> None:
        """A voice state of somebody else."""
        self._dispatch_state(user_id, channel_id)

    # ------------------------------------------------------------------ what a moderator or Discord does to us

    async def move(self, channel_id: int, *, server_first: bool = False) -> None:
        session = f"session {ME}"
        ticket = self.voice.announce(GUILD, channel_id, ME, session, is_stage=channel_id == STAGE)
        self._channel_id = channel_id
        if server_first:
            self._dispatch_server(ticket.token, ticket.endpoint)
            await asyncio.sleep(ANSWER_S)
        self._dispatch_state(ME, channel_id)
        await asyncio.sleep(ANSWER_S)
        if not server_first:
            self._dispatch_server(ticket.token, ticket.endpoint)

    async def migrate(self, code: int = 4014) -> None:
        ticket = await self.voice.migrate(GUILD, ME, code)
        self._dispatch_server(ticket.token, ticket.endpoint)

    def lose_endpoint(self) -> None:
        """The voice server is being replaced, and there is none for now."""
        self._no_endpoint()

    def kick(self) -> None:
        self._channel_id = None
        self.voice.left(GUILD, ME)
        self._dispatch_state(ME, None)

    # ------------------------------------------------------------------ the main gateway's socket, as discord.py uses it

    async def voice_state(
        self, guild_id: int, channel_id: int | None, self_mute: bool = False, self_deaf: bool = False
    ) -> None:
        """Op 4."""
        self.asked.append((channel_id, self_deaf))
        if not self.is_silent:
            answer = asyncio.get_running_loop().create_task(self._answer(channel_id, self_deaf))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self, channel_id: int | None, self_deaf: bool) -> None:
        await asyncio.sleep(ANSWER_S)
        was, self._channel_id = self._channel_id, channel_id
        if channel_id is None:
            self.voice.left(GUILD, ME)
            self._dispatch_state(ME, None)
            return
        if was == channel_id:
            self.voice.set_deaf(GUILD, ME, self_deaf)
            self._dispatch_state(ME, channel_id)
            if self.repeats_server:
                ticket = self.voice.ticket(GUILD, ME)
                self._dispatch_server(ticket.token, ticket.endpoint)
            return
        ticket = self.voice.announce(GUILD, channel_id, ME, f"session {ME}", is_stage=channel_id == STAGE)
        self.voice.set_deaf(GUILD, ME, self_deaf)
        steps = [lambda: self._dispatch_state(ME, channel_id), *[self._no_endpoint] * self.null_endpoints]
        steps.append(lambda: self._dispatch_server(ticket.token, ticket.endpoint))
        for step in reversed(steps) if self.server_first else steps:
            step()
            await asyncio.sleep(ANSWER_S)

    def _no_endpoint(self) -> None:
        self._dispatch_server("a token for later", None)

    def _dispatch_server(self, token: str, endpoint: str | None) -> None:
        self._state.parse_voice_server_update({"guild_id": str(GUILD), "token": token, "endpoint": endpoint})

    def _dispatch_state(self, user_id: int, channel_id: int | None) -> None:
        self._state.parse_voice_state_update(
            {
                "guild_id": str(GUILD),
                "channel_id": None if channel_id is None else str(channel_id),
                "user_id": str(user_id),
                "session_id": f"session {user_id}",
                "deaf": False,
                "mute": False,
                "self_deaf": False,
                "self_mute": False,
                "self_video": False,
                "suppress": channel_id == STAGE,
                "request_to_speak_timestamp": None,
                "member": _member(user_id),
            }
        )

    async def _edit(self, guild_id: int, payload: dict[str, Any]) -> None:
        self.edits.append(payload)
        if self.refuses_edits:
            raise discord.DiscordException("403 Forbidden")
        if len(self.edits) < 10:  # whoever answers each answer would go on for ever
            self._dispatch_state(ME, self._channel_id)


def _user(user_id: int) -> Any:
    return {
        "id": str(user_id),
        "username": f"user{user_id}",
        "discriminator": "0",
        "avatar": None,
        "bot": user_id == ME,
    }


def _member(user_id: int) -> dict[str, Any]:
    return {
        "user": _user(user_id),
        "roles": [],
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def _channel(channel_id: int, kind: int, user_limit: int) -> dict[str, Any]:
    return {
        "id": str(channel_id),
        "type": kind,
        "name": f"room {channel_id}",
        "position": 0,
        "permission_overwrites": [],
        "bitrate": 64_000,
        "user_limit": user_limit,
        "parent_id": None,
        "nsfw": False,
    }


def _guild(permissions: discord.Permissions) -> Any:
    return {
        "id": str(GUILD),
        "name": "a guild",
        "owner_id": "5",
        "member_count": 3,
        "roles": [
            {
                "id": str(GUILD),
                "name": "@everyone",
                "permissions": str(permissions.value),
                "position": 0,
                "color": 0,
                "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
                "hoist": False,
                "managed": False,
                "mentionable": False,
                "flags": 0,
            }
        ],
        "channels": [
            _channel(ROOM, VOICE_CHANNEL, 2),
            _channel(HALL, VOICE_CHANNEL, 0),
            _channel(STAGE, STAGE_CHANNEL, 0),
        ],
        "members": [_member(ME)],
        "voice_states": [],
        "emojis": [],
        "stickers": [],
        "features": [],
        "threads": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "system_channel_flags": 0,
        "afk_timeout": 300,
    }
