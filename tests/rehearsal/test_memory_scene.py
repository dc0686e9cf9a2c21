"""The scene of memory, with the shipped bot and the shipped small model on the loopback Discord: said, kept, told again, looked up, forgotten, gone.

The bytes that are searched for are those of the database itself, found before the forgetting and nowhere after it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.conversation.events import CallTool, CaptionKind, Command, Event
from bot.rehearsal.disk import Disk, SealedValue
from bot.rehearsal.house import House
from bot.rehearsal.scene import load_scene
from bot.rehearsal.stage import Stage

pytestmark = pytest.mark.rehearsal


async def test_the_scene_of_memory_holds() -> None:
    scene = load_scene(Path("memory"))
    told: list[str] = []
    called: list[str] = []

    def watch(event: Event | Command, _: float) -> None:
        if isinstance(event, CallTool):
            called.append(event.name)

    async with House(scene, "local", kith_responses_per_minute=100) as house:
        house.observe(watch)
        report = await Stage(scene, house, told.append).play()
        assert not house.discord.rest.unknown_routes
    assert [check for check in report.checks if not check.held] == [], "\n".join(told)
    searched = [
        check
        for check in report.checks
        if check.expected in {"sealed bytes in the files", "no trace of what was forgotten"}
    ]
    assert [check.found for check in searched] == [
        "1 of 1 found in the files",
        "1 of 1 found in the files",
        "2 sought, traces in no file",
    ]
    assert called[0] == "remember"
    heard = [caption for caption in report.captions if caption.kind is CaptionKind.HEARD]
    assert (heard[0].speaker, heard[-1].speaker) == ("Xiao Yue", "Captain Rook")


def test_bytes_are_found_in_every_file_beside_the_database(tmp_path: Path) -> None:
    path = tmp_path / "kith.sqlite3"
    sealed = bytes(range(24)) + b"ciphertext"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    for table in ("memories", "memory_proposals", "recap_points", "reminders"):
        database.execute(f"CREATE TABLE {table} (sealed BLOB)")
    database.execute("INSERT INTO memories VALUES (?)", (sealed,))
    database.commit()
    disk = Disk(path)
    assert disk.sealed() == {SealedValue("memories", sealed)}
    assert disk.is_lying(SealedValue("memories", sealed))
    assert "kith.sqlite3-wal" in disk.traces(SealedValue("memories", sealed)), "the log is searched too"
    (tmp_path / "export.json").write_text('{"text": "Likes Green tea."}', encoding="utf-8")
    assert disk.files_with_words("green tea") == ["export.json"]
    assert disk.files_with_words("moss") == []
    database.close()


def test_half_a_value_is_a_trace_of_it(tmp_path: Path) -> None:
    (tmp_path / "left").write_bytes(b"x" * 7 + bytes(range(24)))
    value = SealedValue("memories", bytes(range(24)) + b"ciphertext")
    disk = Disk(tmp_path / "kith.sqlite3")
    assert disk.traces(value) == ["left"]
    assert not disk.is_lying(value)
