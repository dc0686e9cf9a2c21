"""espeak-ng, by ctypes: text in, samples at the engine's own rate out.

The wheel `espeakng-loader` carries the library and its data; nothing is looked for on the system. The engine is one global thing that is
not thread-safe: everything here happens under one lock. It needs about a thousandth of the time that the speech lasts, so that no worker
process is called for; ctypes lets other threads run meanwhile.

The steps: `espeak_Initialize` (synchronous output, no sound device), a callback that is handed the samples, then for each text
`espeak_SetVoiceByName`, `espeak_SetParameter`, `espeak_Synth` (speak_lib.h of espeak-ng 1.51).
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bot.errors import AudioError

_OUTPUT_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
"""`espeakINITIALIZE_DONT_EXIT`: missing data is an answer, not the end of the process."""

_CHARS_UTF8: Final = 1
_PHONEMES_IPA: Final = 2
_RATE: Final = 1
_PITCH: Final = 3
_DEFAULT_RATE_WPM: Final = 165
_DEFAULT_PITCH: Final = 50
TEXT_LIMIT: Final = 2_000
"""Characters of one call; longer text is for the caller to cut into sentences."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The engine. One for the process: see `engine()`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: list[bytes] = []
        self._library, data_path = _load()
        self.rate_hz = int(self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 200, data_path.encode(), _DONT_EXIT))
        if self.rate_hz <= 0:
            raise AudioError(f"espeak-ng cannot read its data at {data_path}; reinstall espeakng-loader")
        self._callback = _Callback(self._collect)  # kept: the library holds no reference
        self._library.espeak_SetSynthCallback(self._callback)

    def say(
        self, text: str, voice: str, rate_wpm: int = _DEFAULT_RATE_WPM, pitch: int = _DEFAULT_PITCH
    ) -> npt.NDArray[np.int16]:
        """Samples at `rate_hz`, mono. `pitch` is 0 to 99. Raises AudioError for a voice that espeak-ng does not have."""
        line = text[:TEXT_LIMIT].replace("\0", " ").encode()
        with self._lock:
            self._use(voice)
            self._library.espeak_SetParameter(_RATE, rate_wpm, 0)
            self._library.espeak_SetParameter(_PITCH, pitch, 0)
            self._parts.clear()
            self._library.espeak_Synth(line, len(line) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
            sound = b"".join(self._parts)
            self._parts.clear()
        return np.frombuffer(sound, dtype=np.int16)

    def phonemes(self, text: str, voice: str = "en-us") -> str:
        """The text's pronunciation in IPA, with stress marks."""
        with self._lock:
            self._use(voice)
            spoken, rest = [], ctypes.c_char_p(text[:TEXT_LIMIT].replace("\0", " ").encode())
            while rest.value:  # a call reads one clause and moves the pointer; at the end it is NULL
                clause = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _PHONEMES_IPA)
                spoken.append((clause or b"").decode(errors="replace"))
        return " ".join(spoken)

    def _use(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise AudioError(f"espeak-ng has no voice {voice[:40]!r}; expected one like en-us, en-us+f3 or cmn")

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, count * 2))
        return 0  # go on


def _load() -> tuple[ctypes.CDLL, str]:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = str(espeakng_loader.get_data_path())
    except (ImportError, OSError) as error:
        raise AudioError(
            f"there is no speech synthesis ({type(error).__name__}); install the extra: pip install kith[local]"
        ) from None
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library, data_path


_first = threading.Lock()
_engine: Espeak | None = None


def engine() -> Espeak:
    """The engine of this process, started at the first call. Raises AudioError saying what to do."""
    global _engine
    with _first:
        if _engine is None:
            _engine = Espeak()
        return _engine
