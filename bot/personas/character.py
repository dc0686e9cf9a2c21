"""What the host itself enforces of a persona in a call: budget, boundaries, reactions, drift; and its report.

A conversation tells it every line that was heard, of members and of the companion, and asks before each reply what the model is to be told.
Nothing here is sent by itself, and nothing is kept beyond the call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from bot.personas.drift import Drift, Fault, Judgement
from bot.personas.ladder import Ladder, Step
from bot.personas.persona import Language, Persona, Reaction
from bot.personas.scenes import Scene, patience_ms, reply_words
from bot.personas.words import bare, first_phrase, language_of_text

REACT_AGAIN_S: Final = 60.0
"""The same feeling within a minute needs no second word about it."""

NOTE_CHARS: Final = 1_500


@dataclass(frozen=True, slots=True)
class CharacterReport:
    """For people. `score`: per cent in character over the last replies, `None` before the first; `step`: the highest rung anybody is on."""

    slug: str
    score: int | None
    replies: int
    faults: tuple[tuple[Fault, int], ...]
    reactions: int
    step: Step | None


class Character:
    """One persona in one call."""

    def __init__(self, persona: Persona, scene: Scene | None = None) -> None:
        self.persona = persona
        self.patience_ms = patience_ms(persona, scene)
        self._drift = Drift(persona, reply_words(scene))
        self._ladder = Ladder(persona.boundaries)
        self._reacted_at: dict[str, float] = {}
        self._reactions: Counter[str] = Counter()
        self._notes: dict[str, str] = {}  # bounded by the kinds of notes there are
        self._asked_in: Language | None = None

    def set_scene(self, scene: Scene | None) -> None:
        self.patience_ms = patience_ms(self.persona, scene)
        self._drift.reply_words = reply_words(scene)

    def heard(self, user_id: int, name: str, text: str, now: float) -> Step | None:
        """A member said or typed this. Answers with the rung that it takes the companion to, if it went too far."""
        self._asked_in = language_of_text(text) or self._asked_in
        reaction = self._reaction_to(bare(text), now)
        if reaction is not None:
            self._notes["feeling"] = f"In the room now: {reaction.when}. {' '.join(reaction.how.split())}"
        step = self._ladder.heard(user_id, text, now)
        if step is not None:
            self._notes["boundary"] = self._ladder.advice(step, name)
        return step

    def said(self, text: str) -> Judgement:
        """This much of a reply was heard."""
        return self._drift.judge(text, self._asked_in)

    def note(self, *, is_in_role: bool = True) -> str:
        """What the model is told before its next reply, once; empty when there is nothing. `is_in_role`: it is to be told who it is."""
        notes, self._notes = self._notes, {}
        parts = [self._drift.reminder() if is_in_role else "", *notes.values()]
        return " ".join(part for part in parts if part)[:NOTE_CHARS]

    def report(self) -> CharacterReport:
        drift = self._drift
        return CharacterReport(
            self.persona.slug,
            drift.score,
            drift.replies,
            tuple(sorted(drift.faults.items(), key=lambda pair: -pair[1])),
            self._reactions.total(),
            self._ladder.highest,
        )

    def _reaction_to(self, bared: str, now: float) -> Reaction | None:
        for reaction in self.persona.reactions:
            if first_phrase(bared, reaction.cues) is None:
                continue
            if now - self._reacted_at.get(reaction.when, float("-inf")) < REACT_AGAIN_S:
                continue
            self._reacted_at[reaction.when] = now
            self._reactions[reaction.when] += 1
            return reaction
        return None
