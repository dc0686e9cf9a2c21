"""The open questions of a provider, asked live by `kith check`.

The vendors' pages contradict each other or are silent; the first person with a key settles it. Each question is a short exchange on a
socket of its own, answered with a verdict and evidence that holds counts, event names and milliseconds, never words or sound. A question
that gets no answer is `unclear`; it never stops the next one. All of them together cost some five short responses.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from bot.audio.frame import MODEL_RATE_HZ, pcm_bytes, pcm_ms
from bot.audio.resample import resample
from bot.errors import ModelError
from bot.realtime.dialect import ConnectOptions, Dialect
from bot.realtime.events import (
    Append,
    AudioDelta,
    CancelResponse,
    Clear,
    ClientEvent,
    Commit,
    Committed,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    InputTranscript,
    Item,
    ItemCreated,
    ItemDeleted,
    ItemTruncated,
    ProviderError,
    ResponseDone,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TruncateItem,
    TurnMode,
)
from bot.realtime.upgrade import hang_up, open_socket

ANSWER_S: Final = 8.0
SHORT_S: Final = 2.0
PACE: Final = 4.0
FRAME_MS: Final = 20
INSTRUCTIONS: Final = "This is a test of the line. Answer in one short English sentence."
LONG_REQUEST: Final = "Count slowly from one to forty."
ALIKE: Final = 0.6
MAX_TRANSCRIPT_PIECES: Final = 200


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """`evidence` may be shown and reported: it quotes no speech and no secret."""

    question: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """A sentence, and the sound of it at 24 kHz."""

    text: str
    pcm: bytes


class _Line:
    """One probe's connection: what was said so far, and waiting for more of it."""

    def __init__(self, dialect: Dialect, socket: ClientConnection, haste: float) -> None:
        self._dialect = dialect
        self._socket = socket
        self._haste = haste
        self.events: list[tuple[float, ServerEvent]] = []
        self.raw: list[str | bytes] = []

    async def say(self, *events: ClientEvent) -> None:
        for event in events:
            for message in self._dialect.encode(event):
                await self._socket.send(message)

    async def stream(self, pcm: bytes) -> None:
        """Sound as a microphone gives it, some times faster than real time."""
        frame_bytes = pcm_bytes(FRAME_MS)
        for start in range(0, len(pcm), frame_bytes):
            await self.say(Append(pcm[start : start + frame_bytes]))
            await asyncio.sleep(FRAME_MS / 1000 / PACE / self._haste)

    async def listen(self, *wanted: type, timeout_s: float = ANSWER_S) -> list[ServerEvent]:
        """What comes until one of `wanted` has come, or the time is over."""
        heard: list[ServerEvent] = []
        try:
            async with asyncio.timeout(timeout_s / self._haste):
                while not (heard and isinstance(heard[-1], wanted)):
                    message = await self._socket.recv()
                    self.raw = [*self.raw[-99:], message]
                    for event in self._dialect.decode(message):
                        heard.append(event)
                        self.events.append((time.monotonic(), event))
                        if isinstance(event, wanted):
                            return heard
        except (TimeoutError, ConnectionClosed):
            pass
        return heard

    async def open(self, mode: TurnMode) -> list[ServerEvent]:
        opened = await self.listen(SessionCreated)
        await self.say(Configure(SessionConfig(INSTRUCTIONS, turn_mode=mode)))
        return opened + await self.listen(SessionUpdated, ProviderError)


_Question = Callable[[_Line], Awaitable[tuple[Verdict, str]]]


async def probe(
    dialect: Dialect, options: ConnectOptions, clip: SpokenClip | None = None, *, haste: float = 1.0
) -> list[ProbeAnswer]:
    """Ask everything, one after the other. With a `clip` the input rate is also judged by what the model understands.

    `haste` divides every wait: for a server that answers faster than a model can.

    Raises `ModelError` when no connection is to be had at all.
    """
    await hang_up(await open_socket(dialect, options))
    questions: list[tuple[str, _Question]] = [
        ("Does a session open, and which fields does it show?", _session),
        ("Are manual turns honoured?", _manual_turns),
        ("Is input taken as 24 kHz, by the clock of the service's detection?", _input_clock),
        ("Does a finished response say what it used?", _usage),
        ("Can an item be truncated?", _truncation),
        ("Can a reply be replaced by the words that were heard, and is the next one still spoken?", _recreation),
        ("Does a response stop when it is cancelled?", _cancellation),
        ("Does the service stop its own response when it hears speech?", _self_interruption),
    ]
    if clip is not None:
        questions.insert(3, ("Is speech understood at 24 kHz?", _InputWords(clip)))
    return [await _ask(dialect, options, question, answer, haste) for question, answer in questions]


async def _ask(
    dialect: Dialect, options: ConnectOptions, question: str, answer: _Question, haste: float
) -> ProbeAnswer:
    try:
        socket = await open_socket(dialect, options)
    except ModelError as error:
        return ProbeAnswer(question, Verdict.UNCLEAR, f"no connection: {error.fault}")
    try:
        verdict, evidence = await answer(_Line(dialect, socket, haste))
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        verdict, evidence = Verdict.UNCLEAR, f"the service closed the connection, code {code}"
    finally:
        await hang_up(socket)
    return ProbeAnswer(question, verdict, evidence)


# ---------------------------------------------------------------------------- the questions


async def _session(line: _Line) -> tuple[Verdict, str]:
    opened = await line.open(TurnMode.MANUAL)
    fields = sorted({name for message in line.raw for name in _session_fields(message)})
    is_open = any(isinstance(event, SessionUpdated) for event in opened)
    return Verdict.YES if is_open else Verdict.NO, f"{_names(opened)}; fields: {', '.join(fields) or 'none'}"


async def _manual_turns(line: _Line) -> tuple[Verdict, str]:
    await line.open(TurnMode.MANUAL)
    await line.say(Clear())
    await line.stream(_speech_like(800) + bytes(pcm_bytes(1200)))
    meanwhile = await line.listen(SpeechStarted, timeout_s=SHORT_S)
    await line.say(Commit())
    afterwards = await line.listen(Committed, ProviderError)
    evidence = f"while appending: {_names(meanwhile)}; after commit: {_names(afterwards)}"
    if any(isinstance(event, (SpeechStarted, SpeechStopped)) for event in meanwhile + afterwards):
        return Verdict.NO, evidence
    return _verdict(afterwards, Committed), evidence


async def _input_clock(line: _Line) -> tuple[Verdict, str]:
    """In server_vad the service stamps the end of speech with its own clock; a wrong rate makes that run fast or slow."""
    await line.open(TurnMode.SERVER_VAD)
    lead_ms, speech_ms = 1000, 2000
    await line.stream(bytes(pcm_bytes(lead_ms)) + _speech_like(speech_ms) + bytes(pcm_bytes(2000)))
    heard = await line.listen(SpeechStopped)
    stamps = [_audio_end_ms(message) for message in line.raw]
    ends = [stamp for stamp in stamps if stamp is not None]
    if not ends:
        return Verdict.UNCLEAR, _names(heard)
    # The true end lies at 3 s, and the service adds at most its silence (1 s); read as 16 kHz it would lie at 4.5 s or later.
    true_ms = lead_ms + speech_ms
    verdict = Verdict.YES if true_ms * 0.9 <= ends[0] <= true_ms + 1200 else Verdict.NO
    return verdict, f"speech of {speech_ms} ms after {lead_ms} ms ended at {ends[0]} ms of the service's clock"


class _InputWords:
    """The same sentence sent as 24 kHz and as 16 kHz: the rate at which the transcript fits is the rate."""

    def __init__(self, clip: SpokenClip) -> None:
        self._clip = clip

    async def __call__(self, line: _Line) -> tuple[Verdict, str]:
        await line.open(TurnMode.MANUAL)
        samples = np.frombuffer(self._clip.pcm, "<i2").astype(np.int16)
        at_24k = await self._likeness(line, self._clip.pcm)
        at_16k = await self._likeness(line, resample(samples, MODEL_RATE_HZ, 16_000).astype("<i2").tobytes())
        evidence = f"likeness of the transcript at 24 kHz {at_24k:.2f}, at 16 kHz {at_16k:.2f}"
        if max(at_24k, at_16k) < ALIKE:
            return Verdict.UNCLEAR, evidence
        return Verdict.YES if at_24k >= at_16k else Verdict.NO, evidence

    async def _likeness(self, line: _Line, pcm: bytes) -> float:
        await line.say(Clear())
        await line.stream(pcm)
        await line.say(Commit())
        final = ""
        for _ in range(MAX_TRANSCRIPT_PIECES):
            heard = await line.listen(InputTranscript, ProviderError)
            last = heard[-1] if heard else None
            if not isinstance(last, InputTranscript):
                break
            final = last.text
            if last.is_final:
                break
        return difflib.SequenceMatcher(None, _plain(final), _plain(self._clip.text)).ratio()


async def _usage(line: _Line) -> tuple[Verdict, str]:
    done, events = await _respond(line, "Say hello.")
    if done is None:
        return Verdict.UNCLEAR, _names(events)
    keys = sorted(done.usage)
    return Verdict.YES if keys else Verdict.NO, f"status {done.status}; usage fields: {', '.join(keys) or 'none'}"


async def _truncation(line: _Line) -> tuple[Verdict, str]:
    _, events = await _respond(line, "Say hello.")
    item_id = _reply_item(events)
    if item_id is None:
        return Verdict.UNCLEAR, _names(events)
    await line.say(TruncateItem(item_id, 100))
    answer = await line.listen(ItemTruncated, ProviderError, timeout_s=SHORT_S)
    return _verdict(answer, ItemTruncated), _names(answer)


async def _recreation(line: _Line) -> tuple[Verdict, str]:
    _, events = await _respond(line, "Say hello.")
    item_id = _reply_item(events)
    if item_id is None:
        return Verdict.UNCLEAR, _names(events)
    await line.say(DeleteItem(item_id))
    deleted = await line.listen(ItemDeleted, ProviderError, timeout_s=SHORT_S)
    await line.say(CreateItem(Item("assistant", "Hello")))
    created = await line.listen(ItemCreated, ProviderError, timeout_s=SHORT_S)
    _, events = await _respond(line, "And goodbye.", is_open=True)
    evidence = f"delete: {_names(deleted)}; create: {_names(created)}; next response: {_names(events)}"
    if _verdict(deleted, ItemDeleted) is not Verdict.YES or _verdict(created, ItemCreated) is not Verdict.YES:
        return Verdict.NO, evidence
    return Verdict.YES if any(isinstance(event, AudioDelta) for event in events) else Verdict.NO, evidence


async def _cancellation(line: _Line) -> tuple[Verdict, str]:
    await line.open(TurnMode.MANUAL)
    await line.say(CreateItem(Item("user", LONG_REQUEST)), CreateResponse())
    begun = await line.listen(AudioDelta, ResponseDone, ProviderError)
    if not (begun and isinstance(begun[-1], AudioDelta)):
        return Verdict.UNCLEAR, _names(begun)
    cancelled_at = time.monotonic()
    await line.say(CancelResponse())
    rest = await line.listen(ResponseDone, ProviderError)
    wait_ms = (time.monotonic() - cancelled_at) * 1000
    late_ms = pcm_ms(sum(len(event.pcm) for event in rest if isinstance(event, AudioDelta)))
    done = rest[-1] if rest else None
    status = done.status if isinstance(done, ResponseDone) else "none"
    evidence = f"{_names(rest)}; status {status} after {wait_ms:.0f} ms; {late_ms:.0f} ms of sound came late"
    return _verdict(rest, ResponseDone), evidence


async def _self_interruption(line: _Line) -> tuple[Verdict, str]:
    await line.open(TurnMode.SERVER_VAD)
    await line.say(CreateItem(Item("user", LONG_REQUEST)), CreateResponse())
    begun = await line.listen(AudioDelta, ResponseDone, ProviderError)
    if not (begun and isinstance(begun[-1], AudioDelta)):
        return Verdict.UNCLEAR, _names(begun)
    await line.stream(_speech_like(600))
    rest = await line.listen(ResponseDone, timeout_s=SHORT_S)
    is_noticed = any(isinstance(event, SpeechStarted) for event in rest)
    done = rest[-1] if rest and isinstance(rest[-1], ResponseDone) else None
    evidence = f"{_names(rest)}; status {done.status if done else 'none'}"
    if not is_noticed:
        return Verdict.UNCLEAR, evidence
    return Verdict.YES if done is not None and done.status != "completed" else Verdict.NO, evidence


# ---------------------------------------------------------------------------- how they are asked


async def _respond(
    line: _Line, request: str, *, is_open: bool = False
) -> tuple[ResponseDone | None, list[ServerEvent]]:
    """One typed request and its whole response."""
    if not is_open:
        await line.open(TurnMode.MANUAL)
    await line.say(CreateItem(Item("user", request)), CreateResponse())
    events = await line.listen(ResponseDone, ProviderError, timeout_s=2 * ANSWER_S)
    done = events[-1] if events else None
    return (done if isinstance(done, ResponseDone) else None), events


def _reply_item(events: list[ServerEvent]) -> str | None:
    return next((event.item_id for event in events if isinstance(event, AudioDelta) and event.item_id), None)


def _verdict(events: list[ServerEvent], wanted: type) -> Verdict:
    if any(isinstance(event, wanted) for event in events):
        return Verdict.YES
    return Verdict.NO if any(isinstance(event, ProviderError) for event in events) else Verdict.UNCLEAR


def _names(events: list[ServerEvent]) -> str:
    """Which events, and how many of each: all that evidence may say of them, but for the words of an error."""
    counts = Counter(type(event).__name__ for event in events)
    errors = [f"{event.kind} ({event.message})" for event in events if isinstance(event, ProviderError)]
    shown = [f"{name} ×{count}" if count > 1 else name for name, count in counts.items()]
    return ", ".join(shown + errors) or "nothing"


def _speech_like(duration_ms: float) -> bytes:
    """A loud harmonic tone that comes in syllables, for detections that go by energy. 24 kHz."""
    t = np.arange(pcm_bytes(duration_ms) // 2) / MODEL_RATE_HZ
    voiced = sum(np.sin(2 * np.pi * 140 * harmonic * t) / harmonic for harmonic in range(1, 12))
    syllables = 0.65 + 0.35 * np.sin(2 * np.pi * 4 * t)
    return np.clip(voiced * syllables * 9000, -32767, 32767).astype("<i2").tobytes()


def _fields_of(message: str | bytes) -> dict[str, object]:
    try:
        decoded = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _session_fields(message: str | bytes) -> list[str]:
    session = _fields_of(message).get("session")
    return list(session) if isinstance(session, dict) else []


def _audio_end_ms(message: str | bytes) -> float | None:
    """A stamp that beta and GA servers put on the end of speech; no dialect needs it otherwise."""
    stamp = _fields_of(message).get("audio_end_ms")
    return float(stamp) if isinstance(stamp, (int, float)) else None


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
