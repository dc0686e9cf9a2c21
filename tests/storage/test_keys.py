"""The master key: where it comes from, and what an operator does with it. Never replaced in silence, never shown."""

from __future__ import annotations

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.errors import SettingError, StorageError
from bot.settings import Settings, load_settings
from bot.storage.database import Database
from bot.storage.keys import discard, inspect_keys, rotate, rotate_master_key, sealed_rows
from bot.storage.master_key import master_key, parse_key
from bot.storage.memories import Kind, Memory
from bot.storage.memory_repository import MemoryRepository
from bot.storage.reminders import Reminder, ReminderRepository
from bot.storage.vault import KEY_BYTES, Vault

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
NOW = datetime(2026, 5, 1, tzinfo=UTC)
ALICE = frozenset({2})


def settings_for(url: str, key: bytes | None = None) -> Settings:
    given_key = base64.b64encode(key).decode() if key else None
    return load_settings(kith_database_url=url, kith_master_key=given_key, _env_file=None)


async def keep_something(url: str, key: bytes, guild: int = 5) -> None:
    database = await Database.open(url)
    vault = await Vault.open(database, key)
    await MemoryRepository(database, vault).add(
        Memory(guild, "a" * 32, 2, 2, ALICE, Kind.FACT, "likes moss", "en", NOW)
    )
    await ReminderRepository(database, vault).add(Reminder(guild, "b" * 32, 2, 9, "tea", NOW + timedelta(1), NOW))
    await database.close()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def texts_with(url: str, key: bytes, guild: int = 5) -> list[str]:
    database = await Database.open(url)
    try:
        memories = MemoryRepository(database, await Vault.open(database, key))
        return [memory.text for memory in await memories.all(guild)]
    finally:
        await database.close()


# ---------------------------------------------------------------------------- where it comes from


def test_the_setting_is_read_in_both_kinds_of_base64(database_url: str) -> None:
    key = bytes(range(224, 256))
    for text in (base64.b64encode(key), base64.urlsafe_b64encode(key)):
        assert parse_key(text.decode(), "KITH_MASTER_KEY") == key
    assert master_key(settings_for(database_url, key)) == key


@given(st.text(max_size=60).filter(lambda text: len(text) != 44))
def test_any_other_text_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_key(text, "KITH_MASTER_KEY")
    assert str(refused.value).startswith("KITH_MASTER_KEY: expected 32 bytes in base64")


def test_without_a_setting_a_file_is_made_once_that_only_its_owner_reads(database_url: str, tmp_path: Path) -> None:
    first = master_key(settings_for(database_url))
    path = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert master_key(settings_for(database_url)) == first == base64.b64decode(path.read_text())


def test_a_database_in_memory_gets_a_key_of_its_own_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "sqlite+aiosqlite:///:memory:"
    assert master_key(settings_for(url)) != master_key(settings_for(url))
    assert list(tmp_path.iterdir()) == []


def test_a_database_server_needs_the_setting() -> None:
    with pytest.raises(SettingError, match="KITH_MASTER_KEY"):
        master_key(settings_for("postgresql+asyncpg://kith@localhost/kith"))


def test_a_damaged_file_is_named(database_url: str, tmp_path: Path) -> None:
    master_key(settings_for(database_url))
    (tmp_path / "data" / "master.key").write_bytes(b"\xff\x00 not a key")
    with pytest.raises(SettingError, match=r"master\.key: expected 32 bytes"):
        master_key(settings_for(database_url))


async def test_a_lost_file_is_told_and_not_made_anew(database_url: str, tmp_path: Path) -> None:
    await keep_something(database_url, master_key(settings_for(database_url)))
    path = tmp_path / "data" / "master.key"
    path.unlink()
    with pytest.raises(SettingError, match=r"master\.key is gone.*kith keys discard"):
        master_key(settings_for(database_url))
    assert not path.exists()


# ---------------------------------------------------------------------------- look


async def test_a_check_says_whether_the_key_opens_what_is_there(database_url: str) -> None:
    assert "Nothing is sealed" in await inspect_keys(database_url, OLD)
    await (await Database.open(database_url)).close()
    assert "Nothing is sealed" in await inspect_keys(database_url, OLD)
    await keep_something(database_url, OLD)
    assert "1 servers" in await inspect_keys(database_url, OLD)
    with pytest.raises(StorageError, match="kith keys discard"):
        await inspect_keys(database_url, NEW)


# ---------------------------------------------------------------------------- change


async def test_a_new_master_key_opens_everything_and_the_old_one_nothing(database_url: str) -> None:
    await keep_something(database_url, OLD, 5)
    await keep_something(database_url, OLD, 6)
    assert await rotate(database_url, OLD, NEW) == 2
    assert await texts_with(database_url, NEW) == ["likes moss"]
    with pytest.raises(StorageError):
        await texts_with(database_url, OLD)


async def test_rotating_from_a_wrong_key_changes_nothing(database_url: str) -> None:
    await keep_something(database_url, OLD)
    with pytest.raises(StorageError, match="another master key"):
        await rotate(database_url, b"w" * KEY_BYTES, NEW)
    assert await texts_with(database_url, OLD) == ["likes moss"]


async def test_our_own_key_file_is_replaced_where_it_is(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url)
    old = master_key(settings)
    await keep_something(database_url, old)
    assert "1 servers" in await rotate_master_key(settings, None)
    assert master_key(settings) != old
    assert await texts_with(database_url, master_key(settings)) == ["likes moss"]
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"kith.sqlite3", "kith.sqlite3.lock", "master.key"}


async def test_a_rotation_that_was_cut_short_is_finished_by_another(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut between the commit and the renaming of the key's file: the file holds the old key, the database wants the new one."""
    settings = settings_for(database_url)
    await keep_something(database_url, master_key(settings))

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("bot.storage.keys.os.replace", cut)
        with pytest.raises(KeyboardInterrupt):
            await rotate_master_key(settings, None)
    with pytest.raises(StorageError, match="cut short, run it again"):
        await texts_with(database_url, master_key(settings))
    await rotate_master_key(settings, None)
    assert await texts_with(database_url, master_key(settings)) == ["likes moss"]


async def test_where_no_database_is_nothing_is_made_and_nothing_said_to_be_done(
    database_url: str, tmp_path: Path
) -> None:
    config = settings_for(database_url)
    for doing in (
        rotate_master_key(config, None),
        rotate(database_url, OLD, NEW),
        sealed_rows(database_url),
        discard(database_url),
    ):
        with pytest.raises(StorageError, match=r"There is no database .*kith\.sqlite3"):
            await doing
    assert names_in(tmp_path) == set()


async def test_a_key_from_a_setting_is_changed_into_one_of_another_file(database_url: str, tmp_path: Path) -> None:
    await keep_something(database_url, OLD)
    with pytest.raises(SettingError, match="expected a FILE"):
        await rotate_master_key(settings_for(database_url, OLD), None)
    told = await rotate_master_key(settings_for(database_url, OLD), tmp_path / "new.key")
    new = base64.b64decode((tmp_path / "new.key").read_text())
    assert "KITH_MASTER_KEY_FILE" in told
    assert base64.b64encode(new).decode() not in told
    assert await texts_with(database_url, new) == ["likes moss"]


# ---------------------------------------------------------------------------- give up


async def test_what_a_lost_key_sealed_is_counted_then_dropped_and_the_bot_starts_again(
    database_url: str, tmp_path: Path
) -> None:
    await keep_something(database_url, OLD)
    before = await sealed_rows(database_url)
    assert str(before) == "1 memories, 0 proposals, 0 recap points and 1 reminders of 1 servers"
    assert await discard(database_url) == before
    assert (await sealed_rows(database_url)).is_empty
    assert await texts_with(database_url, master_key(settings_for(database_url))) == []


@given(st.lists(st.sampled_from(["keep", "rotate", "discard"]), max_size=5))
@settings(deadline=None, max_examples=8, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_done_to_the_key_what_was_kept_opens_or_was_given_up(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    import asyncio

    async def live() -> None:
        folder = tmp_path_factory.mktemp("keys")
        config = settings_for(f"sqlite+aiosqlite:///{folder}/kith.sqlite3")
        url, kept = config.kith_database_url, 0
        await (await Database.open(url)).close()
        for guild, deed in enumerate(deeds):
            if deed == "keep":
                await keep_something(url, master_key(config), guild)
                kept += 1
            elif deed == "rotate":
                await rotate_master_key(config, None)
            elif deed == "discard":
                await discard(url)
                kept = 0
            assert (await sealed_rows(url)).memories == kept
            await inspect_keys(url, master_key(config))

    asyncio.run(live())
