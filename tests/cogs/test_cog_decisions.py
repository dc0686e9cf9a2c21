"""What cogs decide and say, as values: permissions, lists, status, translations."""

from __future__ import annotations

import pytest
from discord import Locale
from discord.app_commands import locale_str

from bot.conversation.calls import CallStatus
from bot.conversation.events import TurnMeasured
from bot.personas.library import Library
from bot.texts import Texts
from cogs.permissions import may_choose_persona
from cogs.persona import about, choices, list_of
from cogs.status import describe
from cogs.wording import CatalogueTranslator, worded

pytestmark = pytest.mark.core

TEXTS = Texts()
PERSONAS = Library.load().all()
SLUGS = Library.load().slugs()


@pytest.mark.parametrize(
    ("manages", "roles", "managers", "expected"),
    [
        (True, set(), set(), True),
        (False, set(), set(), False),
        (False, {1, 2}, {2}, True),
        (False, {1}, {2}, False),
        (False, {1}, set(), False),
    ],
)
def test_managers_of_the_server_and_named_roles_choose_the_persona(
    manages: bool, roles: set[int], managers: set[int], expected: bool
) -> None:
    assert may_choose_persona(manages, roles, managers) is expected


def test_the_list_has_a_line_for_each_persona_and_marks_the_present_one() -> None:
    lines = list_of(TEXTS, "en-US", PERSONAS, "quizhost").splitlines()
    assert len(lines) == 1 + len(PERSONAS)
    assert [line for line in lines if "at present" in line] == [line for line in lines if "`quizhost`" in line]


def test_the_list_is_in_the_readers_language() -> None:
    assert "小跃" in list_of(TEXTS, "zh-CN", PERSONAS, "xiaoyue")
    assert "Xiao Yue" in list_of(TEXTS, "fr", PERSONAS, "xiaoyue")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_about_fits_a_message_and_quotes_no_instruction(locale: str) -> None:
    for persona in PERSONAS:
        shown = about(TEXTS, locale, persona)
        assert len(shown) <= 2000
        assert persona.identity[:40] not in shown


@pytest.mark.parametrize(
    ("typed", "slugs"),
    [("", set(SLUGS)), ("QUIZ", {"quizhost"}), ("小", {"xiaoyue"}), ("zzz", set())],
)
def test_completion_finds_a_persona_by_slug_or_name_in_any_language(typed: str, slugs: set[str]) -> None:
    found = choices("en-US", PERSONAS, typed)
    assert {choice.value for choice in found} == slugs
    assert all(1 <= len(choice.name) <= 100 for choice in found)


def status(**changes: object) -> CallStatus:
    values: dict[str, object] = {
        "guild_id": 1,
        "channel_id": 2,
        "persona_slug": "xiaoyue",
        "persona_name": "Xiao Yue",
        "state": "idle",
        "heard": ("Alice",),
        "present": 2,
        "model_state": "ready",
        "turn_mode": "manual",
        "is_connected": True,
        "is_encrypted": True,
        "privacy_code": "12345",
    }
    return CallStatus(**(values | changes))  # type: ignore[arg-type]


def shown(**changes: object) -> str:
    return describe(TEXTS, "en-US", status(**changes), "Lounge", "Xiao Yue", "stepaudio-2.5-realtime")


def test_status_says_where_who_whom_and_how() -> None:
    assert shown().splitlines() == [
        "In **Lounge** as **Xiao Yue**",
        "I hear one person: Alice",
        "This call is end-to-end encrypted. Privacy code: 12345",
        "stepaudio-2.5-realtime answers.",
    ]


def test_status_shows_latency_and_loss_once_there_is_any() -> None:
    turns = (TurnMeasured("Alice", 400, 300, 20), TurnMeasured("Ben", 400, 500, 20))
    told = shown(turns=turns, loss_percent=2.04)
    assert "Last answers began after 920 ms (typically 820 ms, over 2 turns)." in told
    assert "2 % was lost" in told
    assert "lost" not in shown(loss_percent=0.01)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"heard": ()}, "I hear nobody"),
        ({"is_encrypted": False, "privacy_code": None}, "not end-to-end encrypted"),
        ({"is_connected": False}, "not up at the moment"),
        ({"model_state": "asleep"}, "is asleep until someone who agreed is here"),
        ({"heard": ("**bold**",)}, r"\*\*bold\*\*"),
    ],
)
def test_status_is_honest_about_what_is_not(changes: dict[str, object], sentence: str) -> None:
    assert sentence in shown(**changes)


async def test_commands_are_translated_for_chinese_clients_and_left_alone_for_others() -> None:
    translator = CatalogueTranslator()
    name = worded("command-join")
    assert str(name) == "join"
    assert await translator.translate(name, Locale.chinese, None) == "加入"  # type: ignore[arg-type]
    assert await translator.translate(name, Locale.french, None) is None  # type: ignore[arg-type]
    assert await translator.translate(locale_str("untold"), Locale.chinese, None) is None  # type: ignore[arg-type]
