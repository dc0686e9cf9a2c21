"""The socket of the local model: one `Session` a connection, and the three parts that make it a model: ears, mind, speech.

A shell. It listens on 127.0.0.1 only, reads with a size limit, and streams a reply sentence by sentence in pieces of 100 ms, a few times
faster than real time. Whatever a part cannot do becomes a failed response, never the end of the connection.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bot.audio.frame import MODEL_RATE_HZ, pcm_bytes
from bot.audio.resample import resample
from bot.audio.speech_model import SPEECH_MODEL_RATE_HZ, SpeechModel
from bot.errors import KithError
from bot.local.grammar import Hints
from bot.local.mind import Item, Mind
from bot.local.persona import Self
from bot.local.protocol import Act, Answer, Forget, Hear, Send, Session, Sound, Stop
from bot.local.recognition import Ears, Listening
from bot.local.script import script
from bot.local.speech import Speech, sentences
from bot.local.talk import people

MESSAGE_LIMIT_BYTES: Final = 24 * 1024 * 1024
"""A little above the 15 MB of sound, in base64, that one append may hold."""

PIECE_MS: Final = 100
SPEED: Final = 4.0
UNDERSTAND_S: Final = 20.0
ANSWER_S: Final = 20.0
SENTENCE_S: Final = 20.0
UNHEARD_AT_MOST: Final = 8
GUESSED_WITHIN: Final = 6
"""The ears expect answers to a riddle for so many replies after it."""

MODEL: Final = "kith-local"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes a server a model. `new_mind`: a mind a connection, since it remembers the talk."""

    ears: Ears
    new_mind: Callable[[], Mind]
    speech: Speech


class Line:
    """One connection."""

    def __init__(
        self,
        socket: ServerConnection,
        session: Session,
        parts: Parts,
        tasks: asyncio.TaskGroup,
        event_numbers: Iterator[int],
    ) -> None:
        self._socket = socket
        self._session = session
        self._parts = parts
        self._tasks = tasks
        self._event_numbers = event_numbers
        self._mind = parts.new_mind()
        self._listening: Listening | None = None
        self._unheard = asyncio.Semaphore(UNHEARD_AT_MOST)
        self._hearing: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self._perform(self._session.begin())
            async for message in self._socket:
                await self._perform(self._session.receive(_parsed(message)))
        except ConnectionClosed:
            pass  # the client hung up; nothing is owed to it any more
        finally:
            self._forget()
            for task in (self._hearing, self._answering):
                if task is not None:
                    task.cancel()

    async def _perform(self, acts: list[Act]) -> None:
        for act in acts:
            match act:
                case Send(kind, fields):
                    event_id = f"event_{next(self._event_numbers):08d}"
                    await self._socket.send(json.dumps({"event_id": event_id, "type": kind, **fields}))
                case Sound(pcm):
                    if self._listening is None:
                        self._listening = self._parts.ears.listen(hints_of(self._session))
                    self._listening.write(pcm)
                case Forget():
                    self._forget()
                case Hear(item):
                    # In order: one utterance after the other, so that an answer knows all of them. Whoever talks faster than
                    # can be understood has to wait: nothing more is read meanwhile.
                    await self._unheard.acquire()
                    listening, self._listening = self._listening, None
                    assert listening is not None
                    self._hearing = self._tasks.create_task(self._hear(item, listening, self._hearing))
                case Answer(response_id):
                    self._answering = self._tasks.create_task(self._answer(response_id, self._hearing))
                case Stop():
                    if self._answering is not None:
                        self._answering.cancel()
                        self._answering = None

    def _forget(self) -> None:
        if self._listening is not None:
            self._listening.discard()
            self._listening = None

    async def _hear(self, item: Item, listening: Listening, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        text = ""
        try:
            async with asyncio.timeout(UNDERSTAND_S):
                text = await listening.finish() or ""
        except (KithError, TimeoutError) as error:
            _log.warning("an utterance was not recognised: %s", type(error).__name__)
        finally:
            self._unheard.release()
        await self._try(self._session.understood(item, text))

    async def _answer(self, response_id: str, hearing: asyncio.Task[None] | None) -> None:
        if hearing is not None:
            await asyncio.wait([hearing])
        try:
            async with asyncio.timeout(ANSWER_S):
                told = self._session.told
                thought = await self._mind.answer(told.instructions, list(self._session.items), told.tools)
            if told.is_text_only:
                await self._try(self._session.spoke(response_id, thought.words, b""))
            else:
                pace = _Pace()
                for sentence in sentences(thought.words):
                    await self._say(response_id, sentence, pace)
            for call in thought.calls:
                await self._try(self._session.called(response_id, call))
        except (KithError, TimeoutError) as error:
            _log.warning("a response failed: %s", type(error).__name__)
            await self._try(self._session.finished(response_id, has_failed=True))
        else:
            await self._try(self._session.finished(response_id))

    async def _say(self, response_id: str, sentence: str, pace: _Pace) -> None:
        """One sentence, its words in step with its sound."""
        async with asyncio.timeout(SENTENCE_S):
            pcm = await self._parts.speech.speak(sentence, self._session.told.voice)
        text = sentence + " "
        size = pcm_bytes(PIECE_MS)
        count = max(1, -(-len(pcm) // size))
        said = 0
        for index in range(count):
            upto = len(text) * (index + 1) // count
            piece = pcm[index * size : (index + 1) * size]
            await self._try(self._session.spoke(response_id, text[said:upto], piece))
            said = upto
            await pace.wait()

    async def _try(self, acts: list[Act]) -> None:
        with suppress(ConnectionClosed):  # `run` notices it too and ends the line
            await self._perform(acts)


class _Pace:
    """Pieces leave `SPEED` times faster than they sound, from absolute deadlines."""

    def __init__(self) -> None:
        self._due = time.monotonic()

    async def wait(self) -> None:
        self._due += PIECE_MS / 1000 / SPEED
        await asyncio.sleep(max(0.0, self._due - time.monotonic()))


class _SpeechProbability:
    """The acoustic model's opinion of one connection's sound. 1 ms a quarter of a second: little enough for this process's loop."""

    def __init__(self) -> None:
        self._model = SpeechModel()

    def __call__(self, pcm: bytes) -> float:
        self._model.reset()
        narrow = resample(np.frombuffer(pcm, "<i2"), MODEL_RATE_HZ, SPEECH_MODEL_RATE_HZ)
        return self._model.probability(narrow.astype("<i2").tobytes())


def hints_of(session: Session) -> Hints:
    """What the ears should listen for besides the script: the companion's name and examples, and the names of the room."""
    me = Self.of(session.told.instructions)
    replies = [item.text for item in session.items if item.role == "assistant"][-GUESSED_WITHIN:]
    is_guessing = any(script().has_question(text) for text in replies)
    return Hints(me.name, tuple(people(session.items)), tuple(heard for heard, _ in me.examples), is_guessing)


def _parsed(message: str | bytes) -> object:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None  # the session refuses what is no event


@asynccontextmanager
async def serve_local(parts: Parts, port: int = 0) -> AsyncIterator[str]:
    """Listens while the context is open; gives the address."""
    count = 0
    events = itertools.count(1)

    async def converse(socket: ServerConnection) -> None:
        nonlocal count
        count += 1
        assert socket.request is not None
        model = parse_qs(urlsplit(socket.request.path).query).get("model", [MODEL])[0][:80]
        async with asyncio.TaskGroup() as tasks:
            session = Session(
                f"sess_{count:06d}", model, has_voice=parts.speech.has_voice, probability=_SpeechProbability()
            )
            await Line(socket, session, parts, tasks, events).run()

    server: Server = await serve(
        converse,
        "127.0.0.1",
        port,
        compression=None,
        max_size=MESSAGE_LIMIT_BYTES,
        ping_interval=20,
        ping_timeout=20,
        close_timeout=1.0,
    )
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
    finally:
        server.close()
        await server.wait_closed()
