"""A member's end of end-to-end encryption (DAVE): what their client answers to ops 4, 21, 22, 24, 25, 27, 29 and 30.

Written apart from the bot's own, around a davey session of its own. Sans-I/O: each message is answered with what to send.

    op 4 with version 1 or op 24 with epoch 1 → new session, op 26
    op 25 → external sender;  op 27 → op 28;  op 29, 30 → op 23 unless transition 0;  op 22 → the version changes
    a commit or welcome that cannot be processed → op 31, new session, op 26
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import davey

from bot.rehearsal.media_wire import SILENCE
from bot.rehearsal.voice_ops import Op

MARKER: Final = b"\xfa\xfa"
Reply = tuple[int, bytes | dict[str, Any]]


class MemberGroup:
    """`announced` are the ids that op 11 named and op 13 did not take back; nobody else may be added to the group."""

    def __init__(self, user_id: int, channel_id: int) -> None:
        self._user_id = user_id
        self._channel_id = channel_id
        self._session: davey.DaveSession | None = None
        self._external_sender: bytes | None = None
        self._pending: dict[int, int] = {}
        self.version = 0
        self.announced: set[int] = {user_id}
        self.counts: Counter[str] = Counter()

    @property
    def is_ready(self) -> bool:
        """What is said now can be understood by the others."""
        return self.version == 0 or (self._session is not None and self._session.ready)

    @property
    def privacy_code(self) -> str | None:
        return self._session.voice_privacy_code if self._session is not None else None

    @property
    def user_ids(self) -> set[int]:
        """Who is in the group."""
        if self._session is None or not self._session.ready:
            return set()
        return {int(user_id) for user_id in self._session.get_user_ids()}

    def describe(self, version: int) -> list[Reply]:
        """Op 4."""
        self.version = version
        self._pending.clear()
        return self._begin() if version else []

    def _begin(self) -> list[Reply]:
        if self._session is None:
            self._session = davey.DaveSession(1, self._user_id, self._channel_id)
            if self._external_sender is not None:
                self._session.set_external_sender(self._external_sender)
        else:
            self._session.reinit(1, self._user_id, self._channel_id)
        return [(Op.KEY_PACKAGE, self._session.get_serialized_key_package())]

    def receive_json(self, op: int, data: dict[str, Any]) -> list[Reply]:
        match op:
            case Op.PREPARE_EPOCH if data["epoch"] == 1:
                return self._begin()
            case Op.PREPARE_TRANSITION:
                return self._prepare(data["transition_id"], data["protocol_version"])
            case Op.EXECUTE_TRANSITION:
                self.version = self._pending.pop(data["transition_id"], self.version)
        return []

    def _prepare(self, transition_id: int, version: int) -> list[Reply]:
        if transition_id == 0:
            self.version = version
            return []
        self._pending[transition_id] = version
        return [(Op.TRANSITION_READY, {"transition_id": transition_id})]

    def receive_binary(self, op: int, payload: bytes) -> list[Reply]:
        """`payload` is what follows the opcode."""
        match op:
            case Op.EXTERNAL_SENDER:
                return self._meet_external_sender(payload)
            case Op.PROPOSALS if self._session is not None:
                return self._propose(self._session, payload)
            case Op.ANNOUNCE_COMMIT | Op.WELCOME if self._session is not None:
                return self._advance(self._session, op, int.from_bytes(payload[:2], "big"), payload[2:])
        return []

    def _meet_external_sender(self, payload: bytes) -> list[Reply]:
        self._external_sender = payload
        if self._session is not None:
            try:
                self._session.set_external_sender(payload)
            except ValueError:
                self.counts["external sender refused"] += 1
        return []

    def _propose(self, session: davey.DaveSession, payload: bytes) -> list[Reply]:
        kind = davey.ProposalsOperationType.append if payload[0] == 0 else davey.ProposalsOperationType.revoke
        try:
            made = session.process_proposals(kind, payload[1:], sorted(self.announced))
        except ValueError:
            self.counts["proposals refused"] += 1
            return []
        return [(Op.COMMIT_WELCOME, made.commit + (made.welcome or b""))] if made is not None else []

    def _advance(self, session: davey.DaveSession, op: int, transition_id: int, message: bytes) -> list[Reply]:
        try:
            if op == Op.WELCOME:
                session.process_welcome(message)
            else:
                session.process_commit(message)
        except ValueError:
            self.counts["commits refused"] += 1
            return [(Op.INVALID_COMMIT_WELCOME, {"transition_id": transition_id}), *self._begin()]
        self.counts["commits"] += 1
        return self._prepare(transition_id, 1)

    def encrypt(self, opus: bytes) -> bytes | None:
        """What goes on the wire; None while the group is being made."""
        if self.version == 0:
            return opus
        if self._session is None or not self._session.ready:
            return None
        return self._session.encrypt_opus(opus)

    def decrypt(self, user_id: int, payload: bytes) -> bytes | None:
        """The Opus packet, or None: counted by why not."""
        if payload == SILENCE:
            return payload
        if self._session is not None and self._session.ready and payload.endswith(MARKER):
            try:
                return self._session.decrypt(user_id, davey.MediaType.audio, payload)
            except ValueError:
                self.counts["undecryptable"] += 1
                return None
        if self.version == 0:
            return payload
        self.counts["unencrypted"] += 1
        return None
