"""What decryption answers when it cannot: a value, not an exception, so that the receive path stays straight.

Such a packet is counted by its reason and concealed. It never reaches the Opus decoder, which turns random bytes into loud
noise in two cases of five.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Undecryptable:
    """A frame that end-to-end decryption refused. `reason` is a short word to count by; it quotes no content."""

    reason: str
