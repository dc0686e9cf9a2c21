"""A run of the bot, from the first setting to the last socket: start, signals, shutdown, exit code.

`run_bot` is `kith run`; `running` is the same bot inside another program (a rehearsal, a test). Both end with a goodbye to every call, closed
sockets and no task left. The first SIGTERM or SIGINT asks for that; the second does not wait for it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
import discord
import structlog

from bot.app import KithBot, open_companion
from bot.errors import AudioError, KithError, PersonaError, SettingError, StorageError
from bot.settings import SECRETS, Settings
from bot.telemetry import log

GRACE_S: Final = 10.0
SETTLE_S: Final = 2.0
"""How long discord.py may take to end its own tasks after `close`."""

EXIT_FAULT, EXIT_UNREACHABLE, EXIT_STORAGE, EXIT_TOKEN, EXIT_SETTING, EXIT_NOW = 1, 69, 74, 77, 78, 143
"""As in sysexits.h, and 128 + 15 for a second SIGTERM."""

_log = structlog.get_logger(__name__)


class TokenRefused(SettingError):
    """Discord does not know the token."""


class DiscordUnreachable(KithError):
    """Discord's REST cannot be reached, or answers with errors."""


def exit_code_of(error: KithError) -> int:
    """What a shell script learns from a failed start."""
    match error:
        case TokenRefused():
            return EXIT_TOKEN
        case SettingError() | PersonaError():
            return EXIT_SETTING
        case StorageError():
            return EXIT_STORAGE
        case DiscordUnreachable():
            return EXIT_UNREACHABLE
        case AudioError() | _:
            return EXIT_FAULT


def secrets_of(settings: Settings) -> list[str]:
    """Every secret among the settings, in clear text, for the log to hide."""
    values = (getattr(settings, name.lower()) for name in SECRETS)
    return [value.get_secret_value() for value in values if value is not None]


async def run_bot(settings: Settings) -> int:
    """Until a signal comes, or the bot fails. Answers with the exit code; raises `KithError` for what stops the start."""
    log.configure(settings.kith_log_level, settings.kith_log_format, secrets_of(settings))
    this = asyncio.current_task()
    assert this is not None
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            this.cancel()
        asked.set()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows has no signals on the loop; Ctrl+C cancels there
            loop.add_signal_handler(name, stop)
    try:
        async with _started(settings) as (_, life):
            await _first(life, asked)
            _log.info("stopping")
    except asyncio.CancelledError:
        return EXIT_NOW
    _log.info("stopped")
    return 0


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[KithBot]:
    """A bot that is ready, in a program of somebody else's. Raises `KithError` when it does not come up."""
    async with _started(settings) as (bot, life):
        ready = asyncio.create_task(bot.up.wait(), name="waiting for ready")
        await asyncio.wait({ready, life}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await life
        yield bot


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[tuple[KithBot, asyncio.Task[None]]]:
    if settings.discord_token is None:
        raise SettingError("DISCORD_TOKEN: expected the bot's token; it is not set")
    async with open_companion(settings) as companion:
        bot = KithBot(companion)
        life = asyncio.create_task(_live(bot, settings.discord_token.get_secret_value()), name="discord")
        try:
            yield bot, life
        finally:
            has_failed = life.done()
            await bot.shut_down(GRACE_S)
            # While discord.py waits to try a shard again it does not look whether it was closed.
            _, late = await asyncio.wait({life}, timeout=SETTLE_S)
            for task in late:
                task.cancel()
            await asyncio.wait({life})
    # What discord.py raises because it was closed in the middle of something is no failure.
    error = None if life.cancelled() else life.exception()
    if has_failed and error is not None:
        raise error


async def _live(bot: KithBot, token: str) -> None:
    """discord.py's whole life, with its failures in our words."""
    try:
        await bot.start(token)
    except discord.LoginFailure:
        raise TokenRefused(
            "DISCORD_TOKEN: Discord refuses it. Reset it in the developer portal (Bot → Reset Token) and set it anew"
        ) from None
    except (discord.HTTPException, discord.GatewayNotFound) as error:
        status = getattr(error, "status", "an error")
        raise DiscordUnreachable(f"Discord answered {status}; try again later, or check DISCORD_API_BASE") from error
    except discord.ConnectionClosed as error:
        raise DiscordUnreachable(f"Discord's gateway closed the connection (code {error.code})") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DiscordUnreachable(
            f"Discord cannot be reached ({type(error).__name__}). Check the network, DISCORD_API_BASE, and the trust store (SSL_CERT_FILE)"
        ) from error


async def _first(life: asyncio.Task[None], asked: asyncio.Event) -> None:
    """Until the bot ends by itself (its failure is raised) or somebody asks for the end."""
    waiting = asyncio.create_task(asked.wait(), name="waiting for a signal")
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if life.done():
        await life
