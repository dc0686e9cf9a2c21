"""How an interrupted reply becomes, in the model's memory, what the room heard of it (DESIGN D6).

A server generates faster than anybody speaks, so at an interruption it remembers more than was played. With truncation it is told the
milliseconds; without, the item is deleted by the server's own id and the heard words are put in its place, or a note says what they were.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from bot.realtime.events import ClientEvent, CreateItem, DeleteItem, HeardItem, Item, TruncateItem, Unheard

HEARD_NOTE: Final = "You were interrupted. Of your last reply the room heard only: {text}"

WHOLE_MS: Final = 40.0
"""Two frames: what is missing at the end of an item by no more was heard, as far as anybody can tell."""

MAX_KNOWN_ITEMS: Final = 256


class Heard:
    """The reply items of one connection, and the corrections that wait for the end of a cancelled response."""

    def __init__(self, can_truncate: bool, unheard: Unheard) -> None:
        self.can_truncate = can_truncate
        self.unheard = unheard
        self.reset()

    def reset(self) -> None:
        self.has_recreated = False
        self._known: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, HeardItem] = {}
        self._truncated: OrderedDict[str, HeardItem] = OrderedDict()

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def know(self, item_id: str) -> None:
        """The server has an item of this id. Only those can be corrected: others are of an earlier session, or nameless."""
        if item_id and item_id not in self._known:
            self._known[item_id] = None
            if len(self._known) > MAX_KNOWN_ITEMS:
                self._known.popitem(last=False)

    def cut(self, items: Iterable[HeardItem], in_flight: Iterable[str]) -> None:
        """The room heard this much of these. An item that is still being generated is corrected even if all that came was heard."""
        generating = set(in_flight)
        for item in items:
            is_whole = item.heard_ms >= item.total_ms - WHOLE_MS
            if item.item_id in self._known and (item.item_id in generating or not is_whole):
                self._waiting[item.item_id] = item

    def never_heard(self, item_ids: Iterable[str]) -> None:
        """Items of a cancelled response: of those that `cut` did not mention, nothing reached the room."""
        for item_id in item_ids:
            if item_id in self._known:
                self._waiting.setdefault(item_id, HeardItem(item_id, 0, 0, ""))

    def corrections(self) -> list[ClientEvent]:
        """What makes the server forget the unheard parts, in order; they no longer wait."""
        waiting, self._waiting = self._waiting, {}
        return [event for item in waiting.values() for event in self._correct(item)]

    def truncated(self, item_id: str) -> None:
        """The server confirmed a truncation."""
        self._truncated.pop(item_id, None)

    def truncation_is_unknown(self) -> list[ClientEvent]:
        """The server does not know truncation after all: do without, beginning with what it did not truncate."""
        if not self._truncated:
            return []
        self.can_truncate = False
        items, self._truncated = list(self._truncated.values()), OrderedDict()
        return [event for item in items for event in self._correct(item)]

    def _correct(self, item: HeardItem) -> list[ClientEvent]:
        text = item.heard_text.strip()
        if item.heard_ms <= 0 or not (text or self.can_truncate):
            return [DeleteItem(item.item_id)]
        if self.can_truncate:
            self._truncated[item.item_id] = item
            if len(self._truncated) > MAX_KNOWN_ITEMS:
                self._truncated.popitem(last=False)
            # "audio_end_ms" larger than what the server generated is an error.
            return [TruncateItem(item.item_id, int(min(item.heard_ms, item.total_ms)))]
        if self.unheard is Unheard.RECREATE:
            self.has_recreated = True
            return [DeleteItem(item.item_id), CreateItem(Item("assistant", text))]
        return [CreateItem(Item("system", HEARD_NOTE.format(text=text)))]
