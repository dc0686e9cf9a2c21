"""The loopback voice server: voice gateway v8 over TLS, the UDP relay and the calls, for any number of channels at once.

    async with VoiceServer(certificate.server_context(), certificate.client_context()) as voice:
        ticket = voice.announce(guild_id, channel_id, user_id, session_id)   # somebody enters the channel
        ...                                                                  # their client connects to ticket.endpoint
        voice.left(guild_id, user_id)

`voice_door` is the protocol of one connection, `voice_directory` who is in, `voice_call` one channel's call, `media_relay`
the datagrams. Here they are put on ports; and here are the levers for scenes and tests.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from types import TracebackType
from typing import Final, Self

from websockets.asyncio.server import Server, serve

from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_relay import Dress, MediaSession, Outgoing
from bot.rehearsal.udp_server import UdpServer
from bot.rehearsal.voice_call import VoiceCall
from bot.rehearsal.voice_directory import Directory, Rules
from bot.rehearsal.voice_door import RESUMABLE, Door
from bot.rehearsal.voice_session import ClientMessage, CloseCode, Sabotage, VoiceSession, VoiceTicket

__all__ = ["Rules", "VoiceServer", "VoiceTicket"]

TICK_S: Final = 0.1
MESSAGE_LIMIT_BYTES: Final = 64 * 1024

TICKET_ENDS: Final = {
    CloseCode.AUTHENTICATION_FAILED,
    CloseCode.SESSION_INVALID,
    CloseCode.DISCONNECTED,
    CloseCode.CALL_TERMINATED,
}
"""Codes after which the token is of no use either: the client must come in through the main gateway again."""


class VoiceServer:
    """`tls` is the server's side (None: plain ws), `client_context` what members' clients trust; it is only kept for them.

    `rules` and `relay` (`idle_s`, `answers_discovery`, `echoes_keepalives`) may be changed at any time.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        client_context: ssl.SSLContext | None = None,
        *,
        rules: Rules | None = None,
        dress: Dress | None = None,
    ) -> None:
        self.client_context = client_context
        self.rules = rules or Rules()
        self._tls = tls
        self._directory = Directory(self.rules, dress or Dress(seed=self.rules.seed))
        self.relay = self._directory.relay
        self._door = Door(self._directory)
        self._udp = UdpServer(self.relay, time.monotonic)
        self._listeners: list[Server] = []
        self._ticker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._udp.start()
        self._door.udp_port = self._udp.port
        await self._listen()
        self._ticker = asyncio.create_task(self._tick_forever(), name="voice server ticker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._listeners:
            listener.close()
        for listener in self._listeners:
            await listener.wait_closed()
        self._udp.stop()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
            if not self._ticker.cancelled():
                self._ticker.result()  # a fault in here must not pass unseen

    async def _listen(self) -> None:
        listener = await serve(
            self._door.converse,
            "127.0.0.1",
            0,
            ssl=self._tls,
            compression=None,
            max_size=MESSAGE_LIMIT_BYTES,
            ping_interval=None,
            close_timeout=1.0,
        )
        self._listeners.append(listener)

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self._door.expire(now)
            self._directory.expire(now)

    @property
    def endpoint(self) -> str:
        """Where new tickets lead, `host:port`; port 0 while the server is not open."""
        port = self._listeners[-1].sockets[0].getsockname()[1] if self._listeners else 0
        return f"127.0.0.1:{port}"

    # ------------------------------------------------------------------ for the main gateway

    def announce(
        self, guild_id: int, channel_id: int, user_id: int, session_id: str, is_stage: bool = False
    ) -> VoiceTicket:
        """Somebody enters a channel: a new ticket. One who is elsewhere in the guild is closed there (4014)."""
        ticket = VoiceTicket(secrets.token_hex(8), self.endpoint, guild_id, channel_id, user_id, session_id)
        self._directory.now = time.monotonic()
        self._directory.announce(ticket, is_stage=is_stage)
        return ticket

    def ticket(self, guild_id: int, user_id: int) -> VoiceTicket:
        """The ticket in force. Raises KeyError when there is none."""
        return self._directory.tickets[guild_id, user_id]

    def left(self, guild_id: int, user_id: int) -> None:
        """Somebody is in no channel any more: their session ends (4014) and the ticket is void."""
        self._directory.now = time.monotonic()
        self._directory.forget((guild_id, user_id))

    def set_deaf(self, guild_id: int, user_id: int, is_deaf: bool) -> None:
        """Deafened, by oneself or by the server: nothing is forwarded to them."""
        self._directory.set_flag("is_deaf", (guild_id, user_id), is_deaf)

    def set_mute(self, guild_id: int, user_id: int, is_mute: bool) -> None:
        """Muted by the server, or in the audience of a stage: nothing of theirs is forwarded."""
        self._directory.set_flag("is_mute", (guild_id, user_id), is_mute)

    # ------------------------------------------------------------------ what happens to a member

    async def close(self, guild_id: int, user_id: int, code: int, reason: str = "") -> None:
        """Close the member's socket, and wait until it is closed. Without one: nothing."""
        session = self.session(guild_id, user_id)
        link = session.link if session is not None else None
        if link is None:
            return
        self._directory.now = time.monotonic()
        if code in RESUMABLE:
            link.close(code, reason)
        else:
            self._directory.end((guild_id, user_id), code, reason)
        if code in TICKET_ENDS:
            self._directory.tickets.pop((guild_id, user_id), None)
        await link.closed.wait()

    async def crash(self, guild_id: int, user_id: int) -> None:
        """The member's socket is cut without a word (1006); the session can be resumed. Without one: nothing."""
        session = self.session(guild_id, user_id)
        link = session.link if session is not None else None
        if link is not None:
            link.abort()
            await link.closed.wait()

    async def migrate(self, guild_id: int, user_id: int, code: int = CloseCode.DISCONNECTED) -> VoiceTicket:
        """Another server takes over: a new endpoint and token; the old session is closed and cannot be used again."""
        old = self.ticket(guild_id, user_id)
        await self._listen()
        await self.close(guild_id, user_id, code)
        return self.announce(guild_id, old.channel_id, user_id, old.session_id)

    def impair(self, user_id: int, *, up: Impairment | None = None, down: Impairment | None = None) -> None:
        """What the member's link does to datagrams from now on, also in sessions to come. None: a perfect link."""
        self._directory.impair(user_id, up, down)

    def sabotage(self, user_id: int) -> Sabotage:
        """Change it to lose, delay or damage what the member is sent."""
        return self._directory.sabotage[user_id]

    def inject(self, guild_id: int, user_id: int, message: str | bytes) -> None:
        """Send the member this very frame: a heartbeat request, an op of tomorrow, rubbish. Raises KeyError, without a socket."""
        session = self._directory.sessions[guild_id, user_id]
        if session.link is None:
            raise KeyError((guild_id, user_id))
        session.link.put(message)

    def inject_datagram(self, guild_id: int, user_id: int, datagram: bytes) -> None:
        """Send the member this very datagram from the voice server's own port. Raises KeyError, without a session or address."""
        media = self._directory.sessions[guild_id, user_id].media
        if media.address is None:
            raise KeyError((guild_id, user_id))
        now = time.monotonic()
        self._udp.send(Outgoing(now, media.address, datagram), now)

    def show_video(self, guild_id: int, user_id: int, packets: int = 5) -> None:
        """The member turns a camera on: op 12 to the others, and some packets of video."""
        session = self._directory.sessions[guild_id, user_id]
        self._directory.call_of(session).show_video(session)
        now = time.monotonic()
        for _ in range(packets):
            for outgoing in self.relay.video(session.media, now):
                self._udp.send(outgoing, now)

    # ------------------------------------------------------------------ what happens to a call

    def call(self, channel_id: int) -> VoiceCall:
        """The call of a channel; it stays for as long as the server does."""
        return self._directory.call(channel_id)

    def set_version(self, channel_id: int, version: int) -> None:
        """Take the call down to DAVE version 0, or up to 1 again."""
        self.call(channel_id).set_version(version, time.monotonic())

    def add_ghost(self, channel_id: int, user_id: int) -> None:
        """Propose somebody for the encrypted group whom no op 11 announced."""
        self.call(channel_id).add_ghost(user_id, time.monotonic())

    def remove_ghost(self, channel_id: int, user_id: int) -> None:
        self.call(channel_id).remove_ghost(user_id, time.monotonic())

    # ------------------------------------------------------------------ what was seen

    def session(self, guild_id: int, user_id: int) -> VoiceSession | None:
        return self._directory.sessions.get((guild_id, user_id))

    def media(self, user_id: int) -> MediaSession:
        """The media side of the member's newest session: `counts`, `faults()`, `keepalives_at`. Raises KeyError."""
        return self._directory.newest(user_id).media

    def transcript(self, user_id: int) -> list[ClientMessage]:
        """What the member's client sent, in order, over all its connections."""
        return self._directory.transcript(user_id)

    @property
    def closes(self) -> list[tuple[int, int, str]]:
        """Every close because a client broke a rule: user (0: nobody yet), code, reason."""
        return self._directory.closes
