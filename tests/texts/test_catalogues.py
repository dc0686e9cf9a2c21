"""The catalogues: complete in both languages, complete against the code, and safe with what strangers put into them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax import ast as ftl
from fluent.syntax.visitor import Visitor
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.texts
from bot.errors import ModelFault, VoiceFault
from bot.texts import CHINESE, ENGLISH, LOCALES, VALUE_LIMIT, Texts, clean
from cogs.settings_words import settings_keys

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[2]
KEYS_IN_CODE = re.compile(
    r"(?:error|command|option|panel|consent|status|persona|room|say|leave|join|notice|language"
    r"|memory|recap|privacy|settings|budget|tool|reminder|record|trust|provenance)(?:-[a-z]+)+"
)
MADE_OF_PARTS = {
    *(f"error-voice-{fault}" for fault in VoiceFault),
    *(f"error-model-{fault}" for fault in ModelFault),
    *(f"panel-{name}" for name in ("allow", "stop", "explain")),
    *settings_keys(),
    "language-en",
    "language-zh",
    "model-local",
    "panel",
    "notice",
}


class _Placeables(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: ftl.VariableReference) -> None:
        self.names.add(node.id.name)


def catalogue(locale: str) -> ftl.Resource:
    files = sorted((Path(bot.texts.__file__).parent / locale).glob("*.ftl"))
    return FluentParser().parse("\n".join(path.read_text(encoding="utf-8") for path in files))


def placeables(locale: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in catalogue(locale).body:
        if isinstance(entry, ftl.Message):
            visitor = _Placeables()
            visitor.visit(entry)
            assert entry.id.name not in found, f"{entry.id.name} stands twice in {locale}"
            found[entry.id.name] = visitor.names
    return found


def keys_used() -> set[str]:
    used = set(MADE_OF_PARTS)
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEYS_IN_CODE.fullmatch(node.value):
                used.add(node.value)
    return used


@pytest.mark.parametrize("locale", LOCALES)
def test_every_entry_can_be_parsed(locale: str) -> None:
    """Fluent skips what it cannot parse: a line that begins with `*`, `[` or `.` loses its whole sentence."""
    junk = [entry.content for entry in catalogue(locale).body if isinstance(entry, ftl.Junk)]
    assert junk == []


def test_both_catalogues_have_the_same_keys_with_the_same_placeables() -> None:
    assert placeables(ENGLISH) == placeables(CHINESE)


def test_every_key_of_the_code_is_in_the_catalogues() -> None:
    assert keys_used() - set(placeables(ENGLISH)) == set()


def test_every_key_of_the_catalogues_is_used() -> None:
    assert set(placeables(ENGLISH)) - keys_used() == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_sentence_can_be_said_and_fits_a_message(locale: str) -> None:
    for key, names in placeables(locale).items():
        for count in (0, 1, 5):
            values: dict[str, str | float] = dict.fromkeys(names, "x" * 60)
            values |= {name: count for name in ("count", "turns", "seconds") if name in names}
            sentence = Texts().say(locale, key, **values)
            assert sentence
            assert len(sentence) <= 2000, key
            assert "{" not in sentence


@pytest.mark.parametrize("locale", LOCALES)
def test_command_names_and_descriptions_are_what_discord_takes(locale: str) -> None:
    for key in placeables(locale):
        if not key.startswith(("command-", "option-")):
            continue
        text = Texts().say(locale, key)
        if key.endswith("-description"):
            assert 1 <= len(text) <= 100, key
        else:
            assert re.fullmatch(r"[-_\w]{1,32}", text), key
            assert text == text.lower()


@pytest.mark.parametrize("key", ["panel-allow", "panel-stop", "panel-explain"])
def test_button_labels_fit(key: str) -> None:
    assert all(len(Texts().say(locale, key)) <= 80 for locale in LOCALES)


def test_chinese_locales_read_chinese_and_unknown_ones_english() -> None:
    texts = Texts()
    assert texts.say("zh-TW", "panel-allow") == texts.say("zh-CN", "panel-allow") != texts.say("en", "panel-allow")
    assert texts.say("xx", "panel-allow") == texts.say("en-US", "panel-allow")


def test_a_missing_key_or_value_is_a_bug_and_says_so() -> None:
    with pytest.raises(LookupError):
        Texts().say("en", "no-such-key")
    with pytest.raises(LookupError):
        Texts().say("en", "panel", channel="Lounge")


def test_a_value_cannot_bring_markdown_hidden_characters_or_lines() -> None:
    shown = Texts().say("en", "persona-used", name="**x**\u202e\n# y", tagline="<@1> [a](b)")
    assert shown == r"I am **\*\*x\*\* # y** now. \<@1\> \[a\](b)"


def test_chinese_punctuation_of_a_value_stays_chinese() -> None:
    assert clean("慢慢聊，不着急：好。") == "慢慢聊，不着急：好。"


@given(st.text(max_size=600))
@settings(deadline=None, max_examples=100)
def test_a_cleaned_value_is_short_and_on_one_line(value: str) -> None:
    cleaned = clean(value)
    assert "\n" not in cleaned
    assert len(cleaned) <= 2 * VALUE_LIMIT
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_`~|<>\[\]]", cleaned)
