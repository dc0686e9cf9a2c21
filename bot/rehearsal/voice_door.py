"""The websocket side of the loopback voice server: one connection from op 8 to its close, every message checked.

The steps: op 8; op 0 (checked against the ticket) or op 7; op 2; op 1 after IP discovery; op 4; then ops 23, 26, 28 and 31 go
to the call's delivery service, and op 5 opens the way for sound. A client that breaks a rule is closed with the code
that the voice documentation names for it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bot.rehearsal.media_wire import KEY_BYTES, MediaCipher
from bot.rehearsal.voice_directory import Directory
from bot.rehearsal.voice_ops import Op
from bot.rehearsal.voice_session import ClientMessage, CloseCode, Link, Payload, VoiceSession

MISSED_HEARTBEATS: Final = 2

RESUMABLE: Final = {1001, 1006, CloseCode.SERVER_CRASHED}
"""Codes of ours after which the session waits for op 7; every other close ends it."""

CLIENT_LEAVES: Final = {1000, 1001, CloseCode.DISCONNECTED}
"""Codes of the client's that end its session; any other is taken for a broken connection."""


class _Refusal(Exception):
    """A client broke a rule. Becomes the close code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Door:
    """Lets clients in. `udp_port` is what op 2 names."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._links: set[Link] = set()
        self.udp_port = 0

    async def converse(self, socket: ServerConnection) -> None:
        """One connection (the handler of the websocket server)."""
        link = Link(socket, time.monotonic())
        self._links.add(link)
        interval_ms = self._directory.rules.heartbeat_interval_ms
        link.put_json(Op.HELLO, {"v": 8, "heartbeat_interval": interval_ms})
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

    def expire(self, now: float) -> None:
        """A client that is silent for too long is closed with 4009."""
        limit_s = MISSED_HEARTBEATS * self._directory.rules.heartbeat_interval_ms / 1000
        for link in list(self._links):
            if now - link.heartbeat_at > limit_s:
                self._shut(link, CloseCode.SESSION_TIMEOUT, "Session timed out.")

    def _shut(self, link: Link, code: CloseCode, reason: str) -> None:
        """Close for the client's fault: its session, if it has one, is over at once."""
        link.close(code, reason)
        if link.session is not None and link.session.link is link:
            self._directory.end((link.session.ticket.guild_id, link.session.user_id), code, reason)

    def _lost(self, link: Link, code: int) -> None:
        session = link.session
        if session is None or session.link is not link:
            return
        self._directory.now = time.monotonic()
        is_resumable = code not in CLIENT_LEAVES if link.close_code is None else link.close_code in RESUMABLE
        if is_resumable:
            session.link, session.lost_at = None, self._directory.now
        else:
            self._directory.end((session.ticket.guild_id, session.user_id), code, "")

    # ------------------------------------------------------------------ messages

    def _receive(self, link: Link, message: str | bytes) -> None:
        self._directory.now = time.monotonic()
        try:
            if isinstance(message, bytes):
                self._receive_binary(link, message)
            else:
                self._receive_text(link, message)
        except _Refusal as refusal:
            user_id = link.session.user_id if link.session is not None else 0
            self._directory.closes.append((user_id, refusal.code, str(refusal)))
            self._shut(link, refusal.code, str(refusal))

    def _receive_binary(self, link: Link, message: bytes) -> None:
        session = link.session
        if session is None:
            raise _Refusal(CloseCode.NOT_AUTHENTICATED, "Not authenticated.")
        if not message:
            raise _Refusal(CloseCode.FAILED_TO_DECODE, "Failed to decode payload.")
        self._directory.record(session.user_id, ClientMessage(message[0], (), len(message), is_binary=True))
        if message[0] not in (Op.KEY_PACKAGE, Op.COMMIT_WELCOME):
            raise _Refusal(CloseCode.UNKNOWN_OPCODE, "Unknown opcode.")
        self._directory.call_of(session).receive(session, message[0], message[1:], self._directory.now)

    def _receive_text(self, link: Link, message: str) -> None:
        try:
            body = json.loads(message)
            op, data = body["op"], body.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _Refusal(CloseCode.FAILED_TO_DECODE, "Failed to decode payload.") from None
        if not isinstance(op, int) or op not in list(Op):
            raise _Refusal(CloseCode.UNKNOWN_OPCODE, "Unknown opcode.")
        spoken = ClientMessage.of_json(op, data, len(message))
        if link.session is not None:
            self._directory.record(link.session.user_id, spoken)
        try:
            self._dispatch(link, op, data, spoken)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _Refusal(CloseCode.FAILED_TO_DECODE, "Failed to decode payload.") from None

    def _dispatch(self, link: Link, op: int, data: Any, spoken: ClientMessage) -> None:
        session = link.session
        match op:
            case Op.HEARTBEAT:
                self._heartbeat(link, data)
            case Op.IDENTIFY | Op.RESUME if session is not None:
                raise _Refusal(CloseCode.ALREADY_AUTHENTICATED, "Already authenticated.")
            case Op.IDENTIFY:
                self._identify(link, data, spoken)
            case Op.RESUME:
                self._resume(link, data, spoken)
            case _ if session is None:
                raise _Refusal(CloseCode.NOT_AUTHENTICATED, "Not authenticated.")
            case Op.SELECT_PROTOCOL:
                self._select_protocol(link, session, data)
            case Op.SPEAKING:
                self._speaking(session, data)
            case Op.TRANSITION_READY | Op.INVALID_COMMIT_WELCOME:
                self._directory.call_of(session).receive(session, op, dict(data), self._directory.now)
            case Op.BACKEND_VERSION:
                link.put_json(Op.BACKEND_VERSION, {"voice": "0.11.3", "rtc_worker": "0.4.11"})
            case Op.VIDEO | Op.SESSION_UPDATE | Op.MEDIA_SINK_WANTS | Op.NO_ROUTE:
                pass  # of no consequence for sound
            case _:
                raise _Refusal(CloseCode.UNKNOWN_OPCODE, "Unknown opcode.")

    def _heartbeat(self, link: Link, data: Any) -> None:
        link.heartbeat_at = self._directory.now
        link.put_json(Op.HEARTBEAT_ACK, {"t": data["t"]})
        if link.session is not None and data.get("seq_ack", -1) >= 0:
            link.session.acknowledge(data["seq_ack"])

    # ------------------------------------------------------------------ handshake

    def _identify(self, link: Link, data: Payload, spoken: ClientMessage) -> None:
        directory = self._directory
        place = (int(data["server_id"]), int(data["user_id"]))
        directory.record(place[1], spoken)
        ticket = directory.tickets.get(place)
        if ticket is None or data["session_id"] != ticket.session_id:
            raise _Refusal(CloseCode.SESSION_INVALID, "Session is no longer valid.")
        if data["token"] != ticket.token:
            raise _Refusal(CloseCode.AUTHENTICATION_FAILED, "Authentication failed.")
        max_version = data.get("max_dave_protocol_version", 0)
        if max_version == 0 and directory.rules.requires_encryption and not directory.is_stage(ticket.channel_id):
            raise _Refusal(CloseCode.ENCRYPTION_REQUIRED, "E2EE/DAVE protocol required")
        session = directory.open(ticket, max_version)
        session.link, link.session = link, session
        link.put_json(Op.READY, self._ready(session))
        directory.call_of(session).enter(session)

    def _ready(self, session: VoiceSession) -> Payload:
        return {
            "ssrc": session.media.ssrc,
            "ip": "127.0.0.1",
            "port": self.udp_port,
            "modes": list(self._directory.rules.modes),
            "heartbeat_interval": 1,  # wrong on real servers too: op 8's counts
            "experiments": ["fixed_keyframe_interval"],
            "streams": [],
            "a field of tomorrow": {"nested": [None]},
        }

    def _resume(self, link: Link, data: Payload, spoken: ClientMessage) -> None:
        guild_id, session_id = int(data["server_id"]), data["session_id"]
        candidates = [one for (guild, _), one in self._directory.sessions.items() if guild == guild_id]
        session = next((one for one in candidates if one.ticket.session_id == session_id), None)
        if session is None:
            raise _Refusal(CloseCode.SESSION_INVALID, "Session is no longer valid.")
        self._directory.record(session.user_id, spoken)
        if session.ticket.token != data["token"]:
            raise _Refusal(CloseCode.AUTHENTICATION_FAILED, "Authentication failed.")
        if session.link is not None:
            session.link.abort()
        if not session.resume(link, int(data.get("seq_ack", -1))):
            raise _Refusal(CloseCode.SESSION_INVALID, "Session is no longer valid.")

    def _select_protocol(self, link: Link, session: VoiceSession, data: Payload) -> None:
        chosen = data["data"]
        if data["protocol"] != "udp":
            raise _Refusal(CloseCode.UNKNOWN_PROTOCOL, "Unknown protocol.")
        if chosen["mode"] not in self._directory.rules.modes:
            raise _Refusal(CloseCode.UNKNOWN_MODE, "Unknown encryption mode.")
        if session.media.address != (chosen["address"], chosen["port"]):
            session.media.counts["other address"] += 1
        key = secrets.token_bytes(KEY_BYTES)
        session.media.cipher = MediaCipher(chosen["mode"], key)
        call = self._directory.call_of(session)
        description = {
            "mode": chosen["mode"],
            "secret_key": list(key),
            "dave_protocol_version": call.version_for(session),
            "audio_codec": "opus",
            "video_codec": "H264",
            "media_session_id": secrets.token_hex(16),
            "keyframe_interval": None,
        }
        link.put_json(Op.SESSION_DESCRIPTION, description)
        link.put_json(Op.MEDIA_SINK_WANTS, {"any": 100})
        link.put_json(97, {"an op of": "tomorrow"})
        call.establish(session, self._directory.now)

    def _speaking(self, session: VoiceSession, data: Payload) -> None:
        if int(data["ssrc"]) != session.media.ssrc:
            raise _Refusal(CloseCode.BAD_REQUEST, "Invalid SSRC.")
        session.speaking = int(data["speaking"])
        session.media.has_spoken = True
