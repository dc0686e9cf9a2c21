"""What is a cry for help and what is an idiom, a game or a tale; and which help line is told to whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.crisis import (
    AGAIN_S,
    CRISIS_NOTE,
    MEMBERS,
    PUBLIC_LINES,
    HelpLines,
    Watch,
    is_crisis,
)
from bot.errors import SettingError
from bot.texts import LOCALES, Texts

pytestmark = pytest.mark.core

CRIES = [
    "I want to kill myself",
    "I'm going to kill myself.",
    "i wanna kill myself",
    "Sometimes I think about killing myself",
    "I’ve been thinking of ending my life",
    "I just want to end it all.",
    "I really want to die",
    "Nobody would notice. I wish I was dead.",
    "Honestly, everyone would be better off without me",
    "I don't want to live anymore",
    "I don't want to be alive any more",
    "I feel suicidal tonight",
    "I can't go on living like this",
    "There is no reason to live.",
    "I have nothing to live for",
    "My life isn't worth living",
    "I'm so tired of living",
    "I keep cutting myself",
    "I want to hurt myself again",
    "I'm thinking about suicide",
    "my friend says he wants to kill himself",
    "I'm about to jump off the bridge",
    "I tried to overdose last week",
    "I don't want to wake up anymore",
    "My boss fired me and I want to kill myself",
    "That movie reminded me that I want to die",
    "不想活了",
    "我不想活了，真的",
    "我想自杀",
    "我 想 自杀",
    "我想自殺",
    "我真的想死",
    "我想去死",
    "活着真没意思",
    "我活不下去了",
    "要不我死了算了",
    "我想结束自己的生命",
    "我有自杀的念头",
    "我又在伤害自己",
    "我准备跳楼",
    "怎么自杀不疼",
    "我想离开这个世界",
    "我朋友说他想自杀",
    "我已经写好了遗书",
    "看完那部电影，我更想死了",
    "这个游戏我不玩了。我不想活了",
]

NO_CRIES = [
    "",
    "this homework is killing me",
    "My feet are killing me",
    "I nearly killed myself laughing",
    "I could kill myself for forgetting that",
    "You're killing it tonight",
    "I'm dying to see that film",
    "I want to die of embarrassment",
    "This is a hill I want to die on this time",
    "I'd rather die than eat that pizza",
    "That cake is to die for",
    "I don't want to live in London anymore",
    "I don't want to kill myself, don't worry",
    "I'm not suicidal at all",
    "I would never hurt myself",
    "I cut myself shaving this morning",
    "I'm going to cut myself a slice of cake",
    "I'm going to hurt myself if I lift that",
    "Have you seen Suicide Squad?",
    "I want to watch Suicide Squad with you",
    "That tweet was career suicide",
    "In Minecraft I want to kill myself to get back to spawn",
    "I want to die so that I respawn at the base",
    "I'm going to kill myself with this grenade and we lose the round",
    "In the movie he wants to kill himself",
    "I read a novel where she decided to end her life",
    "Romeo thinks she is dead and wants to kill himself",
    "Should we end the call?",
    "This raid ends my life as a healer",
    "The battery died",
    "笑死我了",
    "想死你了",
    "我好想死你了，怎么才来",
    "累死了",
    "今天热死我了",
    "烦死了，又要加班",
    "作业要把我写死了",
    "这也太社死了吧",
    "我死都不会告诉你",
    "尴尬得要死",
    "跳楼价大甩卖",
    "我想坐跳楼机",
    "想看自杀小队",
    "电影里他想自杀",
    "小说的主角不想活了",
    "我不想死",
    "我没想自杀，你放心",
    "这局我想死一次再复活",
    "你别找死",
    "这个副本太难了，不想活了",
    "我活得好好的",
    "他开会的时候困死了",
    "吃这么多是想死撑吗",
]


@pytest.mark.parametrize("text", CRIES)
def test_a_cry_for_help_is_one(text: str) -> None:
    assert is_crisis(text)


@pytest.mark.parametrize("text", NO_CRIES)
def test_an_idiom_a_game_a_tale_or_a_denial_is_none(text: str) -> None:
    assert not is_crisis(text)


def test_case_width_spaces_and_hidden_characters_change_nothing() -> None:
    assert is_crisis("I WANT TO  KILL\u200b MYSELF")
    assert is_crisis("我想\u200b自 杀")


def test_only_the_sentence_with_the_game_is_a_game() -> None:
    assert is_crisis("We lost this match. I want to kill myself, I mean it.")


@given(st.text(max_size=4_000))
def test_any_text_is_judged(text: str) -> None:
    is_crisis(text)


@pytest.mark.parametrize("piece", ["i want to ", "想", "thinking about ", "a ", "我", "not want to "])
def test_a_long_text_is_judged_as_quickly_as_its_beginning(piece: str) -> None:
    """Patterns that look back over and over would take minutes here; the suite's own time limit is the judge."""
    for _ in range(20):
        assert not is_crisis(piece * 100_000)


# ---------------------------------------------------------------------------- the alarm


def test_a_member_raises_the_alarm_once_in_ten_minutes() -> None:
    watch = Watch()
    assert watch.heard(1, "I want to die", 0.0)
    assert not watch.heard(1, "I want to die", AGAIN_S - 1)
    assert watch.heard(2, "我不想活了", AGAIN_S - 1), "somebody else is somebody else"
    assert not watch.heard(1, "hello", AGAIN_S + 1)
    assert watch.heard(1, "I want to die", AGAIN_S + 2)


def test_the_watch_remembers_few_members() -> None:
    watch = Watch()
    for user_id in range(MEMBERS + 1):
        assert watch.heard(user_id, "I want to die", 1.0)
    assert not watch.heard(MEMBERS, "I want to die", 2.0)
    assert watch.heard(0, "I want to die", 2.0), "the oldest was forgotten"


def test_the_note_for_the_model_holds_no_number_and_one_line() -> None:
    assert not any(char.isdigit() for char in CRISIS_NOTE)
    assert "\n" not in CRISIS_NOTE
    assert len(CRISIS_NOTE) < 900


# ---------------------------------------------------------------------------- help lines


def test_without_a_setting_the_public_lines_count() -> None:
    lines = HelpLines.parse(None)
    assert "988" in lines.for_locale("en-US")
    assert "116 123" in lines.for_locale("en-GB")
    assert "12356" in lines.for_locale("zh-CN")
    assert lines.for_locale("fi") == ""


def test_the_operators_words_go_first_by_locale_then_language_then_everybody() -> None:
    lines = HelpLines.parse("en-GB=Shout, text 85258; en=A line for English; *=Ask the mods;")
    assert lines.for_locale("en-gb") == "Shout, text 85258"
    assert lines.for_locale("en-US") == "A line for English"
    assert lines.for_locale("zh-CN") == "Ask the mods"


def test_every_help_line_makes_a_sentence_in_every_language() -> None:
    for locale in [*PUBLIC_LINES, "fi", *LOCALES]:
        key, values = HelpLines.parse(None).sentence(locale)
        sentence = Texts().say(locale, key, **values)
        assert len(sentence) < 600
        assert values.get("line", "").replace("&", "&") in sentence.replace("\\", "")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("en-GB", "entry 1: expected LOCALE=words"),
        ("en-GB=", "entry 1: expected LOCALE=words"),
        ("en=ok; =words", "entry 2: expected a locale"),
        ("eng land=words", "entry 1: expected a locale"),
        ("en=a; EN=b", "entry 2: this locale stands there twice"),
        ("en=" + "x" * 161, "entry 1: expected at most 160 visible characters"),
        ("en=call\u202e 112", "entry 1: expected at most 160 visible characters"),
        ("en=a;;zh=b", "entry 2: expected LOCALE=words"),
        (";".join(f"a{chr(97 + one // 26)}{chr(97 + one % 26)}=x" for one in range(65)), "at most 64 entries"),
    ],
)
def test_a_wrong_setting_says_which_entry_and_what_was_expected(setting: str, expected: str) -> None:
    with pytest.raises(SettingError, match="KITH_HELPLINES") as caught:
        HelpLines.parse(setting)
    assert expected in str(caught.value)


@given(st.text(max_size=300))
def test_any_setting_is_taken_or_refused_with_a_reason(setting: str) -> None:
    told = ""
    try:
        assert len(HelpLines.parse(setting).for_locale("en")) <= 160
    except SettingError as error:
        told = str(error)
    assert told == "" or told.startswith("KITH_HELPLINES: ")
