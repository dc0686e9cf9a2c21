"""All counts of one voice connection in one value, for `/status`, `kith check` and the reports of rehearsals."""

from __future__ import annotations

from dataclasses import dataclass

from bot.voice.dave import DaveStats
from bot.voice.gateway_state import GatewayStats
from bot.voice.pacer import PacerStats
from bot.voice.receiver import ReceiverStats
from bot.voice.sender import SenderStats
from bot.voice.socket import SocketStats


@dataclass(frozen=True, slots=True)
class VoiceStats:
    """The parts' own counts, and what only the connection knows.

    `pacer` counts all calls of the process, `missed_frames` this one's. `refused_bytes` is sound that the full playout did not
    take, `restarts` counts tasks that died of a bug. On a stage, `is_suppressed` means that nobody hears us yet.
    """

    receiver: ReceiverStats
    sender: SenderStats
    gateway: GatewayStats
    dave: DaveStats
    pacer: PacerStats
    socket: SocketStats | None
    missed_frames: int
    refused_bytes: int
    restarts: int
    is_deaf: bool
    is_suppressed: bool
