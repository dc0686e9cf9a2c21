"""`kith check`: is everything in place, said in plain sentences, with what to do where it is not.

Each question is a function that answers with findings and never raises what concerns an operator. Nothing is changed: the database is
only looked at, no command is synced, nobody is called. With a key, the provider's open questions are asked too (about five short, paid responses).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import aiohttp

from bot.audio.opus import library
from bot.discord_door import connector
from bot.errors import KithError, ModelError, ModelFault
from bot.model_choice import model_options, open_local_model
from bot.personas.library import Library
from bot.realtime import dialects
from bot.realtime.probes import SpokenClip, Verdict, probe
from bot.realtime.upgrade import open_socket
from bot.settings import Settings
from bot.storage.inspection import inspect_database, must_have_room
from bot.storage.keys import inspect_keys
from bot.storage.master_key import check_not_lost, key_file, master_key

TOKEN_SHAPE: Final = re.compile(r"^[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}$")
DISCORD_API: Final = "https://discord.com/api/v10"
ANSWER_S: Final = 10.0
BODY_LIMIT_BYTES: Final = 64 * 1024
NO_KEY: Final = bytes(32)
"""Opens nothing: good enough where nothing has been sealed yet."""

PROBE_SENTENCE: Final = "The weather is fine today, and the train leaves at nine."

MODEL_ADVICE: Final = {
    ModelFault.KEY_REFUSED: "Check the key, and that it belongs to the region of the address (api.stepfun.com or api.stepfun.ai).",
    ModelFault.NO_BALANCE: "Top up the account at the provider.",
    ModelFault.NOT_FOUND: "Check STEPFUN_URL and KITH_MODEL.",
    ModelFault.BAD_REQUEST: "Check STEPFUN_URL and KITH_MODEL.",
    ModelFault.RATE_LIMITED: "Wait a minute and check again.",
    ModelFault.OVERLOADED: "The provider is overloaded; wait and check again.",
    ModelFault.UNREACHABLE: "Check the network, the address, and the trust store (SSL_CERT_FILE).",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `advice` says what to do; a finding that is right has none."""

    subject: str
    is_right: bool
    sentence: str
    advice: str = ""


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Every question in order, each answered as soon as it is known."""
    yield Finding("settings", True, f"They are readable; the model is {settings.provider}.")
    token = check_token_shape(settings)
    yield token
    for question in (check_opus, check_personas):
        yield await asyncio.to_thread(question, settings)
    yield await check_database(settings)
    yield await check_keys(settings)
    if token.is_right:
        yield await check_discord(settings)
    async for finding in check_provider(settings):
        yield finding


def check_token_shape(settings: Settings) -> Finding:
    """Three parts with dots between; the first is the application's id in base64. The token itself is never shown."""
    advice = "Copy it anew from the developer portal (Bot → Reset Token) into DISCORD_TOKEN."
    if settings.discord_token is None:
        return Finding("token", False, "DISCORD_TOKEN is not set.", advice)
    token = settings.discord_token.get_secret_value()
    application = _application_of(token)
    if application is None:
        return Finding("token", False, "DISCORD_TOKEN does not have the shape of a bot token.", advice)
    return Finding("token", True, f"It has the shape of a bot token, of application {application}.")


def _application_of(token: str) -> int | None:
    if not TOKEN_SHAPE.match(token):
        return None
    head = token.split(".", maxsplit=1)[0]
    try:
        text = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def check_opus(settings: Settings) -> Finding:
    try:
        found = library(settings.kith_opus_library)
    except KithError as error:
        return Finding("libopus", False, str(error), "Set KITH_OPUS_LIBRARY to a libopus, or leave it unset.")
    return Finding("libopus", True, f"{'.'.join(map(str, found.version))}, from {found.path}.")


def check_personas(settings: Settings) -> Finding:
    try:
        shelf = Library.load(settings.kith_personas_dir)
        shelf.get(settings.kith_persona)
    except KithError as error:
        return Finding("personas", False, str(error), "personas/README.md says what may stand in a persona file.")
    return Finding(
        "personas", True, f"{', '.join(shelf.slugs())}; a server that chose none gets {settings.kith_persona}."
    )


async def check_database(settings: Settings) -> Finding:
    try:
        state = await inspect_database(settings.kith_database_url)
        await asyncio.to_thread(must_have_room, settings.kith_database_url)
        return Finding("database", True, f"{state}.")
    except KithError as error:
        return Finding("database", False, str(error), "KITH_DATABASE_URL says where it is.")


async def check_keys(settings: Settings) -> Finding:
    """Does the master key open what is there? Looks only: a missing key is not made here."""
    advice = "Restore the key, or give up what it sealed with `kith keys discard`."
    path = key_file(settings.kith_database_url)
    try:
        if settings.kith_master_key is None and path is not None and not path.exists():
            check_not_lost(settings)
            await inspect_keys(settings.kith_database_url, NO_KEY)
            return Finding("master key", True, f"{path} does not exist yet; it is made at the first start.")
        return Finding("master key", True, f"{await inspect_keys(settings.kith_database_url, master_key(settings))}.")
    except KithError as error:
        return Finding("master key", False, str(error), advice)


async def check_discord(settings: Settings) -> Finding:
    """Does Discord know the token? REST only: no session is opened, so a running bot is not disturbed."""
    assert settings.discord_token is not None
    base = settings.discord_api_base or DISCORD_API
    headers = {"Authorization": f"Bot {settings.discord_token.get_secret_value()}"}
    network = "Check the network, DISCORD_API_BASE, and the trust store (SSL_CERT_FILE)."
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with (
            aiohttp.ClientSession(connector=connector(), timeout=timeout) as http,
            http.get(f"{base}/users/@me", headers=headers) as answer,
        ):
            if answer.status == 401:
                return Finding("Discord", False, "Discord refuses the token.", "Reset it in the developer portal.")
            if answer.status != 200:
                return Finding("Discord", False, f"Discord answered {answer.status}.", network)
            await answer.content.read(BODY_LIMIT_BYTES)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding("Discord", False, f"Discord cannot be reached ({type(error).__name__}).", network)
    return Finding("Discord", True, "It is reachable and accepts the token.")


async def check_provider(settings: Settings) -> AsyncIterator[Finding]:
    """Opens a session with the model; with a StepFun key also asks what its documents leave open."""
    try:
        async with open_local_model(settings) as url:
            dialect, options = dialects.load(settings.provider), model_options(settings, url)
            socket = await open_socket(dialect, options)
            await socket.close()
            yield Finding("model", True, f"{settings.provider} answers.")
            if settings.provider != "stepfun":
                return
            for answer in await probe(dialects.load(settings.provider), options, await _clip()):
                yield Finding(
                    "probe",
                    answer.verdict is not Verdict.UNCLEAR,
                    f"{answer.question} {answer.verdict}. {answer.evidence}",
                )
    except ModelError as error:
        yield Finding("model", False, f"{settings.provider}: {error}.", MODEL_ADVICE.get(error.fault, ""))
    except KithError as error:
        yield Finding("model", False, str(error))


async def _clip() -> SpokenClip | None:
    """A spoken sentence for the question of the input rate; without the extra `local` that question goes by a tone alone."""
    try:
        from bot.local.speech import synthesise
    except ImportError:
        return None
    pcm = await asyncio.to_thread(synthesise, PROBE_SENTENCE)
    return SpokenClip(PROBE_SENTENCE, pcm.astype("<i2").tobytes())
