"""Who is in the room, what they are called, and whether they may be heard."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.conversation.events import Member
from bot.conversation.names import NOBODY, clean_name, tell_apart

NAMES_REMEMBERED: Final = 64
"""Of members who left."""


class Roster:
    """The people in the channel, bots apart. Names are clean and told apart: no two members share one."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}  # as many as the channel holds
        self._heard: tuple[Member, ...] | None = None  # asked for with every frame
        self._names: dict[int, str] = {}  # of those who left too: their last words are still to be captioned

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members.values())

    @property
    def heard(self) -> tuple[Member, ...]:
        """Those who have agreed."""
        if self._heard is None:
            self._heard = tuple(member for member in self._members.values() if member.may_hear)
        return self._heard

    @property
    def names(self) -> tuple[str, ...]:
        """Whom the model may know of."""
        return tuple(member.name for member in self.heard)

    def put(self, member: Member) -> Member:
        """Someone is here, or changed: answers with the member under the name that the room's talk uses."""
        taken = [
            name for user_id, name in self._names.items() if user_id in self._members and user_id != member.user_id
        ]
        known = replace(member, name=tell_apart(clean_name(member.name), taken))
        self._members[member.user_id] = known
        self._heard = None
        self._names[member.user_id] = known.name
        absent = [user_id for user_id in self._names if user_id not in self._members]
        for user_id in absent[: max(0, len(absent) - NAMES_REMEMBERED)]:
            del self._names[user_id]
        return known

    def remove(self, user_id: int) -> bool:
        self._heard = None
        return self._members.pop(user_id, None) is not None

    def may_hear(self, user_id: int) -> bool:
        member = self._members.get(user_id)
        return member is not None and member.may_hear

    def deny(self, user_id: int) -> None:
        if user_id in self._members:
            self._members[user_id] = replace(self._members[user_id], may_hear=False)
            self._heard = None

    def name(self, user_id: int) -> str:
        return self._names.get(user_id, NOBODY)

    def name_of_guest(self, user_id: int, display_name: str) -> str:
        """What someone is called who need not be in the channel: never like somebody else who is."""
        if user_id in self._names:
            return self._names[user_id]
        return tell_apart(clean_name(display_name), [member.name for member in self.members])
