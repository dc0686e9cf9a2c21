"""Play a scene from the command line: progress while it runs, a report when it is over.

`make demo` is `play_scene(Path("demo"), …)`; `kith rehearse SCENE.toml` and `--wav FILE` come here too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bot.rehearsal.house import House
from bot.rehearsal.report import Report
from bot.rehearsal.scene import Scene, load_scene
from bot.rehearsal.stage import Stage, with_wav

SCENE_FAILED: Final = 1


async def play_scene(path: Path, *, provider: str = "local", out: Path = Path("demo")) -> int:
    """Play a scene file, or a shipped scene by name. Returns 0 if every expectation held, else 1. Raises `SceneError`."""
    return await _play(load_scene(path), provider, out)


async def play_wav(path: Path, *, provider: str = "local", out: Path = Path("demo")) -> int:
    """A member plays a sound file to the companion, which answers."""
    return await _play(with_wav(path), provider, out)


async def _play(scene: Scene, provider: str, out: Path) -> int:
    console = Console(highlight=False)
    console.print(f"[bold]{scene.title}[/bold]  [dim]a rehearsal on 127.0.0.1, model: {provider}[/dim]")
    async with House(scene, provider) as house:
        stage = Stage(scene, house, console.print)
        report = await stage.play()
    await asyncio.to_thread(report.write, out)
    _show(console, report, out)
    return 0 if report.has_held else SCENE_FAILED


def _show(console: Console, report: Report, out: Path) -> None:
    table = Table("turn", "speaker", "end noticed", "model", "sent", "all", box=None, header_style="dim")
    for number, turn in enumerate(report.turns, 1):
        figures = [turn.endpoint_ms, turn.model_ms, turn.playout_ms, turn.total_ms]
        table.add_row(str(number), turn.speaker, *(f"{figure:.0f} ms" for figure in figures))
    console.print(table)
    if report.stops_ms:
        console.print(
            "silence after an interruption's first word: " + ", ".join(f"{stop:.0f} ms" for stop in report.stops_ms)
        )
    held = sum(check.held for check in report.checks)
    colour = "green" if report.has_held else "red"
    console.print(
        f"[{colour}]{held} of {len(report.checks)} expectations held[/{colour}], {report.duration_s:.0f} s of talk"
    )
    for name in ("conversation.wav", "captions.vtt", "latency.md", "timeline.png"):
        console.print(f"  {out / name}")
