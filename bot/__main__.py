"""The command line: `kith run`, `check`, `keys`, `personas`, `demo`, `rehearse`, `bench` (also `python -m bot …`).

Parses, calls one function, answers with its exit code. What an operator did wrong is one plain sentence on the standard error stream, no
traceback. Exit codes follow sysexits.h: 0 done, 1 something is not right, 69 Discord cannot be reached, 74 the database cannot be used,
77 the token is refused, 78 a setting or a persona file is wrong.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from bot.errors import KithError, PersonaError
from bot.process import exit_code_of, run_bot, secrets_of
from bot.settings import load_settings
from bot.telemetry import log

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A voice companion for Discord."
)
personas = typer.Typer(no_args_is_help=True, help="Persona files: check them, and the schema for editors.")
app.add_typer(personas, name="personas")
keys = typer.Typer(
    no_args_is_help=True, help="The master key that members' words are sealed with; with the bot stopped."
)
app.add_typer(keys, name="keys")
_errors = Console(stderr=True, highlight=False)


class Provider(StrEnum):
    LOCAL = "local"
    STEPFUN = "stepfun"


@app.command()
def run() -> None:
    """Run the bot until it is told to stop (SIGTERM or Ctrl+C)."""
    _exit(run_bot(load_settings()))


@app.command()
def check(
    voice: Annotated[
        int | None, typer.Option(metavar="CHANNEL_ID", help="Also join this voice channel and prove each step.")
    ] = None,
    hear: Annotated[
        list[int] | None,
        typer.Option(metavar="USER_ID", help="With --voice: your own user id, to be heard in the test."),
    ] = None,
    trace: Annotated[Path, typer.Option(help="Where --voice writes its trace; it holds no content.")] = Path(
        "kith-voice-trace.jsonl"
    ),
) -> None:
    """Say in plain sentences what is right, what is not, and what to do."""
    _exit(_check(voice, trace, hear or []))


@personas.command("check")
def check_personas(
    file: Annotated[Path | None, typer.Argument(help="One persona file; without it, all of KITH_PERSONAS_DIR.")] = None,
) -> None:
    """Say what is wrong with persona files, one line a fault; exit code 1 if anything is."""
    from bot.personas.library import Library

    try:
        found = (Library.read(file),) if file is not None else Library.load(load_settings().kith_personas_dir).all()
    except PersonaError as error:
        for line in str(error).splitlines():
            _errors.print(escape(line), soft_wrap=True)
        raise typer.Exit(1) from None
    Console(highlight=False).print(f"[green]✓[/green] {', '.join(persona.slug for persona in found)}", soft_wrap=True)


@personas.command("pressure")
def press_personas(
    slug: Annotated[str | None, typer.Argument(help="One persona; without it, all of KITH_PERSONAS_DIR.")] = None,
    replies: Annotated[
        bool, typer.Option("--replies", help="Print every reply, and what its file expects of it.")
    ] = False,
) -> None:
    """Say each persona's pressure tests to the configured model, in writing; one line a fault, exit code 1 if there is any.

    A test is one reply of the model and costs what a reply costs. Judged is what words can tell: those that a file asks for or forbids, language,
    service talk, taboos. Whether a reply is a good one, `--replies` lets you read.
    """
    _exit(press_and_tell(slug, replies))


@personas.command("schema")
def persona_schema() -> None:
    """Write the JSON Schema of a persona file, for editors, to the standard output."""
    from bot.personas.schema import json_schema

    sys.stdout.write(json_schema())


@keys.command("rotate")
def rotate_keys(
    file: Annotated[
        Path | None, typer.Argument(help="Where the new key goes, when KITH_MASTER_KEY gives the old one.")
    ] = None,
) -> None:
    """Seal every server's key with a new master key. Stop the bot first; it needs the new key at its next start."""
    _exit(_rotate(file))


@keys.command("discard")
def discard_keys(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only what would go is counted.")] = False,
) -> None:
    """For who has lost the master key: drop what it sealed (memories, offers, recap points, reminders), for good. Stop the bot first.

    Agreements, settings, personas and usage stay. Without --yes nothing is dropped, only counted.
    """
    _exit(_discard(yes))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the recording and the report.")] = Path("demo"),
) -> None:
    """Play a conversation on a loopback Discord: no key, no network."""
    from bot.rehearsal.play import play_scene
    from bot.rehearsal.scene import SCENES

    log.configure("warning")
    _exit(play_scene(SCENES / "demo.toml", provider="local", out=out))


@app.command()
def rehearse(
    scene: Annotated[Path | None, typer.Argument(help="A scene file, or the name of a shipped scene.")] = None,
    wav: Annotated[Path | None, typer.Option(help="Play this sound file as a member's voice instead.")] = None,
    provider: Annotated[Provider, typer.Option(help="Which model answers.")] = Provider.LOCAL,
    out: Annotated[Path, typer.Option(help="Folder for the recording and the report.")] = Path("demo"),
) -> None:
    """Play any scene, or a sound file, with any model."""
    from bot.rehearsal.play import play_scene, play_wav

    if (scene is None) == (wav is None):
        raise typer.BadParameter("expected a SCENE or --wav FILE, one of the two")
    log.configure("warning", secrets=secrets_of(load_settings()))
    if wav is not None:
        _exit(play_wav(wav, provider=provider.value, out=out))
    elif scene is not None:
        _exit(play_scene(scene, provider=provider.value, out=out))


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Some of the figures; all by default.")] = None,
) -> None:
    """Measure what the media plane costs on this machine, beside the floor measured in the same run."""
    from bot.bench import main as measure

    raise typer.Exit(measure(names or []))


async def _check(voice: int | None, trace: Path, hear: list[int]) -> int:
    from bot.check import check as findings

    console = Console(highlight=False)
    has_failed = False
    settings = load_settings()
    log.configure("error", secrets=secrets_of(settings))
    async for finding in findings(settings):
        has_failed |= not finding.is_right
        mark = "[green]✓[/green]" if finding.is_right else "[red]✗[/red]"
        console.print(f"{mark} [bold]{finding.subject}[/bold]  {escape(finding.sentence)}", soft_wrap=True)
        if finding.advice:
            console.print(f"    → {escape(finding.advice)}", soft_wrap=True)
    if voice is not None:
        from bot.voice_check import check_voice

        has_failed |= not await check_voice(settings, voice, trace, console, hear)
    return int(has_failed)


async def press_and_tell(slug: str | None, shows_replies: bool) -> int:
    """The work of `kith personas pressure`. Answers with its exit code. Raises `KithError`."""
    from bot.personas.library import Library
    from bot.pressure import press

    settings = load_settings()
    log.configure("error", secrets=secrets_of(settings))
    library, console = Library.load(settings.kith_personas_dir), Console(highlight=False)
    pressed = failed = 0
    async for one in press(settings, (library.get(slug),) if slug is not None else library.all()):
        pressed, failed = pressed + 1, failed + bool(one.faults)
        if shows_replies:
            lines = (one.test.say, one.answer, one.test.expect)
            for mark, line in zip(("“", "→", "?"), lines, strict=True):
                console.print(f"{mark} {escape(line)}", soft_wrap=True)
        for fault in one.faults:
            place = f"{one.persona.slug}.toml: pressure_tests[{one.number}]"
            _errors.print(escape(f"{place}: {fault}; it said: {' '.join(one.answer.split())[:200]}"), soft_wrap=True)
    mark = "[red]✗[/red]" if failed else "[green]✓[/green]"
    console.print(f"{mark} {pressed - failed} of {pressed} held", soft_wrap=True)
    return int(failed > 0)


async def _rotate(file: Path | None) -> int:
    from bot.storage.keys import rotate_master_key

    log.configure("warning")
    Console(highlight=False).print(escape(await rotate_master_key(load_settings(), file)), soft_wrap=True)
    return 0


async def _discard(is_sure: bool) -> int:
    from bot.storage.keys import discard, sealed_rows

    log.configure("warning")
    url, console = load_settings().kith_database_url, Console(highlight=False)
    if not is_sure:
        console.print(
            f"This would drop {await sealed_rows(url)}, for good. With the bot stopped, `kith keys discard --yes` does it.",
            soft_wrap=True,
        )
        return 1
    console.print(f"Dropped {await discard(url)}.", soft_wrap=True)
    return 0


def _exit(work: Coroutine[Any, Any, int]) -> None:
    """Run it on the fastest loop there is and leave with its exit code."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise typer.Exit(runner.run(work))


def _loop_factory() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def main() -> None:
    try:
        app()
    except KithError as error:
        _errors.print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        raise SystemExit(exit_code_of(error)) from None


if __name__ == "__main__":
    main()
