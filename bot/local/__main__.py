"""`python -m bot.local`: the local model as a process. Says where it listens, as one JSON line, and ends when its input closes.

Which parts it has is a matter of settings: pocketsphinx, the small brain and espeak-ng, each replaced by a service where
its address is set (`KITH_TRANSCRIPTION_URL`, `KITH_CHAT_URL`, `KITH_SPEECH_URL`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from pydantic import SecretStr

from bot.errors import KithError
from bot.local.brain import Brain
from bot.local.mind import Mind
from bot.local.recognition import Ears, SphinxEars
from bot.local.server import Parts, serve_local
from bot.local.services import ChatService, Service, SpeechService, TranscriptionService
from bot.local.speech import EspeakSpeech, Speech
from bot.settings import Settings, load_settings


def _service(url: str | None, model: str, key: SecretStr | None) -> Service | None:
    return Service(url, model, key.get_secret_value() if key is not None else "") if url else None


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Ears, mind and speech as the settings want them, loaded and ready. Raises `KithError`."""
    transcription = _service(
        settings.kith_transcription_url, settings.kith_transcription_model, settings.kith_transcription_key
    )
    chat = _service(settings.kith_chat_url, settings.kith_chat_model, settings.kith_chat_key)
    speech = _service(settings.kith_speech_url, settings.kith_speech_model, settings.kith_speech_key)
    async with aiohttp.ClientSession() as http:

        def new_mind() -> Mind:
            return ChatService(chat, http) if chat is not None else Brain()

        ears: Ears
        if transcription is not None:
            ears = TranscriptionService(transcription, http)
        else:
            ears = sphinx = SphinxEars()
            await sphinx.load()
        voice: Speech = SpeechService(speech, http) if speech is not None else EspeakSpeech()
        try:
            yield Parts(ears, new_mind, voice)
        finally:
            await ears.close()


async def _until_input_closes() -> None:
    """Whoever started us holds our standard input; when they are gone, so are we."""
    reader = asyncio.StreamReader(limit=1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


def _outlive_signals() -> None:
    """A service manager stops all processes of a service at once; ours is needed until our parent has said its goodbyes."""
    if not sys.stdin.isatty():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


async def run(port: int) -> None:
    _outlive_signals()
    async with open_parts(load_settings()) as parts, serve_local(parts, port) as url:
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        await _until_input_closes()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bot.local", description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0: any free one")
    try:
        asyncio.run(run(arguments.parse_args().port))
    except KithError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
