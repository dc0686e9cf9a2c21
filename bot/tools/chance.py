"""Dice. A model that makes numbers up is not fair; this is."""

from __future__ import annotations

import secrets
from typing import Annotated

from pydantic import Field

from bot.personas.persona import ToolName
from bot.tools.tool import Answer, Errand, tool


@tool(permission=ToolName.DICE)
async def roll_dice(
    errand: Errand,
    sides: Annotated[int, Field(ge=2, le=1000, description="Sides of each die; 2 is a coin.")] = 6,
    count: Annotated[int, Field(ge=1, le=20, description="How many dice.")] = 1,
) -> Answer:
    """Roll dice, flip a coin or draw a number fairly. Never make up such a result yourself: call this."""
    rolls = [secrets.randbelow(sides) + 1 for _ in range(count)]
    return {"rolls": rolls, "total": sum(rolls)}
