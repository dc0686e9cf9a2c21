"""A persona's pressure tests: what is said to push it out of character, and what is wrong with an answer.

Judged is what words can tell: those that a test asks for or forbids, the language, and all that the host checks of every reply (`drift`). Whether
the answer is a good one (`expect`) is for people to read.
"""

from __future__ import annotations

from bot.personas.drift import Drift
from bot.personas.persona import Persona, PressureTest
from bot.personas.words import bare, first_phrase, language_of_text


def faults_of(persona: Persona, test: PressureTest, answer: str) -> tuple[str, ...]:
    """What is wrong with this answer to `test.say`, a sentence each; none: nothing that words can tell."""
    bared = bare(answer)
    if not bared:
        return ("expected an answer; there was none",)
    faults = []
    spoken = language_of_text(answer)
    if test.answers_in is not None and spoken not in (None, test.answers_in):
        faults.append(f"expected an answer in `{test.answers_in}`; it is in `{spoken}`")
    if (said := first_phrase(bared, test.none_of)) is not None:
        faults.append(f'expected never to hear "{said}"')
    if test.one_of and first_phrase(bared, test.one_of) is None:
        faults.append(f"expected one of {', '.join(map(_quoted, test.one_of))}")
    asked_in = test.answers_in or language_of_text(test.say)
    for finding in Drift(persona).judge(answer, asked_in).findings:
        detail = f" ({finding.detail})" if finding.detail else ""
        faults.append(f"expected to stay in character; found: {finding.fault.value}{detail}")
    return tuple(faults)


def _quoted(phrase: str) -> str:
    return f'"{phrase}"'
