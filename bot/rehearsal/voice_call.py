"""One channel's call on the loopback voice server: who is in it, who is told what, and its end-to-end encryption group.

The order in which a member learns of the others is the one seen on real servers: ops 11, 18 and 20 in a burst, then 25
and what the delivery service says. Op 5 comes once per speaker, with the first packet that is forwarded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import davey

from bot.rehearsal.delivery import DeliveryService, Parcel
from bot.rehearsal.media_relay import MediaSession
from bot.rehearsal.voice_ops import Op
from bot.rehearsal.voice_session import VoiceSession

NOT_ENCRYPTING: Final = 1
"""The id of somebody who cannot encrypt and is only known to the delivery service: while present, the call is at version 0."""


class VoiceCall:
    """The call of one channel. `version` is the DAVE protocol version that it runs at now."""

    def __init__(self, channel_id: int, *, is_stage: bool = False) -> None:
        self.channel_id = channel_id
        self.is_stage = is_stage
        self.delivery = DeliveryService(channel_id, is_stage=is_stage)
        self.sessions: dict[int, VoiceSession] = {}

    @property
    def version(self) -> int:
        return self.delivery.version

    def others(self, session: VoiceSession) -> list[VoiceSession]:
        return [other for other in self.sessions.values() if other is not session]

    def media_peers(self, media: MediaSession) -> list[MediaSession]:
        return [other.media for other in self.sessions.values() if other.media is not media]

    # ------------------------------------------------------------------ coming and going

    def enter(self, session: VoiceSession) -> None:
        """After op 2: the newcomer is told of all who are here, and they of the newcomer."""
        others = self.others(session)
        self.sessions[session.user_id] = session
        if others:
            self._present(session, others)
        for other in others:
            self._present(other, [session])

    def _present(self, listener: VoiceSession, arrived: list[VoiceSession]) -> None:
        listener.tell(Op.CLIENTS_CONNECT, {"user_ids": [str(session.user_id) for session in arrived]})
        for session in arrived:
            listener.tell(Op.CLIENT_FLAGS, {"user_id": str(session.user_id), "flags": 3})
            listener.tell(Op.CLIENT_PLATFORM, {"user_id": str(session.user_id), "platform": 0})

    def establish(self, session: VoiceSession, now: float) -> None:
        """After op 4: end-to-end encryption begins, and what is known of speakers is told."""
        session.is_established = True
        for other in self.others(session):
            if other.speaking:
                self.introduce(session, other)
        self._send(self.delivery.join(session.user_id, now, session.max_dave_version))

    def version_for(self, session: VoiceSession) -> int:
        return self.delivery.version_for(session.max_dave_version)

    def leave(self, session: VoiceSession, now: float) -> None:
        if self.sessions.get(session.user_id) is not session:
            return
        del self.sessions[session.user_id]
        for other in self.others(session):
            other.introduced.discard(session.media.ssrc)
            other.tell(Op.CLIENT_DISCONNECT, {"user_id": str(session.user_id)})
        self._send(self.delivery.leave(session.user_id, now))

    # ------------------------------------------------------------------ what members send

    def introduce(self, listener: VoiceSession, speaker: VoiceSession) -> None:
        """Op 5: whose SSRC this is. Once per listener and speaker."""
        if speaker.media.ssrc not in listener.introduced:
            listener.introduced.add(speaker.media.ssrc)
            body = {"user_id": str(speaker.user_id), "ssrc": speaker.media.ssrc, "speaking": speaker.speaking or 1}
            listener.tell(Op.SPEAKING, body)

    def show_video(self, session: VoiceSession) -> None:
        """Op 12: the second source of an audio SSRC, and the list of those that carry no audio."""
        ssrc = session.media.ssrc
        stream = {"type": "video", "rid": "100", "ssrc": ssrc + 1, "rtx_ssrc": ssrc + 2, "active": True, "quality": 100}
        body = {"user_id": str(session.user_id), "audio_ssrc": ssrc, "video_ssrc": ssrc + 1, "streams": [stream]}
        for other in self.others(session):
            other.tell(Op.VIDEO, body)

    def receive(self, session: VoiceSession, op: int, payload: bytes | dict[str, Any], now: float) -> None:
        """Ops 23, 26, 28 and 31."""
        self._send(self.delivery.receive(session.user_id, op, payload, now))

    def tick(self, now: float) -> None:
        self._send(self.delivery.tick(now))

    # ------------------------------------------------------------------ what tests bring about

    def set_version(self, version: int, now: float) -> None:
        """Downgrade to 0 as if somebody came who cannot encrypt; upgrade to 1 as if they left."""
        if version == 0:
            self._send(self.delivery.join(NOT_ENCRYPTING, now, 0))
        else:
            self._send(self.delivery.leave(NOT_ENCRYPTING, now))

    def add_ghost(self, user_id: int, now: float) -> None:
        """Somebody joins the group whom no op 11 ever announced."""
        ghost = davey.DaveSession(1, user_id, self.channel_id)
        self._send(self.delivery.join(user_id, now))
        self._send(self.delivery.receive(user_id, Op.KEY_PACKAGE, ghost.get_serialized_key_package(), now))

    def remove_ghost(self, user_id: int, now: float) -> None:
        self._send(self.delivery.leave(user_id, now))

    def _send(self, parcels: Iterable[Parcel]) -> None:
        for to, op, payload in parcels:
            session = self.sessions.get(to)
            if session is None:
                continue  # a ghost, or somebody who is only known to the delivery service
            if isinstance(payload, bytes):
                session.tell_binary(op, payload)
            else:
                session.tell(op, payload)
