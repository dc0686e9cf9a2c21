"""What the host itself tells the model in the course of a talk: short system items in plain English.

Names in them are cleaned already and stand in quotation marks: data, not orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GOODBYE: Final = "Say goodbye to the room now, in one short sentence, glad of the talk and without a reproach. The call ends after it."


def listening(names: Iterable[str]) -> str:
    """Who is in the talk from now on."""
    return f"In the talk now: {_listed(names)}."


def greet(names: Iterable[str], hint: str) -> str:
    """For the first reply of a call."""
    return f"Greet the room briefly, in one or two short sentences. In the talk: {_listed(names)}. {hint}".strip()


def take_over(name: str, hint: str) -> str:
    """For the first reply of a persona that was chosen in the middle of a call."""
    return (
        f'Greet the room very briefly as "{name}": someone chose you to go on with the talk from here. {hint}'.strip()
    )


def tool_answer(output: str) -> str:
    """What a tool found after the session that had asked for it was gone."""
    return f"A tool that was asked for before the connection was renewed has answered: {output}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
