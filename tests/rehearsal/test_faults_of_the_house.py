"""What the house stands on fails: the database, its schema, a persona file. Told in a sentence, and what was acknowledged is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from rooms import ANN_HZ, BOB_HZ, Room, all_right, house_of, loudest, voice

from bot.app import open_companion
from bot.errors import PersonaError, StorageError
from bot.rehearsal.stepfun import FakeStepFun
from bot.settings import Settings, load_settings

pytestmark = pytest.mark.rehearsal

ROOT = Path(__file__).parents[2]
GUILD, MEMBER = 7, 11


def settings_of(path: Path, **changes: object) -> Settings:
    given: dict[str, object] = {
        "_env_file": None,
        "kith_provider": "stepfun",
        "stepfun_api_key": "key-of-a-test",
        "kith_database_url": f"sqlite+aiosqlite:///{path}",
    }
    return load_settings(**(given | changes))


def execute(path: Path, *statements: str) -> None:
    """As somebody else's program would."""
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def rows_of(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


# ---------------------------------------------------------------------------- at the start


async def test_an_unreadable_database_is_named_with_what_to_do_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "kith.sqlite3"
    path.write_bytes(before := b"not a database, although it has the name of one. " * 200)
    with pytest.raises(StorageError) as caught:
        async with open_companion(settings_of(path)):
            pytest.fail("it opened")
    assert f"The database {path} is damaged or no database at all" in str(caught.value)
    assert "move the file away" in str(caught.value)
    assert path.read_bytes() == before


async def test_an_older_schema_is_migrated_and_what_it_held_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "kith.sqlite3"
    sqlite3.connect(path).close()
    path.touch()  # the oldest schema of all: an empty file
    async with open_companion(settings_of(path)) as companion:
        await companion.ledger.load(GUILD)
        await companion.ledger.allow(GUILD, MEMBER)
    async with open_companion(settings_of(path)) as companion:
        await companion.ledger.load(GUILD)
        assert companion.ledger.allowed(GUILD, MEMBER)


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "kith.sqlite3"
    async with open_companion(settings_of(path)):
        pass
    await asyncio.to_thread(execute, path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"schema 9999.*a newer Kith wrote it"):
        async with open_companion(settings_of(path)):
            pytest.fail("it opened")
    assert rows_of(path, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_persona_file_with_an_unknown_field_is_named_with_the_field(tmp_path: Path) -> None:
    shipped = (ROOT / "personas" / "xiaoyue.toml").read_text(encoding="utf-8")
    (tmp_path / "xiaoyue.toml").write_text("favourite_colour = 'blue'\n" + shipped, encoding="utf-8")
    with pytest.raises(PersonaError) as caught:
        async with open_companion(settings_of(tmp_path / "kith.sqlite3", kith_personas_dir=tmp_path)):
            pytest.fail("it opened")
    assert "xiaoyue.toml: favourite_colour: " in str(caught.value)
    assert not (tmp_path / "kith.sqlite3").exists(), "what cannot start touches no database"


# ---------------------------------------------------------------------------- in mid-call


async def test_with_the_notes_out_of_reach_nobody_is_heard_who_did_not_agree_and_stop_still_stops() -> None:
    async with FakeStepFun(reply=all_right) as fake, house_of(fake) as house, await Room.open(house) as room:
        path = Path(house.companion.settings.kith_database_url.removeprefix("sqlite+aiosqlite:///"))
        ann, bob = room.person("Ann"), room.person("Bob")
        await room.call(ann)
        await bob.enter(room.lounge)
        await asyncio.to_thread(execute, path, "ALTER TABLE consent RENAME TO lost")

        refused = await room.run(bob, "consent allow")
        assert "I cannot reach my notes at the moment, so nothing was changed." in refused.text
        assert list(room.status.heard) == ["Ann"]

        stopped = await room.run(ann, "consent stop")
        assert "I do not hear you any more. My notes cannot be reached, though" in stopped.text
        assert list(room.status.heard) == []
        begun = len(fake.talk.sound)
        await ann.speak(voice(ANN_HZ))
        assert loudest(fake.talk.sound[begun:], ANN_HZ) == 0.0

        await asyncio.to_thread(execute, path, "ALTER TABLE lost RENAME TO consent")
        assert "I do not hear you" in (await room.run(ann, "consent stop")).text
        assert "I hear you from now on" in (await room.run(bob, "consent allow")).text
        await room.ask(bob, BOB_HZ)
        assert rows_of(path, "SELECT user_id, withdrawn_at IS NULL FROM consent ORDER BY user_id") == [
            (ann.person.user_id, False),
            (bob.person.user_id, True),
        ]
