"""Why the voice server hung up, and what we do about it: one table.

Sources: Discord's "Voice Close Event Codes", and for the silent cases what discord.py 2.7.1 and @discordjs/voice 0.19 do.
How often, after which pause and until when is `Gateway`'s business.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from bot.errors import VoiceFault


class Reaction(StrEnum):
    """What a close asks for."""

    RESUME = "resume"  # once with op 7; when that fails, as REJOIN
    REJOIN = "rejoin"  # leave and join over the main gateway: a fresh session and a fresh token
    REJOIN_ONCE = "rejoin_once"  # our own fault, most likely: one fresh session, then no more
    WAIT = "wait"  # the main gateway tells what happened: moved, migrated, kicked or gone
    COOL_DOWN = "cool_down"  # do not come back by itself
    NEVER = "never"  # trying again cannot help


REACTIONS: Final = MappingProxyType(
    {
        1000: Reaction.REJOIN,  # normal closure: Discord sometimes uses it improperly, and we did not ask for it
        1001: Reaction.RESUME,  # going away
        1006: Reaction.RESUME,  # the network
        4001: Reaction.REJOIN_ONCE,  # unknown opcode
        4002: Reaction.REJOIN_ONCE,  # failed to decode payload
        4003: Reaction.REJOIN_ONCE,  # not authenticated
        4004: Reaction.REJOIN,  # authentication failed: the token is stale
        4005: Reaction.REJOIN_ONCE,  # already authenticated
        4006: Reaction.REJOIN,  # session no longer valid
        4009: Reaction.REJOIN,  # session timeout
        4011: Reaction.REJOIN,  # server not found
        4012: Reaction.REJOIN_ONCE,  # unknown protocol
        4013: Reaction.RESUME,  # the server's media engine crashed (undocumented)
        4014: Reaction.WAIT,  # disconnected: kicked, moved, or the main session dropped. "Should not reconnect"
        4015: Reaction.RESUME,  # voice server crashed: "Try resuming"
        4016: Reaction.REJOIN_ONCE,  # unknown encryption mode
        4017: Reaction.NEVER,  # end-to-end encryption required
        4020: Reaction.REJOIN_ONCE,  # bad request
        4021: Reaction.COOL_DOWN,  # rate limited. "Should not reconnect"
        4022: Reaction.WAIT,  # call terminated: channel deleted, or the voice server changed. "Should not reconnect"
    }
)

FAULTS: Final = MappingProxyType(
    {
        4014: VoiceFault.KICKED,
        4017: VoiceFault.ENCRYPTION_REQUIRED,
        4021: VoiceFault.RATE_LIMITED,
        4022: VoiceFault.CHANNEL_GONE,
    }
)
"""What a close means once there is nothing left to try; every other code is FAILED."""


def reaction_to(code: int | None) -> Reaction:
    """`None` is a socket that ended without a close frame. Unknown 4xxx codes are worth a fresh session, others a resume."""
    if code is None:
        return Reaction.RESUME
    return REACTIONS.get(code, Reaction.REJOIN if 4000 <= code < 5000 else Reaction.RESUME)


def fault_of(code: int | None) -> VoiceFault:
    return FAULTS.get(code or 0, VoiceFault.FAILED)
