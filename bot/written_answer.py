"""One answer of a speech model in writing: a short session of its own, in text where the provider can, for one thing that is told to it.

The sound of an answer that a provider cannot leave out is not used. Its end is the answer's, an error's, or that of its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bot.errors import ModelError, ModelFault
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

OpenLink = Callable[[SessionConfig, Callable[[ModelEvent], None]], ModelLink]


async def written_answer(
    open_link: OpenLink, config: SessionConfig, told: AddText, *, within_s: float, limit_chars: int
) -> str:
    """What the model writes, as far as it is read. Raises `ModelError` when it does not answer, or not in time."""
    answer = _Answer(told, limit_chars)
    link = open_link(replace(config, is_text_only=True), answer.hear)
    answer.link = link
    running = asyncio.create_task(link.run(), name="written answer")
    try:
        async with asyncio.timeout(within_s):
            await answer.is_over.wait()
    except TimeoutError:
        raise ModelError("no answer in time", ModelFault.OVERLOADED) from None
    finally:
        await link.close()
        await running
    if answer.fault is not None:
        raise ModelError("the model gave no answer", answer.fault)
    return answer.text


class _Answer:
    link: ModelLink

    def __init__(self, told: AddText, limit_chars: int) -> None:
        self.text = ""
        self.fault: ModelFault | None = None
        self.is_over = asyncio.Event()
        self._told = told
        self._limit_chars = limit_chars

    def hear(self, event: ModelEvent) -> None:
        match event:
            case ModelReady():
                self.text = ""
                self.link.send(self._told)
                self.link.send(Respond())
            case ReplyWords(text=text):
                self.text += text[: self._limit_chars - len(self.text)]
            case ReplyDone(status=status):
                self.fault = None if status == "completed" or self.text else ModelFault.CLOSED
                self.is_over.set()
            case ModelFailed(fault) | ModelLost(fault=fault):
                self.fault = fault
                self.is_over.set()
