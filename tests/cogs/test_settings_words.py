"""Settings in words and controls: one rule for a kind of row, whatever setting there is."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import KithError
from bot.storage.guild_repository import Change
from bot.storage.guilds import (
    SETTINGS,
    GuildSettings,
    PickRoles,
    Section,
    Switch,
    Unit,
    Write,
    names_in,
    parse_choice,
    row_of,
)
from bot.texts import LOCALES, Texts
from cogs.settings_controls import Act, Press, control_view, form, page_view, press_of, written_in
from cogs.settings_values import Unreadable, as_typed, checked, mark_of, typed
from cogs.settings_words import MESSAGE_LIMIT, Words, audit, change_line, page, settings_keys

pytestmark = pytest.mark.shell

ENGLISH = Words(Texts(), "en-US", {"quizhost": "Quill"}, {"ruyananshi": "Mo"}, "CNY")
CHINESE = Words(Texts(), "zh-CN", {"quizhost": "何问"})
PLAIN = GuildSettings(guild_id=1)
NOW = 1_800_000_000.0
SECONDS, MONEY = Write(Section.SPENDS, 16, Unit.SECONDS), Write(Section.SPENDS, 16, Unit.MONEY)
HOURS = Write(Section.WHERE, 64, Unit.HOURS)


# ---------------------------------------------------------------------------- one more setting is one more row


class More(GuildSettings):
    captions: Annotated[bool, Switch(Section.KEEPS)] = False
    critic_role_ids: Annotated[frozenset[int], PickRoles(Section.KEEPS)] = frozenset()


class MoreTexts(Texts):
    """The catalogues, with the words of two settings that nobody has yet."""

    def say(self, locale: str, key: str, **values: str | float) -> str:
        if key.startswith(("settings-captions", "settings-critic-role-ids")):
            return key.removeprefix("settings-")
        return super().say(locale, key, **values)


def test_a_field_is_a_line_on_its_page_and_an_entry_of_its_menu() -> None:
    words = Words(MoreTexts(), "en-US", model=More)
    settings = More(guild_id=1, captions=True, critic_role_ids=frozenset({7}))
    shown = page(words, settings, Section.KEEPS).splitlines()
    assert "**captions:** on" in shown
    assert "**critic-role-ids:** <@&7>" in shown
    assert len(shown) == 1 + len(names_in(Section.KEEPS, More)) == 3 + len(names_in(Section.KEEPS))
    assert {"settings-captions", "settings-captions-about", "settings-critic-role-ids-none"} <= settings_keys(More)


def test_more_than_the_operator_allows_by_now_is_shown_as_what_is_in_force() -> None:
    words = Words(Texts(), "en-US", limits={"guild_seconds_per_day": 3_600})
    settings = GuildSettings(guild_id=1, guild_seconds_per_day=7_200, member_seconds_per_day=7_200)
    shown = page(words, settings, Section.SPENDS)
    assert "**Speech a day, all together:** my operator's limit: 3 600 s (1 h)" in shown
    assert "**Speech a day, each member:** 7 200 s (2 h)" in shown
    within = page(words, settings.model_copy(update={"guild_seconds_per_day": 1_800}), Section.SPENDS)
    assert "**Speech a day, all together:** 1 800 s (30 min)" in within


async def test_a_field_can_be_changed_from_the_panel() -> None:
    words = Words(MoreTexts(), "en-US", model=More)
    offered = options(page_view(words, More(guild_id=1), Section.KEEPS, NOW))
    assert offered["captions"].startswith("captions:")
    menu = control_view(words, "critic_role_ids", frozenset({7}), {}, NOW).children[0]
    assert isinstance(menu, discord.ui.RoleSelect)
    assert [value.id for value in menu.default_values] == [7]
    assert menu.min_values == 0


def options(view: discord.ui.View) -> dict[str, str]:
    menu = next(item for item in view.children if isinstance(item, discord.ui.Select))
    return {option.label: option.value for option in menu.options}


def test_every_setting_is_on_one_page_and_no_page_is_too_full_for_a_menu() -> None:
    shown = [name for section in Section for name in names_in(section)]
    assert sorted(shown) == sorted(SETTINGS)
    assert all(1 <= len(names_in(section)) <= 25 for section in Section)


# ---------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("persona", None, "my operator's choice", "由运营者决定"),
        ("persona", "quizhost", "Quill", "何问"),
        ("persona", "gone", "gone (not here any more)", "gone（已经不在了）"),
        ("scene", "bedtime", "bedtime", "睡前"),
        ("auto_join", True, "on", "开"),
        ("user_role_ids", frozenset(), "everybody", "所有人"),
        ("channel_ids", frozenset({8, 9}), "<#8> <#9>", "<#8> <#9>"),
        ("audit_channel_id", 8, "<#8>", "<#8>"),
        ("retention_days", 90, "90 days", "90 天"),
        ("guild_seconds_per_day", None, "as much as my operator allows", "按运营者的上限"),
        ("guild_seconds_per_day", 14_400, "14 400 s (4 h)", "14 400 秒（4 小时）"),
        ("member_seconds_per_day", 1_800, "1 800 s (30 min)", "1 800 秒（30 分钟）"),
        ("quiet_hours", "22:00-07:00 UTC", "22:00-07:00 UTC", "22:00-07:00 UTC"),
    ],
)
def test_values_are_said_in_words_of_the_reader(name: str, value: Any, english: str, chinese: str) -> None:
    assert ENGLISH.value(name, value) == english
    assert CHINESE.value(name, value) == chinese


def test_money_is_in_the_operators_currency_and_a_voice_is_told_by_whose_it_is() -> None:
    assert ENGLISH.value("guild_money_per_day", 2.5) == "2.5 CNY"
    assert ENGLISH.value("voice", "ruyananshi") == "Mo's (ruyananshi)"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_fullest_pages_fit_a_message_and_a_menu(locale: str) -> None:
    ids = frozenset(range(10**18, 10**18 + 25))
    full = GuildSettings.model_validate(
        {name: ids for name in SETTINGS if isinstance(row_of(name), PickRoles) or name == "channel_ids"}
        | {"guild_id": 1, "quiet_hours": "22:00-07:00 America/Argentina/ComodRivadavia"}
    )
    words = Words(Texts(), locale)
    change = Change(10**18, "channel_ids", json.dumps(sorted(ids)), json.dumps(sorted(ids)), datetime.now(UTC))
    pages = [page(words, full, section) for section in Section] + [audit(words, [change] * 10)]
    assert all(len(shown) <= MESSAGE_LIMIT for shown in pages)
    assert "+17" in pages[1]
    for name in SETTINGS:
        assert 1 <= len(words.name(name)) <= 45
        assert 1 <= len(words.about(name)) <= 100, name


def test_a_change_is_told_with_who_what_from_and_to() -> None:
    change = Change(5, "persona", None, '"quizhost"', datetime.now(UTC))
    assert change_line(ENGLISH, change) == "<@5> · **Persona:** my operator's choice → Quill"


@pytest.mark.parametrize(("kept", "shown"), [('"**x**"', r"\*\*x\*\*"), ("17", "17"), ("{", "{")])
def test_a_change_that_this_kith_does_not_know_is_shown_as_it_stands(kept: str, shown: str) -> None:
    assert shown in change_line(ENGLISH, Change(0, "mood", None, kept, datetime.now(UTC)))
    assert shown in change_line(ENGLISH, Change(0, "memory", None, kept, datetime.now(UTC)))


def test_a_change_of_somebody_who_was_erased_since_says_so_and_names_nobody() -> None:
    change = Change(0, "scene", None, '"car"', datetime.now(UTC))
    assert change_line(ENGLISH, change).startswith("somebody whose data was erased since · ")
    assert change_line(CHINESE, change).startswith("一位已删除数据的管理员 · ")


# ---------------------------------------------------------------------------- typed


@pytest.mark.parametrize(
    ("row", "text", "value"),
    [
        (SECONDS, "", None),
        (SECONDS, "  ", None),
        (SECONDS, "14400", 14_400),
        (SECONDS, "14 400 s", 14_400),
        (SECONDS, "4h", 14_400),
        (SECONDS, "90 分钟", 5_400),
        (SECONDS, "４小时", 14_400),
        (MONEY, "2.50", 2.5),
        (MONEY, "2,5", 2.5),
        (MONEY, "1000", 1000.0),
        (HOURS, "22:00 - 7:00 europe/berlin", "22:00-07:00 Europe/Berlin"),
    ],
)
def test_a_form_is_read_as_people_write(row: Write, text: str, value: object) -> None:
    assert typed(row, text) == value
    assert typed(row, as_typed(value)) == value


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (SECONDS, "soon"),
        (SECONDS, "-5"),
        (SECONDS, "1e3"),
        (SECONDS, "9" * 10_000),
        (MONEY, "1,000"),
        (MONEY, "nan"),
        (MONEY, "inf"),
        (MONEY, "0x10"),
    ],
)
def test_what_is_no_time_and_no_amount_is_refused(row: Write, text: str) -> None:
    with pytest.raises(Unreadable):
        typed(row, text)


@pytest.mark.parametrize(
    ("name", "value"),
    [("guild_seconds_per_day", 59), ("guild_seconds_per_day", 86_401), ("guild_money_per_day", 0.0), ("scene", 5)],
)
def test_what_is_out_of_bounds_is_refused(name: str, value: object) -> None:
    with pytest.raises(Unreadable):
        checked(name, value)


@given(st.text(max_size=40), st.sampled_from([SECONDS, MONEY, HOURS]))
def test_whatever_is_typed_is_read_or_refused(text: str, row: Write) -> None:
    with contextlib.suppress(Unreadable, KithError):
        typed(row, text)


# ---------------------------------------------------------------------------- ids


@given(st.sampled_from(Act), st.sampled_from(SETTINGS), st.integers(0, 2**40))
def test_an_id_says_what_was_pressed_and_fits(act: Act, what: str, made: int) -> None:
    press = Press(act, what, mark_of(getattr(PLAIN, what)), made)
    assert len(str(press)) <= 100
    assert press_of(str(press)) == press


@given(st.text(max_size=100))
def test_an_id_that_is_none_of_ours_is_left_alone(custom_id: str) -> None:
    assert press_of(custom_id) is None
    press_of(f"kith:settings:{custom_id}")


def test_a_panel_works_for_a_quarter_of_an_hour() -> None:
    press = Press(Act.PAGE, "who", "", 1_000)
    assert not press.is_expired(1_900.0)
    assert press.is_expired(1_901.0)
    assert press.is_expired(900.0), "made in the future: not by us"


async def test_pages_and_forms_are_remembered_by_nobody_but_their_ids() -> None:
    for section in (*Section, None):
        view = page_view(ENGLISH, PLAIN, section, NOW)
        assert view.is_finished()
        assert all(press_of(item.custom_id) for item in view.children)  # type: ignore[attr-defined]
    shown = form(ENGLISH, "guild_seconds_per_day", 14_400, NOW).to_dict()
    assert press_of(str(shown["custom_id"])) == Press(Act.WRITE, "guild_seconds_per_day", mark_of(14_400), int(NOW))
    assert shown["components"][0]["components"][0]["value"] == "14400"


def test_a_forms_text_is_found_in_a_row_and_under_a_label() -> None:
    assert written_in([{"type": 1, "components": [{"type": 4, "value": "a"}]}]) == "a"
    assert written_in([{"type": 10}, {"type": 18, "component": {"type": 4, "value": "b"}}]) == "b"
    assert written_in([]) == ""


def test_marks_tell_values_apart_whatever_their_order() -> None:
    assert mark_of(frozenset({1, 2})) == mark_of(frozenset({2, 1})) != mark_of(frozenset({1}))
    values: tuple[object, ...] = (None, True, False, 1, "1", frozenset())
    assert len({mark_of(value) for value in values}) == len(values)
    assert parse_choice("memory", "off") == "off"
