"""`kith check`: every question answered in a plain sentence, with what to do; nothing repeated that is secret."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from loopback import Stage
from rich.console import Console
from typer.testing import CliRunner

from bot.__main__ import app
from bot.check import Finding, check, check_database, check_keys, check_opus, check_personas, check_token_shape
from bot.errors import SettingError
from bot.model_choice import check_local_extra
from bot.rehearsal.member_voice import MemberVoice
from bot.settings import load_settings
from bot.stores import Stores
from bot.voice_check import check_voice

pytestmark = pytest.mark.shell

SPEECH = (np.sin(np.arange(24_000 * 12) * 0.05) * 8000).astype("<i2").tobytes()
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.AbCdEf.abcdefghijklmnopqrstuvwxyz0"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "not set"),
        ("my-client-secret-0123456789abcdef", "shape"),
        ("AbCdEf.abc.def", "shape"),
        ("Bot " + TOKEN, "shape"),
        (TOKEN + "\u200b", "shape"),
        ("!!!!NDU2Nzg5MDEyMzQ1Njc4.AbCdEf.abcdefghijklmnopqrstuvwxyz0", "shape"),
        ("bm90IGEgbnVtYmVyIGF0IGFsbA.AbCdEf.abcdefghijklmnopqrstuvwxyz0", "shape"),
    ],
)
def test_a_token_that_cannot_be_one_is_told_without_being_repeated(token: str | None, words: str) -> None:
    found = check_token_shape(load_settings(_env_file=None, discord_token=token))
    assert not found.is_right
    assert words in found.sentence
    assert "developer portal" in found.advice
    assert token is None or token not in f"{found.sentence}{found.advice}"


def test_a_token_of_the_right_shape_tells_its_application() -> None:
    found = check_token_shape(load_settings(_env_file=None, discord_token=TOKEN))
    assert found.is_right
    assert "123456789012345678" in found.sentence
    assert TOKEN not in found.sentence


def test_libopus_is_told_with_its_version_and_a_wrong_path_with_what_to_do(tmp_path: Path) -> None:
    assert check_opus(load_settings(_env_file=None)).is_right
    wrong = check_opus(load_settings(_env_file=None, kith_opus_library=tmp_path / "libnothing.so"))
    assert not wrong.is_right
    assert "KITH_OPUS_LIBRARY" in wrong.advice


def test_personas_are_told_by_their_faults(tmp_path: Path) -> None:
    assert check_personas(load_settings(_env_file=None)).is_right
    (tmp_path / "broken.toml").write_text("mood = 1", encoding="utf-8")
    broken = check_personas(load_settings(_env_file=None, kith_personas_dir=tmp_path))
    assert "broken.toml: mood: unknown field" in broken.sentence
    missing = check_personas(load_settings(_env_file=None, kith_persona="nobody"))
    assert "nobody" in missing.sentence


async def test_the_database_is_looked_at_and_not_made(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/data/kith.sqlite3"
    found = await check_database(load_settings(_env_file=None, kith_database_url=url))
    assert found.is_right
    assert not (tmp_path / "data").exists()


async def all_of(findings: AsyncIterator[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding async for finding in findings if finding.subject != "probe"}


async def test_a_lost_master_key_is_told_with_the_way_out(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/kith.sqlite3"
    settings = load_settings(_env_file=None, kith_database_url=url)
    assert "made at the first start" in (await check_keys(settings)).sentence
    stores = await Stores.open(settings)
    await stores.vault.cipher(5)
    await stores.close()
    assert "opens the keys of 1" in (await check_keys(settings)).sentence
    (tmp_path / "master.key").unlink()
    lost = await check_keys(settings)
    assert not lost.is_right
    assert f"The master key {tmp_path}/master.key is gone" in lost.sentence
    assert "kith keys discard" in lost.sentence


async def test_everything_right_on_a_discord_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr("bot.check.probe", _no_probe)
    found = await all_of(check(stage.settings))
    assert [finding.sentence for finding in found.values() if not finding.is_right] == []
    assert set(found) == {"settings", "token", "libopus", "personas", "database", "master key", "Discord", "model"}


async def _no_probe(*_: object) -> list[object]:
    return []


async def test_a_refused_token_and_a_refused_key_are_told_apart(stage: Stage) -> None:
    settings = stage.settings.model_copy(
        update={"discord_token": load_settings(discord_token=TOKEN.replace("abc", "xyz")).discord_token}
    )
    stage.model.key = "another-key"
    found = await all_of(check(settings))
    assert "refuses the token" in found["Discord"].sentence
    assert not found["model"].is_right
    assert "region" in found["model"].advice


async def test_a_discord_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    settings = stage.settings.model_copy(
        update={"discord_api_base": "http://127.0.0.1:9/api/v10", "stepfun_url": "ws://127.0.0.1:9/"}
    )
    found = await all_of(check(settings))
    assert "cannot be reached" in found["Discord"].sentence
    assert "SSL_CERT_FILE" in found["model"].advice


def test_the_command_prints_marks_and_fails_when_anything_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KITH_PROVIDER", "stepfun")
    monkeypatch.setenv("STEPFUN_API_KEY", "some-key-of-mine")
    monkeypatch.setenv("STEPFUN_URL", "ws://127.0.0.1:9/")
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert "✗ token  DISCORD_TOKEN is not set." in result.output
    assert "✓ personas" in result.output
    assert "some-key-of-mine" not in result.output


def test_the_local_model_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.model_choice.find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"pocketsphinx, espeakng_loader is missing.*kith\[local\]"):
        check_local_extra(load_settings(_env_file=None))
    service = "http://127.0.0.1:9/v1/audio"
    check_local_extra(load_settings(_env_file=None, kith_transcription_url=service, kith_speech_url=service))


# ---------------------------------------------------------------------------- a live channel


async def walk(stage: Stage, folder: Path, channel_id: int, hear: list[int]) -> tuple[bool, str, str]:
    console = Console(file=io.StringIO(), width=200)
    held = await check_voice(stage.settings, channel_id, folder / "trace.jsonl", console, hear)
    assert isinstance(console.file, io.StringIO)
    return held, console.file.getvalue(), (folder / "trace.jsonl").read_text(encoding="utf-8")


async def test_the_voice_check_proves_each_step_up_to_packets_heard(tmp_path: Path, stage: Stage) -> None:
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context) as alice:
        talking = asyncio.create_task(alice.speak(SPEECH))
        held, shown, trace = await walk(stage, tmp_path, stage.lounge.channel_id, [stage.alice.user_id])
        talking.cancel()
        assert held, shown
        for step in (
            "login",
            "gateway",
            "voice state",
            "websocket",
            "discovery",
            "encryption",
            "E2EE",
            "sent",
            "heard",
        ):
            assert f"✓ {step}" in shown
        assert alice.heard(stage.world.bot.user_id).any(), "the tone is heard"
    assert '"op": 4' in trace
    for secret in (TOKEN, ticket.token, str(stage.alice.user_id), "Alice"):
        assert secret not in trace
    assert stage.world.bot.user_id not in stage.guild.voice_states


async def test_the_voice_check_hears_nobody_who_was_not_named(tmp_path: Path, stage: Stage) -> None:
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context) as alice:
        talking = asyncio.create_task(alice.speak(SPEECH))
        held, shown, trace = await walk(stage, tmp_path, stage.lounge.channel_id, [])
        talking.cancel()
    assert held, shown
    assert "– heard  not asked" in shown
    notes = [json.loads(line) for line in trace.splitlines()]
    [receiver] = [note for note in notes if note.get("part") == "receiver"]
    assert receiver["ok"] == 0, "nothing of Alice was decrypted"


async def test_the_voice_check_names_the_first_step_that_fails(tmp_path: Path, stage: Stage) -> None:
    held, shown, _ = await walk(stage, tmp_path, 5, [])
    assert not held
    assert "✗ channel  There is no such voice channel" in shown
    stage.lounge.overwrites = [{"id": str(stage.world.bot.user_id), "type": 1, "allow": "0", "deny": str(1 << 20)}]
    held, shown, _ = await walk(stage, tmp_path, stage.lounge.channel_id, [])
    assert not held
    assert "✗ voice state" in shown
    assert "permission" in shown
