"""Who said what, read from the items of a session: attribution marks, utterances, typed text, and what the host wants said.

    [Alice] speaks:            whose the next utterance is
    [Ben] types: hello         an utterance, typed
    anything else of a user    an utterance of whoever was named last; empty: one that was not understood
    Greet … / Say goodbye …    a system item by which the host asks for a greeting or a farewell
    It is time: "Alice" …      a system item: somebody wanted to be reminded now
    … remind … you are an AI   a system item: the host has it said

Several people may have spoken since the last reply: each is owed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

ANSWERED_AT_ONCE: Final = 3
"""At most so many of the last utterances are answered in one reply."""

_MARK: Final = re.compile(
    r"^\s*\[(?P<name>[^\]]{1,64})\]\s*(?:speaks|says|types)?\s*:?\s*(?P<text>.*)$", re.DOTALL | re.IGNORECASE
)
_QUOTED: Final = re.compile(r"[\"“”「]([^\"“”」]{1,64})[\"“”」]")
_REMINDS: Final = re.compile(r"[\"“”「]([^\"“”」]{1,400})[\"“”」]")
_DISCLOSES: Final = re.compile(r"\b(?:say|tell|remind)\b.{0,160}\byou are an ai\b", re.DOTALL)


class Told(Protocol):
    """An item as a session keeps it."""

    @property
    def item_id(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    """Something that asks for a reply. `order` is what the host wants said (`greeting`, `farewell`, `reminder`, `disclosure`), if it is the host
    who asks; of a reminder, `text` is what of."""

    speaker: str
    text: str
    order: str = ""
    item_id: str = field(default="", compare=False)


def said(items: Iterable[Told], speaking_now: str = "") -> list[Said]:
    """Everything that asks for a reply, in order. `speaking_now` speaks where no mark says who does."""
    speaker = ""
    heard: list[Said] = []
    for item in items:
        if item.role == "system":
            order = _order(item, speaker or speaking_now)
            heard += [order] if order else []
        elif item.role == "user":
            mark = _MARK.match(item.text)
            if mark is None:
                heard.append(Said(speaking_now or speaker, item.text, item_id=item.item_id))
                continue
            speaker = mark["name"].strip()
            if mark["text"].strip():
                heard.append(Said(speaker, mark["text"].strip(), item_id=item.item_id))
    return heard


def owed(heard: list[Said], answered: Iterable[str]) -> list[Said]:
    """What is to be answered now: an order before all else, what was understood before what was not, the last few."""
    done = set(answered)
    fresh = [one for one in heard if one.item_id not in done] or heard[-1:]
    orders = [one for one in fresh if one.order]
    if orders:
        return orders[-1:]
    understood = [one for one in fresh if one.text.strip()]
    return understood[-ANSWERED_AT_ONCE:] if understood else fresh[-1:]


def _order(item: Told, speaker: str) -> Said | None:
    stripped = item.text.strip().lower()
    if stripped.startswith("greet"):
        parts = item.text.split("In the talk:", 1)
        names = _QUOTED.findall(parts[1]) if len(parts) == 2 else []
        return Said(listed(names) if names else speaker, "", "greeting", item.item_id)
    if stripped.startswith("say goodbye"):
        return Said(speaker, "", "farewell", item.item_id)
    if stripped.startswith("it is time:"):
        quoted = _REMINDS.findall(item.text)
        who, what = (quoted[0], quoted[-1]) if len(quoted) > 1 else (speaker, quoted[0] if quoted else "")
        return Said(who, what, "reminder", item.item_id)
    if _DISCLOSES.search(stripped):
        return Said(speaker, "", "disclosure", item.item_id)
    return None


def people(items: Iterable[Told]) -> list[str]:
    """Who is in the talk, as the host said last; else whoever spoke."""
    names: list[str] = []
    for item in items:
        if item.role == "system" and "in the talk" in item.text.lower():
            names = _QUOTED.findall(item.text[item.text.lower().index("in the talk") :]) or names
        elif item.role == "user" and (mark := _MARK.match(item.text)) and mark["name"].strip() not in names:
            names = [*names, mark["name"].strip()]
    return names


def listed(names: list[str]) -> str:
    """Names as English says them: Alice, Ben and Carol."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""
