"""What the strict StepFun says and understands in the tests of the whole bot: short sentences, known by heart."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bot.audio.frame import MODEL_RATE_HZ
from bot.local.speech import synthesise
from bot.rehearsal.recording import Pcm
from bot.rehearsal.scene import Scene
from bot.rehearsal.stepfun import HistoryItem, SpokenReply

BANDS = 12


def answer_by_name(history: Sequence[HistoryItem]) -> SpokenReply:
    """Names whoever was announced last, and is long-winded only about stories."""
    names = [match[1] for item in history if item.role == "user" and (match := re.match(r"\[(.+?)\]", item.text))]
    said = next((item.text for item in reversed(history) if item.role != "assistant"), "")
    who = names[-1] if names else "Alice"
    text = f"Yes, {who}, I am Yue."
    if "story" in said:
        text = f"{who}, once upon a time there was a lighthouse keeper who was afraid of the dark and told nobody about it."
    return SpokenReply(text, synthesise(text, "en-us").astype("<i2").tobytes())


class Understanding:
    """Tells the sentences of a scene apart by how they sound, which is enough for a handful of them."""

    def __init__(self, scene: Scene) -> None:
        voices = {person.name: person.voice for person in scene.people}
        said = [(step.who, step.says or step.interrupts) for step in scene.steps if step.says or step.interrupts]
        self._known = {(who, text): sonogram(synthesise(text, voices[who or ""])) for who, text in said if text}

    def __call__(self, pcm: bytes) -> str:
        heard = sonogram(np.frombuffer(pcm, "<i2"))
        likeness = {text: alikeness(heard, known) for (_, text), known in self._known.items()}
        return max(likeness, key=lambda text: likeness[text], default="")


def sonogram(pcm: Pcm) -> np.ndarray:
    """Loudness of twelve bands every 20 ms, with unit energy: (frames, bands)."""
    window = MODEL_RATE_HZ // 50
    frames = pcm[: len(pcm) // window * window].astype(np.float64).reshape(-1, window)
    power = (
        np.abs(np.fft.rfft(frames * np.hanning(window), axis=1))[:, 4:100].reshape(len(frames), BANDS, -1).sum(axis=2)
    )
    return np.asarray(power / max(float(np.linalg.norm(power)), 1e-9))


def alikeness(heard: np.ndarray, known: np.ndarray) -> float:
    """The best correlation over all shifts: 1 for the same sentence."""
    if not len(heard) or not len(known):
        return 0.0
    return float(np.sum([np.correlate(heard[:, band], known[:, band], "full") for band in range(BANDS)], axis=0).max())
