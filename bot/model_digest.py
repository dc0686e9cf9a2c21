"""The digest of a talk by the talk's own model: a short session of its own, in text where the provider can, for one answer.

The sound of an answer that a provider cannot leave out is not used. Its end is the answer's, an error's, or that of its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.errors import ModelError, ModelFault
from bot.memory.digest import ANSWER_CHARS, Line, Point, read_points, task, told
from bot.realtime.events import (
    AddText,
    ModelEvent,
    ModelFailed,
    ModelLost,
    ModelReady,
    ReplyDone,
    ReplyWords,
    Respond,
    SessionConfig,
)
from bot.realtime.link import ModelLink

ANSWER_S: Final = 14.0

OpenLink = Callable[[SessionConfig, Callable[[ModelEvent], None]], ModelLink]


@dataclass(frozen=True, slots=True)
class ModelDigester:
    """`bot.memory.digest.Digester`. `config`: voice and rates of the house; its instructions are not used."""

    open_link: OpenLink
    config: SessionConfig

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        """Raises `ModelError` when the model does not answer in time."""
        talk = _Answer(told(lines))
        config = replace(self.config, instructions=task(language), tools=(), is_text_only=True)
        link = self.open_link(config, talk.hear)
        talk.link = link
        running = asyncio.create_task(link.run(), name="digest")
        try:
            async with asyncio.timeout(ANSWER_S):
                await talk.is_over.wait()
        except TimeoutError:
            raise ModelError("no digest in time", ModelFault.OVERLOADED) from None
        finally:
            await link.close()
            await running
        if talk.fault is not None:
            raise ModelError("the model gave no digest", talk.fault)
        return read_points(talk.text)


class _Answer:
    """What the model writes, as far as it is read."""

    link: ModelLink

    def __init__(self, lines: str) -> None:
        self.text = ""
        self.fault: ModelFault | None = None
        self.is_over = asyncio.Event()
        self._lines = lines

    def hear(self, event: ModelEvent) -> None:
        match event:
            case ModelReady():
                self.text = ""
                self.link.send(AddText(self._lines))
                self.link.send(Respond())
            case ReplyWords(text=text):
                self.text += text[: ANSWER_CHARS - len(self.text)]
            case ReplyDone(status=status):
                self.fault = None if status == "completed" or self.text else ModelFault.CLOSED
                self.is_over.set()
            case ModelFailed(fault) | ModelLost(fault=fault):
                self.fault = fault
                self.is_over.set()
