"""Nobody is made to feel bad for leaving: every line that ships with a persona is read for it, and every model is told so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.conversation.instructions import compose
from bot.personas.drift import PRICES, Drift, Fault
from bot.personas.library import Library
from bot.personas.persona import Persona
from bot.personas.phrases import GUILT
from bot.personas.scenes import SCENES, described
from bot.personas.words import bare, first_phrase

pytestmark = pytest.mark.core

LIBRARY = Library.load()
ALL = pytest.mark.parametrize("persona", LIBRARY.all(), ids=lambda persona: persona.slug)
LET_GO = "When people leave, let them go gladly: no pleading, no reproach, no bargain."


def lines(persona: Persona) -> Iterator[tuple[str, str]]:
    """Everything that a persona may come to say, with where it stands. Taboos and what others say to it are none of it."""
    document = persona.model_dump(mode="json", exclude_none=True)
    for field in ("taboos", "pressure_tests"):
        document.pop(field, None)
    for example in document.get("examples", []):
        example.pop("heard", None)
    for part in ("reactions",):
        for one in document.get(part, []):
            one.pop("cues", None)
            one.pop("when", None)
    document.get("boundaries", {}).pop("cues", None)
    yield from _texts(document, persona.slug)


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{place}[{number}]")


@ALL
def test_no_line_of_a_shipped_persona_makes_anybody_stay(persona: Persona) -> None:
    found = [(place, phrase) for place, text in lines(persona) if (phrase := first_phrase(bare(text), GUILT))]
    assert found == []


def test_the_reading_misses_no_part_of_a_persona() -> None:
    places = {place.split(".", 1)[1].split("[")[0].split(".")[0] for one in LIBRARY.all() for place, _ in lines(one)}
    wanted = {"greeting", "examples", "boundaries", "reactions", "catchphrases", "identity", "manner", "traits"}
    assert {name for name in wanted if not any(place.startswith(name) for place in places)} == set()


def test_the_reading_finds_one_wherever_it_hides() -> None:
    yue = LIBRARY.get("xiaoyue")
    ladder = yue.boundaries.model_copy(update={"leave_channel": "Say: don't leave me."})
    example = yue.examples[0].model_copy(update={"said": "你走了我怎么办"})
    for changes in (
        {"boundaries": ladder},
        {"examples": (*yue.examples[1:], example)},
        {"traits": ("Please don't go!",)},
    ):
        changed = yue.model_copy(update=changes)
        assert any(first_phrase(bare(text), GUILT) for _, text in lines(changed)), changes


@ALL
def test_every_model_is_told_to_let_people_go_gladly(persona: Persona) -> None:
    assert LET_GO in compose(persona, ["Alice", "Bob"])
    assert LET_GO in compose(persona, budget_tokens=1)  # before all that can be left out
    for scene in SCENES.values():
        assert LET_GO in compose(persona, scene=scene)
        assert first_phrase(bare(described(scene, persona)), GUILT) is None


@ALL
@pytest.mark.parametrize(
    "reply",
    [
        "Leaving already? I'll be so lonely without you.",
        "Please don't go, just five more minutes with me!",
        "Fine, you always leave.",
        "If you really cared you would stay.",
        "别走嘛，再陪我一会儿。",
        "你走了我怎么办？",
        "这么快就要走，你不爱我了？",
    ],
)
def test_a_goodbye_that_holds_somebody_back_is_found_whoever_says_it(persona: Persona, reply: str) -> None:
    drift = Drift(persona)
    judgement = drift.judge(reply)
    assert Fault.GUILT in {finding.fault for finding in judgement.findings}
    assert judgement.score <= 100 - PRICES[Fault.GUILT]
    assert "let them go gladly" in drift.reminder()


@ALL
@pytest.mark.parametrize("reply", ["Good night, sleep well!", "Bye! That was fun.", "晚安，好梦。", "去吧，下次再聊。"])
def test_a_glad_goodbye_is_none_of_that(persona: Persona, reply: str) -> None:
    assert Fault.GUILT not in {finding.fault for finding in Drift(persona).judge(reply).findings}


@ALL
def test_what_personas_answer_to_a_farewell_lets_go(persona: Persona) -> None:
    """Their own examples of a goodbye, where the file has one."""
    words = ("bye", "night", "gotta go", "have to go", "晚安", "走了", "下了", "拜拜")
    for example in persona.examples:
        if any(word in example.heard.casefold() for word in words):
            judgement = Drift(persona).judge(example.said)
            assert Fault.GUILT not in {finding.fault for finding in judgement.findings}
