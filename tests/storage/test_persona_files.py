"""The picture and the files of a persona's card: kept beside it within bounds, read on their own, gone with the persona and with the guild."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, event

from bot.cast import Cast
from bot.errors import KithError
from bot.personas.cards.container import read_card
from bot.personas.cards.files import Format
from bot.personas.cards.png import SIGNATURE, chunk, picture
from bot.personas.draft import draft_of
from bot.personas.library import Library
from bot.storage import personas
from bot.storage.database import Database, create_engine, parse_address
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.personas import PersonaRepository, Scope, StoredFiles, StoredPersona
from bot.storage.schema import bring_to_head, step_through

pytestmark = pytest.mark.shell
pytest_plugins = ("opened", "postgres")

GUILD, OTHER, ALICE = 5, 6, 11
PIXELS = b"".join([SIGNATURE, *picture((4, 5, 6), 8)])
CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {"name": "Mira", "description": "A botanist."},
}
END = chunk(b"IEND", b"")
ICON = "assets/icon/images/main.webp"
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(range(256))


def png_card() -> bytes:
    text = base64.b64encode(json.dumps(CARD).encode())
    return b"".join([PIXELS, chunk(b"tEXt", b"chara\0" + text), END])


def charx_card() -> bytes:
    assets = [{"type": "icon", "uri": f"embeded://{ICON}", "name": "main", "ext": "webp"}]
    card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**CARD["data"], "assets": assets}}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("module.bin", b"\0\x01\xff" * 500)
        archive.writestr("card.json", json.dumps(card))
        archive.writestr(ICON, WEBP)
    return out.getvalue()


@pytest.fixture(params=["database_url", "migrated_url"], ids=["SQLite", "PostgreSQL"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def repository(address: str) -> AsyncIterator[PersonaRepository]:
    database = await Database.open(address)
    yield PersonaRepository(database)
    await database.close()


@pytest.fixture
def cast(repository: PersonaRepository) -> Cast:
    return Cast(Library.load(), repository, GuildSettingsRepository(repository._database), "xiaoyue")


def stored(slug: str) -> StoredPersona:
    return StoredPersona(slug, "{}", None, ALICE, True)


# ---------------------------------------------------------------------------- in and out


async def test_a_card_comes_back_as_what_it_came_with_its_own_picture(cast: Cast) -> None:
    imported = await cast.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)
    assert imported.had_room
    out = await cast.give_out(GUILD, imported.made.persona.slug)
    assert out.format is Format.PNG
    assert out.data.startswith(PIXELS)
    assert read_card(out.data).fields["description"] == "A botanist."
    assert await cast.picture(GUILD, "mira") == PIXELS + END

    await cast.take_in(GUILD, charx_card(), "mira.charx", ALICE, may_approve=True)
    out = await cast.give_out(GUILD, "mira-2")
    assert out.format is Format.CHARX
    with zipfile.ZipFile(io.BytesIO(out.data)) as archive:
        assert archive.namelist() == ["card.json", ICON, "module.bin"]
        assert (archive.read(ICON), archive.read("module.bin")) == (WEBP, b"\0\x01\xff" * 500)
    assert await cast.picture(GUILD, "mira-2") == WEBP
    as_png = await cast.give_out(GUILD, "mira-2", Format.PNG)
    assert (as_png.format, as_png.left_out) == (Format.PNG, 2)


async def test_who_has_no_picture_has_none_to_show(cast: Cast) -> None:
    await cast.take_in(GUILD, json.dumps(CARD).encode(), "mira.json", ALICE, may_approve=True)
    assert await cast.picture(GUILD, "mira") is None
    assert await cast.picture(GUILD, "xiaoyue") is None
    assert await cast.picture(GUILD, "nobody") is None
    await cast.take_in(OTHER, png_card(), "mira.png", ALICE, may_approve=True)
    assert await cast.picture(GUILD, "mira") is None, "it is the other guild's"


async def test_a_changed_persona_has_a_changed_card_and_the_same_picture(cast: Cast) -> None:
    made = (await cast.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)).made
    shown = draft_of(made.persona)
    await cast.edit(GUILD, "mira", replace(shown, identity="She keeps bees now."), shown, may_approve=True)
    out = await cast.give_out(GUILD, "mira")
    assert out.data.startswith(PIXELS)
    assert read_card(out.data).fields["description"] == "She keeps bees now."


async def test_listing_personas_reads_no_picture(cast: Cast, repository: PersonaRepository) -> None:
    await cast.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)
    statements: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = repository._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    cast.drop(GUILD)
    await cast.all(GUILD)
    await cast.of(GUILD)
    await cast.find(GUILD, "mira")
    event.remove(engine, "before_cursor_execute", note)
    assert statements
    assert not any("persona_files" in statement for statement in statements)


# ---------------------------------------------------------------------------- room


async def test_where_the_room_is_full_the_persona_is_kept_without_its_files(
    repository: PersonaRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = StoredFiles("charx", b"p" * 60, "icon.png", b"a" * 40)
    monkeypatch.setattr(personas, "GUILD_FILES_BYTES", 250)
    monkeypatch.setattr(personas, "ALL_FILES_BYTES", 350)
    assert [await repository.add(GUILD, stored(slug), files) for slug in ("a", "b", "c")] == [True, True, False]
    assert [one.slug for one in await repository.all(GUILD)] == ["a", "b", "c"]
    assert await repository.files(GUILD, "b") == files
    assert await repository.files(GUILD, "c") == StoredFiles("charx")
    assert await repository.add(OTHER, stored("a"), files)
    assert not await repository.add(OTHER, stored("b"), files), "all guilds together have no more"
    await repository.delete(GUILD, "a")
    assert await repository.add(GUILD, stored("d"), files)


async def test_of_a_persona_that_is_refused_no_file_is_kept(cast: Cast, repository: PersonaRepository) -> None:
    for number in range(personas.PERSONAS):
        await repository.add(GUILD, stored(f"p{number}"))
    with pytest.raises(KithError, match="at most"):
        await cast.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)
    assert await repository.files(GUILD, "mira") is None


# ---------------------------------------------------------------------------- going


async def test_a_deleted_or_declined_persona_takes_its_picture_along(cast: Cast, repository: PersonaRepository) -> None:
    await cast.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)
    await cast.take_in(OTHER, png_card(), "mira.png", ALICE, may_approve=True)
    await cast.delete(GUILD, "mira")
    assert await repository.files(GUILD, "mira") is None
    assert await repository.files(OTHER, "mira") is not None
    await GuildSettingsRepository(repository._database).choose(GUILD, "approves_personas", True)
    waiting = await cast.take_in(GUILD, charx_card(), "mira.charx", ALICE, may_approve=False)
    await cast.decline(GUILD, "mira", waiting.made.mark)
    assert await repository.files(GUILD, "mira") is None


async def test_an_erased_guild_has_no_picture_left_and_an_erased_member_leaves_the_guilds(
    cast: Cast, repository: PersonaRepository
) -> None:
    for guild_id in (GUILD, OTHER):
        await cast.take_in(guild_id, png_card(), "mira.png", ALICE, may_approve=True)
        await cast.choose(guild_id, Scope.ME, ALICE, "mira")
    await repository.erase_member(GUILD, ALICE)
    assert await repository.picture(GUILD, "mira") is not None
    await repository.erase_guild(GUILD)
    assert await repository.picture(GUILD, "mira") is None
    assert await repository.picture(OTHER, "mira") is not None


# ---------------------------------------------------------------------------- migration


async def test_the_migration_goes_up_and_down_over_data(address: str) -> None:
    """Down: the pictures go, the personas and their cards stay. Up again: they are exported with a picture that is drawn."""

    def down_and_up(connection: Connection) -> None:
        step_through(connection, command.downgrade, "0003")
        assert connection.exec_driver_sql("SELECT slug FROM guild_personas").scalars().all() == ["mira"]
        connection.rollback()
        bring_to_head(connection)

    database = await Database.open(address)
    one = Cast(Library.load(), PersonaRepository(database), GuildSettingsRepository(database), "xiaoyue")
    await one.take_in(GUILD, png_card(), "mira.png", ALICE, may_approve=True)
    await database.close()
    engine = create_engine(parse_address(address))
    async with engine.connect() as connection:
        await connection.run_sync(down_and_up)
        await connection.commit()
    await engine.dispose()
    database = await Database.open(address)
    again = Cast(Library.load(), PersonaRepository(database), GuildSettingsRepository(database), "xiaoyue")
    out = await again.give_out(GUILD, "mira")
    assert read_card(out.data).fields["description"] == "A botanist."
    assert not out.data.startswith(PIXELS)
    await database.close()
