"""What members read about their memories, and the buttons under it, as values."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from discord import ui
from discord.app_commands import Choice
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import KithError
from bot.storage.guilds import MemoryMode
from bot.storage.memories import ROOM, TEXT_CHARS, Kind, Memory, Proposal, RecapPoint
from bot.texts import Texts
from cogs.memory import exported
from cogs.memory_buttons import (
    DEEDS,
    STYLES,
    MemoryButton,
    forget_all_view,
    kept_view,
    offered_view,
    one_view,
    show_view,
)
from cogs.memory_shelf import Shelf
from cogs.memory_words import choices, find, kept_words, offered_words, one_words, pages, written
from cogs.recap import last_talk, recap_words

pytestmark = pytest.mark.core

TEXTS = Texts()
ALICE, BOB = 11, 22
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EMBED_CHARS = 4_096
LABEL_CHARS = 80


def memory(number: int = 0, **changes: Any) -> Memory:
    made = Memory(
        guild_id=1,
        memory_id=f"{number:032x}",
        subject_id=ALICE,
        speaker_id=ALICE,
        heard_by=frozenset({ALICE, BOB}),
        kind=Kind.PREFERENCE,
        text=f"likes moss number {number}",
        language="en",
        made_at=NOW - timedelta(days=number),
    )
    return replace(made, **changes)


def proposal(number: int = 0, **changes: Any) -> Proposal:
    made = Proposal(
        guild_id=1,
        proposal_id=f"{number:032x}",
        subject_id=ALICE,
        speaker_id=ALICE,
        heard_by=frozenset({ALICE, BOB}),
        kind=Kind.FACT,
        text=f"has {number} ferns",
        language="en",
        made_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    return replace(made, **changes)


def point(number: int, call_id: str, **changes: Any) -> RecapPoint:
    made = RecapPoint(
        guild_id=1,
        point_id=f"{number:032x}",
        call_id=call_id,
        channel_id=5,
        user_id=ALICE,
        heard_by=frozenset({ALICE, BOB}),
        text=f"point {number}",
        made_at=NOW + timedelta(minutes=number),
        expires_at=NOW + timedelta(days=1),
    )
    return replace(made, **changes)


def shelf(memories: Sequence[Memory] = (), proposals: Sequence[Proposal] = (), **changes: Any) -> Shelf:
    return replace(Shelf(ALICE, tuple(memories), tuple(proposals)), **changes)


def rows(view: ui.View) -> list[list[dict[str, Any]]]:
    return [row["components"] for row in view.to_components()]


def ids(view: ui.View) -> list[str]:
    return [part["custom_id"] for row in rows(view) for part in row]


# ---------------------------------------------------------------------------- what is kept


def test_what_is_kept_is_told_newest_first_with_kind_origin_and_times() -> None:
    words = kept_words(TEXTS, "en-US", shelf([memory(0), memory(1, speaker_id=BOB, kind=Kind.FACT)]), 0)
    lines = words.splitlines()
    made = int(NOW.timestamp())
    assert lines[0] == "**What I keep about you here** (2)"
    assert lines[1] == "**1.** likes moss number 0"
    unused = f"goes on <t:{made + 90 * 86_400}:d> unless it comes up before"
    assert lines[2] == f"-# preference · said by you · since <t:{made}:d> · {unused}"
    assert lines[4].startswith("-# fact · said by <@22> ·")


def test_a_memory_that_was_used_goes_later_and_one_with_a_date_goes_on_that_date() -> None:
    used = kept_words(TEXTS, "en", shelf([memory(0, used_at=NOW + timedelta(days=3))], retention_days=7), 0)
    assert f"<t:{int(NOW.timestamp()) + 10 * 86_400}:d> unless" in used
    dated = kept_words(TEXTS, "en", shelf([memory(0, expires_at=NOW + timedelta(days=2))]), 0)
    assert f"until <t:{int(NOW.timestamp()) + 2 * 86_400}:d>" in dated


def test_muted_and_shared_ones_are_marked() -> None:
    words = kept_words(TEXTS, "en", shelf([memory(0, is_muted=True), memory(1, is_shareable=True)]), 0)
    assert words.splitlines()[2].endswith("not to be brought up")
    assert words.splitlines()[4].endswith("may come up where you have not said it")
    claimed = kept_words(TEXTS, "en", shelf([memory(0, is_shareable=True, speaker_id=BOB)]), 0)
    assert "may come up" not in claimed, "what somebody else said of her is not shared, whatever the mark says"


def test_who_has_not_agreed_reads_how_to_agree_in_the_same_reply() -> None:
    for words in (
        kept_words(TEXTS, "en", shelf(is_agreed=False), 0),
        offered_words(TEXTS, "en", shelf(is_agreed=False), 0),
        offered_words(TEXTS, "en", shelf(proposals=[proposal()], is_agreed=False), 0),
    ):
        assert "`/consent" in words
    assert "`/授权" in kept_words(TEXTS, "zh-CN", shelf(is_agreed=False), 0)


def test_a_pause_and_a_server_that_keeps_nothing_are_told() -> None:
    assert "Paused" in kept_words(TEXTS, "en", shelf(is_paused=True), 0)
    assert "its admins decided so" in kept_words(TEXTS, "en", shelf(mode=MemoryMode.OFF), 0)


def test_a_locale_that_nobody_translated_reads_english() -> None:
    assert kept_words(TEXTS, "fi", shelf([memory()]), 0) == kept_words(TEXTS, "en-US", shelf([memory()]), 0)


def test_pages_are_turned_and_told_and_the_last_may_be_short() -> None:
    many = shelf([memory(number) for number in range(12)])
    assert pages(12, 5) == 3
    assert "**11.** likes moss number 10" in kept_words(TEXTS, "en", many, 2)
    assert kept_words(TEXTS, "en", many, 2).endswith("-# Page 3 of 3")
    assert ids(kept_view(TEXTS, "en", many, 0)) == ["kith:memory:pick", "kith:memory:kept:1"]
    assert ids(kept_view(TEXTS, "en", many, 1))[1:] == ["kith:memory:kept:0", "kith:memory:kept:2"]
    assert ids(kept_view(TEXTS, "en", many, 2))[1:] == ["kith:memory:kept:1"]
    assert ids(kept_view(TEXTS, "en", shelf(), 0)) == []


def test_the_menu_of_a_page_names_its_memories() -> None:
    view = kept_view(TEXTS, "en", shelf([memory(number) for number in range(6)], [proposal()]), 1)
    menu = rows(view)[0][0]
    assert [(option["label"], option["value"]) for option in menu["options"]] == [
        ("6. likes moss number 5", memory(5).memory_id)
    ]
    assert ids(view)[-1] == "kith:memory:offered:0"


def test_one_memory_is_told_with_what_may_be_done_with_it() -> None:
    own = one_view(TEXTS, "en", memory(), 2)
    name = memory().memory_id
    assert ids(own) == [
        *(f"kith:memory:{deed}:{name}" for deed in ("change", "forget", "mute", "share")),
        "kith:memory:kept:2",
    ]
    assert f"kith:memory:share:{name}" not in ids(one_view(TEXTS, "en", memory(speaker_id=BOB), 0))
    marked = ids(one_view(TEXTS, "en", memory(is_muted=True, is_shareable=True), 0))
    assert {f"kith:memory:unmute:{name}", f"kith:memory:unshare:{name}"} <= set(marked)
    words = one_words(TEXTS, "en", shelf([memory()]), memory())
    assert "2 people were there" in words
    assert "only where everybody present heard it" in words


# ---------------------------------------------------------------------------- what waits


def test_each_proposal_has_a_row_of_keep_edit_and_drop_with_the_ids_that_scripts_know() -> None:
    offered = shelf(proposals=[proposal(number) for number in range(5)])
    view = offered_view(TEXTS, "en", offered, 0)
    assert len(rows(view)) == 5
    assert [part["label"] for part in rows(view)[1]] == ["Keep 2", "Edit 2", "Drop 2"]
    assert [part["custom_id"] for part in rows(view)[1]] == [
        f"kith:memory:{name}:{proposal(1).proposal_id}" for name in ("keep", "edit", "drop")
    ]
    assert ids(view)[-2:] == ["kith:memory:offered:1", "kith:memory:kept:0"]
    assert ids(show_view(TEXTS, "en")) == ["kith:memory:show"]
    assert ids(forget_all_view(TEXTS, "en"))[0] == "kith:memory:forget-all"


def test_where_the_rule_is_strict_nothing_is_kept_without_keep() -> None:
    words = offered_words(TEXTS, "en", shelf(proposals=[proposal()]), 0)
    assert "I keep nothing of this unless you press **Keep**" in words
    assert "unless you keep it" in words.splitlines()[-1]


def test_where_the_rule_is_usual_what_is_not_dropped_is_kept_but_for_what_others_said() -> None:
    from_strict_days = proposal(2, expires_at=NOW + timedelta(days=7))
    offered = shelf(proposals=[proposal(0), proposal(1, speaker_id=BOB), from_strict_days], mode=MemoryMode.USUAL)
    lines = offered_words(TEXTS, "en", offered, 0).splitlines()
    assert "What you do not drop is kept" in lines[1]
    told = [line.rpartition(" · ")[2] for line in lines if line.startswith("-# ")]
    assert [line.rpartition(" unless ")[2] for line in told] == ["you drop it", "you keep it", "you keep it"]


def test_where_the_rule_is_usual_what_was_kept_at_once_is_told_with_the_way_to_drop_it() -> None:
    usual = shelf([memory()], mode=MemoryMode.USUAL, fresh=1)
    assert "One thing that you told me of yourself was kept" in offered_words(TEXTS, "en", usual, 0)
    assert ids(offered_view(TEXTS, "en", usual, 0)) == ["kith:memory:kept:0"]
    assert "kept in the last day" not in offered_words(TEXTS, "en", replace(usual, mode=MemoryMode.STRICT), 0)
    assert "kept in the last day" not in offered_words(TEXTS, "en", replace(usual, fresh=0), 0)


def test_where_nothing_waits_it_says_so() -> None:
    assert "Nothing waits for your word" in offered_words(TEXTS, "en", shelf(), 0)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"mode": MemoryMode.OFF}, "error-memory-off"),
        ({"is_agreed": False}, "error-memory-not-agreed"),
        ({"is_paused": True}, "error-memory-paused"),
    ],
)
def test_keeping_is_refused_with_its_reason(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(KithError) as refused:
        shelf(**changes).check_may_keep()
    assert refused.value.key == key


def test_what_is_gone_or_somebody_elses_is_not_on_the_shelf() -> None:
    with pytest.raises(KithError) as gone:
        shelf([memory(1)]).memory(memory(2).memory_id)
    assert gone.value.key == "error-memory-gone"
    with pytest.raises(KithError) as settled:
        shelf(proposals=[proposal(1)]).proposal(proposal(2).proposal_id)
    assert settled.value.key == "error-memory-settled"


def test_one_who_was_faster_is_seen_by_what_is_kept() -> None:
    kept = memory(kind=Kind.FACT, made_at=NOW, text="in other words")
    assert shelf([kept]).was_kept(proposal())
    assert not shelf([memory(1)]).was_kept(proposal())


# ---------------------------------------------------------------------------- limits of Discord


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_longest_page_fits_and_so_does_every_label(locale: str) -> None:
    hostile = "*" * TEXT_CHARS
    far = 9_007_199_254_740_991
    full = shelf(
        [memory(number, text=hostile, is_shareable=True, is_muted=True) for number in range(5_000)],
        [proposal(number, text=hostile, speaker_id=far) for number in range(20)],
        is_agreed=False,
    )
    assert len(kept_words(TEXTS, locale, full, 999)) <= EMBED_CHARS
    assert len(offered_words(TEXTS, locale, full, 4)) <= EMBED_CHARS
    for view in (
        kept_view(TEXTS, locale, full, 500),
        offered_view(TEXTS, locale, full, 2),
        one_view(TEXTS, locale, full.memories[0], 0),
        forget_all_view(TEXTS, locale),
        show_view(TEXTS, locale),
    ):
        assert len(set(ids(view))) == len(ids(view))
        for part in (part for row in rows(view) for part in row):
            assert len(part["custom_id"]) <= 100
            assert len(part.get("label", "")) <= LABEL_CHARS
            assert all(len(option["label"]) <= 100 for option in part.get("options", []))


def test_every_button_has_a_deed_and_outlives_a_restart() -> None:
    import cogs.memory_panel  # noqa: F401 -- registers the deeds

    assert set(DEEDS) == {*STYLES, "pick"}
    for view in (offered_view(TEXTS, "en", shelf(proposals=[proposal()]), 0), show_view(TEXTS, "en")):
        assert view.is_persistent()


@given(st.text(max_size=80))
def test_an_id_that_was_made_up_is_nobodys_button(text: str) -> None:
    match = MemoryButton.__discord_ui_compiled_template__.fullmatch(f"kith:memory:{text}")
    assert match is None or match["name"] in STYLES


# ---------------------------------------------------------------------------- what members write


def test_a_form_of_ten_thousand_characters_is_refused_with_the_limit() -> None:
    with pytest.raises(KithError) as refused:
        written("x" * 10_000)
    told = TEXTS.say("en", refused.value.key, **refused.value.values)
    assert "10,000 characters" in told
    assert "at most 200" in told


@pytest.mark.parametrize("text", ["", "   \n", "\u202e\u0000", "\u3164\u2800"])
def test_a_form_with_nothing_to_see_is_refused(text: str) -> None:
    with pytest.raises(KithError) as refused:
        written(text)
    assert refused.value.key == "error-memory-empty"


@given(st.text(max_size=300))
def test_what_is_written_is_one_visible_line_within_the_limit_or_refused(text: str) -> None:
    try:
        kept = written(text)
    except KithError as refused:
        TEXTS.say("zh-CN", refused.key, **refused.values)  # raises for a sentence that lacks a value
        return
    assert 0 < len(kept) <= TEXT_CHARS
    assert not any(unicodedata.category(char).startswith("C") or char == "\n" for char in kept)


def test_the_option_offers_ones_own_memories_by_their_words() -> None:
    mine = [memory(1, text="likes moss"), memory(2, text="喜欢苔藓" + "很" * 150)]
    assert [choice.value for choice in choices(mine, "MOSS")] == [mine[0].memory_id]
    (chinese,) = choices(mine, "苔藓")
    assert len(chinese.name) == 100
    everything = Choice(name="all", value="all")
    assert [choice.value for choice in choices(mine, "", everything)] == ["all", *(one.memory_id for one in mine)]
    assert len(choices([memory(number) for number in range(60)], "", everything)) == 25


def test_a_memory_is_found_by_what_was_picked_or_by_words_that_only_it_has() -> None:
    mine = shelf([memory(1, text="likes moss"), memory(2, text="likes ferns")])
    assert find(mine, mine.memories[1].memory_id) is mine.memories[1]
    assert find(mine, " Moss ") is mine.memories[0]
    for unclear in ("likes", "trees", "", "\u202e"):
        with pytest.raises(KithError) as refused:
            find(mine, unclear)
        assert refused.value.key == "error-memory-unknown"


def test_an_export_is_json_that_people_can_read() -> None:
    data = exported({"记忆": [{"made": NOW, "heard": frozenset({2, 1}), "kind": Kind.FACT, "day": date(2026, 5, 4)}]})
    assert "记忆".encode() in data
    assert json.loads(data)["记忆"] == [{"made": NOW.isoformat(), "heard": [1, 2], "kind": "fact", "day": "2026-05-04"}]


# ---------------------------------------------------------------------------- the last talk


def test_a_recap_is_of_the_last_talk_alone_in_its_order() -> None:
    points = [point(3, "new"), point(1, "old"), point(4, "new", user_id=BOB)]
    assert [one.text for one in last_talk(points)] == ["point 3", "point 4"]
    words = recap_words(TEXTS, "en", "Lounge", points, mode=MemoryMode.STRICT, is_agreed=True).splitlines()
    assert words[0].startswith("**The last talk in Lounge**, <t:")
    assert words[1:3] == ["• <@11>: point 3", "• <@22>: point 4"]
    assert "Only points of members who agreed to it" in words[3]


def test_a_recap_of_nothing_says_why() -> None:
    none = recap_words(TEXTS, "en", "Lounge", [], mode=MemoryMode.STRICT, is_agreed=False)
    assert "I have no points of a talk in **Lounge**" in none
    assert "only to people who were there" in none
    assert "nothing of what you say is in them" in none
    off = recap_words(TEXTS, "en", "Lounge", [], mode=MemoryMode.OFF, is_agreed=False)
    assert off.endswith("its admins decided so.")


def test_the_longest_recap_fits_and_keeps_its_last_line() -> None:
    points = [point(number, "call", text="*" * TEXT_CHARS) for number in range(200)]
    words = recap_words(TEXTS, "en", "Lounge", points, mode=MemoryMode.STRICT, is_agreed=True)
    assert len(words) <= EMBED_CHARS
    assert "Only points of members who agreed to it" in words.splitlines()[-1]


def test_what_nobody_in_particular_said_is_told_so() -> None:
    assert "from the talk" in kept_words(TEXTS, "en", shelf([memory(speaker_id=ROOM)]), 0)
