"""Personas of guilds and who speaks where: kept, bounded, erased with the guild, and migrated with data in the tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection

from bot.cast import Cast
from bot.errors import KithError, PersonaError
from bot.personas.draft import Draft, draft_of
from bot.personas.library import Library
from bot.storage.database import Database, create_engine, parse_address
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.personas import PERSONAS, WAITING_DAYS, PersonaRepository, Scope, StoredPersona
from bot.storage.schema import bring_to_head, step_through

pytestmark = pytest.mark.shell
pytest_plugins = ("opened",)

GUILD, OTHER, ALICE, BOB, LOUNGE = 5, 6, 11, 12, 50
DRAFT = Draft("Captain Rook", "An old sailor.", "An AI who talks like a sailor.", "Gruff.")


def stored(slug: str, *, is_approved: bool = True) -> StoredPersona:
    return StoredPersona(slug, "{}", None, ALICE, is_approved)


@pytest.fixture
def repository(database: Database) -> PersonaRepository:
    return PersonaRepository(database)


@pytest.fixture
def cast(database: Database) -> Cast:
    return Cast(Library.load(), PersonaRepository(database), GuildSettingsRepository(database), "xiaoyue")


async def test_a_guild_has_its_own_and_nobody_elses(repository: PersonaRepository) -> None:
    await repository.add(GUILD, stored("rook"))
    assert [one.slug for one in await repository.all(GUILD)] == ["rook"]
    assert await repository.all(OTHER) == []
    with pytest.raises(KithError, match="there already"):
        await repository.add(GUILD, stored("rook"))
    await repository.add(OTHER, stored("rook"))


async def test_a_guild_has_no_more_than_its_bound(repository: PersonaRepository) -> None:
    for number in range(PERSONAS):
        await repository.add(GUILD, stored(f"p{number}"))
    with pytest.raises(KithError) as caught:
        await repository.add(GUILD, stored("one-more"))
    assert (caught.value.key, caught.value.values) == ("error-persona-many", {"count": PERSONAS})
    assert len(await repository.all(GUILD)) == PERSONAS


async def test_of_two_admins_at_once_one_approves_and_the_other_is_told(cast: Cast, database: Database) -> None:
    await GuildSettingsRepository(database).choose(GUILD, "approves_personas", True)
    made = await cast.create(GUILD, DRAFT, ALICE, may_approve=False)
    assert not made.is_approved
    assert made.persona not in await cast.all(GUILD)
    results = await asyncio.gather(
        cast.approve(GUILD, "captain-rook", made.mark),
        cast.decline(GUILD, "captain-rook", made.mark),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, PersonaError)]
    assert [error.key for error in refused] == ["error-persona-settled"]


async def test_what_was_changed_since_is_neither_approved_nor_declined(cast: Cast, database: Database) -> None:
    await GuildSettingsRepository(database).choose(GUILD, "approves_personas", True)
    made = await cast.create(GUILD, DRAFT, ALICE, may_approve=False)
    worse = replace(DRAFT, identity="Rook is somebody else altogether.")
    changed = await cast.edit(GUILD, "captain-rook", worse, DRAFT, may_approve=False)
    for decide in (cast.approve, cast.decline):
        with pytest.raises(PersonaError) as caught:
            await decide(GUILD, "captain-rook", made.mark)
        assert caught.value.key == "error-persona-changed"
    assert not changed.is_approved
    assert (await cast.approve(GUILD, "captain-rook", changed.mark)).identity == worse.identity


async def test_the_next_of_a_deleted_personas_name_was_chosen_by_nobody(cast: Cast, database: Database) -> None:
    guilds = GuildSettingsRepository(database)
    await cast.create(GUILD, DRAFT, ALICE, may_approve=True)
    await cast.choose(GUILD, Scope.SERVER, ALICE, "captain-rook")
    await cast.choose(GUILD, Scope.CHANNEL, LOUNGE, "captain-rook")
    assert await cast.delete(GUILD, "captain-rook", ALICE)
    await cast.create(GUILD, DRAFT, BOB, may_approve=False)
    assert (await cast.of(GUILD, LOUNGE)).slug == "xiaoyue"
    change = (await guilds.changes(GUILD))[0]
    assert (change.user_id, change.name, change.before, change.after) == (ALICE, "persona", '"captain-rook"', None)
    assert not await cast.delete(GUILD, "captain-rook", BOB), "the server's choice is another"


async def test_of_two_who_edit_at_once_each_changes_what_they_changed(cast: Cast) -> None:
    await cast.create(GUILD, DRAFT, ALICE, may_approve=True)
    await asyncio.gather(
        cast.edit(GUILD, "captain-rook", replace(DRAFT, manner="Solemn."), DRAFT, may_approve=True),
        cast.edit(GUILD, "captain-rook", replace(DRAFT, tagline="A captain."), DRAFT, may_approve=True),
    )
    (rook,) = (await cast.made(GUILD)).values()
    assert (rook.persona.manner.say("en"), rook.persona.tagline.say("en")) == ("Solemn.", "A captain.")


async def test_whoever_edits_what_waits_approves_it_only_if_it_is_what_they_were_shown(
    cast: Cast, database: Database
) -> None:
    await GuildSettingsRepository(database).choose(GUILD, "approves_personas", True)
    await cast.create(GUILD, DRAFT, ALICE, may_approve=False)
    theirs = replace(DRAFT, identity="Rook is somebody else altogether.")
    await cast.edit(GUILD, "captain-rook", theirs, DRAFT, may_approve=False)
    tagline = replace(DRAFT, tagline="A captain.")
    unseen = await cast.edit(GUILD, "captain-rook", tagline, DRAFT, may_approve=True)
    assert not unseen.is_approved
    now = draft_of(unseen.persona)
    assert (await cast.edit(GUILD, "captain-rook", now, now, may_approve=True)).is_approved


async def test_what_waits_for_ninety_days_goes_and_what_was_approved_stays(repository: PersonaRepository) -> None:
    await repository.add(GUILD, stored("rook"))
    await repository.add(GUILD, stored("waits", is_approved=False))
    await repository.choose_for_channel(GUILD, LOUNGE, "waits")
    now = datetime.now(UTC)
    assert await repository.clear_out(now + timedelta(days=WAITING_DAYS - 1)) == 0
    assert await repository.clear_out(now + timedelta(days=WAITING_DAYS + 1)) == 1
    assert [one.slug for one in await repository.all(GUILD)] == ["rook"]
    assert await repository.chosen(GUILD, LOUNGE, None) == (None, None)


async def test_a_member_alone_goes_before_the_channel_and_the_channel_before_the_server(cast: Cast) -> None:
    assert (await cast.of(GUILD, LOUNGE, (ALICE,))).slug == "xiaoyue"
    await cast.choose(GUILD, Scope.SERVER, 0, "quizhost")
    await cast.choose(GUILD, Scope.CHANNEL, LOUNGE, "bedtime")
    await cast.choose(GUILD, Scope.ME, ALICE, "mentor")
    assert (await cast.of(GUILD, LOUNGE, (ALICE,))).slug == "mentor"
    assert (await cast.of(GUILD, LOUNGE, (ALICE, BOB))).slug == "bedtime"
    assert (await cast.of(GUILD, LOUNGE + 1, (BOB,))).slug == "quizhost"
    assert (await cast.of(OTHER, LOUNGE, (ALICE,))).slug == "xiaoyue"
    await cast.choose(GUILD, Scope.ME, ALICE, "default")
    assert (await cast.of(GUILD, LOUNGE, (ALICE,))).slug == "bedtime"


async def test_a_deleted_persona_is_chosen_nowhere(cast: Cast, repository: PersonaRepository) -> None:
    made = await cast.create(GUILD, DRAFT, ALICE, may_approve=True)
    await cast.choose(GUILD, Scope.CHANNEL, LOUNGE, made.persona.slug)
    await cast.choose(GUILD, Scope.SERVER, 0, made.persona.slug)
    await cast.delete(GUILD, made.persona.slug)
    assert (await cast.of(GUILD, LOUNGE)).slug == "xiaoyue"
    assert await repository.chosen(GUILD, LOUNGE, None) == (None, None)
    with pytest.raises(PersonaError):
        await cast.delete(GUILD, made.persona.slug)


async def test_a_card_that_is_refused_leaves_nothing(cast: Cast) -> None:
    with pytest.raises(KithError):
        await cast.take_in(GUILD, b'{"name": "x", "y": ' + b"[" * 90_000, "x.json", ALICE, may_approve=True)
    assert await cast.made(GUILD) == {}


async def test_what_a_newer_kith_wrote_is_left_alone(cast: Cast, repository: PersonaRepository) -> None:
    await repository.add(GUILD, StoredPersona("later", '{"aura": 3}', None, ALICE, True))
    assert await cast.made(GUILD) == {}
    assert [one.slug for one in await repository.all(GUILD)] == ["later"]


async def test_erasing_a_guild_takes_all_of_it_and_erasing_a_member_what_is_theirs(
    cast: Cast, repository: PersonaRepository
) -> None:
    for guild_id in (GUILD, OTHER):
        await cast.create(guild_id, DRAFT, ALICE, may_approve=True)
        await cast.choose(guild_id, Scope.ME, ALICE, "bedtime")
        await cast.choose(guild_id, Scope.CHANNEL, LOUNGE, "mentor")
    assert await repository.export_member(GUILD, ALICE) == {"persona": "bedtime", "personas_made": ["captain-rook"]}
    await repository.erase_member(GUILD, ALICE)
    assert await repository.export_member(GUILD, ALICE) == {"persona": None, "personas_made": []}
    assert len(await repository.all(GUILD)) == 1
    await repository.erase_guild(GUILD)
    cast.drop(GUILD)
    assert await repository.all(GUILD) == []
    assert await repository.chosen(GUILD, LOUNGE, ALICE) == (None, None)
    assert await repository.chosen(OTHER, LOUNGE, ALICE) == ("mentor", "bedtime")


async def test_the_migration_goes_up_and_down_over_data(tmp_path: Path) -> None:
    def walk(connection: Connection) -> list[object]:
        bring_to_head(connection)
        step_through(connection, command.downgrade, "0001")
        connection.exec_driver_sql(
            "INSERT INTO guild_settings (guild_id, persona, manager_role_ids, updated_at)"
            " VALUES (5, 'bedtime', '[7]', '2026-01-01 00:00:00')"
        )
        connection.commit()
        bring_to_head(connection)
        after = connection.exec_driver_sql("SELECT name, value FROM guild_choices ORDER BY name")
        rows: list[object] = list(after.all())
        step_through(connection, command.downgrade, "0001")
        rows += connection.exec_driver_sql("SELECT persona, manager_role_ids FROM guild_settings").all()
        connection.rollback()
        bring_to_head(connection)
        return rows

    engine = create_engine(parse_address(f"sqlite+aiosqlite:///{tmp_path}/kith.sqlite3"))
    async with engine.connect() as connection:
        rows = await connection.run_sync(walk)
    await engine.dispose()
    assert rows == [("manager_role_ids", "[7]"), ("persona", '"bedtime"'), ("bedtime", "[7]")]
