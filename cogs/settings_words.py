"""Settings in words: a line for each on its page, a value as people say it, and the last changes. One rule a kind of row, none a setting.

The words of a setting `some_name` stand in the catalogues as `settings-some-name`, `-about` (what it does), `-none` (nothing is chosen) and,
for the values of a menu, `-<value>`, or `-value` with a count for numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.errors import KithError
from bot.personas.cards.tidy import shortened
from bot.storage.guild_repository import Change
from bot.storage.guilds import (
    GuildSettings,
    Pick,
    PickChannels,
    PickPersona,
    PickRoles,
    PickVoice,
    Section,
    Switch,
    Unit,
    Write,
    names_in,
    parse_choice,
    row_of,
)
from bot.texts import Texts, clean, discord_time

MESSAGE_LIMIT: Final = 1990
LISTED: Final = 8
"""Roles or channels that one line names."""

PAGES: Final = {
    Section.WHO: "settings-page-who",
    Section.WHERE: "settings-page-where",
    Section.KEEPS: "settings-page-keeps",
    Section.SPENDS: "settings-page-spends",
}
EXPECTED: Final = {
    Unit.SECONDS: "settings-expected-seconds",
    Unit.MONEY: "settings-expected-money",
    Unit.HOURS: "settings-expected-hours",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What saying a value takes: the reader's language, and the names of what ids and slugs stand for.

    Attributes:
        personas: slug to the name in this language, of everybody on the server.
        voices: voice to the name of a persona who speaks with it.
        currency: the operator's.
        limits: setting to the most that the operator allows, which is in force where nothing is chosen.
        idle: settings that would do nothing here, and are not shown.
    """

    texts: Texts
    locale: str
    personas: Mapping[str, str] = field(default_factory=dict)
    voices: Mapping[str, str] = field(default_factory=dict)
    currency: str = "USD"
    limits: Mapping[str, int | float] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    model: type[GuildSettings] = GuildSettings

    def say(self, key: str, **values: str | float) -> str:
        return self.texts.say(self.locale, key, **values)

    def shown(self, section: Section) -> tuple[str, ...]:
        """The settings of a page."""
        return tuple(name for name in names_in(section, self.model) if name not in self.idle)

    def name(self, setting: str) -> str:
        return self.say(key_of(setting))

    def about(self, setting: str) -> str:
        return self.say(f"{key_of(setting)}-about")

    def value(self, setting: str, value: Any) -> str:
        """As a person reads it; with Discord's mentions, which are shown as names and reach nobody."""
        row = row_of(setting, self.model)
        if value is None and isinstance(row, Write) and setting in self.limits:
            return self.say("settings-limit", most=self.written(row.unit, self.limits[setting]))
        if value is None or value == frozenset():
            return self.say(f"{key_of(setting)}-none")
        match row:
            case Switch():
                return self.say("settings-on" if value else "settings-off")
            case Pick():
                return self.picked(setting, value)
            case PickPersona():
                return clean(self.personas[value]) if value in self.personas else self.say("settings-gone", name=value)
            case PickVoice():
                owner = self.voices.get(value)
                return self.say("settings-gone", name=value) if owner is None else self.voice(value, owner)
            case PickRoles():
                return _listed([f"<@&{one}>" for one in sorted(value)])
            case PickChannels():
                return _listed([f"<#{one}>" for one in (sorted(value) if isinstance(value, frozenset) else [value])])
            case Write(unit=unit):
                return self.written(unit, value)

    def picked(self, setting: str, value: str | int | None) -> str:
        if value is None:
            return self.say(f"{key_of(setting)}-none")
        if isinstance(value, int):
            return self.say(f"{key_of(setting)}-value", count=value)
        return self.say(f"{key_of(setting)}-{value}")

    def voice(self, voice: str, owner: str) -> str:
        return self.say("settings-voice-of", voice=voice, name=owner)

    def written(self, unit: Unit, value: Any) -> str:
        if unit is Unit.SECONDS:
            shown = f"{value:,}".replace(",", " ")
            if value >= 3600:
                return self.say("settings-seconds-hours", amount=shown, hours=f"{value / 3600:.3g}")
            return self.say("settings-seconds-minutes", amount=shown, minutes=f"{value / 60:.3g}")
        if unit is Unit.MONEY:
            return self.say("settings-money", amount=f"{value:g}", currency=self.currency)
        return clean(str(value))

    def line(self, setting: str, value: Any) -> str:
        """How it is now: where an admin chose more than the operator allows by now, that is in force."""
        row, most = row_of(setting, self.model), self.limits.get(setting)
        is_over = isinstance(row, Write) and most is not None and isinstance(value, (int, float)) and value > most
        shown = self.value(setting, None if is_over else value)
        return f"{self.say('settings-line', name=self.name(setting))} {shown}"

    def expected(self, setting: str) -> str:
        row = row_of(setting, self.model)
        return self.say(EXPECTED[row.unit] if isinstance(row, Write) else "settings-expected-menu")


def key_of(setting: str) -> str:
    return f"settings-{setting.replace('_', '-')}"


def page(words: Words, settings: GuildSettings, section: Section, told: str = "", faults: Sequence[str] = ()) -> str:
    """A page of the panel: a title and a line a setting. `told`: what has just happened; `faults`: what is not as it was chosen."""
    lines = [words.say(PAGES[section]), *(words.line(name, getattr(settings, name)) for name in words.shown(section))]
    if section is Section.WHERE and settings.auto_join and not settings.channel_ids:
        lines.append(words.say("settings-auto-join-idle"))
    lines += faults
    return shortened("\n".join([told, *lines] if told else lines), MESSAGE_LIMIT)


def control(words: Words, setting: str, value: Any, told: str = "") -> str:
    """The page of one setting: what it does and how it is."""
    lines = [words.line(setting, value), words.about(setting)]
    return shortened("\n".join([told, *lines] if told else lines), MESSAGE_LIMIT)


def change_line(words: Words, change: Change) -> str:
    """Who changed what, from what to what."""
    known = change.name in words.model.model_fields
    name = words.name(change.name) if known else clean(change.name)
    before, after = _kept(words, change.name, change.before), _kept(words, change.name, change.after)
    by = f"<@{change.user_id}>" if change.user_id else words.say("settings-by-nobody")
    return f"{by} · {words.say('settings-line', name=name)} {before} → {after}"


def audit(words: Words, changes: Sequence[Change]) -> str:
    """The last changes, newest first."""
    if not changes:
        return words.say("settings-audit-none")
    lines = [f"• <t:{discord_time(change.changed_at)}:R> {change_line(words, change)}" for change in changes]
    return shortened("\n".join([words.say("settings-audit"), *lines]), MESSAGE_LIMIT)


def settings_keys(model: type[GuildSettings] = GuildSettings) -> set[str]:
    """Every key that the rows of the panel are said with."""
    found: set[str] = set()
    for section in Section:
        for name in names_in(section, model):
            key, row = key_of(name), row_of(name, model)
            found |= {key, f"{key}-about"}
            if isinstance(row, Pick):
                found |= {f"{key}-{_tail(value)}" for value in row.values}
            elif not isinstance(row, Switch):
                found.add(f"{key}-none")
    return found


def _tail(value: str | int | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else "value"


def _kept(words: Words, name: str, kept: str | None) -> str:
    """A value of the audit, as it was written then; a setting of another Kith is shown as it stands."""
    if name not in words.model.model_fields:
        return clean(kept or "–")
    if kept is None:
        return words.value(name, words.model.model_fields[name].default)
    try:
        return words.value(name, parse_choice(name, json.loads(kept)))
    except (ValueError, KithError):
        return clean(kept)


def _listed(mentions: Sequence[str]) -> str:
    shown = " ".join(mentions[:LISTED])
    return shown if len(mentions) <= LISTED else f"{shown} +{len(mentions) - LISTED}"
