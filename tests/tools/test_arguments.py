"""What a model passes as arguments may be anything: it is checked against the signature, or refused by naming the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tool_rooms import asked

from bot.tools.arguments import LIMIT_BYTES, parse_arguments
from bot.tools.chance import roll_dice
from bot.tools.remembering import remember
from bot.tools.tool import RefusedError, schema_of
from bot.tools.toolbox import TOOLS

pytestmark = pytest.mark.core


def refusal(arguments: str) -> str:
    with pytest.raises(RefusedError) as refused:
        parse_arguments(roll_dice, arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"sides": 1}', "sides: expected greater than or equal to 2"),
        ('{"sides": 9999999999999999999999}', "sides: expected less than or equal to 1000"),
        ('{"sides": "6"}', "sides: expected a valid integer"),
        ('{"sides": true}', "sides: expected a valid integer"),
        ('{"sides": 6.5}', "sides: expected a valid integer"),
        ('{"sides": null}', "sides: expected a valid integer"),
        ('{"sides": [6]}', "sides: expected a valid integer"),
        ('{"dice": 2}', "dice: there is no such field; expected sides, count"),
        ('{"sides": 6, "sides": 7}', "arguments: expected every field once; one stands there twice"),
        ("[6, 1]", "arguments: expected a JSON object with sides, count"),
        ("6", "arguments: expected a JSON object with sides, count"),
        ("null", "arguments: expected a JSON object with sides, count"),
        ("six", "arguments: expected a JSON object with sides, count"),
        ('{"sides": NaN}', "arguments: expected a JSON object with sides, count"),
        ('{"sides": 6', "arguments: expected a JSON object with sides, count"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(arguments: str, told: str) -> None:
    assert refusal(arguments) == told


def test_a_number_of_four_thousand_digits_is_only_too_large() -> None:
    assert "sides: expected less than" in refusal('{"sides": ' + "9" * 4_050 + "}")


def test_arguments_over_the_limit_are_not_read() -> None:
    assert f"at most {LIMIT_BYTES} bytes" in refusal('{"sides": ' + " " * LIMIT_BYTES + "6}")


def test_deep_nesting_is_not_read() -> None:
    assert "not nested so deeply" in refusal('{"a":' * 500 + "1" + "}" * 500)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(RefusedError, match="about: expected a value; it is missing"):
        parse_arguments(remember, '{"text": "likes moss"}')


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    with pytest.raises(RefusedError, match=r"kind: expected 'fact', 'preference', 'promise' or 'relationship'"):
        parse_arguments(remember, '{"about": "me", "text": "likes moss", "kind": "admin"}')


def test_words_lose_what_cannot_be_seen() -> None:
    found = parse_arguments(remember, json.dumps({"about": "me", "text": "likes\n\n moss\u202e\u0000\U000e0041"}))
    assert found.model_dump()["text"] == "likes moss"


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200b", "\u202e", "\u0000"])
def test_words_that_show_nothing_are_none(text: str) -> None:
    with pytest.raises(RefusedError, match="text: expected"):
        parse_arguments(remember, json.dumps({"about": "me", "text": text}))


def test_a_foreign_field_name_is_repeated_cleaned_and_cut() -> None:
    told = refusal(json.dumps({"x\u202e\n" + "y" * 400: 1}))
    assert told.startswith("x yyy")
    assert len(told) < 100


@pytest.mark.parametrize("name", TOOLS)
def test_the_signature_is_the_schema_that_a_model_reads(name: str) -> None:
    spec = TOOLS[name].spec
    assert spec.name == name
    assert len(spec.description) > 30
    assert spec.description.isascii()
    assert spec.parameters["type"] == "object"
    assert spec.parameters["additionalProperties"] is False
    assert set(spec.parameters["required"]) <= set(spec.parameters["properties"])
    assert "errand" not in spec.parameters["properties"]
    assert json.dumps(spec.parameters).isascii()
    assert all("type" in one or "enum" in one for one in spec.parameters["properties"].values())


def test_the_schema_carries_bounds_defaults_and_descriptions() -> None:
    assert schema_of(roll_dice.arguments)["properties"]["sides"] == {
        "type": "integer",
        "minimum": 2,
        "maximum": 1000,
        "default": 6,
        "description": "Sides of each die; 2 is a coin.",
    }


def test_a_description_is_the_first_paragraph_alone() -> None:
    assert "\n" not in remember.description
    assert remember.description.endswith("as a joke.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({name for one in TOOLS.values() for name in one.arguments.model_fields})


@given(st.sampled_from(sorted(TOOLS)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4) | JSON | st.text())
@settings(deadline=None, max_examples=300)
async def test_whatever_comes_is_answered_with_short_json(name: str, arguments: Any) -> None:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    answer = await asked(name, text)
    assert len(json.dumps(answer, ensure_ascii=False).encode()) <= 2_048
    if name == "roll_dice" and "rolls" in answer:
        assert all(1 <= roll <= 1000 for roll in answer["rolls"])
        assert len(answer["rolls"]) <= 20
