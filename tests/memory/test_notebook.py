"""What is noted of a talk, and whose a point is that somebody made of it."""

from __future__ import annotations

import pytest
from fake_shelves import ALICE, BOB, CAROL
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.memory.digest import Line, Point
from bot.memory.notebook import CHARS, LINE_CHARS, LINES, PAUSES, Finding, Note, Notebook, OffRecord
from bot.storage.memories import Kind

pytestmark = pytest.mark.core

EVERYBODY = frozenset({ALICE, BOB, CAROL})


def note(user_id: int | None, name: str, text: str, heard_by: frozenset[int] = EVERYBODY, **marks: bool) -> Note:
    return Note(user_id, name, text, heard_by, **({"for_memory": True, "for_recap": True} | marks))


def talk(*notes: Note) -> Notebook:
    notebook = Notebook()
    for one in notes:
        notebook.add(one)
    return notebook


def found(notebook: Notebook, about: str, text: str, kind: Kind = Kind.FACT) -> list[Finding]:
    return list(notebook.findings([Point(about, kind, text)]))


def test_a_point_is_its_speakers_and_known_to_who_heard_them_out() -> None:
    notebook = talk(
        note(ALICE, "Alice", "I planted moss today", frozenset({ALICE, BOB})),
        note(ALICE, "Alice", "and it rained", EVERYBODY),
    )
    [finding] = found(notebook, "alice", "Planted moss.")
    assert finding.user_id == ALICE
    assert finding.heard_by == {ALICE, BOB}


def test_a_name_that_is_nobodys_or_two_peoples_has_no_points() -> None:
    notebook = talk(
        note(ALICE, "Sam", "I planted moss"), note(BOB, "sam", "moss is nice"), note(CAROL, "Carol", "moss!")
    )
    assert found(notebook, "Sam", "Planted moss.") == []
    assert found(notebook, "Mallory", "Planted moss.") == []
    assert len(found(notebook, "Carol", "Likes moss.")) == 1


def test_a_point_without_a_word_of_theirs_is_an_invention() -> None:
    notebook = talk(note(ALICE, "Alice", "I planted moss"), note(BOB, "Bob", "Alice, you are ill, aren't you?"))
    assert found(notebook, "Alice", "Is ill.") == []


def test_words_of_somebody_else_are_known_only_to_who_heard_those_as_well() -> None:
    notebook = talk(
        note(BOB, "Bob", "the surprise party is on Sunday", frozenset({ALICE, BOB})),
        note(ALICE, "Alice", "I will bring moss"),
    )
    [finding] = found(notebook, "Alice", "Will bring moss to the surprise party.")
    assert finding.heard_by == {ALICE, BOB}
    assert (finding.user_id, finding.speaker_id) == (ALICE, BOB), "it is hers to keep, and not hers alone to share"
    [finding] = found(notebook, "Alice", "Will bring moss.")
    assert finding.heard_by == EVERYBODY
    assert finding.speaker_id == ALICE


def test_words_of_the_companion_count_as_somebody_elses() -> None:
    notebook = talk(
        note(None, "", "You told me of your cat Miso", frozenset({ALICE})), note(ALICE, "Alice", "yes, my cat")
    )
    [finding] = found(notebook, "Alice", "Has a cat called Miso.")
    assert finding.heard_by == {ALICE}


def test_a_line_serves_only_what_its_speaker_agreed_to() -> None:
    notebook = talk(
        note(ALICE, "Alice", "I planted moss", for_recap=False), note(BOB, "Bob", "I like trains", for_memory=False)
    )
    assert found(notebook, "Alice", "Planted moss.", Kind.DIGEST) == []
    assert len(found(notebook, "Alice", "Planted moss.")) == 1
    assert found(notebook, "Bob", "Likes trains.") == []
    assert len(found(notebook, "Bob", "Likes trains.", Kind.DIGEST)) == 1


def test_who_changed_their_mind_is_gone_from_it() -> None:
    notebook = talk(note(ALICE, "Alice", "moss"), note(None, "", "Nice"), note(BOB, "Bob", "trains"))
    notebook.retain(for_memory=[BOB], for_recap=[])
    assert notebook.lines() == (Line(None, "Nice"), Line("Bob", "trains"))
    assert found(notebook, "Bob", "Likes trains.", Kind.DIGEST) == []
    notebook.forget(BOB)
    assert not notebook.has_members


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([None, ALICE, BOB]), st.integers(1, LINE_CHARS)), max_size=2 * LINES))
def test_it_is_bounded_and_the_oldest_goes_first(lines: list[tuple[int | None, int]]) -> None:
    notebook = talk(*[note(user_id, "A", "x" * length) for user_id, length in lines])
    kept = notebook.lines()
    assert len(kept) <= LINES
    assert sum(len(line.said) for line in kept) <= CHARS
    assert [len(line.said) for line in kept] == [length for _, length in lines][len(lines) - len(kept) :]


def test_a_line_that_touches_a_time_off_the_record_is_covered() -> None:
    off = OffRecord()
    off.begin(10, 20)
    assert not off.covers(5, 9)
    assert off.covers(9, 10)
    assert off.covers(12, 13)
    assert off.covers(19, 40)
    assert not off.covers(20, 21)


def test_a_longer_time_off_the_record_wins() -> None:
    off = OffRecord()
    off.begin(10, 20)
    off.begin(15, 17)
    assert off.covers(18, 19)
    off.begin(16, 30)
    assert off.covers(25, 26)


def test_after_very_many_times_off_the_record_none_is_forgotten() -> None:
    off = OffRecord()
    for start in range(0, 10 * PAUSES, 5):
        off.begin(start, start + 1)
    assert all(off.covers(start, start + 0.5) for start in range(0, 10 * PAUSES, 5))
