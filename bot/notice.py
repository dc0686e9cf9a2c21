"""What the companion says on entering a room, before anybody has agreed: that it is an AI, and that it hears nobody.

The sentence is spoken by the speech synthesis that ships with the extra `local`, on this machine; without the extra a recording of it is
played. It never passes a model: nobody there has agreed to one yet.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Final

import structlog

from bot.audio.soundfile import read_sound
from bot.errors import KithError
from bot.texts import CHINESE, Texts, catalogue_of

RECORDINGS: Final = Path(__file__).parent / "texts"
KEPT: Final = 16
VOICES: Final = {CHINESE: "cmn", "en": "en-us+f3"}
"""Of the speech synthesis, by catalogue."""

_log = structlog.get_logger(__name__)


class SpokenNotice:
    """Called with a persona's name and a locale; answers with PCM at `rate_hz`. The last few are kept."""

    def __init__(self, texts: Texts, rate_hz: int) -> None:
        self._texts = texts
        self._rate_hz = rate_hz
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def __call__(self, persona: str, locale: str) -> bytes:
        """Raises `AudioError` when there is neither a synthesis nor a recording."""
        wanted = (persona, catalogue_of(locale))
        if wanted not in self._kept:
            self._kept[wanted] = await asyncio.to_thread(self._speak, *wanted)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(wanted)
        return self._kept[wanted]

    def _speak(self, persona: str, catalogue: str) -> bytes:
        try:
            from bot.local.speech import synthesise

            sentence = self._texts.say(catalogue, "notice", persona=persona)
            return synthesise(sentence, VOICES[catalogue], self._rate_hz).astype("<i2").tobytes()
        except (ImportError, KithError) as error:
            _log.info("notice_is_a_recording", reason=type(error).__name__)
            return recording(catalogue, self._rate_hz)


def recording(catalogue: str, rate_hz: int) -> bytes:
    """The shipped recording: the same sentence without a name."""
    return read_sound(RECORDINGS / f"notice.{catalogue}.ogg", rate_hz).astype("<i2").tobytes()
