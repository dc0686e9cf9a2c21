"""`kith bench`: every figure that the media plane promises, measured on this machine beside its floor (`python -m bot.bench [name…]`).

Each subject runs in a process of its own, pinned to the last core it may use; load comes from another process on the first one. Nothing
here is a test: a figure that misses its target is shown as such, and the exit code stays 0 unless something could not be measured at all.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

from rich.console import Console

from bot.audio.opus import EncoderProfile
from bot.bench.figures import Figure, table_of
from bot.bench.measure import cores, kept_awake, pin, prefer

RESULTS: Final = Path("data/bench.json")
LIMIT_S: Final = 150.0
"""For one subject; far more than any needs."""


def main(names: Iterable[str] = (), out: Path = RESULTS) -> int:
    """Measure these subjects (all of them by default), print a table, write `out`. 0: everything was measured; 64: no such subject."""
    console = Console(highlight=False)
    chosen = list(names) or list(_SUBJECTS)
    unknown = [name for name in chosen if name not in _SUBJECTS]
    if unknown:
        console.print(f"no figure is called {unknown[0]!r}; expected some of: {', '.join(_SUBJECTS)}")
        return 64
    started = time.monotonic()
    own = cores()
    measured_on = own[-1] if len(own) > 1 else None
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # by way of `finally`: nothing that was started is left behind
    figures: list[Figure] = []
    failed: list[str] = []
    with kept_awake(measured_on):
        for name in chosen:
            with console.status(f"measuring {name} …"):
                found = _apart(name, measured_on)
            figures += found
            failed += [] if found else [name]
    console.print(table_of(figures, f"Kith on Python {platform.python_version()}, {time.monotonic() - started:.0f} s"))
    for name in failed:
        console.print(f"[red]✗[/red] {name} could not be measured; see above")
    if measured_on is None:
        console.print("One core only: load and measurement share it, and whatever is paced by a clock reads too high.")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = {"python": platform.python_version(), "cores": len(own), "figures": [figure.row() for figure in figures]}
    out.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"written to {out}")
    return 1 if failed else 0


def _apart(name: str, core: int | None) -> list[Figure]:
    """One subject in a fresh process, so that no subject inherits another's memory, caches or threads."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(name, core, theirs))
    process.start()
    theirs.close()
    try:
        found: list[Figure] = ours.recv() if ours.poll(LIMIT_S) else []
        process.join(5)
    except EOFError:  # it died; its traceback is on the error stream
        found = []
    finally:
        process.kill()  # it does not get the terminal's Ctrl+C
        process.join()
    return found


def _measure(name: str, core: int | None, answer: Pipe) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    pin(core)
    prefer()
    answer.send(_SUBJECTS[name]())


def _inbound() -> list[Figure]:
    from bot.bench.function_calls import inbound

    return inbound()


def _outbound() -> list[Figure]:
    from bot.bench.function_calls import outbound

    return outbound()


def _loss() -> list[Figure]:
    from bot.bench.function_calls import loss

    return loss()


def _duplex_speech() -> list[Figure]:
    from bot.bench.duplex import duplex

    return duplex(EncoderProfile.SPEECH, 30)


def _duplex_eco() -> list[Figure]:
    from bot.bench.duplex import duplex

    return duplex(EncoderProfile.ECO, 45)


def _udp() -> list[Figure]:
    from bot.bench.sockets import udp

    return udp()


def _latency() -> list[Figure]:
    from bot.bench.sockets import latency

    return latency()


def _footprint() -> list[Figure]:
    from bot.bench.sockets import footprint

    return footprint()


def _persons() -> list[Figure]:
    from bot.bench.persons import persons

    return persons()


def _recall() -> list[Figure]:
    from bot.bench.recall import recall_figures

    return recall_figures()


def _withdrawal() -> list[Figure]:
    from bot.bench.withdrawal import withdrawal

    return withdrawal()


def _commands() -> list[Figure]:
    from bot.bench.commands import commands

    return commands()


_SUBJECTS: Final[dict[str, Callable[[], list[Figure]]]] = {
    "inbound": _inbound,
    "udp": _udp,
    "outbound": _outbound,
    "loss": _loss,
    "latency": _latency,
    "duplex-speech": _duplex_speech,
    "duplex-eco": _duplex_eco,
    "footprint": _footprint,
    "persons": _persons,
    "recall": _recall,
    "withdrawal": _withdrawal,
    "commands": _commands,
}
