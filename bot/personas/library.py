"""The personas there are: every `*.toml` of a folder, read once at start.

One bad file makes the whole folder bad: an operator hears of every fault at once, rather than a guild of a persona that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from bot.errors import PersonaError
from bot.personas.persona import FILE_LIMIT_BYTES, Persona, parse_persona
from bot.plain_text import visible

SHIPPED: Final = Path(__file__).parents[2] / "personas"


class Library:
    """Personas by slug, in the order of their slugs."""

    def __init__(self, personas: Iterable[Persona]) -> None:
        self._personas = {persona.slug: persona for persona in sorted(personas, key=lambda one: one.slug)}

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read a folder (the shipped one by default). Raises `PersonaError`, one line a fault over all files."""
        folder = folder or SHIPPED
        personas: list[Persona] = []
        faults: list[str] = []
        for path in sorted(folder.glob("*.toml")):
            try:
                personas.append(cls.read(path))
            except PersonaError as error:
                faults.append(str(error))
        if faults:
            raise PersonaError("\n".join(faults))
        if not personas:
            raise PersonaError(f"{folder}: expected at least one persona file (*.toml)")
        return cls(personas)

    @staticmethod
    def read(path: Path) -> Persona:
        """One file. Raises `PersonaError`, one line a fault."""
        return parse_persona(_read(path), path.name)

    def get(self, slug: str) -> Persona:
        """Raises `PersonaError` for a slug that nobody has."""
        try:
            return self._personas[slug]
        except KeyError:
            raise PersonaError(
                f"there is no persona {slug!r}; there are: {', '.join(self._personas)}",
                key="error-persona-unknown",
                slug=visible(slug)[:48] or "–",
            ) from None

    def all(self) -> tuple[Persona, ...]:
        return tuple(self._personas.values())

    def slugs(self) -> tuple[str, ...]:
        return tuple(self._personas)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise PersonaError(f"{path.name}: expected a readable file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise PersonaError(f"{path.name}: expected UTF-8 text (byte {error.start} is not)") from None
