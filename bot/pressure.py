"""Personas under pressure: each of their tests is said to the configured model, by somebody in writing, and its answer is judged.

Every test has a session of its own, told what a call would be told. Nothing is kept; what it costs is the model's answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

from bot.conversation.call import config_of
from bot.conversation.services import CallOptions
from bot.errors import ModelError, ModelFault
from bot.media import Media
from bot.model_choice import check_settings, open_local_model
from bot.personas.persona import Persona, PressureTest
from bot.personas.pressure import faults_of
from bot.realtime.events import AddText
from bot.settings import Settings
from bot.written_answer import written_answer

SOMEBODY: Final = "Alice"
ANSWER_S: Final = 30.0
ANSWER_CHARS: Final = 4_000
PASSING: Final = frozenset({ModelFault.OVERLOADED, ModelFault.RATE_LIMITED, ModelFault.MODERATED, ModelFault.CLOSED})
"""No answer to this test; the next one may have one."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What became of one test. `number`: its place in the file, from 0."""

    persona: Persona
    number: int
    test: PressureTest
    answer: str
    faults: tuple[str, ...]


async def press(settings: Settings, personas: Iterable[Persona]) -> AsyncIterator[Pressed]:
    """One test after the other. Raises `SettingError`, and `ModelError` when the model is out of reach or refuses us."""
    check_settings(settings)
    options = CallOptions.of(settings)
    async with open_local_model(settings) as url:
        open_link = Media(settings, url).open_model
        for persona in personas:
            config = config_of(persona, options, [SOMEBODY])
            for number, test in enumerate(persona.pressure_tests):
                try:
                    answer = await written_answer(
                        open_link, config, AddText(test.say, SOMEBODY), within_s=ANSWER_S, limit_chars=ANSWER_CHARS
                    )
                except ModelError as error:
                    if error.fault not in PASSING:
                        raise
                    answer = ""
                yield Pressed(persona, number, test, answer, faults_of(persona, test, answer))
