"""Where libopus is, and its C functions with their types.

The PyAV wheel carries a libopus, so that `pip install` is enough; the system may have one too. The newest of them wins, since
newer encoders cost less for the same quality; an explicit path overrides both. What the codec does with it stands in `opus.py`.

The handle is a `PyDLL`: calls keep the interpreter lock, because giving it up and getting it back costs more than a packet
when another thread is busy, and the media path has one thread only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import sys
from collections.abc import Iterator
from ctypes import c_char_p, c_int, c_int32, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.errors import AudioError

SYSTEM_NAMES: Final = {
    "win32": ("opus.dll", "libopus-0.dll", "libopus.dll"),
    "darwin": ("libopus.0.dylib", "/opt/homebrew/lib/libopus.0.dylib", "/usr/local/lib/libopus.0.dylib"),
}
LINUX_NAMES: Final = ("libopus.so.0", "libopus.so")

WHEEL_PATTERNS: Final = (
    "av.libs/libopus*.so*",  # Linux
    "av/.dylibs/libopus*.dylib",  # macOS
    "av.libs/*opus*.dll",  # Windows
)

REMEDY: Final = (
    "Install the project's requirements (the av wheel carries libopus) or the system's libopus, "
    "or name the file in KITH_OPUS_LIBRARY."
)


class OpusLibrary:
    """A loaded libopus. Its functions are attributes with argument types set, so that a wrong call fails in Python.

    Attributes:
        path: the file, or the bare name under which the system's loader found it.
        version: e.g. `(1, 6, 1)`; `(0,)` when the library does not say.
    """

    def __init__(self, path: str) -> None:
        """Raises OSError when the file is no library, AttributeError when it is not libopus."""
        handle = ctypes.PyDLL(path)
        self.path = path
        handle.opus_get_version_string.restype = c_char_p
        self.version_text: str = handle.opus_get_version_string().decode("ascii", "replace")
        self.version = _version(self.version_text)

        self.strerror = handle.opus_strerror
        self.strerror.argtypes, self.strerror.restype = (c_int,), c_char_p

        self.decoder_size = handle.opus_decoder_get_size
        self.decoder_size.argtypes = (c_int,)
        self.decoder_init = handle.opus_decoder_init
        self.decoder_init.argtypes = (c_void_p, c_int32, c_int)
        self.decode = handle.opus_decode
        self.decode.argtypes = (c_void_p, c_char_p, c_int32, c_void_p, c_int, c_int)

        self.encoder_size = handle.opus_encoder_get_size
        self.encoder_size.argtypes = (c_int,)
        self.encoder_init = handle.opus_encoder_init
        self.encoder_init.argtypes = (c_void_p, c_int32, c_int, c_int)
        self.encode = handle.opus_encode
        self.encode.argtypes = (c_void_p, c_char_p, c_int, c_void_p, c_int32)
        self.encode.restype = c_int32

        # The `ctl` functions are variadic. Only the fixed arguments are declared: ctypes then passes the rest as the platform
        # wants variadic arguments passed, which on Apple's ARM64 is not how it passes named ones.
        self.decoder_ctl = handle.opus_decoder_ctl
        self.decoder_ctl.argtypes = (c_void_p, c_int)
        self.encoder_ctl = handle.opus_encoder_ctl
        self.encoder_ctl.argtypes = (c_void_p, c_int)

        self.packet_samples = handle.opus_packet_get_nb_samples
        self.packet_samples.argtypes = (c_char_p, c_int32, c_int32)
        self.packet_has_lbrr = getattr(handle, "opus_packet_has_lbrr", None)  # since 1.4
        if self.packet_has_lbrr is not None:
            self.packet_has_lbrr.argtypes = (c_char_p, c_int32)

    def error_text(self, code: int) -> str:
        return str(self.strerror(code).decode("ascii", "replace"))


_chosen: OpusLibrary | None = None


def library(path: Path | None = None) -> OpusLibrary:
    """The libopus of this process: found at the first call, then kept.

    Args:
        path: take this file, and no other, from now on (setting KITH_OPUS_LIBRARY).

    Raises:
        AudioError: there is none, or the named file is not one; the text says what to do.
    """
    global _chosen
    if path is not None:
        _chosen = _load_named(path)
    elif _chosen is None:
        _chosen = find_newest()
    return _chosen


def find_newest() -> OpusLibrary:
    """The newest libopus among PyAV's and the system's. Raises AudioError when there is none."""
    found: list[OpusLibrary] = []
    for candidate in (*wheel_paths(), *_system_names()):
        try:
            found.append(OpusLibrary(candidate))
        except (OSError, AttributeError):  # not there, or not what its name says: the next one may be
            continue
    if not found:
        raise AudioError(f"No libopus was found. {REMEDY}")
    return max(found, key=lambda opus: opus.version)


def wheel_paths() -> Iterator[str]:
    """Files that a PyAV wheel of any platform may have brought along."""
    spec = find_spec("av")
    if spec is None or spec.origin is None:
        return
    site_packages = Path(spec.origin).parent.parent
    for pattern in WHEEL_PATTERNS:
        yield from (str(path) for path in sorted(site_packages.glob(pattern)))


def _system_names() -> Iterator[str]:
    yield from SYSTEM_NAMES.get(sys.platform, LINUX_NAMES)
    if sys.platform == "darwin" and (name := ctypes.util.find_library("opus")):
        yield name  # elsewhere the loader knows the names above itself, and this would start a compiler


def _load_named(path: Path) -> OpusLibrary:
    try:
        return OpusLibrary(str(path))
    except OSError as error:
        raise AudioError(f"{path} cannot be loaded as libopus ({error}). {REMEDY}") from None
    except AttributeError:
        raise AudioError(f"{path} is a library, but not libopus. {REMEDY}") from None


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else (0,)
