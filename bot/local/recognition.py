"""Ears: sound to words, by pocketsphinx with a closed English grammar, or nothing where the words are not in it.

Two searches hear the same sound. One knows only the sentences of the grammar; the other any sequence of phones. Who says something else is
still forced into some sentence by the first, but then the second explains the sound much better: the distance of their scores a frame is
how foreign it was (`FOREIGN`). Sound is recognised while it comes in, so that little is left to do when the utterance ends.

The steps for one utterance: level from its first 600 ms, 24 → 16 kHz, a little noise (digital silence is a sound that the acoustic model
has never heard), both searches in pieces of 20 ms (pocketsphinx holds the interpreter's lock for each), and the verdict. The searches live
in worker threads; a pair of them is lent to one utterance at a time, and there are few.
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from bot.audio.frame import BYTES_PER_SAMPLE, FRAME_MS, MODEL_RATE_HZ, pcm_bytes
from bot.errors import AudioError
from bot.local.espeak import engine
from bot.local.grammar import Grammar, Hints, grammar, pronunciation
from bot.local.phrases import written

Wave: TypeAlias = npt.NDArray[np.float32]

RATE_HZ: Final = 16_000
LONGEST_S: Final = 60
"""Of an utterance; what comes later is not listened to."""

PAIRS: Final = 3
"""How many utterances are recognised at the same time; more wait, each with what it has heard so far."""

FOREIGN: Final = -2.8
"""Log-likelihood ratio a frame, in thousandths, of the best sentence against the best sequence of phones: below it, the sound was something else."""

_LEVEL_AFTER_MS: Final = 600
_LEVEL_DBFS: Final = -20.0
_GAIN_RANGE_DB: Final = (-15.0, 25.0)
_SILENCE_DBFS: Final = -55.0
"""Sound that is nowhere louder than this was nobody speaking."""

_DITHER: Final = 60.0
"""Standard deviation in steps of 16 bits, about -55 dBFS."""

_LEAD_MS: Final = 100
"""Of quiet before the first sound, since what comes from a call begins with a word: without it the first word is lost at times (2 of 60)."""

_PIECE_BYTES: Final = RATE_HZ * 20 // 1000 * BYTES_PER_SAMPLE
_MEAN_CEPSTRUM: Final = "58,-5,-3,12,-9,-2,-8,-4,-5,-1,-2,1,0"
"""Where cepstral mean normalisation starts; measured on levelled speech. It adapts within a second."""

_SEARCH: Final = {"beam": 1e-60, "pbeam": 1e-60, "wbeam": 1e-40, "bestpath": False}
"""Beams wider than the default: a small network can afford them, and short words are found that would be pruned. A second pass over the
lattice makes it no better (96 of 100 against 94) and may take a second when the utterance is over."""


class Listening(Protocol):
    """One utterance."""

    def write(self, pcm: bytes) -> None:
        """More of it: s16le mono at 24 kHz, any length. Never blocks; bounded by `LONGEST_S`."""

    async def finish(self) -> str | None:
        """What was said, as people write it; `None` if it was nothing that can be understood."""

    def discard(self) -> None:
        """It was no utterance."""


class Ears(Protocol):
    def listen(self, hints: Hints) -> Listening: ...

    async def close(self) -> None: ...


class SphinxEars:
    """`Ears` by pocketsphinx. Raises AudioError from `load` when it is not installed."""

    def __init__(self, pairs: int = PAIRS) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ears")
        self._free: list[Searches] = []
        self._lendable = asyncio.Semaphore(pairs)
        self._listenings: set[asyncio.Task[str | None]] = set()

    async def load(self) -> None:
        """Load the models now, so that the first utterance need not wait for them."""
        self._free.append(await self._in_thread(Searches))
        await self._in_thread(self._free[0].use, grammar(Hints()))

    def listen(self, hints: Hints) -> Listening:
        return SphinxListening(self, hints)

    async def close(self) -> None:
        for task in self._listenings:
            task.cancel()
        await asyncio.gather(*self._listenings, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, call: Any, *args: Any) -> Any:
        # Shielded: a search is not given back while a thread still works with it.
        work = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._threads, call, *args))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    def start(self, listening: SphinxListening, hints: Hints) -> asyncio.Task[str | None]:
        task = asyncio.create_task(self._recognise(listening, hints), name="listening")
        self._listenings.add(task)
        task.add_done_callback(self._listenings.discard)
        return task

    async def _recognise(self, listening: SphinxListening, hints: Hints) -> str | None:
        async with self._lendable:
            searches = self._free.pop() if self._free else await self._in_thread(Searches)
            try:
                known = await self._in_thread(grammar, hints)
                await self._in_thread(searches.use, known)
                while (sound := await listening.next_sound()) is not None:
                    await self._in_thread(searches.hear, sound)
                said = None if listening.is_discarded else await self._in_thread(searches.verdict)
                return None if said is None else written(said, (*hints.names, hints.companion_words))
            finally:
                self._free.append(searches)


class SphinxListening:
    """`Listening` of `SphinxEars`: the sound that waits for the searches."""

    def __init__(self, ears: SphinxEars, hints: Hints) -> None:
        self._sound = bytearray()
        self._room_bytes = pcm_bytes(LONGEST_S * 1000)
        self._is_levelled = False
        self._is_over = False
        self.is_discarded = False
        self._news = asyncio.Event()
        self._task = ears.start(self, hints)

    def write(self, pcm: bytes) -> None:
        taken = pcm[: self._room_bytes]
        self._room_bytes -= len(taken)
        self._sound += taken
        self._news.set()

    async def finish(self) -> str | None:
        self._is_over = True
        self._news.set()
        return await asyncio.shield(self._task)

    def discard(self) -> None:
        self.is_discarded = self._is_over = True
        self._sound.clear()
        self._news.set()

    async def next_sound(self) -> bytes | None:
        """What came in since; `None` at the end. The first part is long enough to tell the level by."""
        least = 1 if self._is_levelled else pcm_bytes(_LEVEL_AFTER_MS)
        while len(self._sound) < least and not self._is_over:
            self._news.clear()
            await self._news.wait()
        self._is_levelled = True
        sound = bytes(self._sound[: len(self._sound) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE])
        del self._sound[: len(sound)]
        return sound or None


class Searches:
    """The two searches, for one utterance after the other. Blocks: for worker threads, one call at a time."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise AudioError("there is no speech recognition; install the extra: pip install kith[local]") from None
        # All senones are computed in both searches: their scores are relative to the best senone of a frame, and must be to the same.
        quiet: dict[str, Any] = {"lm": None, "loglevel": "FATAL", "compallsen": True}
        self._sentences = pocketsphinx.Decoder(**quiet, **_SEARCH)
        self._phones = pocketsphinx.Decoder(**quiet, dict=None)
        self._phones.add_allphone_file("phones", None)
        self._phones.activate_search("phones")
        self._grammar: Grammar | None = None
        self._pronounced: frozenset[str] = frozenset()
        self._is_begun = False

    def use(self, known: Grammar) -> None:
        """Listen for these sentences from now on, and begin an utterance."""
        if self._is_begun:
            self._end()
        if self._grammar is not known:
            self._install(known)
        self._resampler = soxr.ResampleStream(MODEL_RATE_HZ, RATE_HZ, 1, dtype="float32", quality="HQ")
        self._noise = np.random.default_rng(7)
        self._gain: float | None = None
        self._frames = 0
        self._loudest_dbfs = -100.0
        self.foreignness = 0.0
        for search in (self._sentences, self._phones):
            search.set_cmn(_MEAN_CEPSTRUM)
            search.start_utt()
        self._is_begun = True

    def _install(self, known: Grammar) -> None:
        for word in sorted(known.words - self._pronounced):
            self._pronounce(word)
        self._pronounced |= known.words
        arcs = [
            (source, target, weight) if word is None else (source, target, weight, word)
            for source, target, weight, word in known.arcs
        ]
        network = self._sentences.create_fsg("said", known.start, known.final, arcs)
        self._sentences.add_fsg("said", network)
        self._sentences.activate_search("said")
        self._grammar = known

    def _pronounce(self, word: str) -> None:
        """The dictionary is American: every word gets its British pronunciation too, and a name that is not in it gets both."""
        known: list[str] = []
        while (phones := self._sentences.lookup_word(_spelling(word, len(known)))) is not None:
            known.append(phones)
        for voice in ("en", "en-us"):
            phones = pronunciation(word, lambda text, voice=voice: engine().phonemes(text, voice))  # type: ignore[misc]
            if phones and phones not in known:
                self._sentences.add_word(_spelling(word, len(known)), phones, False)
                known.append(phones)
        if not known:  # a name of which nothing can be pronounced is a hum: it must exist for the network to load
            self._sentences.add_word(word, "M", False)

    def hear(self, pcm: bytes, is_last: bool = False) -> None:
        """More sound: s16le mono at 24 kHz. The first call sets the level of all."""
        wave = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        levels_dbfs = _levels_dbfs(wave)
        self._loudest_dbfs = max(self._loudest_dbfs, *levels_dbfs, -100.0)
        lead = np.zeros(0, np.float32)
        if self._gain is None:
            self._gain = _gain(levels_dbfs)
            lead = np.zeros(RATE_HZ * _LEAD_MS // 1000, np.float32)
        narrow = np.concatenate((lead, self._resampler.resample_chunk(wave * self._gain, last=is_last)))
        narrow = narrow + self._noise.normal(0.0, _DITHER, len(narrow))
        sound = np.clip(narrow, -32768, 32767).astype("<i2").tobytes()
        self._frames += len(narrow) * 100 // RATE_HZ
        for start in range(0, len(sound), _PIECE_BYTES):
            self._sentences.process_raw(sound[start : start + _PIECE_BYTES], False, False)
            self._phones.process_raw(sound[start : start + _PIECE_BYTES], False, False)

    def verdict(self) -> str | None:
        """The utterance is over: what it was in normal form, or `None`."""
        self.hear(b"", is_last=True)
        self._end()
        best, free = self._sentences.hyp(), self._phones.hyp()
        assert self._grammar is not None
        if best is None or free is None or not self._frames or self._loudest_dbfs < _SILENCE_DBFS:
            return None
        self.foreignness = 1000 * (_log(best.best_score) - _log(free.best_score)) / self._frames
        return self._grammar.understood(best.hypstr) if self.foreignness >= FOREIGN else None

    def _end(self) -> None:
        self._sentences.end_utt()
        self._phones.end_utt()
        self._is_begun = False


def _log(score: float) -> float:
    return math.log(max(score, 1e-300))


def _spelling(word: str, number: int) -> str:
    """How the dictionary spells a word's further pronunciations: `tomato`, `tomato(2)`."""
    return word if number == 0 else f"{word}({number + 1})"


def _levels_dbfs(wave: Wave) -> list[float]:
    """Of each 20 ms."""
    size = MODEL_RATE_HZ * FRAME_MS // 1000
    frames = wave[: len(wave) // size * size].reshape(-1, size) / 32768.0
    return [10.0 * math.log10(max(power, 1e-10)) for power in np.mean(frames * frames, axis=1).tolist()]


def _gain(levels_dbfs: list[float]) -> float:
    """What brings the loud half of a sound to the level that the acoustic model is used to."""
    if not levels_dbfs:
        return 1.0
    loud = sorted(levels_dbfs)[len(levels_dbfs) // 2 :]
    power = sum(10.0 ** (level / 10.0) for level in loud) / len(loud)
    wanted_db = _LEVEL_DBFS - 10.0 * math.log10(max(power, 1e-9))
    return float(10.0 ** (min(max(wanted_db, _GAIN_RANGE_DB[0]), _GAIN_RANGE_DB[1]) / 20.0))
