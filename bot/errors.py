"""Everything that can go wrong and concerns a person, as one tree.

    KithError
    ├── SettingError          an operator's setting: names the setting and what was expected
    ├── StorageError          the database cannot be opened, is damaged, or is of another schema
    ├── PersonaError          a persona file: names file, field and what was expected
    ├── AudioError            no libopus, a sound file that cannot be read
    ├── VoiceError            Discord's voice side: why we are not in the channel (`reason`)
    └── ModelError            the speech model: `kind` says whether trying again makes sense

Every error carries a `key` into the catalogues of members' sentences (`bot/texts/*/*.ftl`) and the `values` that
the sentence needs, so that a cog can say it in the reader's language; `str(error)` is the same in plain English for
operators and logs, and holds neither speech, names nor secrets. What concerns nobody (a malformed packet, an unknown
opcode) is counted, not raised. A bug is never caught as one of these.
"""

from __future__ import annotations

from enum import StrEnum


class KithError(Exception):
    """Something went wrong that a person should be told about.

    Attributes:
        key: message id in the catalogues, e.g. `error-voice-channel-full`.
        values: what the message's placeables need.
    """

    key = "error-unexpected"

    def __init__(self, message: str, *, key: str | None = None, **values: str | float) -> None:
        super().__init__(message)
        if key is not None:
            self.key = key
        self.values = values


class SettingError(KithError):
    key = "error-setting"


class StorageError(KithError):
    key = "error-storage"


class PersonaError(KithError):
    key = "error-persona"


class AudioError(KithError):
    key = "error-audio"


class VoiceFault(StrEnum):
    """Why there is no voice connection. The value is the tail of the catalogue key `error-voice-…`."""

    MISSING_PERMISSION = "missing-permission"
    CHANNEL_FULL = "channel-full"
    CHANNEL_GONE = "channel-gone"
    KICKED = "kicked"
    ENCRYPTION_REQUIRED = "encryption-required"
    RATE_LIMITED = "rate-limited"
    NO_ANSWER = "no-answer"
    UNEXPECTED_PARTICIPANT = "unexpected-participant"
    FAILED = "failed"
    CLOSED = "closed"


class VoiceError(KithError):
    """There is no voice connection, and `fault` says why."""

    def __init__(self, message: str, fault: VoiceFault, **values: str | float) -> None:
        super().__init__(message, key=f"error-voice-{fault}", **values)
        self.fault = fault


class ModelFault(StrEnum):
    """Why there is no model. The value is the tail of the catalogue key `error-model-…`."""

    KEY_REFUSED = "key-refused"
    NO_BALANCE = "no-balance"
    NOT_FOUND = "not-found"
    BAD_REQUEST = "bad-request"
    MODERATED = "moderated"
    RATE_LIMITED = "rate-limited"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"

    @property
    def is_fatal(self) -> bool:
        """Trying again with the same settings cannot help."""
        return self in {
            ModelFault.KEY_REFUSED,
            ModelFault.NO_BALANCE,
            ModelFault.NOT_FOUND,
            ModelFault.BAD_REQUEST,
            ModelFault.MODERATED,
        }


class ModelError(KithError):
    """There is no model session, and `fault` says why."""

    def __init__(self, message: str, fault: ModelFault, **values: str | float) -> None:
        super().__init__(message, key=f"error-model-{fault}", **values)
        self.fault = fault
