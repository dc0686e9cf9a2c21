"""The Opus frame that stands for silence."""

from __future__ import annotations

from typing import Final

SILENCE: Final = b"\xf8\xff\xfe"
"""As Discord's clients send it. End-to-end encryption leaves it alone, both ways (DAVE whitepaper, "Silence Packets")."""

SILENCE_FRAMES: Final = 5
"""So many end a stretch of speech, so that listeners' decoders do not interpolate (Discord: "Voice Data Interpolation"); the first
one says it already.
"""
