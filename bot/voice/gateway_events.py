"""What the voice gateway's core tells its shell to do, and where to find the server.

`Gateway` (in `gateway.py`) answers every call with a list of these; the shell performs them in order and decides nothing. After a raised `VoiceClosed` nothing
more will come: the shell leaves the channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.voice.events import VoiceEvent


@dataclass(frozen=True, slots=True)
class VoiceServer:
    """What VOICE_STATE_UPDATE (session) and VOICE_SERVER_UPDATE (guild, token, endpoint) say together.

    `endpoint` may carry a port (`c-xxx.discord.media:2053`). The token is a secret: it never enters a log, and `repr` hides it.
    """

    guild_id: int
    channel_id: int
    user_id: int
    session_id: str = field(repr=False)
    token: str = field(repr=False)
    endpoint: str

    @property
    def url(self) -> str:
        return f"wss://{self.endpoint.removeprefix('wss://').rstrip('/')}/?v=8"


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a websocket to `url`, dropping any other; call `opened(now)` when it is up, `closed(None, now)` when it cannot be."""

    url: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the websocket with this code. Its end is ours: `closed` need not be called for it."""

    code: int


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Leave the channel and join it again over the main gateway (op 4 for the same channel alone changes nothing), then `begin`."""


@dataclass(frozen=True, slots=True)
class SendText:
    data: str = field(repr=False)  # may hold the token


@dataclass(frozen=True, slots=True)
class SendBinary:
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Discover:
    """Open UDP to this address (unless it is open) and send one IP discovery for `ssrc`; hand the answer to `discovered`.

    Said again while no answer comes: datagrams get lost.
    """

    ip: str
    port: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class UseCipher:
    """A session description came: this is the transport key from the next packet on, both ways. Said again when the key changes.

    From here on the connection stands: keepalives and silence frames may go out. Speech waits until `encrypt` gives bytes.
    """

    mode: str
    key: bytes = field(repr=False)
    ssrc: int


@dataclass(frozen=True, slots=True)
class MapSsrc:
    """This SSRC is this member's audio."""

    user_id: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class IgnoreSsrc:
    """This SSRC is video or its retransmission."""

    ssrc: int


@dataclass(frozen=True, slots=True)
class ForgetMember:
    """The member's media is gone: SSRC map and decoder go too."""

    user_id: int


@dataclass(frozen=True, slots=True)
class ResetMedia:
    """A new voice session begins: SSRCs, decoders and the transport key of the old one are void."""


@dataclass(frozen=True, slots=True)
class MediaReady:
    """Speech can be sent and heard: the call is at version 0, or we are in the encrypted group. Said again after each recovery."""

    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Raise:
    """Tell the rest of the house."""

    event: VoiceEvent


GatewayCommand = (
    Connect
    | Disconnect
    | Rejoin
    | SendText
    | SendBinary
    | Discover
    | UseCipher
    | MapSsrc
    | IgnoreSsrc
    | ForgetMember
    | ResetMedia
    | MediaReady
    | Raise
)
