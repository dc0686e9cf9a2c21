"""Who may use the companion, as decisions over values; and a voice of the server's own."""

from __future__ import annotations

import pytest

from bot.personas.library import Library
from bot.personas.voices import voice_for, voices_of
from bot.storage.guilds import GuildSettings
from cogs.permissions import may_use

pytestmark = pytest.mark.core

EVERYBODY = GuildSettings(guild_id=1)
DJS = GuildSettings(guild_id=1, user_role_ids=frozenset({5}), manager_role_ids=frozenset({6}))
PERSONAS = Library.load().all()
XIAOYUE = Library.load().get("xiaoyue")


@pytest.mark.parametrize(
    ("settings", "manages", "roles", "expected"),
    [
        (EVERYBODY, False, {1}, True),
        (DJS, False, {1}, False),
        (DJS, False, {1, 5}, True),
        (DJS, False, {1, 6}, True),
        (DJS, True, {1}, True),
    ],
)
def test_commands_are_for_who_may_talk_with_it_and_for_who_may_choose_it(
    settings: GuildSettings, manages: bool, roles: set[int], expected: bool
) -> None:
    assert may_use(manages, roles, settings) is expected


@pytest.mark.parametrize("provider", ["stepfun", "local"])
def test_the_voices_of_a_provider_fit_a_menu_and_are_told_by_whose_they_are(provider: str) -> None:
    voices = voices_of(PERSONAS, provider)
    assert 2 <= len(voices) <= 24
    assert all(persona.voice[provider] == voice for voice, persona in voices.items())


def test_a_servers_voice_replaces_the_personas_where_the_provider_has_it() -> None:
    other = next(voice for voice in voices_of(PERSONAS, "stepfun") if voice != XIAOYUE.voice["stepfun"])
    assert voice_for(XIAOYUE, "stepfun", other, PERSONAS) == other
    assert voice_for(XIAOYUE, "stepfun", None, PERSONAS) == XIAOYUE.voice["stepfun"]
    assert voice_for(XIAOYUE, "local", other, PERSONAS) == XIAOYUE.voice["local"], "a voice of another provider"
    assert voice_for(XIAOYUE, "elsewhere", None, PERSONAS) is None
