"""IP discovery: asking the voice server which address it sees us at, since a NAT may have given us another.

A request and a reply of 74 bytes each (Discord, "IP Discovery"): u16 type (1 asks, 2 answers) | u16 length 70 | u32 SSRC |
64 bytes of address, NUL-terminated | u16 port; all big-endian.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Final

DISCOVERY_BYTES: Final = 74
REQUEST_TYPE: Final = 1

_LAYOUT = struct.Struct(">HHI64sH")


def discovery_request(ssrc: int) -> bytes:
    """The question, for our own SSRC."""
    return _LAYOUT.pack(REQUEST_TYPE, DISCOVERY_BYTES - 4, ssrc, b"", 0)


def is_discovery(data: bytes) -> bool:
    """Whether a datagram is an answer to a question; the first filter of everything that arrives."""
    return len(data) == DISCOVERY_BYTES and data[:2] == b"\x00\x02"


def parse_discovery(data: bytes, ssrc: int) -> tuple[str, int] | None:
    """Our address and port as the server sees them; None for anything that is no answer to this SSRC's question."""
    if not is_discovery(data):
        return None
    _, _, answered_ssrc, address, port = _LAYOUT.unpack(data)
    text = address.partition(b"\0")[0].decode("ascii", "replace")
    try:
        ip_address(text)
    except ValueError:
        return None
    return (text, port) if answered_ssrc == ssrc and port else None
