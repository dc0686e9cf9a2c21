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

AROUND = [
    "I'm going to end my life tonight",
    "I don't wanna be here anymore",
    "I took a whole bottle of pills",
    "I've taken too many pills",
    "I swallowed all my pills",
    "I just want to disappear forever",
    "I want to go to sleep and never wake up",
    "I wish I could go to sleep and not wake up",
    "I don't see a reason to keep living",
    "There's no point in living any more",
    "what's the point of living",
    "nobody would miss me if I was gone",
    "nobody would care if I died",
    "I'd be better off dead",
    "you'd all be better off without me",
    "I hate myself so much I want to die",
    "I wish I had never been born",
    "I want to stop existing",
    "I don't want to exist",
    "I want to be dead",
    "I wanna be dead",
    "I want my life to end",
    "I've written my suicide note",
    "I wrote a suicide note",
    "I started hurting myself again",
    "I cut myself last night",
    "I cut my wrists",
    "I am cutting again",
    "I relapsed and cut myself",
    "I tried to kill myself last year",
    "my sister tried to commit suicide",
    "she wants to kill herself",
    "he said he's going to shoot himself",
    "I'm thinking of jumping off a bridge",
    "I've got a gun and I'm going to use it on myself",
    "I'm suicidal",
    "I am having suicidal thoughts",
    "i keep having thoughts of suicide",
    "I can't stop thinking about killing myself",
    "I want to kms",
    "I don't deserve to live",
    "I feel like I should die",
    "life is not worth it anymore",
    "I'm done with life",
    "I want to off myself",
    "I'm going to hang myself",
    "I'm not going to be alive much longer",
    "I do not want to live",
    "I dont want to be alive",
    "it would be better if I was dead",
    "it would be better if I weren't alive",
    "sometimes I think about not being here anymore",
    "I want to unalive myself",
    "我不想活了",
    "我想死",
    "我真的好想死",
    "我好想死啊",
    "我想一了百了",
    "活着好累，不想活了",
    "活着好累",
    "活着没意思",
    "我不想再醒过来",
    "如果我死了，也没有人会在乎",
    "我死了会不会有人难过",
    "没有我大家会更好",
    "没有我你们会过得更好",
    "我是不是不该活着",
    "我不该出生",
    "我不配活着",
    "我想从楼上跳下去",
    "我站在楼顶上，想跳下去",
    "我买了安眠药，想一次吃完",
    "我吃了一整瓶安眠药",
    "我割腕了",
    "我昨天又割了手腕",
    "我想永远消失",
    "我要去死了",
    "我要自杀",
    "她说她不想活了",
    "我在写遗书",
    "我写好遗书了",
    "我已经没有活下去的勇气了",
    "没有活下去的意义了",
    "我找不到活下去的理由",
    "死了就解脱了",
    "我想解脱",
    "我想用刀划自己",
    "我忍不住拿刀割自己",
    "我想死的心都有了，真的，今晚就想死",
    "我有自杀的想法",
    "我有輕生的念頭",
    "我不想活下去了",
]
"""Less direct, or of what was done already."""

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
    "I'm dying of laughter",
    "I would kill for a pizza",
    "I could murder a burger",
    "that joke killed me",
    "kill the boss first, then heal",
    "I died three times in that dungeon",
    "let's kill some time",
    "I'm dead tired",
    "I am not suicidal",
    "I don't want to kill myself",
    "I never wanted to die",
    "I don't want to die",
    "I do not want to die in this level",
    "the song goes: I don't want to live forever",
    'the lyric says "I wanna die"',
    "Romeo kills himself in the last act",
    "in the movie he wants to kill himself",
    "Hamlet asks whether to be or not to be",
    "In the novel she drowned herself",
    "the film is about a man who wants to end his life",
    "did you watch Suicide Squad",
    "the suicide rate in the country is falling",
    "my phone died",
    "my plants keep dying",
    "the battery is dead",
    "I'm going to kill you in chess",
    "I'm killing it today",
    "I cut myself shaving",
    "I cut myself a slice of cake",
    "I hurt myself playing football",
    "I burned myself on the stove",
    "I could've died",
    "I want to end this call",
    "I want to end it here for today",
    "Let's end it all with a song",
    "I don't want to live with my parents",
    "I don't want to live in Berlin",
    "I'm tired of living out of a suitcase",
    "He wants to take his own life into his hands",
    "what a killer view",
    "I'd die for chocolate",
    "I want to live",
    "I wanted to die but now I am fine, years ago that was",
    "she jumped off a bridge with a bungee rope",
    "we jumped off the roof into the pool",
    "I want to jump off the bridge into the water",
    "I'm better off without him",
    "They're better off without me on that team",
    "Do I need a licence to hang pictures myself",
    "how do I hang myself a hammock",
    "I want to hang myself a picture",
    "suicide is a hard topic for a school essay",
    "my essay is about suicide",
    "累死我了",
    "饿死了",
    "我想死你了",
    "想死你们了",
    "气死我了",
    "热死了",
    "这作业要死了",
    "我要被作业搞死了",
    "我没想过自杀",
    "我才不会自杀呢",
    "我死都不吃香菜",
    "打死我也不去",
    "他死要面子",
    "电影里他自杀了",
    "歌词是“我想死”",
    "游戏里我又死了",
    "我的号死了",
    "我手机没电死了",
    "我想死磕到底",
    "我要把这个boss打死",
    "这个价格我要跳楼了",
    "我活着呢",
    "活着真好",
    "我想好好活着",
    "活着不就是为了吃吗",
    "我想消失在人群中",
    "我想死了这条心",
    "我想解脱这份工作",
    "我要离开这个城市",
    "我离开这个世界频道",
    "我准备割草",
    "我撑不下去了，吃太饱了",
    "我吃了一片安眠药",
    "I can't wait to jump off the building in that level with my parachute",
    "nobody would care if I skipped class",
    "I would be better off without him",
    "I'd be better off with a cheaper phone",
    "He says the song is called: I want to die",
    'the chorus is "I wanna die, I wanna die"',
    "我没吃安眠药",
    "我吃了几颗糖",
    "他说那句台词是：“我不想活了”",
    "没有我的快递吗",
    "大家会更好的",
    "你割伤手了吗，要不要创可贴",
]


@pytest.mark.parametrize("text", [*CRIES, *AROUND])
def test_a_cry_for_help_is_one(text: str) -> None:
    assert is_crisis(text)


@pytest.mark.parametrize("text", NO_CRIES)
def test_an_idiom_a_game_a_tale_or_a_denial_is_none(text: str) -> None:
    assert not is_crisis(text)


def test_case_width_spaces_and_hidden_characters_change_nothing() -> None:
    assert is_crisis("I WANT TO  KILL\u200b MYSELF")
    assert is_crisis("我想\u200b自 杀")


@pytest.mark.parametrize("text", ["我有輕生的念頭", "我寫好了遺書", "他說沒有人會在乎，如果我死了誰會難過"])
def test_traditional_characters_are_read_like_simplified_ones(text: str) -> None:
    assert is_crisis(text)


def test_a_quoted_verse_is_nobodys_own_and_ones_own_words_beside_it_are() -> None:
    assert not is_crisis('My favourite song goes "I want to die", such a tune')
    assert is_crisis('My favourite song goes "la la la". I want to die')
    assert is_crisis('My note says "I want to die"'), "no verse"


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
