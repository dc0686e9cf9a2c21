from pathlib import Path

import pytest

from bot.rehearsal.scene import SCENES, SceneError, load_scene, parse_scene
from bot.rehearsal.stage import is_understood

pytestmark = pytest.mark.core

PEOPLE = 'title = "t"\n[[people]]\nname = "Alice"\n'


def test_every_shipped_scene_is_valid() -> None:
    shipped = sorted(SCENES.glob("*.toml"))
    assert shipped
    for path in shipped:
        assert load_scene(path).steps


@pytest.mark.parametrize(
    ("heard", "is_so"),
    [
        ("remember that i like green tea", True),
        ("Remember that I like green tea!", True),
        ("Remember I like green tea.", True),
        ("Keep it brief.", False),
        ("Will you marry me?", False),
        ("", False),
    ],
)
def test_words_that_came_through_are_told_from_others(heard: str, is_so: bool) -> None:
    assert is_understood("Remember that I like green tea.", heard) is is_so


def test_a_step_with_two_verbs_is_refused_by_name() -> None:
    with pytest.raises(SceneError, match=r"steps\.0: .*exactly one of .* found says, types"):
        parse_scene(PEOPLE + '[[steps]]\nwho = "Alice"\nsays = "a"\ntypes = "b"\n', "s.toml")


def test_a_step_of_somebody_unknown_is_refused_by_name() -> None:
    with pytest.raises(SceneError, match="expected one of Alice as `who`, found Ben"):
        parse_scene(PEOPLE + '[[steps]]\nwho = "Ben"\nsays = "a"\n', "s.toml")


def test_a_choice_names_its_menu_and_what_is_chosen() -> None:
    step = '[[steps]]\nwho = "Alice"\nchooses = { menu = "voice", values = ["Lounge"] }\nfills = { name = "A", who = ["B"] }\n'
    assert parse_scene(PEOPLE + step, "s.toml").steps[0].verb == "chooses"
    with pytest.raises(SceneError, match=r"steps\.0\.chooses\.values: Field required"):
        parse_scene(PEOPLE + '[[steps]]\nwho = "Alice"\nchooses = { menu = "voice" }\n', "s.toml")


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(SceneError, match=r"s\.toml: steps\.0\.shouts: Extra inputs"):
        parse_scene(PEOPLE + '[[steps]]\nwho = "Alice"\nsays = "a"\nshouts = "b"\n', "s.toml")


def test_a_broken_pattern_is_refused() -> None:
    with pytest.raises(SceneError, match="expected a regular expression"):
        parse_scene(PEOPLE + '[[steps]]\nwho = "Alice"\nsays = "a"\nreply = "("\n', "s.toml")


def test_a_missing_file_names_the_shipped_scenes(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="demo"):
        load_scene(tmp_path / "none.toml")
