"""What people say of themselves: found, turned into the third person, and said back to them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.digesting import POINTS_EACH, digest, is_digest
from bot.local.mind import Item
from bot.local.statements import STATEMENT_CHARS, asking_after, statements, to_you

pytestmark = pytest.mark.core


@pytest.mark.parametrize(
    ("said", "kept", "kind"),
    [
        ("Remember that I like green tea.", "Likes green tea.", "preference"),
        ("Please remember that my birthday is in May!", "Their birthday is in May.", "fact"),
        ("Well, I really love my garden, you know.", "Loves their garden.", "preference"),
        ("I don't like coriander", "Does not like coriander.", "preference"),
        ("I live in Lisbon, by the way.", "Lives in Lisbon.", "fact"),
        ("my dog is called Rex", "Their dog is called Rex.", "fact"),
        ("I'm a botanist", "Is a botanist.", "fact"),
        ("I study law", "Studies law.", "fact"),
        ("I have two cats", "Has two cats.", "fact"),
        ("My sister is a pilot", "Their sister is a pilot.", "relationship"),
        ("Remember that I promise to bring my guitar", "Will bring their guitar.", "promise"),
        ("Don't forget that I grew up in Porto", "Grew up in Porto.", "fact"),
        ("记住我喜欢苔藓", "喜欢苔藓。", "preference"),
        ("我的生日是五月", "生日是五月。", "fact"),
        ("我养了一只叫旺财的狗", "养了一只叫旺财的狗。", "fact"),
        ("我住在上海。", "住在上海。", "fact"),
        ("别忘了我的猫叫咪咪哦", "猫叫咪咪。", "fact"),
        ("我妈妈是老师", "妈妈是老师。", "relationship"),
    ],
)
def test_a_statement_about_oneself_is_found_and_put_in_the_third_person(said: str, kept: str, kind: str) -> None:
    [found] = statements(said)
    assert (found.text, found.kind) == (kept, kind)


@pytest.mark.parametrize(
    "said",
    [
        "I like you.", "I love it", "Do I like moss?", "I am tired.", "I have a question", "Remember to call me", "My name is Ben",
        "What do you remember about me?", "You like tea.", "我喜欢你", "我喜欢喝茶吗？", "我有点累", "你喜欢猫吗", "我是谁", "我叫小明", "我的名字是小明", "",
    ],
)  # fmt: skip
def test_what_is_no_lasting_statement_is_left_alone(said: str) -> None:
    assert statements(said) == []


def test_only_what_was_asked_to_be_remembered_counts_as_asked() -> None:
    assert [one.is_asked for one in statements("I like moss. Remember that I collect stamps.")] == [False, True]


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("Likes green tea.", "you like green tea"),
        ("Their dog is called Rex.", "your dog is called Rex"),
        ("Does not like coriander.", "you do not like coriander"),
        ("Studies law.", "you study law"),
        ("Teaches their sister.", "you teach your sister"),
        ("Alice planted moss.", "you planted moss"),
        ("Alice's cat sleeps a lot.", "your cat sleeps a lot"),
        ("Will bring their guitar.", "you will bring your guitar"),
        ("喜欢苔藓。", "你喜欢苔藓"),
        ("生日是五月。", "你的生日是五月"),
    ],
)
def test_what_is_remembered_is_said_to_whom_it_is_about(text: str, back: str) -> None:
    assert to_you(text, "Alice") == back


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Likes green tea.", "Still fond of green tea?"),
        ("Their dog is called Rex.", "How is Rex?"),
        ("Lives in Lisbon.", "How are things in Lisbon?"),
        ("Is a botanist.", "I remember that you are a botanist."),
        ("喜欢苔藓。", "还喜欢苔藓吗？"),
        ("养了一只叫旺财的狗。", "旺财最近好吗？"),
    ],
)
def test_a_memory_becomes_a_friendly_question(text: str, asked: str) -> None:
    assert asking_after(text, "Alice") == asked


@given(st.text())
def test_whatever_is_said_statements_are_short_and_have_words(text: str) -> None:
    for found in statements(text):
        assert found.text.rstrip(".。")
        assert "\n" not in found.text
        assert len(found.text) <= 3 * STATEMENT_CHARS
        assert to_you(found.text, "Alice")
        assert asking_after(found.text, "Alice")


# ---------------------------------------------------------------------------- a digest


def talk(*lines: tuple[str | None, str]) -> list[Item]:
    text = "\n".join(json.dumps({"by": by, "said": said}, ensure_ascii=False) for by, said in lines)
    return [Item("1", "system", text)]


def points(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(one["about"], one["kind"], one["text"]) for one in map(json.loads, digest(items).splitlines())]


def test_a_digest_has_the_points_of_each_member_and_one_summary() -> None:
    assert is_digest("Task: digest\nYou are given…")
    assert points(
        talk(
            ("Alice", "I like moss."),
            (None, "I like moss too, and my name is Kith."),
            ("小明", "我养了一只猫"),
            ("Alice", "Tell me a riddle."),
        )
    ) == [
        ("Alice", "preference", "Likes moss."),
        ("Alice", "digest", "Talked about moss."),
        ("小明", "fact", "养了一只猫。"),
        ("小明", "digest", "聊到了养了一只猫。"),
    ]


def test_a_digest_keeps_three_points_and_what_was_asked_for_before_all_others() -> None:
    said = [("Alice", f"I like {thing}.") for thing in ("moss", "moss", "rain", "tea", "jazz")]
    found = points(talk(*said, ("Alice", "Remember that I live in Lisbon.")))
    assert [text for _, kind, text in found if kind != "digest"] == ["Lives in Lisbon.", "Likes moss.", "Likes rain."]
    assert len(found) == POINTS_EACH + 1


def test_a_talk_about_nothing_has_an_empty_digest() -> None:
    assert digest(talk(("Alice", "Tell me a riddle."), (None, "I like riddles."))) == ""


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text() | st.just('{"by": 1}'))))
def test_whatever_stands_in_a_talk_its_digest_is_json_lines(items: list[tuple[str, str]]) -> None:
    for line in digest([Item("1", role, text) for role, text in items]).splitlines():
        assert set(json.loads(line)) == {"about", "kind", "text"}
