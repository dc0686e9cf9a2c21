"""Who else is in our channel, as far as voice states and the voice server tell. Sans-I/O; it outlives the voice sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.voice.events import MemberArrived, MemberLeft
from bot.voice.gateway_events import ForgetMember, GatewayCommand, Raise

PRESENT_MOST: Final = 20_000
"""More than any channel holds."""


class Presence:
    """Each arrival and each departure is told once, whichever source says it first."""

    def __init__(self) -> None:
        self.user_ids: set[int] = set()

    @property
    def is_full(self) -> bool:
        return len(self.user_ids) >= PRESENT_MOST

    def arrive(self, user_id: int) -> list[GatewayCommand]:
        if user_id in self.user_ids or self.is_full:
            return []
        self.user_ids.add(user_id)
        return [Raise(MemberArrived(user_id))]

    def depart(self, user_id: int) -> list[GatewayCommand]:
        if user_id not in self.user_ids:
            return []
        self.user_ids.discard(user_id)
        return [ForgetMember(user_id), Raise(MemberLeft(user_id))]

    def meet(self, user_ids: Iterable[int]) -> list[GatewayCommand]:
        """A new voice session: the people of the main gateway's word replace those of the old one."""
        before, self.user_ids = self.user_ids, set(user_ids)
        left: list[GatewayCommand] = [Raise(MemberLeft(user_id)) for user_id in sorted(before - self.user_ids)]
        arrived: list[GatewayCommand] = [Raise(MemberArrived(user_id)) for user_id in sorted(self.user_ids - before)]
        return left + arrived
