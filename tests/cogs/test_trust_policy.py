"""The privacy policy says what the code does: tables, deadlines, scopes, commands, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.companion import OFF_RECORD_S
from bot.conversation.disclosure import EVERY_S
from bot.memory.terms import RECAP_HOURS, STRICT_DAYS, USUAL_DAYS
from bot.settings import Settings
from bot.storage.calls import DAYS_KEPT
from bot.storage.consent import NOTICE_VERSION, Scope
from bot.storage.guild_repository import AUDIT_KEPT, AUDIT_MONTHS
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.storage.personas import WAITING_DAYS
from bot.storage.reminders import WAITING_DAYS as WAITING_DAYS_OF_REMINDERS
from bot.storage.tables import Table
from bot.storage.usage import MONTHS_KEPT
from bot.texts import Texts

pytestmark = pytest.mark.core

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("PRIVACY.md", "PRIVACY.zh-CN.md")}
ROW = re.compile(r"^\| `(?P<name>[a-z_]+)` \| (?P<cells>.+) \|$", re.MULTILINE)


def rows(page: str) -> dict[str, list[str]]:
    """First column (in backticks) → the other ones."""
    found = [
        (match["name"], [cell.strip() for cell in match["cells"].split("|")]) for match in ROW.finditer(PAGES[page])
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.parametrize("page", PAGES)
def test_every_table_and_every_scope_stands_there_and_nothing_else(page: str) -> None:
    assert set(rows(page)) == set(Table.metadata.tables) | {scope.value for scope in Scope}


@pytest.mark.parametrize("page", PAGES)
def test_a_table_is_said_to_be_encrypted_if_it_has_a_sealed_column(page: str) -> None:
    sealed = {
        name for name, table in Table.metadata.tables.items() if {"sealed", "wrapped"} & set(table.columns.keys())
    }
    said = {name for name, cells in rows(page).items() if len(cells) == 3 and cells[1]}
    assert said == sealed


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


@pytest.mark.parametrize("page", PAGES)
def test_deadlines_are_those_of_the_code(page: str) -> None:
    table, text = rows(page), PAGES[page]
    settings = GuildSettings(guild_id=1)
    bounds = {type(meta).__name__: meta for meta in GuildSettings.model_fields["retention_days"].metadata}
    assert numbers(table["memories"][2]) == [settings.retention_days, bounds["Ge"].ge, bounds["Le"].le]
    assert numbers(table["memory_proposals"][2]) == [STRICT_DAYS, USUAL_DAYS]
    assert numbers(table["recap_points"][2]) == [RECAP_HOURS]
    assert numbers(table["usage"][2]) == [MONTHS_KEPT]
    assert numbers(table["audit"][2]) == [AUDIT_KEPT, AUDIT_MONTHS]
    assert numbers(table["calls"][2]) == [DAYS_KEPT]
    assert numbers(table["reminders"][2]) == [WAITING_DAYS_OF_REMINDERS]
    assert numbers(table["guild_personas"][2]) == [WAITING_DAYS]
    assert settings.memory is MemoryMode.STRICT
    assert all(f"*{mode.value}*" in text for mode in MemoryMode)
    assert not settings.web_search
    hours, minutes = round(EVERY_S / 3600), round(OFF_RECORD_S / 60)
    assert re.search(rf"every {hours} hours|每 {hours} 小时", text)
    assert re.search(rf"for {minutes} minutes|{minutes} 分钟", text)
    assert re.search(rf"number {NOTICE_VERSION}\)|第 {NOTICE_VERSION} 版", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_setting_that_is_named_exists(page: str) -> None:
    texts = Texts()
    for path in re.findall(r"`/([a-z][a-z -]*)`", PAGES[page]):
        key = "command-" + path.replace(" ", "-")
        assert texts.has(key), path
        assert texts.say("en", key) == path.split(" ")[-1]
    for setting in re.findall(r"`(KITH_[A-Z_]+)`", PAGES[page]):
        assert setting.lower() in Settings.model_fields


def test_both_pages_name_the_same_commands() -> None:
    english, chinese = (set(re.findall(r"`/([a-z][a-z -]*)`", PAGES[page])) for page in PAGES)
    assert english == chinese


def test_there_is_no_column_for_sound() -> None:
    columns = {column.name for table in Table.metadata.tables.values() for column in table.columns}
    assert not [name for name in columns if re.search(r"audio|sound|pcm|voice", name)]
