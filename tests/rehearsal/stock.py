"""discord.py's own `VoiceClient`, unmodified, in a call of the loopback server: the opinion of somebody else's client.

It gets stubs of a client, a guild and a channel, whose voice state requests go to the `VoiceServer` as the main gateway
would pass them on; its websocket differs from the shipped one in the certificate authority that it trusts, no more.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
import discord
from discord.opus import Encoder
from waiting import PATIENCE_S

from bot.audio.opus import EncoderProfile, OpusEncoder
from bot.rehearsal.voice_server import VoiceServer

ANSWER_S = 0.02
"""The main gateway answers after a moment: discord.py misses updates that come within its own request."""


class _Http:
    def __init__(self, session: aiohttp.ClientSession, trust: ssl.SSLContext) -> None:
        self._session = session
        self._trust = trust

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        return await self._session.ws_connect(url, ssl=self._trust, compress=compress, max_msg_size=0, autoclose=False)


class _State:
    """What a voice client reads of `Client._connection`."""

    def __init__(self, user_id: int, http: _Http) -> None:
        self.loop = asyncio.get_running_loop()
        self.user = discord.Object(user_id)
        self.http = http

    def _remove_voice_client(self, key: int) -> None:
        pass


class _Client:
    def __init__(self, state: _State) -> None:
        self._connection = state
        self.loop = state.loop
        self.user = state.user


class _Me:
    voice = None


class _Guild:
    def __init__(self, house: StockClient, guild_id: int) -> None:
        self._house = house
        self.id = guild_id
        self.me = _Me()

    def get_channel(self, channel_id: int) -> Any:
        return _Channel(self, channel_id)

    async def change_voice_state(self, *, channel: Any, self_mute: bool = False, self_deaf: bool = False) -> None:
        self._house.request(self.id, channel.id if channel is not None else None, self_deaf)


class _Channel:
    def __init__(self, guild: _Guild, channel_id: int) -> None:
        self.guild = guild
        self.id = channel_id

    def _get_voice_client_key(self) -> tuple[int, str]:
        return self.guild.id, "guild_id"


class StockClient:
    """One account that runs discord.py's voice client. `voice_client` is discord.py's object."""

    def __init__(self, voice: VoiceServer, guild_id: int, channel_id: int, user_id: int, *, is_stage: bool) -> None:
        assert voice.client_context is not None
        self._voice = voice
        self._user_id = user_id
        self._is_stage = is_stage
        self._requests = 0
        self._answers: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession()
        client: Any = _Client(_State(user_id, _Http(self._session, voice.client_context)))
        channel: Any = _Channel(_Guild(self, guild_id), channel_id)
        self.voice_client = discord.VoiceClient(client, channel)

    async def __aenter__(self) -> discord.VoiceClient:
        await self.voice_client.connect(reconnect=True, timeout=PATIENCE_S)
        return self.voice_client

    async def __aexit__(self, *_: object) -> None:
        await self.voice_client.disconnect(force=True)
        await asyncio.gather(*self._answers)
        await self._session.close()

    def request(self, guild_id: int, channel_id: int | None, self_deaf: bool) -> None:
        """Op 4 of the main gateway."""
        answer = asyncio.get_running_loop().create_task(self._answer(guild_id, channel_id, self_deaf))
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _answer(self, guild_id: int, channel_id: int | None, self_deaf: bool) -> None:
        await asyncio.sleep(ANSWER_S)
        self._requests += 1
        session_id = f"stock session {self._requests}"
        state: Any = {"channel_id": None if channel_id is None else str(channel_id), "session_id": session_id}
        if channel_id is None:
            self._voice.left(guild_id, self._user_id)
            await self.voice_client.on_voice_state_update(state)
            return
        ticket = self._voice.announce(guild_id, channel_id, self._user_id, session_id, is_stage=self._is_stage)
        self._voice.set_deaf(guild_id, self._user_id, self_deaf)
        server: Any = {"token": ticket.token, "guild_id": str(guild_id), "endpoint": ticket.endpoint}
        await self.voice_client.on_voice_state_update(state)
        await self.voice_client.on_voice_server_update(server)


class Encoded(discord.AudioSource):
    """Sound for discord.py's player, encoded beforehand: 20 ms packets at 24 kHz mono."""

    def __init__(self, pcm: bytes) -> None:
        encoder = OpusEncoder(EncoderProfile.SPEECH)
        size = 960
        frames = [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]
        self._packets = iter([encoder.encode(frame) for frame in frames])
        assert Encoder.FRAME_LENGTH == 20

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True
