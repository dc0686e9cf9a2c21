"""JSON of the voice gateway: what we say, and how fields of what the server says are read.

Readers accept what Discord is known to send (ids as strings, numbers as floats) and raise `Malformed` for all else, so that no
value of a stranger's message travels on unchecked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bot.voice.dave_session import PROTOCOL_VERSION
from bot.voice.gateway_events import SendText, VoiceServer
from bot.voice.opcodes import VoiceOp
from bot.voice.transport import MODES

SECRET_KEY_BYTES: Final = 32
MAX_ID: Final = (1 << 64) - 1
MAX_SSRC: Final = (1 << 32) - 1


class Malformed(ValueError):
    """A message that is not what the protocol allows. Its text names the field and quotes nothing."""


def identify(server: VoiceServer) -> SendText:
    """Op 0."""
    return _text(
        VoiceOp.IDENTIFY,
        {
            "server_id": str(server.guild_id),
            "user_id": str(server.user_id),
            "session_id": server.session_id,
            "token": server.token,
            # "Voice connections without it are refused (4017) outside of stage channels."
            "max_dave_protocol_version": PROTOCOL_VERSION,
        },
    )


def resume(server: VoiceServer, seq_ack: int) -> SendText:
    """Op 7; the server replays what came after `seq_ack`."""
    return _text(
        VoiceOp.RESUME,
        {
            "server_id": str(server.guild_id),
            "session_id": server.session_id,
            "token": server.token,
            "seq_ack": seq_ack,
        },
    )


def heartbeat(nonce: int, seq_ack: int) -> SendText:
    """Op 3. `seq_ack` is the last sequence number seen, -1 before any."""
    return _text(VoiceOp.HEARTBEAT, {"t": nonce, "seq_ack": seq_ack})


def select_protocol(ip: str, port: int, mode: str) -> SendText:
    """Op 1, with our address as the server sees it."""
    return _text(VoiceOp.SELECT_PROTOCOL, {"protocol": "udp", "data": {"address": ip, "port": port, "mode": mode}})


def speaking(flags: int, ssrc: int) -> SendText:
    """Op 5. "You must send at least one before sending voice data", and before any is received."""
    return _text(VoiceOp.SPEAKING, {"speaking": flags, "delay": 0, "ssrc": ssrc})


def _text(op: VoiceOp, data: Mapping[str, Any]) -> SendText:
    return SendText(json.dumps({"op": int(op), "d": data}, separators=(",", ":")))


def parse_message(data: str) -> tuple[int, Any, int | None]:
    """Opcode, `d`, and the sequence number of a message that the server keeps for a resume."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(message, dict):
        raise Malformed("not an object")
    seq = message.get("seq")
    return whole(message, "op", 1 << 16), message.get("d"), None if seq is None else whole(message, "seq", 1 << 32)


def fields(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Malformed("d")
    return data


def whole(data: Mapping[str, Any], name: str, most: int = MAX_ID) -> int:
    """A whole number in 0..most, which may stand there as a string or a float."""
    return checked(data.get(name), name, most)


def checked(value: Any, name: str, most: int = MAX_ID) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Malformed(name)
    try:
        number = int(value)
    except (ValueError, OverflowError):
        raise Malformed(name) from None
    if not 0 <= number <= most or (isinstance(value, float) and number != value):
        raise Malformed(name)
    return number


def text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(name)
    return value


def choose_mode(data: Mapping[str, Any]) -> str | None:
    """The best encryption mode that op 2 offers and we can do."""
    offered = data.get("modes")
    if not isinstance(offered, list):
        raise Malformed("modes")
    return next((mode for mode in MODES if mode in offered), None)


def secret_key(data: Mapping[str, Any]) -> bytes:
    value = data.get("secret_key")
    if not isinstance(value, list) or len(value) != SECRET_KEY_BYTES:
        raise Malformed("secret_key")
    return bytes(checked(part, "secret_key", 255) for part in value)


def user_ids(data: Mapping[str, Any]) -> list[int]:
    value = data.get("user_ids")
    if not isinstance(value, list):
        raise Malformed("user_ids")
    return [checked(user_id, "user_ids") for user_id in value]


def video_ssrcs(data: Mapping[str, Any]) -> list[int]:
    """All SSRCs of op 12 that are not audio."""
    streams = data.get("streams")
    found = [data.get("video_ssrc"), data.get("rtx_ssrc")]
    for stream in streams if isinstance(streams, list) else ():
        if isinstance(stream, dict):
            found += [stream.get("ssrc"), stream.get("rtx_ssrc")]
    return [checked(ssrc, "video_ssrc", MAX_SSRC) for ssrc in found if ssrc]
