"""A run of the bot from start to stop: what stops a start, what a signal does, what is left afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from loopback import Stage
from waiting import PATIENCE_S, START_S, until

from bot.errors import AudioError, PersonaError, SettingError, StorageError
from bot.process import DiscordUnreachable, TokenRefused, exit_code_of, run_bot, running, secrets_of
from bot.rehearsal.member_voice import MemberVoice

pytestmark = pytest.mark.rehearsal

ROOT = Path(__file__).parents[2]


def environment(stage: Stage, **changes: str) -> dict[str, str]:
    settings = stage.settings
    assert settings.stepfun_api_key is not None
    return {
        **os.environ,
        "DISCORD_TOKEN": stage.world.token,
        "DISCORD_API_BASE": str(settings.discord_api_base),
        "KITH_PROVIDER": "stepfun",
        "STEPFUN_API_KEY": settings.stepfun_api_key.get_secret_value(),
        "STEPFUN_URL": settings.stepfun_url,
        "KITH_DATABASE_URL": settings.kith_database_url,
        "KITH_LOG_FORMAT": "json",
        "PYTHONDEVMODE": "0",
        **changes,
    }


@asynccontextmanager
async def started(folder: Path, env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", cwd=folder, env={**env, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def until_ready(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(START_S):
        while line := (await process.stderr.readline()).decode():
            lines.append(line)
            if line.startswith("{") and json.loads(line)["event"] == "ready":
                return lines
    raise AssertionError("".join(lines))


async def test_a_process_gets_ready_says_goodbye_on_sigterm_and_leaves_with_zero(tmp_path: Path, stage: Stage) -> None:
    async with started(tmp_path, environment(stage)) as process:
        lines = await until_ready(process)
        assert json.loads(lines[-1])["level"] == "info"

        ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
        async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
            await stage.run(stage.alice, "consent allow")
            assert "**Lounge**" in (await stage.run(stage.alice, "join")).text
            # The greeting is asked for: the session is ready. Before that there is nobody who could say goodbye.
            await until(lambda: any('"response.create"' in raw for talk in stage.model.talks for raw in talk.raw))
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                _, rest = await process.communicate()
    written = "".join(lines) + rest.decode()
    assert process.returncode == 0, written
    assert any("Say goodbye" in raw for raw in stage.model.talk.raw), "goodbye is said to the call"
    assert stage.world.bot.user_id not in stage.guild.voice_states, "no ghost stays in the channel"
    assert any("restarted" in message.content for message in stage.world.messages.values()), "the room is told"
    for secret in (
        stage.world.token,
        stage.model.key,
        "Task was destroyed",
        "never retrieved",
        "Unclosed",
        "Traceback",
    ):
        assert secret not in written


async def test_a_stop_in_the_middle_of_the_login_is_no_failure(tmp_path: Path, stage: Stage) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        environ = environment(stage, DISCORD_API_BASE=f"http://127.0.0.1:{port}")
        async with started(tmp_path, environ) as process, asyncio.timeout(START_S):
            await came.wait()
            process.send_signal(signal.SIGTERM)
            _, written = await process.communicate()
            await gone.wait()
    assert process.returncode == 0, written.decode()


async def test_a_token_that_discord_refuses_is_one_sentence_and_an_exit_code(tmp_path: Path, stage: Stage) -> None:
    wrong = stage.world.token.replace("abc", "xyz")
    async with started(tmp_path, environment(stage, DISCORD_TOKEN=wrong)) as process, asyncio.timeout(START_S):
        _, written = await process.communicate()
    assert process.returncode == 77
    assert "Discord refuses it" in written.decode()
    assert "Traceback" not in written.decode()
    assert wrong not in written.decode()


async def test_what_stops_a_start_is_raised_and_nothing_is_left(tmp_path: Path, stage: Stage) -> None:
    async def fault_of(**changes: object) -> BaseException:
        with pytest.raises(Exception) as caught:
            async with running(stage.settings.model_copy(update=changes)):
                pytest.fail("it came up")
        return caught.value

    before = asyncio.all_tasks()
    (tmp_path / "text.sqlite3").write_text("no database at all, but long enough to have a header " * 20)
    assert isinstance(await fault_of(discord_token=None), SettingError)
    assert isinstance(await fault_of(discord_api_base="http://127.0.0.1:9/api/v10"), DiscordUnreachable)
    assert isinstance(await fault_of(stepfun_api_key=None), SettingError)
    assert isinstance(await fault_of(kith_personas_dir=tmp_path), PersonaError)
    assert isinstance(await fault_of(kith_persona="nobody"), PersonaError)
    broken = f"sqlite+aiosqlite:///{tmp_path}/text.sqlite3"
    assert isinstance(await fault_of(kith_database_url=broken), StorageError)
    assert isinstance(await fault_of(kith_opus_library=tmp_path / "none.so"), AudioError)
    assert asyncio.all_tasks() - before == set()


def test_each_fault_has_its_exit_code() -> None:
    codes = [
        exit_code_of(error)
        for error in (TokenRefused("x"), SettingError("x"), StorageError("x"), DiscordUnreachable("x"), AudioError("x"))
    ]
    assert codes == [77, 78, 74, 69, 1]


async def test_the_log_is_told_every_secret(stage: Stage) -> None:
    assert set(secrets_of(stage.settings)) == {stage.world.token, stage.model.key}


async def test_a_start_without_a_token_never_reaches_discord(stage: Stage) -> None:
    with pytest.raises(SettingError, match="DISCORD_TOKEN"):
        await run_bot(stage.settings.model_copy(update={"discord_token": None}))
    assert not stage.discord.rest.requests
