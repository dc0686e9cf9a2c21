"""Who may come into which call of the loopback voice server, who is in, and what each client has done. No sockets here.

A ticket is what the main gateway announced; a session is made of it by op 0 and ends when its socket is closed for good.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_relay import Dress, MediaRelay, MediaSession
from bot.rehearsal.media_wire import MODES
from bot.rehearsal.voice_call import VoiceCall
from bot.rehearsal.voice_session import ClientMessage, CloseCode, Sabotage, VoiceSession, VoiceTicket

TRANSCRIPT_LIMIT: Final = 5_000
HEARTBEAT_INTERVAL_MS: Final = 13_750
RESUME_GRACE_S: Final = 10.0

Place = tuple[int, int]  # guild, user


@dataclass
class Rules:
    """How the server behaves where real ones differ or tests want it otherwise. May be changed at any time."""

    modes: tuple[str, ...] = MODES  # as op 2 lists them
    requires_encryption: bool = True  # 4017 for a client without DAVE, except on a stage
    heartbeat_interval_ms: int = HEARTBEAT_INTERVAL_MS
    resume_grace_s: float = RESUME_GRACE_S
    first_sequence: int = 0  # the first buffered message has the number after it
    seed: int = 0


class Directory:
    def __init__(self, rules: Rules, dress: Dress) -> None:
        self.rules = rules
        self.relay = MediaRelay(self._peers, self._introduce, self._refuse_sound, dress)
        self.tickets: dict[Place, VoiceTicket] = {}
        self.sessions: dict[Place, VoiceSession] = {}
        self.calls: dict[int, VoiceCall] = {}
        self.sabotage: dict[int, Sabotage] = defaultdict(Sabotage)
        self.closes: list[tuple[int, int, str]] = []
        self.now = 0.0
        self._random = random.Random(rules.seed)
        self._stages: set[int] = set()
        self._by_ssrc: dict[int, VoiceSession] = {}
        self._transcripts: dict[int, list[ClientMessage]] = defaultdict(list)
        self._impairments: dict[int, tuple[Impairment | None, Impairment | None]] = {}
        self._flags: dict[str, set[Place]] = {"is_deaf": set(), "is_mute": set()}

    # ------------------------------------------------------------------ tickets

    def announce(self, ticket: VoiceTicket, *, is_stage: bool) -> None:
        place = (ticket.guild_id, ticket.user_id)
        self.end(place, CloseCode.DISCONNECTED, "Disconnected.")
        if is_stage:
            self._stages.add(ticket.channel_id)
        self.tickets[place] = ticket

    def forget(self, place: Place) -> None:
        self.end(place, CloseCode.DISCONNECTED, "Disconnected.")
        self.tickets.pop(place, None)
        for places in self._flags.values():
            places.discard(place)

    def set_flag(self, name: str, place: Place, value: bool) -> None:
        """`is_deaf` or `is_mute`; kept for sessions to come."""
        (self._flags[name].add if value else self._flags[name].discard)(place)
        if place in self.sessions:
            setattr(self.sessions[place].media, name, value)

    def impair(self, user_id: int, up: Impairment | None, down: Impairment | None) -> None:
        self._impairments[user_id] = (up, down)
        for (_, owner), session in self.sessions.items():
            if owner == user_id:
                self._apply_impairment(session.media)

    def _apply_impairment(self, media: MediaSession) -> None:
        up, down = self._impairments.get(media.user_id, (None, None))
        media.up, media.down = up or Impairment(), down or Impairment()

    # ------------------------------------------------------------------ sessions

    def is_stage(self, channel_id: int) -> bool:
        return channel_id in self._stages

    def call(self, channel_id: int) -> VoiceCall:
        if channel_id not in self.calls:
            self.calls[channel_id] = VoiceCall(channel_id, is_stage=self.is_stage(channel_id))
        return self.calls[channel_id]

    def call_of(self, session: VoiceSession) -> VoiceCall:
        return self.call(session.ticket.channel_id)

    def open(self, ticket: VoiceTicket, max_dave_version: int) -> VoiceSession:
        """A new session; an older one of the same member is closed (4006)."""
        place = (ticket.guild_id, ticket.user_id)
        self.end(place, CloseCode.SESSION_INVALID, "Session is no longer valid.")
        media = MediaSession(ticket.user_id, self._new_ssrc())
        for name, places in self._flags.items():
            setattr(media, name, place in places)
        self._apply_impairment(media)
        session = VoiceSession(ticket, media, self.sabotage[ticket.user_id], max_dave_version)
        session.start_numbering_after(self.rules.first_sequence)
        self.sessions[place] = session
        self._by_ssrc[media.ssrc] = session
        self.relay.add(media)
        return session

    def _new_ssrc(self) -> int:
        while (ssrc := self._random.randrange(1, 1 << 32, 3)) in self._by_ssrc:
            pass
        return ssrc

    def end(self, place: Place, code: int, reason: str) -> None:
        """The session is over: the socket is closed, the others are told, its datagrams are strays from now on."""
        session = self.sessions.pop(place, None)
        if session is None:
            return
        if session.link is not None:
            session.link.close(code, reason)
        del self._by_ssrc[session.media.ssrc]
        self.relay.remove(session.media)
        self.call_of(session).leave(session, self.now)

    def expire(self, now: float) -> None:
        """Sessions whose socket broke too long ago end; calls move on."""
        self.now = now
        for call in self.calls.values():
            call.tick(now)
        for place, session in list(self.sessions.items()):
            if session.lost_at is not None and now - session.lost_at > self.rules.resume_grace_s:
                self.end(place, CloseCode.SESSION_TIMEOUT, "Session timed out.")

    def newest(self, user_id: int) -> VoiceSession:
        """Raises KeyError."""
        found = [session for (_, owner), session in self.sessions.items() if owner == user_id]
        if not found:
            raise KeyError(user_id)
        return found[-1]

    # ------------------------------------------------------------------ what clients did

    def record(self, user_id: int, message: ClientMessage) -> None:
        if len(self._transcripts[user_id]) < TRANSCRIPT_LIMIT:
            self._transcripts[user_id].append(message)

    def transcript(self, user_id: int) -> list[ClientMessage]:
        return list(self._transcripts[user_id])

    # ------------------------------------------------------------------ the relay's questions

    def _peers(self, media: MediaSession) -> Iterable[MediaSession]:
        session = self._by_ssrc.get(media.ssrc)
        return self.call_of(session).media_peers(media) if session is not None else ()

    def _introduce(self, listener: MediaSession, speaker: MediaSession) -> None:
        ears = self._by_ssrc[listener.ssrc]
        self.call_of(ears).introduce(ears, self._by_ssrc[speaker.ssrc])

    def _refuse_sound(self, media: MediaSession) -> None:
        session = self._by_ssrc[media.ssrc]
        self.closes.append((session.user_id, CloseCode.BAD_REQUEST, "Invalid SSRC."))
        self.end((session.ticket.guild_id, session.user_id), CloseCode.BAD_REQUEST, "Invalid SSRC.")
