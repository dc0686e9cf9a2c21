"""Text to sound: espeak-ng in English and Mandarin, at one loudness and any rate.

A voice is written as espeak-ng writes it (`en-us`, `en-gb+m3`); any other name (a provider's, a persona's own) gets one of a small table
of voices, always the same for the same name. Chinese inside English and the other way round is spoken by the other language's voice with
the same timbre. A sentence is made whole and at once; whoever streams cuts a reply into sentences (`sentences`).
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.resample import resample
from bot.errors import AudioError
from bot.local.espeak import engine

Samples = npt.NDArray[np.int16]

LEVEL_DBFS: Final = -20.0
PEAK: Final = 0.9
"""Loudness gives way where a peak would come above this: nothing is clipped."""

GAP_MS: Final = 90
"""Between a Chinese and an English stretch of one sentence."""

_QUIET: Final = 1e-3
"""Of full scale: what is below is pause, and does not count towards loudness."""

_LANGUAGES: Final = {"en-gb": "en", "en": "en", "en-uk": "en", "zh": "cmn", "zh-cn": "cmn"}
"""Names that people use → file names of espeak-ng."""

_VOICE: Final = re.compile(r"(?:en|cmn|zh|yue)(?:-[a-z0-9-]+)?(?:\+[A-Za-z0-9]+)?", re.IGNORECASE)
_HAN: Final = r"\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_STRETCH: Final = re.compile(
    rf"[{_HAN}][{_HAN}\s\d、，。！？；：“”‘’（）《》…—·,.!?;:~-]*|[^{_HAN}]+",
)
_HAS_HAN: Final = re.compile(f"[{_HAN}]")
_SPOKEN: Final = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Timbre:
    """How a voice sounds, whatever the language. `pitch` is 0 to 99, `rate_wpm` words a minute."""

    english: str
    variant: str
    pitch: int = 50
    rate_wpm: int = 165


_DEFAULT: Final = Timbre("en-us", "+f3")
_WOMEN: Final = (
    Timbre("en-us", "+f3"),
    Timbre("en", "+f2", pitch=48, rate_wpm=150),
    Timbre("en-us", "+f4", pitch=55, rate_wpm=172),
    Timbre("en", "+f5", pitch=45),
)
_MEN: Final = (
    Timbre("en", "+m3", rate_wpm=172),
    Timbre("en-us", "+m1", pitch=42),
    Timbre("en-us", "+m7", pitch=46, rate_wpm=158),
    Timbre("en", "+m2", pitch=38, rate_wpm=155),
)
_MALE: Final = re.compile(r"nan|(?<!fe)male|(?<!wo)man|gentle-?man|qingnian|gege|boy|dashu|\+m\d|^m\d", re.IGNORECASE)
"""Providers' voice names say mostly whose voice it is: cixingnansheng, magnetic-voiced-male."""


class Speech(Protocol):
    """What gives a reply its sound."""

    async def speak(self, text: str, voice: str | None) -> bytes:
        """One sentence as s16le mono at 24 kHz. Raises KithError."""

    def has_voice(self, voice: str) -> bool: ...


class EspeakSpeech:
    """`Speech` by espeak-ng, in a thread."""

    async def speak(self, text: str, voice: str | None) -> bytes:
        return (await asyncio.to_thread(synthesise, text, voice)).tobytes()

    def has_voice(self, voice: str) -> bool:
        try:
            timbre = timbre_of(voice)
            engine().phonemes("", timbre.english + timbre.variant)
        except AudioError:
            return False
        return True


def synthesise(text: str, voice: str | None = None, rate_hz: int = MODEL_RATE_HZ) -> Samples:
    """Speech as mono samples at `rate_hz`, about -20 dBFS where it sounds; empty if there is nothing to say.

    Blocks for about a thousandth of the speech's length. Raises AudioError: no espeak-ng, or it has no such voice.
    """
    timbre = timbre_of(voice)
    rate_made_hz = engine().rate_hz
    gap = np.zeros(rate_made_hz * GAP_MS // 1000, np.int16)
    sound: list[Samples] = []
    for stretch in stretches(text):
        if sound:
            sound.append(gap)
        language = "cmn" if _HAS_HAN.search(stretch) else timbre.english
        sound.append(engine().say(stretch, language + timbre.variant, timbre.rate_wpm, timbre.pitch))
    if not sound:
        return np.zeros(0, np.int16)
    return levelled(resample(np.concatenate(sound), rate_made_hz, rate_hz))


def timbre_of(voice: str | None) -> Timbre:
    """The voice by this name: espeak-ng's own spelling, or else one of the table. Raises AudioError for half an espeak name."""
    if not voice:
        return _DEFAULT
    if _VOICE.fullmatch(voice):
        base, plus, variant = voice.partition("+")
        language = _LANGUAGES.get(base.lower(), base.lower())
        if language.startswith(("cmn", "yue")):
            language = "en-us"
        known = next((t for t in (*_WOMEN, *_MEN) if (t.english, t.variant) == (language, plus + variant)), None)
        return known or Timbre(language, plus + variant)
    if not _SPOKEN.search(voice):
        raise AudioError("expected the name of a voice")
    table = _MEN if _MALE.search(voice) else _WOMEN
    return table[zlib.crc32(voice.lower().encode()) % len(table)]


def stretches(text: str) -> list[str]:
    """Parts to be spoken by one language each, in order; parts without a letter or digit are silent and left out."""
    return [part.strip() for part in _STRETCH.findall(text) if _SPOKEN.search(part)]


_END: Final = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|(?<=[。！？；])[”’」）]*|\n+")
_ABBREVIATION: Final = re.compile(r"(?:^|\s)(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|[A-Z])\.$")


def sentences(text: str) -> list[str]:
    """The text cut where a sentence ends, in either language; joined by single spaces they say the same."""
    cuts = [0, *(match.end() for match in _END.finditer(text) if not _is_abbreviation(text, match.start())), len(text)]
    return [part for start, end in pairwise(cuts) if (part := text[start:end].strip())]


def _is_abbreviation(text: str, end: int) -> bool:
    return _ABBREVIATION.search(text[max(0, end - 6) : end]) is not None


def levelled(samples: Samples, level_dbfs: float = LEVEL_DBFS) -> Samples:
    """The same sound at one loudness, measured where it is not pause, with every peak below `PEAK` of full scale."""
    wave = samples.astype(np.float32) / 32768.0
    loud = wave[np.abs(wave) > _QUIET]
    if not len(loud):
        return samples
    gain = 10.0 ** (level_dbfs / 20.0) / float(np.sqrt(np.mean(loud * loud)))
    gain = min(gain, PEAK / float(np.max(np.abs(wave))))
    return np.asarray(np.rint(wave * gain * 32767.0), dtype=np.int16)
