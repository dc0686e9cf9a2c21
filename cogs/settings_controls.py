"""What the panel of `/settings` can be pressed with. Everything that a press needs stands in its id, so a panel outlives a restart and keeps no memory here.

An id is `kith:settings:<act>:<what>:<mark>:<made>`: `what` is a page or a setting, `mark` what the panel showed of its value, `made` when (seconds, hex).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from discord import ButtonStyle, ChannelType, SelectDefaultValue, SelectDefaultValueType, ui

from bot.storage.guilds import (
    LISTED,
    GuildSettings,
    PickChannels,
    PickRoles,
    Section,
    Switch,
    Unit,
    Write,
    row_of,
)
from cogs.settings_values import as_typed, mark_of, option_of
from cogs.settings_words import Words

PANEL_S: Final = 900
"""So long a panel works: what it shows grows old."""

LABEL_LIMIT: Final = 45
OPTION_LIMIT: Final = 100
OPTIONS: Final = 25
AUDIT: Final = "audit"
TABS: Final = {
    Section.WHO.value: "settings-tab-who",
    Section.WHERE.value: "settings-tab-where",
    Section.KEEPS.value: "settings-tab-keeps",
    Section.SPENDS.value: "settings-tab-spends",
    AUDIT: "settings-tab-audit",
}
EXAMPLES: Final = {
    Unit.SECONDS: "settings-example-seconds",
    Unit.MONEY: "settings-example-money",
    Unit.HOURS: "settings-example-hours",
}

_ID: Final = re.compile(r"kith:settings:([a-z]{1,8}):([a-z_]{1,40}):([0-9a-f]{0,8}):([0-9a-f]{1,12})")


class Act(StrEnum):
    PAGE = "page"  # to another page
    CHANGE = "change"  # which setting; the chosen option is `name:mark`, and for a switch `:on` or `:off`
    SET = "set"  # its value, from a menu
    CLEAR = "clear"  # its value as it comes
    WRITE = "write"  # its value, from a form


@dataclass(frozen=True, slots=True)
class Press:
    """What an id says."""

    act: Act
    what: str
    mark: str
    made: int

    def __str__(self) -> str:
        return f"kith:settings:{self.act}:{self.what}:{self.mark}:{self.made:x}"

    def is_expired(self, now: float) -> bool:
        return not 0 <= now - self.made <= PANEL_S


def press_of(custom_id: str) -> Press | None:
    """`None` for an id that is none of ours."""
    found = _ID.fullmatch(custom_id)
    if found is None or found[1] not in set(Act):
        return None
    return Press(Act(found[1]), found[2], found[3], int(found[4], 16))


def page_view(words: Words, settings: GuildSettings, section: Section | None, now: float) -> ui.View:
    """A button a page, and on a page of settings the menu that says which to change. `None`: the page of the last changes."""
    view = _view()
    here = section.value if section is not None else AUDIT
    for name, key in TABS.items():
        button: ui.Button[ui.View] = ui.Button(
            label=words.say(key),
            style=ButtonStyle.primary if name == here else ButtonStyle.secondary,
            custom_id=str(Press(Act.PAGE, name, "", int(now))),
            disabled=name == here and section is not None,
            row=0,
        )
        view.add_item(button)
    if section is not None:
        menu: ui.Select[ui.View] = ui.Select(
            custom_id=str(Press(Act.CHANGE, section.value, "", int(now))),
            placeholder=words.say("settings-change"),
            row=1,
        )
        for name in words.shown(section):
            menu.add_option(
                label=words.name(name)[:OPTION_LIMIT],
                value=_choice(name, getattr(settings, name), type(settings)),
                description=words.about(name)[:OPTION_LIMIT],
            )
        view.add_item(menu)
    return view


def control_view(
    words: Words,
    setting: str,
    value: Any,
    options: Mapping[str, tuple[str, str]],
    now: float,
    gone: Collection[int] = frozenset(),
) -> ui.View:
    """The control of one setting. `options`: for a menu of words, value to label and description. `gone`: ids that Discord would not know."""
    view, row, made = _view(), row_of(setting, words.model), int(now)
    act = Press(Act.SET, setting, mark_of(value), made)
    hint = words.say("settings-choose")
    if isinstance(row, PickRoles):
        view.add_item(_role_menu(str(act), hint, _ids(value, gone)))
    elif isinstance(row, PickChannels):
        view.add_item(_channel_menu(str(act), hint, _ids(value, gone), row))
    else:
        view.add_item(_word_menu(str(act), hint, options, value))
    if isinstance(row, (PickRoles, PickChannels)):
        clear = str(replace(act, act=Act.CLEAR))
        view.add_item(ui.Button(label=words.say("settings-clear"), custom_id=clear, disabled=not value))
    back = str(Press(Act.PAGE, row.section.value, "", made))
    view.add_item(ui.Button(label=words.say("settings-back"), custom_id=back))
    return view


def _role_menu(custom_id: str, hint: str, ids: Sequence[int]) -> ui.RoleSelect[ui.View]:
    chosen = [SelectDefaultValue(id=one, type=SelectDefaultValueType.role) for one in ids]
    return ui.RoleSelect(custom_id=custom_id, placeholder=hint, min_values=0, max_values=LISTED, default_values=chosen)


def _channel_menu(custom_id: str, hint: str, ids: Sequence[int], row: PickChannels) -> ui.ChannelSelect[ui.View]:
    return ui.ChannelSelect(
        custom_id=custom_id,
        placeholder=hint,
        channel_types=[ChannelType.text] if row.is_text else [ChannelType.voice, ChannelType.stage_voice],
        min_values=0,
        max_values=1 if row.is_text else LISTED,
        default_values=[SelectDefaultValue(id=one, type=SelectDefaultValueType.channel) for one in ids],
    )


def _word_menu(custom_id: str, hint: str, options: Mapping[str, tuple[str, str]], value: Any) -> ui.Select[ui.View]:
    menu: ui.Select[ui.View] = ui.Select(custom_id=custom_id, placeholder=hint)
    present = option_of(value)
    for option, (label, about) in list(options.items())[:OPTIONS]:
        menu.add_option(
            label=label[:OPTION_LIMIT] or option,
            value=option,
            description=about[:OPTION_LIMIT] or None,
            default=option == present,
        )
    return menu


def _ids(value: Any, gone: Collection[int]) -> list[int]:
    """Of roles or channels: several, one or none."""
    ids = sorted(value) if isinstance(value, frozenset) else [value] if value is not None else []
    return [one for one in ids if one not in gone]


def form(words: Words, setting: str, value: Any, now: float) -> ui.Modal:
    """The form of a setting that is typed."""
    row = row_of(setting, words.model)
    assert isinstance(row, Write)
    press = Press(Act.WRITE, setting, mark_of(value), int(now))
    modal = ui.Modal(title=words.name(setting)[:LABEL_LIMIT], custom_id=str(press))
    field: ui.TextInput[ui.Modal] = ui.TextInput(
        label=words.name(setting)[:LABEL_LIMIT],
        custom_id=setting,
        placeholder=words.say(EXAMPLES[row.unit])[:OPTION_LIMIT],
        default=as_typed(value) or None,
        max_length=row.characters,
        required=False,
    )
    modal.add_item(field)
    modal.stop()  # its answer is found by its id
    return modal


def written_in(components: Sequence[Mapping[str, Any]]) -> str:
    """The text of a form's only field, as Discord sends it: in a row, or under a label."""
    for row in components:
        for part in [*row.get("components", []), row.get("component") or {}]:
            if isinstance(part.get("value"), str):
                return str(part["value"])
    return ""


def _view() -> ui.View:
    view = ui.View(timeout=None)
    view.stop()  # never kept: a press is found by its id
    return view


def _choice(setting: str, value: Any, model: type[GuildSettings]) -> str:
    chosen = f"{setting}:{mark_of(value)}"
    return f"{chosen}:{'off' if value else 'on'}" if isinstance(row_of(setting, model), Switch) else chosen


__all__ = ["AUDIT", "Act", "Press", "control_view", "form", "page_view", "press_of", "written_in"]
