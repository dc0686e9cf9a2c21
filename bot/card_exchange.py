"""Personas across the house's border: a stranger's file becomes a persona and what is kept of its card; a persona becomes a file again.

CPU only, and up to some tens of milliseconds of it: both run in an executor.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import PersonaError
from bot.personas.cards.charx import packed, unpacked
from bot.personas.cards.container import FILE_BYTES, KEPT_BYTES, read_card
from bot.personas.cards.files import CardFiles, Format
from bot.personas.cards.png import CardError, refused
from bot.personas.cards.reading import CardReport, persona_of_card
from bot.personas.cards.writing import card_charx, card_png, files_left_out, written
from bot.personas.draft import slug_for
from bot.personas.persona import FILE_LIMIT_BYTES, Persona, parse_persona
from bot.storage.personas import StoredFiles


@dataclass(frozen=True, slots=True)
class Brought:
    """`card`, `report`, `files`: of a card. A persona file has none of them, and a card in JSON no files."""

    persona: Persona
    card: str | None = None
    report: CardReport | None = None
    files: CardFiles | None = None
    stored: StoredFiles | None = None


@dataclass(frozen=True, slots=True)
class GivenOut:
    """A persona as a file. `left_out`: how many of its files this format has no room for."""

    persona: Persona
    data: bytes
    format: Format
    left_out: int


def brought(data: bytes, filename: str, taken: set[str], voice: dict[str, str]) -> Brought:
    """A card, or a persona file. `taken`: slugs that it may not have. Raises `KithError`."""
    if len(data) > FILE_BYTES:
        raise refused(f"more than {FILE_BYTES} bytes", "error-card-too-large")
    if filename.casefold().endswith(".toml"):
        return Brought(_persona_file(data, filename, taken))
    card = read_card(data)
    kept = written(card.raw)
    if len(kept) > KEPT_BYTES:
        raise refused(f"the card's text has more than {KEPT_BYTES} bytes", "error-card-too-large")
    persona, report = persona_of_card(card, slug_for(card.names[0], taken), voice)
    return Brought(persona, kept.decode(), report, card.files, _stored(card.files))


def given_out(persona: Persona, card: str | None, stored: StoredFiles | None, wanted: Format | None) -> GivenOut:
    """`wanted`: as what; `None`: as it came, else as a PNG."""
    origin = read_card(card.encode()) if card is not None else None
    files = _files(stored)
    as_what = wanted or (files.format if files is not None else Format.PNG)
    if as_what is Format.CHARX:
        return GivenOut(persona, card_charx(persona, origin, files), as_what, 0)
    return GivenOut(persona, card_png(persona, origin, files), as_what, files_left_out(files))


def _persona_file(data: bytes, filename: str, taken: set[str]) -> Persona:
    try:
        text = data[: FILE_LIMIT_BYTES + 1].decode("utf-8-sig")
        return parse_persona(text, f"{slug_for(filename[: -len('.toml')], taken)}.toml")
    except UnicodeDecodeError:
        raise refused("the file is not UTF-8", "error-card-broken") from None
    except PersonaError as error:
        told = "; ".join(line.split(": ", 1)[-1] for line in str(error).splitlines())
        raise PersonaError(str(error), key="error-persona-draft", faults=told) from None


def _stored(files: CardFiles | None) -> StoredFiles | None:
    if files is None:
        return None
    assets = packed(files.assets) if files.assets else None
    return StoredFiles(files.format.value, files.picture, files.picture_path, assets)


def _files(stored: StoredFiles | None) -> CardFiles | None:
    if stored is None:
        return None
    try:
        assets = unpacked(stored.assets) if stored.assets is not None else ()
    except CardError as error:
        raise CardError(f"the kept files of a card cannot be read: {error}", key="error-card-broken") from error
    return CardFiles(Format(stored.format), stored.picture, stored.picture_path, assets)
