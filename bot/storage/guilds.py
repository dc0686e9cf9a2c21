"""What a guild can choose: every setting of a server in one place. `guild_repository` keeps them.

A setting is one field of `GuildSettings`: its name, what it takes, how it comes, and (in `Annotated`) its row in the panel of `/settings`. The words
that an admin reads are `settings-<name>` in the catalogues. The database keeps a row for each setting that is not as it comes, so one more needs
no migration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bot.errors import KithError
from bot.storage.quiet_hours import parse_quiet_hours

LISTED: Final = 25
"""Roles or channels in one setting: as many as a menu of Discord takes."""


class Section(StrEnum):
    """The pages of the panel, in order."""

    WHO = "who"  # who the companion is
    WHERE = "where"  # where and for whom it comes
    KEEPS = "keeps"  # what it keeps
    SPENDS = "spends"  # what it may cost


# ---------------------------------------------------------------------------- the kinds of row in the panel


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    section: Section


@dataclass(frozen=True, slots=True)
class Pick:
    """One of a few values; `settings-<name>-<value>` says each."""

    section: Section
    values: tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True)
class PickPersona:
    """Anybody of this server's cast, or whoever the operator chose."""

    section: Section


@dataclass(frozen=True, slots=True)
class PickVoice:
    """A voice of the operator's provider, or the persona's own (`bot/personas/voices.py`)."""

    section: Section


@dataclass(frozen=True, slots=True)
class PickRoles:
    section: Section


@dataclass(frozen=True, slots=True)
class PickChannels:
    """Voice and stage channels (several), or one text channel."""

    section: Section
    is_text: bool = False


class Unit(StrEnum):
    """What a typed setting is counted in."""

    SECONDS = "seconds"
    MONEY = "money"
    HOURS = "hours"  # of the day: `HH:MM-HH:MM Region/City`


@dataclass(frozen=True, slots=True)
class Write:
    """Typed into a form. What is empty is as it comes."""

    section: Section
    characters: int
    unit: Unit


Row: TypeAlias = Switch | Pick | PickPersona | PickVoice | PickRoles | PickChannels | Write


class MemoryMode(StrEnum):
    """What may be kept of what members say, of those who agreed to be remembered."""

    OFF = "off"  # nothing: an admin may forbid, never agree for others
    STRICT = "strict"  # only what its subject keeps with a button
    USUAL = "usual"  # also what nobody dropped


def _is_quiet_hours(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(parse_quiet_hours(text))
    except KithError as error:
        raise ValueError(str(error)) from None


_QUIET: Final = AfterValidator(_is_quiet_hours)

Ids = Annotated[frozenset[int], Field(max_length=LISTED)]
Seconds = Annotated[int, Field(ge=60, le=86_400)]
Money = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class GuildSettings(BaseModel):
    """Every setting of one server. Money is in the operator's currency; quiet hours are `HH:MM-HH:MM Region/City`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    guild_id: int

    persona: Annotated[str | None, Field(max_length=48), PickPersona(Section.WHO)] = None
    """Slug; `None`: the operator's default."""

    voice: Annotated[str | None, Field(max_length=64), PickVoice(Section.WHO)] = None
    """At the operator's provider; `None`: each persona's own."""

    scene: Annotated[
        str | None,
        Pick(Section.WHO, (None, "bedtime", "hype", "study", "car")),
    ] = None
    """In which every call begins."""

    approves_personas: Annotated[bool, Switch(Section.WHO)] = False
    """Personas that members make wait for somebody who may choose the persona."""

    manager_role_ids: Annotated[Ids, PickRoles(Section.WHO)] = frozenset()
    """May choose who it is, besides whoever may manage the server."""

    user_role_ids: Annotated[Ids, PickRoles(Section.WHERE)] = frozenset()
    """May call it and talk with it; none: everybody."""

    channel_ids: Annotated[Ids, PickChannels(Section.WHERE)] = frozenset()
    """Where it may come; none: everywhere."""

    auto_join: Annotated[bool, Switch(Section.WHERE)] = False
    """It comes by itself when a member who agreed to be heard enters one of `channel_ids`."""

    auto_leave: Annotated[bool, Switch(Section.WHERE)] = True
    """It goes by itself when nobody is left who may be heard, not only when nobody is left."""

    quiet_hours: Annotated[str | None, Field(max_length=64), _QUIET, Write(Section.WHERE, 64, Unit.HOURS)] = None
    """When it does not come, and goes."""

    web_search: Annotated[bool, Switch(Section.WHERE)] = False
    """The model may look things up on the web, where the operator has a search for it."""

    memory: Annotated[
        MemoryMode,
        Pick(Section.KEEPS, tuple(mode.value for mode in MemoryMode)),
    ] = MemoryMode.STRICT

    retention_days: Annotated[int, Field(ge=1, le=365), Pick(Section.KEEPS, (7, 30, 90, 365))] = 90
    """A memory that was not used for so long goes."""

    audit_channel_id: Annotated[int | None, PickChannels(Section.KEEPS, is_text=True)] = None
    """Where changes of these settings are told."""

    guild_seconds_per_day: Annotated[Seconds | None, Write(Section.SPENDS, 16, Unit.SECONDS)] = None
    member_seconds_per_day: Annotated[Seconds | None, Write(Section.SPENDS, 16, Unit.SECONDS)] = None
    guild_money_per_day: Annotated[Money | None, Write(Section.SPENDS, 16, Unit.MONEY)] = None
    member_money_per_day: Annotated[Money | None, Write(Section.SPENDS, 16, Unit.MONEY)] = None


SETTINGS: Final = tuple(name for name in GuildSettings.model_fields if name != "guild_id")


def parse_choice(name: str, value: Any) -> Any:
    """`value` as the setting `name` takes it. Raises `KithError` naming the setting; also for a word that its menu does not know (of another Kith)."""
    try:
        taken = getattr(GuildSettings.model_validate({"guild_id": 0, name: value}), name)
    except ValidationError as error:
        told = error.errors()[0]["msg"]
        raise KithError(f"{name}: {told}", key="error-setting-value", name=name, expected=told) from None
    row = row_of(name)
    if isinstance(row, Pick) and isinstance(taken, str) and taken not in row.values:
        told = f"expected one of {', '.join(map(str, row.values))}"
        raise KithError(f"{name}: {told}", key="error-setting-value", name=name, expected=told)
    return taken


def row_of(name: str, model: type[GuildSettings] = GuildSettings) -> Row:
    """How the panel shows this setting."""
    rows = [meta for meta in model.model_fields[name].metadata if hasattr(meta, "section")]
    return cast("Row", rows[0])


def names_in(section: Section, model: type[GuildSettings] = GuildSettings) -> tuple[str, ...]:
    """The settings on one page of the panel, in order."""
    return tuple(name for name in model.model_fields if name != "guild_id" and row_of(name, model).section is section)
