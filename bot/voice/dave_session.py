"""The one place that touches davey: MLS calls whose every failure is an `MlsRefused` with a short reason.

davey raises `ValueError` with a sentence for whatever it cannot process, and a Rust panic would surface as a `BaseException` of
pyo3's own; both end here. What to do about it is decided in `dave.py`. A session is thrown away and made anew rather than
reset: `davey.DaveSession.ready` stays true after its `reset()`, and dead keys would go on encrypting.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import davey

PROTOCOL_VERSION: Final = 1
"""The highest DAVE version we speak; goes into Identify as `max_dave_protocol_version`."""

PROPOSALS_APPEND: Final = 0
KNOWN_REASONS: Final = (
    "UnexpectedUser",
    "WrongEpoch",
    "NoGroup",
    "PendingGroup",
    "AlreadyInGroup",
    "MessageForDifferentGroup",
    "MissingProposal",
    "InvalidMembershipTag",
    "CannotRemoveSelf",
    "Deserialize",
    "NoDecryptorForUser",
    "UnencryptedWhenPassthroughDisabled",
    "NoValidCryptorFound",
    "NotReady",
)

_MLS_HEADER: Final = struct.Struct(">HHB8sQ")
_Result = TypeVar("_Result")


class MlsRefused(Exception):
    """`reason` is one of a few words, to count by; `user_id` is whom it concerns, if the message named anybody."""

    def __init__(self, reason: str, user_id: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.user_id = user_id


class MlsSession:
    """One member's MLS state and media keys in one channel, from a key package until the group is given up.

    Every method raises `MlsRefused` only.
    """

    def __init__(self, user_id: int, channel_id: int, external_sender: bytes | None = None) -> None:
        self._session = _call(davey.DaveSession, PROTOCOL_VERSION, user_id, channel_id)
        self._channel_id = channel_id
        if external_sender is not None:
            self.set_external_sender(external_sender)

    def set_external_sender(self, package: bytes) -> None:
        """Payload of op 25. Refused with AlreadyInGroup once there is more than our own pending group."""
        _call(self._session.set_external_sender, package)

    def key_package(self) -> bytes:
        """A new key package for op 26; each serves once."""
        return _call(self._session.get_serialized_key_package)

    def propose(self, payload: bytes, expected_user_ids: Iterable[int]) -> bytes | None:
        """Payload of op 27 in, payload of op 28 out; None when nothing is left to commit.

        Refused with UnexpectedUser (and the id) when an Add names nobody expected; the same payload may be tried again.
        """
        if not payload:
            raise MlsRefused("Deserialize")
        append, revoke = davey.ProposalsOperationType.append, davey.ProposalsOperationType.revoke
        operation = append if payload[0] == PROPOSALS_APPEND else revoke
        made = _call(self._session.process_proposals, operation, payload[1:], list(expected_user_ids))
        return None if made is None else made.commit + (made.welcome or b"")

    def commit(self, commit: bytes) -> None:
        _call(self._session.process_commit, commit)

    def welcome(self, welcome: bytes) -> None:
        _call(self._session.process_welcome, welcome)

    def encrypt(self, opus: bytes) -> bytes:
        return _call(self._session.encrypt_opus, opus)

    def decrypt(self, user_id: int, frame: bytes) -> bytes:
        """`frame` must be `bytes`; the sender's user id chooses the key. A frame opens once."""
        return _call(self._session.decrypt, user_id, davey.MediaType.audio, frame)

    @property
    def is_ready(self) -> bool:
        """There is a group with keys."""
        return self._session.ready

    @property
    def is_pending(self) -> bool:
        """There is no group yet, and we have proposed no commit of our own."""
        return self._session.status in (davey.SessionStatus.inactive, davey.SessionStatus.pending)

    @property
    def epoch(self) -> int:
        return self._session.epoch or 0

    @property
    def user_ids(self) -> set[int]:
        """Who is in the group, ourselves too. Slow (75 µs for 36 members): not per packet."""
        return {int(user_id) for user_id in _call(self._session.get_user_ids)}

    @property
    def privacy_code(self) -> str | None:
        return self._session.voice_privacy_code


def message_epoch(message: bytes) -> tuple[int, int] | None:
    """Group id and epoch of an MLS 1.0 public message; None when it is not one of a group named by a channel id."""
    if len(message) < _MLS_HEADER.size:
        return None
    version, wire_format, size, group_id, epoch = _MLS_HEADER.unpack_from(message)
    if (version, wire_format, size) != (1, 1, 8):
        return None
    return int.from_bytes(group_id, "big"), epoch


def proposals_epoch(payload: bytes) -> tuple[int, int] | None:
    """Group id and epoch of the first proposal in op 27; None when it revokes or holds none."""
    if len(payload) < 2 or payload[0] != PROPOSALS_APPEND:
        return None
    # RFC 9420 2.1.2: the two highest bits say how wide the vector's length is.
    return message_epoch(payload[1 + (1 << (payload[1] >> 6)) :])


def _call(function: Callable[..., _Result], *arguments: object) -> _Result:
    try:
        return function(*arguments)
    except (ValueError, OverflowError, TypeError) as error:
        raise _refused(str(error)) from None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # pyo3's PanicException derives from BaseException.
        if type(error).__name__ != "PanicException":
            raise
        raise MlsRefused("panic") from None


def _refused(sentence: str) -> MlsRefused:
    reason = next((known for known in KNOWN_REASONS if known in sentence), "other")
    named = re.search(r"UnexpectedUser\((\d+)\)", sentence)
    return MlsRefused(reason, int(named[1]) if named else None)
