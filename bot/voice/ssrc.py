"""Whose an SSRC is, and what waits for the answer.

Discord says it over the websocket (op 5, 12), sound comes over UDP, and either may be first. Datagrams of an unknown SSRC wait as they
came, encrypted: at most 100 and 2 s for each, and 32 SSRCs. Nothing here can open them.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from bot.voice.rtp import RtpPacket

HELD_DATAGRAMS: Final = 100
HELD_SSRCS: Final = 32
HELD_S: Final = 2.0
IGNORED_SSRCS: Final = 1024


class HeldDatagram(NamedTuple):
    """A datagram as it came, its clear part, and when (seconds, monotonic). `number` counts all that were ever held."""

    data: bytes
    packet: RtpPacket
    arrived_at: float
    number: int


class SsrcMap:
    """The SSRCs of one voice session: members' sound, other media, and unknown ones."""

    def __init__(self) -> None:
        self._users: dict[int, int] = {}
        self._ignored: dict[int, None] = {}
        self._held: dict[int, deque[HeldDatagram]] = {}
        self.next_number = 0
        """Of the next datagram that will be held; those below came earlier."""

    def user_of(self, ssrc: int) -> int | None:
        return self._users.get(ssrc)

    def is_ignored(self, ssrc: int) -> bool:
        return ssrc in self._ignored

    def mapped_users(self) -> set[int]:
        return set(self._users.values())

    def held_ssrcs(self) -> list[int]:
        return list(self._held)

    def assign(self, ssrc: int, user_id: int) -> list[int]:
        """Say whose an SSRC is. The SSRCs that are nobody's from now on: a member has one for sound at a time."""
        former = self.forget(user_id)
        self._ignored.pop(ssrc, None)
        self._users[ssrc] = user_id
        return former

    def ignore(self, ssrc: int) -> None:
        """Video or a retransmission; unless it is known to be somebody's sound."""
        if ssrc in self._users:
            return
        self._held.pop(ssrc, None)
        self._ignored[ssrc] = None
        if len(self._ignored) > IGNORED_SSRCS:
            del self._ignored[next(iter(self._ignored))]

    def forget(self, user_id: int) -> list[int]:
        """The SSRCs that were this member's."""
        former = [ssrc for ssrc, owner in self._users.items() if owner == user_id]
        for ssrc in former:
            del self._users[ssrc]
        return former

    def hold(self, data: bytes, packet: RtpPacket, now: float) -> None:
        """Keep a datagram until its SSRC is known. The oldest of its SSRC gives way to it."""
        held = self._held.get(packet.ssrc)
        if held is None:
            if len(self._held) >= HELD_SSRCS:
                return  # more unknown senders than a call brings at once: the first ones keep their place
            held = self._held[packet.ssrc] = deque(maxlen=HELD_DATAGRAMS)
        held.append(HeldDatagram(bytes(data), packet, now, self.next_number))
        self.next_number += 1

    def take_held(self, ssrc: int, now: float) -> list[HeldDatagram]:
        """What is held of an SSRC and is not too old, in order of arrival. It is not held any more."""
        return [held for held in self._held.pop(ssrc, ()) if now - held.arrived_at <= HELD_S]

    def take_oldest(self, ssrc: int, now: float) -> HeldDatagram | None:
        """The oldest datagram held of an SSRC that is not too old. It is not held any more."""
        queue = self._held.get(ssrc)
        while queue:
            held = queue.popleft()
            if now - held.arrived_at <= HELD_S:
                return held
        self._held.pop(ssrc, None)
        return None

    def expire(self, now: float) -> None:
        """Discard what was held for too long."""
        for ssrc, held in list(self._held.items()):
            while held and now - held[0].arrived_at > HELD_S:
                held.popleft()
            if not held:
                del self._held[ssrc]

    def clear(self) -> None:
        self._users.clear()
        self._ignored.clear()
        self._held.clear()
