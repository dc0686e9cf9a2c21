"""What the media plane tells the rest: who is heard, who is here, and how the connection fares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import VoiceFault


class Origin(StrEnum):
    """How 20 ms of a member's speech came to be."""

    HEARD = "heard"
    RECOVERED = "recovered"  # from the next packet's in-band FEC
    CONCEALED = "concealed"  # invented by the decoder
    SILENCE = "silence"  # lost for longer than concealment may last


@dataclass(frozen=True, slots=True)
class SpeakerFrame:
    """PCM of one member: s16le mono at the receiver's rate. Usually 20 ms, as long as the packet was (10 to 120 ms)."""

    user_id: int
    pcm: bytes
    origin: Origin = Origin.HEARD


@dataclass(frozen=True, slots=True)
class SpeakerPaused:
    """The member's client closed its gate: silence frames came, or packets stopped. Not yet the end of an utterance."""

    user_id: int


@dataclass(frozen=True, slots=True)
class MemberArrived:
    user_id: int


@dataclass(frozen=True, slots=True)
class MemberLeft:
    user_id: int


@dataclass(frozen=True, slots=True)
class VoiceReady:
    """Media flows both ways in this channel: at the first connection, after a move, after a recovery.

    A changed `channel_id` is a move by a moderator: other people, so consent is asked anew of whoever is there.
    """

    channel_id: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class VoiceInterrupted:
    """No media for now; the connection is mending itself. `code` is the close code, if there was one."""

    code: int | None


@dataclass(frozen=True, slots=True)
class UnexpectedParticipant:
    """Someone is in the encrypted group whom Discord never announced; the room must be told."""

    user_id: int


@dataclass(frozen=True, slots=True)
class MemberUnheard:
    """What this member sends cannot be decrypted, though others can be heard or we tried all we can; they are left out."""

    user_id: int


@dataclass(frozen=True, slots=True)
class EncryptionMissing:
    """Others are here, and the call's encryption does not come about: nobody is heard, and nobody hears us."""


@dataclass(frozen=True, slots=True)
class StageSilent:
    """We sit in a stage's audience, where nobody hears us. `has_asked`: to speak; a moderator can invite us."""

    has_asked: bool


@dataclass(frozen=True, slots=True)
class VoiceClosed:
    """The connection is over and will not come back by itself."""

    fault: VoiceFault
    code: int | None = None


VoiceEvent = (
    SpeakerFrame
    | SpeakerPaused
    | MemberArrived
    | MemberLeft
    | VoiceReady
    | VoiceInterrupted
    | UnexpectedParticipant
    | MemberUnheard
    | EncryptionMissing
    | StageSilent
    | VoiceClosed
)
