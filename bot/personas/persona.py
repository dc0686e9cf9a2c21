"""Who the companion is: the schema of a persona file, and reading one.

A persona is one TOML file named by its slug. This module says what may stand in it and turns the text into a frozen `Persona`; what is wrong
is said all at once, one line a fault, each naming file, field and what was expected. It neither reads the disk (`library`) nor writes the
model's instructions (`bot.conversation.instructions`): a persona is material, not a prompt. What the host itself enforces of it is `character`'s.
"""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import PersonaError
from bot.personas.faults import sentences

FILE_LIMIT_BYTES: Final = 32 * 1024
SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,47}$"


def _plain(text: str) -> str:
    """Trimmed, in one normal form, and without characters that cannot be seen or spoken."""
    text = unicodedata.normalize("NFC", text.strip())
    hidden = next((char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Co"} and char != "\n"), None)
    if hidden is not None:
        raise ValueError(f"expected plain text; it holds the hidden character U+{ord(hidden):04X}")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Prose = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_plain)]
Cues = Annotated[tuple[Line, ...], Field(max_length=24)]
Slug = Annotated[str, Field(pattern=SLUG_PATTERN)]


class Language(StrEnum):
    EN = "en"
    ZH = "zh"


def language_of(locale: str) -> Language:
    """The language of a Discord locale: `zh-CN` and `zh-TW` read Chinese, everyone else English."""
    return Language.ZH if locale.lower().startswith("zh") else Language.EN


class AgeRating(StrEnum):
    EVERYONE = "everyone"
    TEEN = "teen"
    ADULT = "adult"


class Interruption(StrEnum):
    """The temper when someone speaks over them."""

    YIELDS = "yields"  # stops at once
    FINISHES = "finishes"  # likes to end the sentence


class ToolName(StrEnum):
    """What they may do besides speaking, as far as the server allows it."""

    RECALL = "recall"  # look up what is remembered of the people there
    REMEMBER = "remember"
    DICE = "dice"
    TIME = "time"
    REMINDERS = "reminders"  # timers and reminders
    SEARCH = "search"  # the web, where operator and server allow it


USUAL_TOOLS: Final = (ToolName.RECALL, ToolName.REMEMBER, ToolName.DICE, ToolName.TIME, ToolName.REMINDERS)
"""All that stays in the house: a search of the web is for those whose file says so."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Localised(Part):
    """The same in English and Chinese; one of them is enough."""

    en: Prose | None = None
    zh: Prose | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Localised:
        if self.en is None and self.zh is None:
            raise ValueError("expected `en`, `zh` or both")
        return self

    def say(self, language: str) -> str:
        """In this language, or in the one there is."""
        wanted = self.zh if language == Language.ZH else self.en
        return wanted or self.en or self.zh or ""


class Catchphrase(Part):
    """A phrase people know them by. `once_in_turns`: at most once in so many turns, and never twice running."""

    text: Line
    language: Language
    once_in_turns: Annotated[int, Field(ge=2, le=200)] = 12


class Reaction(Part):
    """What a feeling in the room does to them. Words in `cues`, heard from a member, make the host remind the model of `how`."""

    when: Line
    how: Prose
    cues: Cues = ()


class Boundaries(Part):
    """A ladder, climbed one step at a time when someone goes too far. `cues` are words that count as too far, beside the house's own."""

    tease: Prose
    firm: Prose
    leave_subject: Prose
    leave_channel: Prose
    cues: Cues = ()


class Example(Part):
    """A short exchange that sounds right: heard from a member, said in answer."""

    language: Language
    heard: Line
    said: Line


class PressureTest(Part):
    """What a person may say to push them out of character, and what must hold in the answer: in prose, and in words that can be looked for.

    `one_of`: one of these must be heard; `none_of`: none of these may be; `answers_in`: the language of the answer, where it is not that of `say`.
    """

    say: Line
    expect: Line
    one_of: Cues = ()
    none_of: Cues = ()
    answers_in: Language | None = None


class Persona(Part):
    """A character, whole. Texts are prose for a model or a reader; none of them is an instruction format.

    Attributes:
        slug: the file's name.
        name: what people call them, per language; `aliases` are heard as their name too.
        languages: those they speak, the preferred one first.
        mirrors_language: answers in the language of whoever spoke last; an interpreter does not.
        tagline: one line for a list. `about`: a few sentences for members who choose.
        manner: how they talk, per language.
        voice: voice id by provider name (`stepfun`, `local`).
        taboos: what they never say, in the very words; the host looks for them in every reply.
        scenes: tone by scene name; the scene changes the tone, never who they are.
        tools: what they may do besides speaking; none named: all but the search of the web.
        talkativeness: 0 (only when asked) to 100.
        greeting: what their first words in a room should be like.
    """

    slug: Slug
    name: Localised
    aliases: tuple[Line, ...] = ()
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=2)]
    mirrors_language: bool = True
    tagline: Localised
    about: Localised
    age_rating: AgeRating = AgeRating.EVERYONE
    identity: Prose
    background: Prose
    traits: Annotated[tuple[Line, ...], Field(min_length=1, max_length=12)]
    manner: Localised
    catchphrases: Annotated[tuple[Catchphrase, ...], Field(max_length=12)] = ()
    reactions: Annotated[tuple[Reaction, ...], Field(max_length=16)] = ()
    taboos: Annotated[tuple[Line, ...], Field(max_length=24)] = ()
    boundaries: Boundaries
    voice: Mapping[str, Line]
    scenes: Mapping[Slug, Prose] = Field(default_factory=dict)
    tools: Annotated[tuple[ToolName, ...], Field(max_length=len(ToolName))] = USUAL_TOOLS
    talkativeness: Annotated[int, Field(ge=0, le=100)] = 50
    interruption: Interruption = Interruption.YIELDS
    greeting: Localised
    examples: Annotated[tuple[Example, ...], Field(max_length=12)] = ()
    pressure_tests: tuple[PressureTest, ...] = ()

    @property
    def language(self) -> Language:
        """The one they prefer."""
        return self.languages[0]

    def name_in(self, locale: str) -> str:
        return self.name.say(language_of(locale))

    def tagline_in(self, locale: str) -> str:
        return self.tagline.say(language_of(locale))

    def about_in(self, locale: str) -> str:
        return self.about.say(language_of(locale))

    @property
    def known_as(self) -> tuple[str, ...]:
        """Everything that means them: slug, names, aliases."""
        names = (self.slug, self.name.en, self.name.zh, *self.aliases)
        return tuple(dict.fromkeys(name for name in names if name))

    def catchphrases_in(self, language: str) -> tuple[Catchphrase, ...]:
        return tuple(phrase for phrase in self.catchphrases if phrase.language == language)


def parse_persona(text: str, source: str) -> Persona:
    """A persona from the text of its file. `source` is the file's path or name; its stem is the slug.

    Raises `PersonaError`: one line a fault, `file: field: what was expected`.
    """
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > FILE_LIMIT_BYTES:
        raise PersonaError(f"{source}: expected at most {FILE_LIMIT_BYTES // 1024} KiB; it has {size} bytes")
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PersonaError(f"{source}: expected TOML; {error}") from None
    except RecursionError:
        raise PersonaError(f"{source}: expected TOML; it is nested too deeply") from None
    if "slug" in fields:
        raise PersonaError(f"{source}: slug: expected none; the slug is the file's name")
    return persona_of(fields, PurePath(source).stem, source)


def parse_document(text: str, slug: str) -> Persona:
    """A persona from the JSON in which a server keeps its own (`document_of`). Raises `PersonaError` as `parse_persona` does."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise PersonaError(f"{slug}: expected JSON") from None
    if not isinstance(fields, dict):
        raise PersonaError(f"{slug}: expected a JSON object")
    return persona_of(fields, slug, slug)


def document_of(persona: Persona) -> str:
    """The persona as JSON without its slug; `parse_document` reads it back. Raises `PersonaError` for more than 32 KiB."""
    document = persona.model_dump_json(exclude={"slug"}, exclude_defaults=True)
    size = len(document.encode())
    if size > FILE_LIMIT_BYTES:
        raise PersonaError(
            f"{persona.slug}: expected at most {FILE_LIMIT_BYTES // 1024} KiB; it has {size} bytes",
            key="error-persona-too-large",
        )
    return document


def persona_of(fields: Mapping[str, Any], slug: str, source: str) -> Persona:
    """The checked persona of these fields. Raises `PersonaError`, every fault of them at once, each beginning with `source`."""
    try:
        return Persona.model_validate({**fields, "slug": slug})
    except ValidationError as error:
        lines = sentences(list(error.errors()), Persona)
        raise PersonaError("\n".join(f"{source}: {line}" for line in lines)) from None
