"""What a rehearsal leaves behind: a recording, captions, latency per turn, and a picture of who spoke when.

conversation.wav   stereo, 24 kHz: members left, companion right (as one of the members heard it)
captions.vtt       who said what, when; of the companion only what was heard
latency.md         one row per turn
timeline.png       who spoke when, with what people did on top
report.json        all of it as data, and which expectations held
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.soundfile import write_wav
from bot.conversation.events import Caption, TurnMeasured
from bot.rehearsal.recording import Pcm, Sound, lay_out, stretches

TAIL_S: Final = 1.0
ROW: Final = 0.28
LABEL_PT: Final = 7.5
COMPANION_COLOUR: Final = "#c2410c"
MEMBER_COLOURS: Final = ("#0f766e", "#1d4ed8", "#7e22ce", "#4d7c0f")


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation of the scene and whether it held; `found` is what was there instead."""

    step: int
    expected: str
    found: str
    held: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done that is not speech: a command, a button, somebody coming or going. `at` is monotonic seconds."""

    at: float
    who: str
    what: str


@dataclass
class Report:
    """Collected while a scene plays. All times are monotonic seconds; the files show them from `started_at`."""

    title: str
    companion: str
    started_at: float
    spoken: dict[str, list[Sound]] = field(default_factory=dict)
    heard: list[Sound] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    turns: list[TurnMeasured] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    stops_ms: list[float] = field(default_factory=list)
    """After each interruption: from the first word over the companion to its last sound, as heard by a member."""

    @property
    def has_held(self) -> bool:
        return all(check.held for check in self.checks)

    @property
    def duration_s(self) -> float:
        ends = [sound.ends_at for sounds in [*self.spoken.values(), self.heard] for sound in sounds]
        ends += [deed.at for deed in self.deeds]
        return max(ends, default=self.started_at) - self.started_at + TAIL_S

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        members = lay_out(
            [sound for sounds in self.spoken.values() for sound in sounds], self.started_at, self.duration_s
        )
        companion = lay_out(self.heard, self.started_at, self.duration_s)
        write_wav(folder / "conversation.wav", [members, companion])
        (folder / "captions.vtt").write_text(self.captions_vtt(), encoding="utf-8")
        (folder / "latency.md").write_text(self.latency_table(), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(self.as_data(), ensure_ascii=False, indent=1), encoding="utf-8")
        self.draw(folder / "timeline.png", companion)

    def captions_vtt(self) -> str:
        lines = ["WEBVTT", ""]
        for caption in sorted(self.captions, key=lambda one: one.started_at):
            begin, end = caption.started_at - self.started_at, caption.ended_at - self.started_at
            cut = " —" if caption.is_cut else ""
            lines += [
                f"{_stamp(begin)} --> {_stamp(max(end, begin + 0.1))}",
                f"<v {caption.speaker}>{caption.text}{cut}",
                "",
            ]
        return "\n".join(lines)

    def latency_table(self) -> str:
        rows = [
            "| turn | speaker | end of speech noticed | model's first audio | first sound sent | all |",
            "|--:|---|--:|--:|--:|--:|",
        ]
        for number, turn in enumerate(self.turns, 1):
            parts = [turn.endpoint_ms, turn.model_ms, turn.playout_ms, turn.total_ms]
            rows.append(f"| {number} | {turn.speaker} | " + " | ".join(f"{part:.0f} ms" for part in parts) + " |")
        if self.turns:
            rows.append(f"\nMedian of the whole: {median(turn.total_ms for turn in self.turns):.0f} ms.")
        if self.stops_ms:
            stops = ", ".join(f"{stop:.0f} ms" for stop in self.stops_ms)
            rows.append(f"\nFrom the first word of an interruption to silence: {stops}.")
        return "\n".join(rows) + "\n"

    def as_data(self) -> dict[str, object]:
        return {
            "title": self.title,
            "duration_s": round(self.duration_s, 2),
            "has_held": self.has_held,
            "checks": [{"step": c.step, "expected": c.expected, "found": c.found, "held": c.held} for c in self.checks],
            "captions": [
                {
                    "at_s": round(c.started_at - self.started_at, 2),
                    "until_s": round(c.ended_at - self.started_at, 2),
                    "kind": str(c.kind),
                    "speaker": c.speaker,
                    "text": c.text,
                    "is_cut": c.is_cut,
                }
                for c in sorted(self.captions, key=lambda one: one.started_at)
            ],
            "turns_ms": [round(turn.total_ms) for turn in self.turns],
            "stops_ms": [round(stop) for stop in self.stops_ms],
        }

    def draw(self, path: Path, companion: Pcm) -> None:
        """The timeline picture: a lane each, the companion's at the bottom, deeds above with their words."""
        from matplotlib.figure import Figure

        lanes = [*self.spoken, self.companion]
        width_in = max(10.0, self.duration_s / 4)
        rows = _label_rows(
            [(deed.at - self.started_at, _label(deed)) for deed in self.deeds], self.duration_s / width_in
        )
        top = len(lanes) + 0.15 + ROW * (max(rows, default=0) + 1)
        figure = Figure(figsize=(width_in, 1.0 + 0.75 * top), layout="constrained")
        axes = figure.add_subplot()
        for lane, name in enumerate(reversed(lanes)):
            track = (
                companion if name == self.companion else lay_out(self.spoken[name], self.started_at, self.duration_s)
            )
            bars = [(begin, end - begin) for begin, end in stretches(track)]
            colour = COMPANION_COLOUR if name == self.companion else MEMBER_COLOURS[lane % len(MEMBER_COLOURS)]
            axes.broken_barh(bars, (lane + 0.2, 0.6), facecolors=colour, alpha=0.45)
            _draw_level(axes, track, lane, colour)
        for deed, row in zip(self.deeds, rows, strict=True):
            at = deed.at - self.started_at
            axes.vlines(at, 0, len(lanes) + 0.15 + ROW * row, color="0.75", linewidth=0.7, zorder=0)
            axes.text(at, len(lanes) + 0.15 + ROW * row, _label(deed), fontsize=LABEL_PT, va="bottom")
        axes.set_ylim(0, top)
        axes.set_xlim(0, self.duration_s)
        axes.set_yticks([lane + 0.5 for lane in range(len(lanes))], list(reversed(lanes)))
        axes.set_xlabel("seconds")
        axes.set_title(self.title, fontsize=11)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        figure.savefig(path, dpi=110)


def _label(deed: Deed) -> str:
    return f"{deed.who} {deed.what}"


def _label_rows(labels: list[tuple[float, str]], seconds_per_inch: float) -> list[int]:
    """For each label (time, words) the lowest row in which it overlaps none before it."""
    ends: list[float] = []
    rows: list[int] = []
    for at, words in labels:
        row = next((index for index, end in enumerate(ends) if end <= at), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = at + (len(words) + 2) * LABEL_PT * 0.55 / 72 * seconds_per_inch
        rows.append(row)
    return rows


def _draw_level(axes: Any, track: Pcm, lane: int, colour: str) -> None:
    """How loud a lane is, ten points a second, inside its bars."""
    window = MODEL_RATE_HZ // 10
    usable = track[: len(track) // window * window].astype(np.float64).reshape(-1, window)
    if not len(usable):
        return
    level = np.sqrt((usable**2).mean(axis=1)) / 32768 * 2
    x = (np.arange(len(level)) + 0.5) / 10
    axes.fill_between(x, lane + 0.5 - level, lane + 0.5 + level, color=colour, linewidth=0)


def _stamp(seconds: float) -> str:
    whole = max(0.0, seconds)
    return f"{int(whole // 3600):02}:{int(whole % 3600 // 60):02}:{whole % 60:06.3f}"
