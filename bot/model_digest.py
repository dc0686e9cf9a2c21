"""The digest of a talk by the talk's own model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.memory.digest import ANSWER_CHARS, Line, Point, read_points, task, told
from bot.realtime.events import AddText, SessionConfig
from bot.written_answer import OpenLink, written_answer

ANSWER_S: Final = 14.0


@dataclass(frozen=True, slots=True)
class ModelDigester:
    """`bot.memory.digest.Digester`. `config`: voice and rates of the house; its instructions are not used."""

    open_link: OpenLink
    config: SessionConfig

    async def digest(self, lines: Sequence[Line], language: str, guild_id: int = 0) -> tuple[Point, ...]:
        """Raises `ModelError` when the model does not answer in time."""
        config = replace(self.config, instructions=task(language), tools=())
        answer = await written_answer(
            self.open_link, config, AddText(told(lines)), within_s=ANSWER_S, limit_chars=ANSWER_CHARS
        )
        return read_points(answer)
