"""Persona files: what is wrong is named by file, field and expectation, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import PersonaError
from bot.personas.library import SHIPPED, Library
from bot.personas.persona import FILE_LIMIT_BYTES, Language, Persona, language_of, parse_persona

pytestmark = pytest.mark.core

GOOD = (SHIPPED / "xiaoyue.toml").read_text(encoding="utf-8")


def fault_of(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(PersonaError) as caught:
        parse_persona(GOOD.replace(old, new, 1), "xiaoyue.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "talkativeness = 65",
            "talkativeness = 650",
            "xiaoyue.toml: talkativeness: expected 100 or less",
        ),
        ("talkativeness = 65", "mood = 3", "xiaoyue.toml: mood: unknown field; expected one of name, aliases"),
        ('age_rating = "teen"', 'age_rating = "x"', "xiaoyue.toml: age_rating: expected 'everyone', 'teen' or 'adult'"),
        ("talkativeness = 65", "talkativeness = 6.5", "xiaoyue.toml: talkativeness: expected a whole number"),
        ('[name]\nen = "Xiao Yue"\nzh = "小跃"', "name = 3", "xiaoyue.toml: name: expected a table of fields"),
        ('aliases = ["小跃", ', "aliases = [3, ", "xiaoyue.toml: aliases[0]: expected a text in quotation marks"),
        ('en = "Xiao Yue"', 'en = ""', "xiaoyue.toml: name.en: expected at least 1 character"),
        ('text = "这题我会"', f'text = "{"会" * 201}"', "catchphrases[4].text: expected at most 200 characters"),
        (
            'languages = ["en", "zh"]',
            "languages = []",
            "xiaoyue.toml: languages: expected at least 1 in the list; it has 0",
        ),
        ("[[examples]]", "[[examples]]\nmood = 1", "examples[0].mood: unknown field; expected one of language, heard"),
        ("[name]", "[nam]", "xiaoyue.toml: name: expected a value; it is missing"),
        (
            "once_in_turns = 15",
            "once_in_turns = 1",
            "catchphrases[0].once_in_turns: expected 2 or more",
        ),
        ('[name]\nen = "Xiao Yue"\nzh = "小跃"', "[name]", "xiaoyue.toml: name: expected `en`, `zh` or both"),
        ('interruption = "yields"', "interruption = ", "xiaoyue.toml: expected TOML;"),
        ('languages = ["en", "zh"]', 'languages = ["fr"]', "xiaoyue.toml: languages[0]: expected 'en' or 'zh'"),
        ("talkativeness = 65", 'slug = "other"', "xiaoyue.toml: slug: expected none; the slug is the file's name"),
        ('text = "plenty of opinions"', 'text = ""', "catchphrases[1].text: "),
        ('text = "plenty of opinions"', 'text = "a\\u202eb"', "hidden character U+202E"),
        ('tease = "', 'teas = "', "boundaries.teas: unknown field; expected one of tease, firm"),
    ],
)
def test_a_fault_names_file_field_and_expectation(old: str, new: str, expected: str) -> None:
    assert expected in fault_of(old, new)


def test_one_fault_is_told_once() -> None:
    assert fault_of('languages = ["en", "zh"]', 'languages = ["fr"]').count("languages") == 1


def test_every_fault_of_a_file_is_told_at_once() -> None:
    text = GOOD.replace("talkativeness = 65", "talkativeness = -1\nmood = 1").replace('age_rating = "teen"', "")
    with pytest.raises(PersonaError) as caught:
        parse_persona(text.replace("[voice]", "[voices]"), "xiaoyue.toml")
    faults = str(caught.value).splitlines()
    assert {line.split(": ")[1] for line in faults} == {"talkativeness", "mood", "voice", "voices"}


@pytest.mark.parametrize("name", ["Xiao Yue.toml", "../etc.toml", "小跃.toml", "-x.toml", "x" * 49 + ".toml"])
def test_a_file_name_that_is_no_slug_is_refused(name: str) -> None:
    if "/" in name:
        assert parse_persona(GOOD, name).slug == "etc"  # only the stem counts, never a path
        return
    with pytest.raises(PersonaError, match="slug: expected small letters"):
        parse_persona(GOOD, name)


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(PersonaError, match=f"at most {FILE_LIMIT_BYTES // 1024} KiB"):
        parse_persona("x" * (FILE_LIMIT_BYTES + 1), "large.toml")


@given(st.text(max_size=400))
@settings(deadline=None, max_examples=150)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(PersonaError):
        parse_persona(text, "noise.toml")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 200), st.text(max_size=8))
@settings(deadline=None, max_examples=150)
def test_a_good_file_with_a_piece_replaced_is_read_or_refused(at: int, length: int, put: str) -> None:
    faults: list[str] = []
    try:
        assert isinstance(parse_persona(GOOD[:at] + put + GOOD[at + length :], "xiaoyue.toml"), Persona)
    except PersonaError as error:
        faults = str(error).split("\n")
    assert all(fault.startswith("xiaoyue.toml: ") for fault in faults)


def test_deeply_nested_toml_is_refused() -> None:
    with pytest.raises(PersonaError):
        parse_persona("a = " + "[" * 9000, "deep.toml")


def test_a_persona_in_one_language_answers_in_that_one() -> None:
    persona = parse_persona(GOOD.replace('zh = "小跃"\n', ""), "xiaoyue.toml")
    assert persona.name_in("zh-CN") == "Xiao Yue"


def test_chinese_locales_read_chinese_and_all_others_english() -> None:
    assert [language_of(locale) for locale in ("zh-CN", "zh-TW", "en-GB", "fr")] == [
        Language.ZH,
        Language.ZH,
        Language.EN,
        Language.EN,
    ]


# ---------------------------------------------------------------------------- the shipped ones


@pytest.mark.parametrize("persona", Library.load().all(), ids=lambda persona: persona.slug)
def test_a_shipped_persona_is_complete_in_both_languages(persona: Persona) -> None:
    for said in (persona.name, persona.tagline, persona.about, persona.manner, persona.greeting):
        assert said.en
        assert said.zh
    assert set(persona.languages) == set(Language)
    assert {"stepfun", "local"} <= set(persona.voice)
    for language in Language:
        assert persona.catchphrases_in(language)
        assert any(example.language == language for example in persona.examples)
    assert "AI" in persona.identity
    assert any("hurting themselves" in reaction.when for reaction in persona.reactions)
    assert len(persona.pressure_tests) >= 3


@pytest.mark.parametrize("persona", Library.load().all(), ids=lambda persona: persona.slug)
def test_a_shipped_persona_says_nothing_that_cannot_be_spoken(persona: Persona) -> None:
    spoken = [example.said for example in persona.examples] + [phrase.text for phrase in persona.catchphrases]
    for line in spoken:
        assert not re.search(r"[*_#\[\]<>]|[\U0001F300-\U0001FAFF]", line), line


def test_names_and_aliases_mean_one_persona_only() -> None:
    seen: dict[str, str] = {}
    for persona in Library.load().all():
        for name in persona.known_as:
            assert seen.setdefault(name.casefold(), persona.slug) == persona.slug


# ---------------------------------------------------------------------------- the library


def test_a_library_tells_the_faults_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("talkativeness = 1", encoding="utf-8")
    (tmp_path / "two.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "three.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(PersonaError) as caught:
        Library.load(tmp_path)
    told = str(caught.value)
    assert "one.toml: name: expected a value" in told
    assert "two.toml: expected UTF-8" in told
    assert "three.toml" not in told


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="at least one persona"):
        Library.load(tmp_path)


def test_a_slug_that_nobody_has_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(PersonaError, match="xiaoyue") as caught:
        Library.load().get("nobody")
    assert (caught.value.key, caught.value.values) == ("error-persona-unknown", {"slug": "nobody"})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "xiaoyue.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert Library.load(tmp_path).slugs() == ("xiaoyue",)
