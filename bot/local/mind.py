"""What a mind is given and what it answers: the items of a talk, the tools that it may call, and words or calls in return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class Item:
    """What the model remembers: text that was written or spoken, an utterance and what was understood of it, a call of a tool, its answer.

    `role` is user, system or assistant; `call`: the text is a call's arguments; `tool`: it is the answer to one.
    """

    item_id: str
    role: str
    text: str = ""
    name: str = ""  # of the tool that is called
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called. `parameters` is its JSON Schema, as the client sent it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """`arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Thought:
    """What comes next: words to be said, calls to be made after them, or both."""

    words: str = ""
    calls: tuple[Call, ...] = ()


class Mind(Protocol):
    """Words to words. One a connection, since it remembers the talk."""

    async def answer(self, instructions: str, items: Iterable[Item], tools: tuple[Tool, ...] = ()) -> Thought:
        """What to say or to call next, from what has been said. Raises KithError."""
