"""The instructions of every shipped persona, whole, as files that a reviewer reads: `tests/data/instructions/<slug>.txt`.

A change of a persona or of the house's rules changes them; write them anew with `KITH_WRITE_SNAPSHOTS=1`, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.conversation.instructions import BUDGET_TOKENS, compose
from bot.memory.tokens import tokens
from bot.personas.library import Library
from bot.personas.persona import Persona
from bot.personas.scenes import SCENES

pytestmark = pytest.mark.core

FOLDER = Path(__file__).parents[1] / "data" / "instructions"
PERSONAS = Library.load().all()


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.slug)
def test_a_personas_instructions_are_those_that_were_read(persona: Persona) -> None:
    path = FOLDER / f"{persona.slug}.txt"
    text = compose(persona, ["Alice", "小明"], scene=SCENES["car"]) + "\n"
    if os.environ.get("KITH_WRITE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
    assert tokens(text) <= BUDGET_TOKENS


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.slug)
def test_nothing_of_a_shipped_persona_is_left_out_for_the_budget(persona: Persona) -> None:
    text = compose(persona, scene=SCENES["car"])
    for example in persona.examples:
        assert example.said in text
    for reaction in persona.reactions:
        assert " ".join(reaction.how.split()) in text


def test_there_is_no_snapshot_of_nobody() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {persona.slug for persona in PERSONAS}
