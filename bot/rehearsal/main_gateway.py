"""The main gateway of the loopback Discord (API v10): hello, identify, resume, heartbeats, voice states, dispatch.

One `GatewaySession` is what Discord keeps for an identified client, also while its socket is gone: dispatches are numbered
and kept (bounded), and replayed on resume. A person of a scene has no gateway session: `DiscordServer` acts for them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from bot.rehearsal.world import Payload, World

HEARTBEAT_INTERVAL_MS: Final = 41_250
ACK_DELAY_S: Final = 0.02
REPLAY_LIMIT: Final = 1_000
MESSAGE_LIMIT_BYTES: Final = 64 * 1024

AUTHENTICATION_FAILED: Final = 4004
DECODE_ERROR: Final = 4002
NOT_AUTHENTICATED: Final = 4003
UNKNOWN_OPCODE: Final = 4001

_log = logging.getLogger(__name__)

VoiceStateRequest = Callable[["GatewaySession", Payload], Awaitable[None]]


class GatewaySession:
    """What Discord remembers of one identified client."""

    def __init__(self, session_id: str, shard: tuple[int, int]) -> None:
        self.session_id = session_id
        self.shard = shard
        self.socket: web.WebSocketResponse | None = None
        self._sequence = 0
        self._sent: deque[tuple[int, Payload]] = deque(maxlen=REPLAY_LIMIT)

    async def dispatch(self, event: str, data: Payload) -> None:
        self._sequence += 1
        message = {"op": 0, "s": self._sequence, "t": event, "d": data}
        self._sent.append((self._sequence, message))
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(message)

    async def replay(self, after: int) -> None:
        assert self.socket is not None
        for sequence, message in self._sent:
            if sequence > after:
                await self.socket.send_json(message)

    def serves(self, guild_id: int) -> bool:
        return (guild_id >> 22) % self.shard[1] == self.shard[0]


class MainGateway:
    """All gateway sessions of the bot. Knobs: `refuse_resume` answers op 9 to every resume, servers in `unmentioned` are told to no new session."""

    def __init__(self, world: World, on_voice_state: VoiceStateRequest, url: Callable[[], str]) -> None:
        self._world = world
        self._on_voice_state = on_voice_state
        self._url = url
        self.sessions: dict[str, GatewaySession] = {}
        self.identifies = 0
        self.resumes = 0
        self.refuse_resume = False
        self.unmentioned: set[int] = set()

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """One socket from upgrade to close (the handler of the gateway's address)."""
        socket = web.WebSocketResponse(max_msg_size=MESSAGE_LIMIT_BYTES)
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}, "s": None, "t": None})
        session: GatewaySession | None = None
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                body = json.loads(message.data)
                opcode, data = body["op"], body.get("d")
            except (ValueError, KeyError, TypeError):
                await socket.close(code=DECODE_ERROR)
                break
            session = await self._receive(socket, session, opcode, data)
        if session is not None and session.socket is socket:
            session.socket = None
        return socket

    async def _receive(
        self, socket: web.WebSocketResponse, session: GatewaySession | None, opcode: int, data: Any
    ) -> GatewaySession | None:
        match opcode:
            case 1:
                # discord.py notes when it sent a heartbeat only after the send: an answer without any delay seems 41 s late.
                await asyncio.sleep(ACK_DELAY_S)
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            case 2:
                session = await self._identify(socket, data)
            case 6:
                session = await self._resume(socket, data)
            case 3 | 8:
                pass  # presence and member requests have no consequence here
            case 4 if session is not None:
                await self._on_voice_state(session, data)
            case 4:
                await socket.close(code=NOT_AUTHENTICATED)
            case _:
                await socket.close(code=UNKNOWN_OPCODE)
        return session

    async def _identify(self, socket: web.WebSocketResponse, data: Payload) -> GatewaySession | None:
        self.identifies += 1
        if data.get("token") != self._world.token:
            await socket.close(code=AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return None
        index, total = data.get("shard") or (0, 1)
        session = GatewaySession(f"{self._world.new_id():x}", (index, total))
        session.socket = socket
        self.sessions[session.session_id] = session
        known = [guild for guild in self._world.guilds.values() if guild.guild_id not in self.unmentioned]
        guilds = [guild for guild in known if session.serves(guild.guild_id)]
        ready = {
            "v": 10,
            "user": {**self._world.bot.user_payload(), "verified": True, "mfa_enabled": False, "flags": 0},
            "guilds": [{"id": str(guild.guild_id), "unavailable": True} for guild in guilds],
            "session_id": session.session_id,
            "resume_gateway_url": self._url(),
            "shard": [index, total],
            "application": {"id": str(self._world.application_id), "flags": 0},
        }
        await session.dispatch("READY", ready)
        for guild in guilds:
            await session.dispatch("GUILD_CREATE", guild.payload(self._world.bot.user_id))
        return session

    async def _resume(self, socket: web.WebSocketResponse, data: Payload) -> GatewaySession | None:
        self.resumes += 1
        session = self.sessions.get(str(data.get("session_id")))
        if session is None or self.refuse_resume or data.get("token") != self._world.token:
            await socket.send_json({"op": 9, "d": False, "s": None, "t": None})
            return None
        session.socket = socket
        await session.replay(after=int(data.get("seq") or 0))
        await session.dispatch("RESUMED", {})
        return session

    async def dispatch(self, guild_id: int, event: str, data: Payload) -> None:
        """Tell every session that serves this guild."""
        for session in list(self.sessions.values()):
            if session.serves(guild_id):
                await session.dispatch(event, data)

    async def drop(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close every socket; sessions stay resumable."""
        sockets = [session.socket for session in self.sessions.values() if session.socket is not None]
        await asyncio.gather(*(socket.close(code=code) for socket in sockets))

    async def invalidate(self) -> None:
        """Forget every session and say so (op 9): clients must identify anew."""
        for session in self.sessions.values():
            if session.socket is not None and not session.socket.closed:
                await session.socket.send_json({"op": 9, "d": False, "s": None, "t": None})
        self.sessions.clear()
