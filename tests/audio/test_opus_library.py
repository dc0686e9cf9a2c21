"""Finding libopus, and saying what to do when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.audio import opus_library
from bot.audio.opus_library import OpusLibrary, find_newest, library, wheel_paths
from bot.errors import AudioError

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def _forget_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus_library, "_chosen", None)


def test_the_wheel_of_pyav_brings_a_libopus_new_enough_for_cheap_speech() -> None:
    assert max(OpusLibrary(path).version for path in wheel_paths()) >= (1, 5)


def test_the_newest_of_several_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = next(wheel_paths())

    class Old(OpusLibrary):
        def __init__(self, path: str) -> None:
            super().__init__(wheel)
            self.path = path
            if path == "old":
                self.version = (1, 1, 2)

    monkeypatch.setattr(opus_library, "OpusLibrary", Old)
    monkeypatch.setattr(opus_library, "wheel_paths", lambda: iter(["old", "new"]))
    monkeypatch.setattr(opus_library, "_system_names", lambda: iter(["old"]))
    assert find_newest().path == "new"


def test_a_named_file_wins_and_is_kept(tmp_path: Path) -> None:
    named = tmp_path / "libopus-of-mine.so"
    named.symlink_to(next(wheel_paths()))
    assert library(named).path == str(named)
    assert library().path == str(named)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"nowhere\.so cannot be loaded.*KITH_OPUS_LIBRARY"):
        library(tmp_path / "nowhere.so")


def test_a_library_that_is_not_libopus_is_refused() -> None:
    import _ctypes

    with pytest.raises(AudioError, match="not libopus"):
        library(Path(_ctypes.__file__))


def test_without_any_library_the_operator_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus_library, "wheel_paths", lambda: iter(()))
    monkeypatch.setattr(opus_library, "_system_names", lambda: iter(["libopus-that-is-not-there.so"]))
    with pytest.raises(AudioError, match=r"No libopus was found\..*requirements"):
        library()


def test_without_pyav_the_wheel_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus_library, "find_spec", lambda name: None)
    assert list(wheel_paths()) == []


def test_a_version_text_without_a_number_is_older_than_any() -> None:
    assert opus_library._version("unknown") == (0,)
    assert opus_library._version("libopus 1.6.1") == (1, 6, 1)
    assert opus_library._version("libopus 1.5-rc1") == (1, 5, 0)
