"""The loopback voice server: voice gateway v8 over TLS, the UDP relay and the calls, for any number of channels at once.

    async with VoiceServer(tls=certificate.server_context()) as voice:
        ticket = voice.announce(guild_id, channel_id, user_id, session_id)   # somebody enters the channel
        ...                                                                  # their client connects to ticket.endpoint
        voice.left(guild_id, user_id)

The steps of one connection: op 8; op 0 (checked against the ticket) or op 7; op 2; op 1 after IP discovery; op 4; then ops
23, 26, 28 and 31 go to the call's delivery service, and op 5 opens the way for sound. A client that breaks a rule is closed
with the code that the voice documentation names for it. What each client sent is kept: `transcript(user_id)`.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import ssl
import time
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_relay import Dress, MediaRelay, MediaSession
from bot.rehearsal.media_wire import KEY_BYTES, MODES, MediaCipher
from bot.rehearsal.udp_server import UdpServer
from bot.rehearsal.voice_call import VoiceCall
from bot.rehearsal.voice_session import ClientMessage, Link, Op, Payload, Sabotage, VoiceSession, VoiceTicket

HEARTBEAT_INTERVAL_MS: Final = 13_750
MISSED_HEARTBEATS: Final = 2
RESUME_GRACE_S: Final = 10.0
TICK_S: Final = 0.1
MESSAGE_LIMIT_BYTES: Final = 64 * 1024
TRANSCRIPT_LIMIT: Final = 5_000

UNKNOWN_OPCODE: Final = 4001
FAILED_TO_DECODE: Final = 4002
NOT_AUTHENTICATED: Final = 4003
AUTHENTICATION_FAILED: Final = 4004
ALREADY_AUTHENTICATED: Final = 4005
SESSION_INVALID: Final = 4006
SESSION_TIMEOUT: Final = 4009
UNKNOWN_PROTOCOL: Final = 4012
DISCONNECTED: Final = 4014
UNKNOWN_MODE: Final = 4016
ENCRYPTION_REQUIRED: Final = 4017
BAD_REQUEST: Final = 4020

RESUMABLE: Final = {1001, 1006, 4015}
"""Codes of ours after which the session waits for op 7; every other close ends it."""

CLIENT_LEAVES: Final = {1000, 1001, DISCONNECTED}
"""Codes of the client's that end its session; any other is taken for a broken connection."""

TICKET_ENDS: Final = {AUTHENTICATION_FAILED, SESSION_INVALID, DISCONNECTED, 4022}
"""Codes after which the token is of no use either: the client must come in through the main gateway again."""

Place = tuple[int, int]  # guild, user


class _Refusal(Exception):
    """A client broke a rule. Becomes the close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class VoiceServer:
    """Knobs: `modes` (as op 2 lists them), `requires_encryption` (4017), `resume_grace_s`, `heartbeat_interval_ms`,
    `first_sequence` (where `seq` starts), `relay.idle_s`, `relay.answers_discovery`, `relay.echoes_keepalives`."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        seed: int = 0,
        dress: Dress | None = None,
        modes: tuple[str, ...] = MODES,
    ) -> None:
        self._tls = tls
        self._random = random.Random(seed)
        self.modes = modes
        self.requires_encryption = True
        self.resume_grace_s = RESUME_GRACE_S
        self.heartbeat_interval_ms = HEARTBEAT_INTERVAL_MS
        self.first_sequence = 0
        self.relay = MediaRelay(self._peers, self._introduce, self._refuse_sound, dress or Dress(seed=seed))
        self._udp = UdpServer(self.relay, time.monotonic)
        self._listeners: list[Server] = []
        self._ticker: asyncio.Task[None] | None = None
        self._tickets: dict[Place, VoiceTicket] = {}
        self._stages: set[int] = set()
        self._calls: dict[int, VoiceCall] = {}
        self._sessions: dict[Place, VoiceSession] = {}
        self._by_media: dict[int, VoiceSession] = {}  # by SSRC
        self._links: set[Link] = set()
        self._transcripts: dict[int, list[ClientMessage]] = defaultdict(list)
        self._sabotage: dict[int, Sabotage] = defaultdict(Sabotage)
        self._impairments: dict[int, tuple[Impairment | None, Impairment | None]] = {}
        self._deaf: set[Place] = set()
        self._mute: set[Place] = set()
        self.closes: list[tuple[int, int, str]] = []  # (user or 0, code, reason) of every close by a rule

    async def __aenter__(self) -> Self:
        await self._udp.start()
        await self._listen()
        self._ticker = asyncio.create_task(self._tick_forever(), name="voice server ticker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        for listener in self._listeners:
            await listener.wait_closed()
        self._udp.stop()

    async def _listen(self) -> None:
        listener = await serve(
            self._converse,
            "127.0.0.1",
            0,
            ssl=self._tls,
            compression=None,
            max_size=MESSAGE_LIMIT_BYTES,
            ping_interval=None,
            close_timeout=1.0,
        )
        self._listeners.append(listener)

    @property
    def endpoint(self) -> str:
        """Where new tickets lead."""
        return f"127.0.0.1:{self._listeners[-1].sockets[0].getsockname()[1]}"

    # ------------------------------------------------------------------ for the main gateway

    def announce(
        self, guild_id: int, channel_id: int, user_id: int, session_id: str, is_stage: bool = False
    ) -> VoiceTicket:
        """Somebody enters a channel: a new ticket. One who is elsewhere in the guild is closed there (4014)."""
        place = (guild_id, user_id)
        self._end(place, DISCONNECTED, "Disconnected.")
        if is_stage:
            self._stages.add(channel_id)
        ticket = VoiceTicket(secrets.token_hex(8), self.endpoint, guild_id, channel_id, user_id, session_id)
        self._tickets[place] = ticket
        return ticket

    def ticket(self, guild_id: int, user_id: int) -> VoiceTicket:
        """The ticket in force. Raises KeyError when the member is in no channel."""
        return self._tickets[guild_id, user_id]

    def left(self, guild_id: int, user_id: int) -> None:
        """Somebody is in no channel any more: their session ends (4014) and the ticket is void."""
        self._end((guild_id, user_id), DISCONNECTED, "Disconnected.")
        self._tickets.pop((guild_id, user_id), None)
        self._deaf.discard((guild_id, user_id))
        self._mute.discard((guild_id, user_id))

    def set_deaf(self, guild_id: int, user_id: int, is_deaf: bool) -> None:
        """Deafened, by oneself or by the server: nothing is forwarded to them."""
        self._set_flag(self._deaf, "is_deaf", (guild_id, user_id), is_deaf)

    def set_mute(self, guild_id: int, user_id: int, is_mute: bool) -> None:
        """Muted by the server, or in the audience of a stage: nothing of theirs is forwarded."""
        self._set_flag(self._mute, "is_mute", (guild_id, user_id), is_mute)

    def _set_flag(self, flags: set[Place], name: str, place: Place, value: bool) -> None:
        (flags.add if value else flags.discard)(place)
        if place in self._sessions:
            setattr(self._sessions[place].media, name, value)

    # ------------------------------------------------------------------ for scenes and tests

    async def close(self, guild_id: int, user_id: int, code: int, reason: str = "") -> None:
        """Close the member's socket, and wait until it is closed. Without one: nothing."""
        session = self._sessions.get((guild_id, user_id))
        link = session.link if session is not None else None
        if link is None:
            return
        if code in RESUMABLE:
            link.close(code, reason)
        else:
            self._end((guild_id, user_id), code, reason)
        if code in TICKET_ENDS:
            self._tickets.pop((guild_id, user_id), None)
        await link.closed.wait()

    async def crash(self, guild_id: int, user_id: int) -> None:
        """The member's socket is cut without a word (1006); the session can be resumed."""
        link = self._sessions[guild_id, user_id].link
        if link is not None:
            link.abort()
            await link.closed.wait()

    async def migrate(self, guild_id: int, user_id: int, code: int = DISCONNECTED) -> VoiceTicket:
        """Another server takes over: a new endpoint and token; the old session is closed and cannot be used again."""
        old = self._tickets[guild_id, user_id]
        await self._listen()
        await self.close(guild_id, user_id, code)
        return self.announce(guild_id, old.channel_id, user_id, old.session_id)

    def impair(self, user_id: int, *, up: Impairment | None = None, down: Impairment | None = None) -> None:
        """What the member's link does to datagrams from now on, also in sessions to come."""
        self._impairments[user_id] = (up, down)
        for (_, owner), session in self._sessions.items():
            if owner == user_id:
                session.media.up, session.media.down = up or Impairment(), down or Impairment()

    def sabotage(self, user_id: int) -> Sabotage:
        """Change it to lose, delay or damage what the member is sent."""
        return self._sabotage[user_id]

    def session(self, guild_id: int, user_id: int) -> VoiceSession | None:
        return self._sessions.get((guild_id, user_id))

    def media(self, user_id: int) -> MediaSession:
        """The member's media of the newest session. Raises KeyError."""
        found = [session.media for (_, owner), session in self._sessions.items() if owner == user_id]
        if not found:
            raise KeyError(user_id)
        return found[-1]

    def call(self, channel_id: int) -> VoiceCall:
        """The call of a channel; it stays for as long as the server does."""
        if channel_id not in self._calls:
            self._calls[channel_id] = VoiceCall(channel_id, is_stage=channel_id in self._stages)
        return self._calls[channel_id]

    def set_version(self, channel_id: int, version: int) -> None:
        """Take the call down to DAVE version 0, or up to 1 again."""
        self.call(channel_id).set_version(version, time.monotonic())

    def add_ghost(self, channel_id: int, user_id: int) -> None:
        """Propose somebody for the encrypted group whom no op 11 announced."""
        self.call(channel_id).add_ghost(user_id, time.monotonic())

    def remove_ghost(self, channel_id: int, user_id: int) -> None:
        self.call(channel_id).remove_ghost(user_id, time.monotonic())

    def transcript(self, user_id: int) -> list[ClientMessage]:
        """What the member's client sent, in order, over all its connections."""
        return list(self._transcripts[user_id])

    # ------------------------------------------------------------------ one connection

    async def _converse(self, socket: ServerConnection) -> None:
        link = Link(socket, time.monotonic())
        self._links.add(link)
        link.put_json(Op.HELLO, {"v": 8, "heartbeat_interval": self.heartbeat_interval_ms})
        writer = asyncio.create_task(link.write(), name="voice link writer")
        try:
            async for message in socket:
                if link.close_code is None:
                    self._receive(link, message)
        except ConnectionClosed:
            pass  # any close is an end; what follows from it is decided below
        finally:
            self._links.discard(link)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._lost(link, socket.close_code or 1006)
            link.closed.set()

    def _lost(self, link: Link, code: int) -> None:
        session = link.session
        if session is None or session.link is not link:
            return
        is_resumable = code not in CLIENT_LEAVES if link.close_code is None else link.close_code in RESUMABLE
        if is_resumable:
            session.link, session.lost_at = None, time.monotonic()
        else:
            self._end((session.ticket.guild_id, session.user_id), code, "")

    def _receive(self, link: Link, message: str | bytes) -> None:
        try:
            if isinstance(message, bytes):
                self._receive_binary(link, message)
            else:
                self._receive_text(link, message)
        except _Refusal as refusal:
            user_id = link.session.user_id if link.session is not None else 0
            self.closes.append((user_id, refusal.code, str(refusal)))
            link.close(refusal.code, str(refusal))

    def _receive_binary(self, link: Link, message: bytes) -> None:
        if link.session is None:
            raise _Refusal(NOT_AUTHENTICATED, "Not authenticated.")
        if not message:
            raise _Refusal(FAILED_TO_DECODE, "Failed to decode payload.")
        op = message[0]
        self._record(link.session.user_id, ClientMessage(op, (), len(message), is_binary=True))
        if op not in (Op.KEY_PACKAGE, Op.COMMIT_WELCOME):
            raise _Refusal(UNKNOWN_OPCODE, "Unknown opcode.")
        self._call_of(link.session).receive(link.session, op, message[1:], time.monotonic())

    def _receive_text(self, link: Link, message: str) -> None:
        try:
            body = json.loads(message)
            op, data = body["op"], body.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _Refusal(FAILED_TO_DECODE, "Failed to decode payload.") from None
        if not isinstance(op, int) or op not in list(Op):
            raise _Refusal(UNKNOWN_OPCODE, "Unknown opcode.")
        spoken = ClientMessage.of_json(op, data, len(message))
        if link.session is not None:
            self._record(link.session.user_id, spoken)
        try:
            self._dispatch(link, op, data, spoken)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _Refusal(FAILED_TO_DECODE, "Failed to decode payload.") from None

    def _dispatch(self, link: Link, op: int, data: Any, spoken: ClientMessage) -> None:
        session = link.session
        match op:
            case Op.HEARTBEAT:
                self._heartbeat(link, data)
            case Op.IDENTIFY | Op.RESUME if session is not None:
                raise _Refusal(ALREADY_AUTHENTICATED, "Already authenticated.")
            case Op.IDENTIFY:
                self._identify(link, data, spoken)
            case Op.RESUME:
                self._resume(link, data, spoken)
            case _ if session is None:
                raise _Refusal(NOT_AUTHENTICATED, "Not authenticated.")
            case Op.SELECT_PROTOCOL:
                self._select_protocol(session, data)
            case Op.SPEAKING:
                self._speaking(session, data)
            case Op.TRANSITION_READY | Op.INVALID_COMMIT_WELCOME:
                self._call_of(session).receive(session, op, dict(data), time.monotonic())
            case Op.BACKEND_VERSION:
                if session.link is not None:
                    session.link.put_json(Op.BACKEND_VERSION, {"voice": "0.11.3", "rtc_worker": "0.4.11"})
            case Op.VIDEO | Op.SESSION_UPDATE | Op.MEDIA_SINK_WANTS | Op.NO_ROUTE:
                pass  # of no consequence for sound
            case _:
                raise _Refusal(UNKNOWN_OPCODE, "Unknown opcode.")

    def _heartbeat(self, link: Link, data: Any) -> None:
        link.heartbeat_at = time.monotonic()
        link.put_json(Op.HEARTBEAT_ACK, {"t": data["t"]})
        if link.session is not None and data.get("seq_ack", -1) >= 0:
            link.session.acknowledge(data["seq_ack"])

    def _identify(self, link: Link, data: Payload, spoken: ClientMessage) -> None:
        place = (int(data["server_id"]), int(data["user_id"]))
        self._record(place[1], spoken)
        ticket = self._tickets.get(place)
        if ticket is None or data["session_id"] != ticket.session_id:
            raise _Refusal(SESSION_INVALID, "Session is no longer valid.")
        if data["token"] != ticket.token:
            raise _Refusal(AUTHENTICATION_FAILED, "Authentication failed.")
        max_version = data.get("max_dave_protocol_version", 0)
        if max_version == 0 and self.requires_encryption and ticket.channel_id not in self._stages:
            raise _Refusal(ENCRYPTION_REQUIRED, "E2EE/DAVE protocol required")
        self._end(place, SESSION_INVALID, "Session is no longer valid.")  # an older connection of the same member
        session = self._new_session(ticket, max_version)
        session.link, link.session = link, session
        link.put_json(Op.READY, self._ready(session))
        self.call(ticket.channel_id).enter(session)

    def _new_session(self, ticket: VoiceTicket, max_version: int) -> VoiceSession:
        place = (ticket.guild_id, ticket.user_id)
        media = MediaSession(ticket.user_id, self._new_ssrc())
        media.is_deaf, media.is_mute = place in self._deaf, place in self._mute
        up, down = self._impairments.get(ticket.user_id, (None, None))
        media.up, media.down = up or Impairment(), down or Impairment()
        session = VoiceSession(ticket, media, self._sabotage[ticket.user_id], max_version)
        session.start_numbering_after(self.first_sequence)
        self._sessions[place] = session
        self._by_media[media.ssrc] = session
        self.relay.add(media)
        return session

    def _new_ssrc(self) -> int:
        while (ssrc := self._random.randrange(1, 1 << 32, 3)) in self._by_media:
            pass
        return ssrc

    def _ready(self, session: VoiceSession) -> Payload:
        return {
            "ssrc": session.media.ssrc,
            "ip": "127.0.0.1",
            "port": self._udp.port,
            "modes": list(self.modes),
            "heartbeat_interval": 1,  # wrong on real servers too: op 8's counts
            "experiments": ["fixed_keyframe_interval"],
            "streams": [],
            "a field of tomorrow": {"nested": [None]},
        }

    def _resume(self, link: Link, data: Payload, spoken: ClientMessage) -> None:
        places = [place for place in self._sessions if place[0] == int(data["server_id"])]
        found = [self._sessions[place] for place in places]
        session = next((one for one in found if one.ticket.session_id == data["session_id"]), None)
        if session is None:
            raise _Refusal(SESSION_INVALID, "Session is no longer valid.")
        self._record(session.user_id, spoken)
        if session.ticket.token != data["token"]:
            raise _Refusal(AUTHENTICATION_FAILED, "Authentication failed.")
        if session.link is not None:
            session.link.abort()
        if not session.resume(link, int(data.get("seq_ack", -1))):
            raise _Refusal(SESSION_INVALID, "Session is no longer valid.")

    def _select_protocol(self, session: VoiceSession, data: Payload) -> None:
        chosen = data["data"]
        if data["protocol"] != "udp":
            raise _Refusal(UNKNOWN_PROTOCOL, "Unknown protocol.")
        if chosen["mode"] not in self.modes:
            raise _Refusal(UNKNOWN_MODE, "Unknown encryption mode.")
        if session.media.address != (chosen["address"], chosen["port"]):
            session.media.counts["other address"] += 1
        key = secrets.token_bytes(KEY_BYTES)
        session.media.cipher = MediaCipher(chosen["mode"], key)
        call = self._call_of(session)
        assert session.link is not None
        description = {
            "mode": chosen["mode"],
            "secret_key": list(key),
            "dave_protocol_version": call.version_for(session),
            "audio_codec": "opus",
            "video_codec": "H264",
            "media_session_id": secrets.token_hex(16),
            "keyframe_interval": None,
        }
        session.link.put_json(Op.SESSION_DESCRIPTION, description)
        session.link.put_json(Op.MEDIA_SINK_WANTS, {"any": 100})
        session.link.put_json(97, {"an op of": "tomorrow"})
        call.establish(session, time.monotonic())

    def _speaking(self, session: VoiceSession, data: Payload) -> None:
        if int(data["ssrc"]) != session.media.ssrc:
            raise _Refusal(BAD_REQUEST, "Invalid SSRC.")
        session.speaking = int(data["speaking"])
        session.media.has_spoken = True

    # ------------------------------------------------------------------ the relay's questions

    def _peers(self, media: MediaSession) -> Iterable[MediaSession]:
        session = self._by_media.get(media.ssrc)
        return self._call_of(session).media_peers(media) if session is not None else ()

    def _introduce(self, listener: MediaSession, speaker: MediaSession) -> None:
        ears = self._by_media[listener.ssrc]
        self._call_of(ears).introduce(ears, self._by_media[speaker.ssrc])

    def _refuse_sound(self, media: MediaSession) -> None:
        session = self._by_media[media.ssrc]
        self.closes.append((session.user_id, BAD_REQUEST, "Invalid SSRC."))
        self._end((session.ticket.guild_id, session.user_id), BAD_REQUEST, "Invalid SSRC.")

    # ------------------------------------------------------------------ ends

    def _end(self, place: Place, code: int, reason: str) -> None:
        """The session is over: the socket is closed, the others are told, datagrams of it are strays from now on."""
        session = self._sessions.pop(place, None)
        if session is None:
            return
        if session.link is not None:
            session.link.close(code, reason)
        del self._by_media[session.media.ssrc]
        self.relay.remove(session.media)
        self._call_of(session).leave(session, time.monotonic())

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            for call in self._calls.values():
                call.tick(now)
            for link in list(self._links):
                if now - link.heartbeat_at > MISSED_HEARTBEATS * self.heartbeat_interval_ms / 1000:
                    link.close(SESSION_TIMEOUT, "Session timed out.")
            for place, session in list(self._sessions.items()):
                if session.lost_at is not None and now - session.lost_at > self.resume_grace_s:
                    self._end(place, SESSION_TIMEOUT, "Session timed out.")

    def _call_of(self, session: VoiceSession) -> VoiceCall:
        return self.call(session.ticket.channel_id)

    def _record(self, user_id: int, message: ClientMessage) -> None:
        if len(self._transcripts[user_id]) < TRANSCRIPT_LIMIT:
            self._transcripts[user_id].append(message)
