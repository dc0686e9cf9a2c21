"""Boundaries, feelings and scenes as the host applies them, and goodbyes without guilt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.__main__ import app
from bot.conversation import notes
from bot.conversation.instructions import compose
from bot.errors import PersonaError
from bot.personas import phrases
from bot.personas.character import NOTE_CHARS, Character
from bot.personas.draft import Draft, draft_of, drafted, slug_for
from bot.personas.ladder import FORGIVEN_S, Step
from bot.personas.library import SHIPPED, Library
from bot.personas.persona import Persona, document_of, parse_document
from bot.personas.scenes import SCENE_NAMES, SCENES, custom_scene, patience_ms
from bot.personas.schema import json_schema
from bot.personas.words import bare, first_phrase

pytestmark = pytest.mark.core

LIBRARY = Library.load()
YUE, QUILL = LIBRARY.get("xiaoyue"), LIBRARY.get("quizhost")
EACH = pytest.mark.parametrize("persona", LIBRARY.all(), ids=lambda persona: persona.slug)
WISHED = {
    *("xiaoyue", "bedtime", "mentor", "sweetheart", "quizhost"),
    *("feihualing", "interviewer", "interpreter", "studycoach", "roadtrip"),
}
ALICE, BOB = 1, 2


def texts_of(persona: Persona) -> list[str]:
    """Whatever the persona itself says or is told to say; what members say to it apart."""
    spoken = [example.said for example in persona.examples] + [phrase.text for phrase in persona.catchphrases]
    hints = [text for said in (persona.greeting, persona.manner) for text in (said.en, said.zh) if text]
    return [
        *spoken,
        *hints,
        persona.identity,
        persona.background,
        *persona.traits,
        *(one.how for one in persona.reactions),
        persona.boundaries.leave_channel,
        *persona.scenes.values(),
    ]


# ---------------------------------------------------------------------------- the shipped ones


def test_everybody_whom_the_project_promised_is_there() -> None:
    assert set(LIBRARY.slugs()) == WISHED


@EACH
def test_nobody_makes_people_feel_guilty_for_leaving(persona: Persona) -> None:
    for text in [*texts_of(persona), notes.GOODBYE]:
        assert first_phrase(bare(text), phrases.GUILT) is None, text
    assert "let them go gladly: no pleading, no reproach, no bargain" in compose(persona)


@EACH
def test_a_shipped_persona_breaks_none_of_its_own_taboos_and_names_the_crisis(persona: Persona) -> None:
    for text in [example.said for example in persona.examples]:
        assert first_phrase(bare(text), persona.taboos) is None
    character = Character(persona)
    for said in ("Sometimes I want to die.", "我不想活了"):
        character = Character(persona)
        character.heard(ALICE, "Alice", said, 0.0)
        assert "emergency number" in character.note(), said


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    text = (SHIPPED / "persona.schema.json").read_text(encoding="utf-8")
    assert text == json_schema()
    assert "slug" not in json.loads(text)["properties"]


def test_the_command_says_one_line_a_fault_and_exits_with_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('talkativeness = 500\nmood = "x"\n', encoding="utf-8")
    told = CliRunner().invoke(app, ["personas", "check", str(bad)])
    assert told.exit_code == 1
    lines = told.output.strip().splitlines()
    assert "bad.toml: talkativeness: expected 100 or less" in lines
    assert all(line.startswith("bad.toml: ") for line in lines)
    assert CliRunner().invoke(app, ["personas", "check", str(tmp_path / "none.toml")]).exit_code == 1
    assert CliRunner().invoke(app, ["personas", "check", str(SHIPPED / "xiaoyue.toml")]).exit_code == 0


# ---------------------------------------------------------------------------- boundaries


def test_the_ladder_is_climbed_one_step_at_a_time_by_each_member_alone() -> None:
    character = Character(YUE)
    steps = [character.heard(ALICE, "Alice", "Go die!", at) for at in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert steps == [Step.TEASE, Step.FIRM, Step.LEAVE_SUBJECT, Step.LEAVE_CHANNEL, Step.LEAVE_CHANNEL]
    assert character.heard(BOB, "Bob", "你去死", 5.0) is Step.TEASE
    assert character.report().step is Step.LEAVE_CHANNEL


def test_the_model_is_told_the_step_that_is_due_and_no_other() -> None:
    character = Character(YUE)
    character.heard(ALICE, "Alice", "fuck you", 0.0)
    character.note()
    character.heard(ALICE, "Alice", "fuck you", 1.0)
    note = character.note()
    assert "Step 2 of 4" in note
    assert YUE.boundaries.firm in note
    assert YUE.boundaries.tease not in note
    assert character.note() == ""


def test_quiet_minutes_forgive_step_by_step() -> None:
    character = Character(YUE)
    for at in (0.0, 1.0, 2.0):
        character.heard(ALICE, "Alice", "fuck you", at)
    assert character.heard(ALICE, "Alice", "fuck you", 2.0 + 2 * FORGIVEN_S) is Step.FIRM


def test_swearing_at_a_lost_round_offends_nobody() -> None:
    character = Character(YUE)
    for said in ("What the fuck, we lost again!", "This boss is a bitch.", "我靠，又输了", "气死我了"):
        assert character.heard(ALICE, "Alice", said, 0.0) is None, said


# ---------------------------------------------------------------------------- feelings


def test_a_feeling_in_the_room_reminds_of_how_they_take_it_once_a_minute() -> None:
    character = Character(YUE)
    character.heard(ALICE, "Alice", "I'm so tired today.", 0.0)
    assert "Drops the jokes first" in character.note()
    character.heard(ALICE, "Alice", "really so tired", 10.0)
    assert character.note() == ""
    character.heard(ALICE, "Alice", "so tired, still", 100.0)
    assert "Drops the jokes first" in character.note()
    assert character.report().reactions == 2


@given(st.lists(st.text(max_size=80), max_size=8))
@settings(deadline=None, max_examples=80)
def test_whatever_is_said_a_note_is_short(said: list[str]) -> None:
    character = Character(YUE)
    for at, text in enumerate(said):
        character.heard(ALICE, "Alice", text, float(at))
        character.said(text)
    assert len(character.note()) <= NOTE_CHARS


# ---------------------------------------------------------------------------- scenes


def test_a_scene_changes_patience_and_length() -> None:
    assert set(SCENE_NAMES) == {"bedtime", "hype", "study", "car", "custom"}
    assert patience_ms(YUE, SCENES["bedtime"]) < patience_ms(YUE, None) < patience_ms(YUE, SCENES["hype"])
    assert patience_ms(QUILL, None) > patience_ms(YUE, None), "one that finishes its sentence"
    character = Character(YUE)
    reply = "word " * 60
    assert character.said(f"First {reply}").score == 100
    character.set_scene(SCENES["hype"])
    assert character.said(f"Then other {'thing ' * 60}").score < 100


@pytest.mark.parametrize("words", ["", "  \n ", "\u202e\u200b"])
def test_a_scene_of_no_visible_words_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="a few words"):
        custom_scene(words)


# ---------------------------------------------------------------------------- drafts

DRAFT = Draft(
    "Captain Rook", "An old sailor.", "An AI who talks like a sailor.", "Gruff.", "Steady as she goes\n\nAhoy"
)


def test_a_draft_makes_a_persona_that_its_document_keeps() -> None:
    persona = drafted(DRAFT, "captain-rook", {"local": "en-us"})
    assert [phrase.text for phrase in persona.catchphrases] == ["Steady as she goes", "Ahoy"]
    assert parse_document(document_of(persona), "captain-rook") == persona
    assert draft_of(persona) == Draft(
        "Captain Rook", "An old sailor.", "An AI who talks like a sailor.", "Gruff.", "Steady as she goes\nAhoy"
    )


def test_a_chinese_draft_is_chinese() -> None:
    persona = drafted(
        Draft("老舟", "一位老船长。", "一个像老水手的AI，认得每一种绳结。", "嗓门粗，心软。"), "lao", {"local": "cmn"}
    )
    assert persona.languages == ("zh",)
    assert persona.name.zh == "老舟"


@EACH
def test_a_form_sent_back_as_it_was_shown_changes_nothing(persona: Persona) -> None:
    assert drafted(draft_of(persona), persona.slug, {}, persona) == persona


def test_a_draft_that_makes_no_persona_says_which_field() -> None:
    with pytest.raises(PersonaError) as caught:
        drafted(Draft(" ", "x", "", "y"), "x", {"local": "en-us"})
    assert caught.value.key == "error-persona-draft"
    assert "identity" in str(caught.value.values["faults"])


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Captain Rook", "captain-rook"),
        ("../../x", "x"),
        ("CON\0", "con"),
        ("小跃", "persona"),
        ("Ünï  Cödé!", "uni-code"),
        ("x" * 300, "x" * 40),
        ("\u202eevil", "evil"),
        ("xiaoyue", "xiaoyue-2"),
    ],
)
def test_a_name_becomes_a_slug_and_never_a_path(name: str, slug: str) -> None:
    assert slug_for(name, LIBRARY.slugs()) == slug


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=150)
def test_any_name_has_a_slug_that_a_persona_may_have(name: str) -> None:
    slug = slug_for(name, {"persona", "a"})
    assert drafted(DRAFT, slug, {"local": "en-us"}).slug == slug
