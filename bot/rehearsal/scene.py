"""A scene: who is there and what they do, as a small TOML file.

    title = "…"
    [[people]]
    name = "Alice"           voice = "en-us+f3"     is_admin = true     locale = "en-US"
    [[steps]]
    who = "Alice"            enters = "Lounge"

Each step has exactly one verb:

    enters = "Lounge" · leaves = true · runs = "persona use" (with `options`) · presses = "allow" · says = "…" · plays = "file.wav"
    interrupts = "…" (with `after_ms` of the reply heard) · waits_ms = 500 · types = "…" (the /say command)
    chooses = { menu = "channel", values = ["Lounge"] } (from the newest menu whose id or placeholder holds `menu`; by the names it shows)
    searches = "sealed" (the files of the database hold what is remembered, encrypted) · searches = "gone" (and nothing of all that was found so
    far); both with `clear`, words that may stand nowhere in them

A command takes `options` and `attaches` (the text of a file for its attachment, by option name: `{ file = "…" }`). Where a command, a button or a
choice opens a form, `fills` is what is written into it, by field (a list for a menu in it). A step may say what must follow: `reply` (a pattern the companion's words must match, as far as they were heard), `reads` (a pattern
of the answer to a command or button), `reply_by` (who speaks: the persona's name). Patterns are regular expressions, case ignored.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bot.errors import KithError

SCENES: Final = Path(__file__).parent / "scenes"
VERBS: Final = (
    "enters",
    "leaves",
    "runs",
    "presses",
    "chooses",
    "says",
    "plays",
    "interrupts",
    "waits_ms",
    "types",
    "searches",
)


class SceneError(KithError):
    """A scene file: names file, field and what was expected."""

    key = "error-scene"


class PersonOfScene(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    voice: str = "en-us"
    is_admin: bool = False
    locale: str = "en-US"


class Choice(BaseModel):
    """From which menu, and what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    menu: str
    values: list[str]


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    who: str | None = None
    enters: str | None = None
    leaves: bool | None = None
    runs: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    attaches: dict[str, str] = Field(default_factory=dict)
    fills: dict[str, str | list[str]] = Field(default_factory=dict)
    presses: str | None = None
    chooses: Choice | None = None
    says: str | None = None
    plays: str | None = None
    interrupts: str | None = None
    after_ms: int = Field(default=1500, ge=0)
    waits_ms: int | None = Field(default=None, ge=0)
    types: str | None = None
    searches: Literal["sealed", "gone"] | None = None
    clear: list[str] = Field(default_factory=list)
    reply: str | None = None
    reads: str | None = None

    @field_validator("reply", "reads")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"expected a regular expression ({error})") from None
        return value

    @model_validator(mode="after")
    def _one_verb(self) -> Step:
        used = [verb for verb in VERBS if getattr(self, verb) is not None]
        if len(used) != 1:
            raise ValueError(f"expected exactly one of {', '.join(VERBS)}; found {', '.join(used) or 'none'}")
        if self.who is None and self.waits_ms is None and self.searches is None:
            raise ValueError("expected `who` does it")
        return self

    @property
    def verb(self) -> str:
        return next(verb for verb in VERBS if getattr(self, verb) is not None)


class Scene(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    guild: str = "Rehearsal"
    channels: list[str] = Field(default_factory=lambda: ["Lounge"], min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    people: list[PersonOfScene] = Field(min_length=1)
    steps: list[Step] = Field(min_length=1)

    @model_validator(mode="after")
    def _everyone_is_known(self) -> Scene:
        names = {person.name for person in self.people}
        for number, step in enumerate(self.steps, 1):
            if step.who is not None and step.who not in names:
                raise ValueError(
                    f"step {number}: expected one of {', '.join(sorted(names))} as `who`, found {step.who}"
                )
            if step.enters is not None and step.enters not in self.channels:
                raise ValueError(
                    f"step {number}: expected one of {', '.join(self.channels)} as `enters`, found {step.enters}"
                )
        return self


def parse_scene(text: str, source: str) -> Scene:
    """The scene in a TOML text. Raises `SceneError` with one line per fault."""
    try:
        return Scene.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SceneError(f"{source}: not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, fault['loc'])) or 'scene'}: {fault['msg']}" for fault in error.errors()]
        raise SceneError("\n".join(lines)) from None


def load_scene(path: Path) -> Scene:
    """From a file, or by the name of a shipped scene (`demo`)."""
    shipped = SCENES / f"{path}.toml"
    chosen = shipped if not path.is_file() and shipped.exists() else path
    try:
        return parse_scene(chosen.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        names = ", ".join(sorted(scene.stem for scene in SCENES.glob("*.toml")))
        raise SceneError(
            f"{path}: expected a scene file, or one of the shipped scenes ({names}): {error.strerror}"
        ) from None
