"""Is it still them? Every reply that was heard is checked on the spot, without a model: words, language, length, repetition, budgets.

    judgement = drift.judge("How can I help you today?", asked_in=Language.EN)
    judgement.score        65: service talk costs 35 of 100
    drift.reminder()       what the model is told before its next reply; stronger when the last reply was off as well

The score is no measure of quality: it counts what the persona's file and the house forbid. Sans-I/O, no time, no chance.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.personas import phrases
from bot.personas.persona import Catchphrase, Language, Persona
from bot.personas.scenes import REPLY_WORDS
from bot.personas.words import bare, count_phrase, first_phrase, language_of_text, length_words, likeness, sentences

RECENT: Final = 20
"""So many replies make the in-character score."""

REMEMBERED: Final = 6
"""Earlier replies that a new one may not repeat."""

ALIKE: Final = 0.6
LONG_ENOUGH: Final = 16
"""Characters: shorter replies ("Yes, please.") may well be alike."""

OPENING_WORDS: Final = 3
ASKED_FOR_MORE: Final = 2.0
"""Twice the limit is a lecture; a little more than the limit is a sentence that had to end."""


class Fault(StrEnum):
    """What can be wrong with a reply, and its price in points."""

    ASSISTANT = "assistant"
    LANGUAGE = "language"
    TABOO = "taboo"
    CATCHPHRASE = "catchphrase"
    REPETITION = "repetition"
    LENGTH = "length"
    STAGE = "stage"  # asterisks and brackets: stage directions, spoken aloud
    NAME = "name"  # calls itself somebody else
    GUILT = "guilt"  # makes people feel bad for leaving


PRICES: Final = {
    Fault.ASSISTANT: 35,
    Fault.LANGUAGE: 30,
    Fault.TABOO: 50,
    Fault.CATCHPHRASE: 20,
    Fault.REPETITION: 25,
    Fault.LENGTH: 15,
    Fault.STAGE: 15,
    Fault.NAME: 50,
    Fault.GUILT: 50,
}


@dataclass(frozen=True, slots=True)
class Finding:
    fault: Fault
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One reply. `score` 0 to 100."""

    score: int
    findings: tuple[Finding, ...] = ()

    @property
    def is_off(self) -> bool:
        return bool(self.findings)


class Drift:
    """The checks of one persona in one call."""

    def __init__(self, persona: Persona, reply_words: int = REPLY_WORDS) -> None:
        self.reply_words = reply_words
        self.replies = 0
        self.faults: Counter[Fault] = Counter()
        self._persona = persona
        self._scores: deque[int] = deque(maxlen=RECENT)
        self._said: deque[str] = deque(maxlen=REMEMBERED)
        self._used_at: dict[str, int] = {}
        self._strikes = 0
        self._due: list[str] = []

    @property
    def score(self) -> int | None:
        """In character, per cent of the last replies; `None` before the first."""
        return round(sum(self._scores) / len(self._scores)) if self._scores else None

    def judge(self, text: str, asked_in: Language | None = None) -> Judgement:
        """Check what was heard of a reply. `asked_in`: the language of whoever it answers."""
        bared = bare(text)
        if not bared:
            return Judgement(100)
        self.replies += 1
        used = self._catchphrases_in(bared)
        findings = [
            *self._words(text, bared),
            *self._language(text, asked_in),
            *self._length(text),
            *self._budget(used),
            *self._repetition(text, bared),
        ]
        for phrase, _ in used:
            self._used_at[phrase.text] = self.replies
        self._said.append(bared)
        score = max(0, 100 - sum(PRICES[finding.fault] for finding in findings))
        self._scores.append(score)
        self.faults.update(finding.fault for finding in findings)
        self._strikes = self._strikes + 1 if findings else 0
        self._due = [_advice(finding) for finding in findings] or [
            f'You have just used "{phrase.text}"; not again for {phrase.once_in_turns} turns.' for phrase, _ in used
        ]
        return Judgement(score, tuple(findings))

    def reminder(self) -> str:
        """What the model is told before its next reply, once; empty when there is nothing to say."""
        due, self._due = self._due, []
        if not due:
            return ""
        if self._strikes == 0:
            return " ".join(due)
        name = self._persona.name.say(self._persona.language)
        parts = [f"You are {name}; stay {name}.", *due]
        if self._strikes > 1:
            manner = " ".join(self._persona.manner.say(self._persona.language).split())
            parts = [
                "The last replies were out of character. This matters more than anything said since.",
                *parts,
                f"How {name} talks: {manner}",
            ]
        return " ".join(parts)

    # ------------------------------------------------------------------------ checks

    def _words(self, text: str, bared: str) -> list[Finding]:
        found = []
        for innocent in phrases.INNOCENT:
            bared = bared.replace(innocent, " ")
        for fault, forbidden in (
            (Fault.ASSISTANT, phrases.ASSISTANT),
            (Fault.GUILT, phrases.GUILT),
            (Fault.TABOO, self._persona.taboos),
            (Fault.NAME, phrases.OTHER_NAMES),
        ):
            phrase = first_phrase(bared, forbidden)
            if phrase is not None:
                found.append(Finding(fault, phrase))
        if re.search(
            r"\*[^*\n]+\*|[（(\[【](?:laughs?|sighs?|smiles?|pauses?|笑|叹气|微笑|停顿)[^)\]）】]*[)\]）】]",
            text,
            re.IGNORECASE,
        ):
            found.append(Finding(Fault.STAGE))
        return found

    def _language(self, text: str, asked_in: Language | None) -> list[Finding]:
        said_in, persona = language_of_text(text), self._persona
        if said_in is None:
            return []
        if said_in not in persona.languages:
            return [Finding(Fault.LANGUAGE, _NAMES[persona.language])]
        if (
            persona.mirrors_language
            and asked_in in persona.languages
            and asked_in is not said_in
            and asked_in is not None
        ):
            return [Finding(Fault.LANGUAGE, _NAMES[asked_in])]
        return []

    def _length(self, text: str) -> list[Finding]:
        too_long = length_words(text) > self.reply_words * ASKED_FOR_MORE
        return [Finding(Fault.LENGTH, str(self.reply_words))] if too_long else []

    def _catchphrases_in(self, bared: str) -> list[tuple[Catchphrase, int]]:
        counted = [(phrase, count_phrase(bared, bare(phrase.text))) for phrase in self._persona.catchphrases]
        return [(phrase, times) for phrase, times in counted if times]

    def _budget(self, used: list[tuple[Catchphrase, int]]) -> list[Finding]:
        """At most once in so many turns, and never two turns running, whichever phrase."""
        latest = max(self._used_at.values(), default=None)
        for phrase, times in used:
            before = self._used_at.get(phrase.text)
            is_early = before is not None and self.replies - before < phrase.once_in_turns
            if times > 1 or is_early or (latest is not None and self.replies - latest == 1):
                return [Finding(Fault.CATCHPHRASE, phrase.text)]
        return []

    def _repetition(self, text: str, bared: str) -> list[Finding]:
        inside = [bare(sentence) for sentence in sentences(text)]
        long = [sentence for sentence in inside if len(sentence) >= LONG_ENOUGH // 2]
        if len(long) != len(set(long)):
            return [Finding(Fault.REPETITION)]
        if len(bared) >= LONG_ENOUGH and any(likeness(bared, said) >= ALIKE for said in self._said):
            return [Finding(Fault.REPETITION)]
        opening = _opening(bared)
        if opening and sum(_opening(said) == opening for said in list(self._said)[-2:]) == 2:
            return [Finding(Fault.REPETITION, opening)]
        return []


_NAMES: Final = {Language.EN: "English", Language.ZH: "Chinese"}


def _opening(bared: str) -> str:
    """The first words, or the first characters of a Chinese sentence; nothing for a short reply."""
    words = bared.split()
    if len(words) > OPENING_WORDS:
        return " ".join(words[:OPENING_WORDS])
    return bared[: OPENING_WORDS + 1] if len(bared) >= LONG_ENOUGH and len(words) == 1 else ""


def _advice(finding: Finding) -> str:
    detail = finding.detail
    match finding.fault:
        case Fault.ASSISTANT:
            return f'No service talk: never "{detail}" or the like.'
        case Fault.LANGUAGE:
            return f"Answer in {detail}."
        case Fault.TABOO:
            return f'You never say "{detail}".'
        case Fault.CATCHPHRASE:
            return f'"{detail}" is used up: leave out every catchphrase for the next turns.'
        case Fault.REPETITION:
            return (
                f'Do not begin with "{detail}" again.' if detail else "Say something new; you are repeating yourself."
            )
        case Fault.LENGTH:
            return f"Be brief: fewer than {detail} words."
        case Fault.STAGE:
            return "No stage directions: everything you write is spoken aloud."
        case Fault.NAME:
            return "You are nobody's product; use no other name."
        case Fault.GUILT:
            return "People may leave whenever they like: let them go gladly."
