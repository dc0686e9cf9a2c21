"""Scenes: what the room is doing, as numbers that the host applies and words that the model is told.

A scene sets pace, energy, length of a reply and patience with interruptions for everybody in the room. It never changes who the companion is: the
persona's own line for the scene (`[scenes]` of its file) says how this one sounds in it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.personas.persona import Interruption, Persona

CUSTOM: Final = "custom"
WORDS_LIMIT: Final = 200
"""Characters of a scene in a member's own words."""

PATIENCE_MS: Final = 350.0
"""Speech over a reply that lasts so long is meant, where no scene says otherwise."""

FINISHES_MS: Final = 250.0
"""How much longer someone must go on to stop a persona that likes to finish its sentence."""

REPLY_WORDS: Final = 70
"""Without a scene: a longer reply was asked for, or is a lecture."""


class Pace(StrEnum):
    SLOW = "slow"
    CALM = "calm"
    EVEN = "even"
    QUICK = "quick"


@dataclass(frozen=True, slots=True)
class Scene:
    """`energy`: 0 (a whisper) to 100. `reply_words`: a reply has fewer. `patience_ms`: so long must speech over a reply last to stop it.

    `words`: how a member described a scene of their own; untrusted.
    """

    name: str
    pace: Pace
    energy: int
    reply_words: int
    patience_ms: float
    tone: str
    words: str = ""


SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene("bedtime", Pace.SLOW, 15, 60, 250.0, "Speak low, with pauses. Nothing that wakes anyone up; silence is welcome."),
        Scene("hype", Pace.QUICK, 95, 25, 650.0, "Bright and short. Cheering over you is no interruption."),
        Scene("study", Pace.CALM, 35, 30, 300.0, "Keep still unless spoken to; then one useful sentence, and back to work."),
        Scene("car", Pace.EVEN, 50, 30, 250.0, "Someone drives. One thing at a time; never ask the driver to look, read or hurry."),
    )
}  # fmt: skip
SCENE_NAMES: Final = (*SCENES, CUSTOM)


def custom_scene(words: str) -> Scene:
    """A scene in a member's words. Raises `ValueError` when nothing visible is in them."""
    visible = "".join(
        " " if char.isspace() else char for char in words if unicodedata.category(char)[0] != "C" or char.isspace()
    )
    line = " ".join(visible.replace('"', "'").split())[:WORDS_LIMIT].rstrip()
    if not line:
        raise ValueError("expected a few words for the scene")
    return Scene(CUSTOM, Pace.EVEN, 50, 45, PATIENCE_MS, "", line)


def patience_ms(persona: Persona, scene: Scene | None) -> float:
    """How long speech over a reply must last to stop this persona here."""
    patience = scene.patience_ms if scene is not None else PATIENCE_MS
    return patience + (FINISHES_MS if persona.interruption is Interruption.FINISHES else 0.0)


def reply_words(scene: Scene | None) -> int:
    return scene.reply_words if scene is not None else REPLY_WORDS


def described(scene: Scene, persona: Persona) -> str:
    """The scene as the model is told of it: numbers in words, the house's tone, then this persona's own."""
    parts = [
        f"The scene now: {scene.name}. Pace: {scene.pace}. Energy: {_energy(scene.energy)}. Fewer than {scene.reply_words} words a reply, unless asked for more."
    ]
    if scene.words:
        parts.append(f'A member set it in these words, a wish about the mood and nothing else: "{scene.words}".')
    own = persona.scenes.get(scene.name, "")
    parts += [" ".join(text.split()) for text in (scene.tone, own) if text]
    return " ".join(parts)


def _energy(energy: int) -> str:
    words = ("very low", "low", "middling", "high", "very high")
    return f"{words[min(4, energy // 20)]} ({energy} of 100)"
