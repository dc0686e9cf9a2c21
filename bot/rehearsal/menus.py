"""What a person chooses from menus and writes into forms, as Discord hands it to a bot: `values`, and the `resolved` things behind them.

A person names what they see: the label of an option, a member's, role's or channel's name; its value or id does as well. What the menu does
not offer, or more than it lets choose, is refused here, since a client would not let anybody send it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.rehearsal.world import (
    CHANNEL_MENU,
    MENTIONABLE_MENU,
    MENUS,
    ROLE_MENU,
    STRING_MENU,
    USER_MENU,
    Guild,
    Message,
    Payload,
)

Values = str | Sequence[str]
"""What is written into a field, or what is chosen in a menu of a form."""

TEXT_INPUT: Final = 4
ROW: Final = 1
LABEL: Final = 18


def choice_data(guild: Guild, user_id: int, message: Message, custom_id: str, values: Sequence[str]) -> Payload:
    """The `data` of a choice that `user_id` makes from a message's menu. Raises LookupError."""
    menu = message.menus.get(custom_id)
    if menu is None:
        raise LookupError(f"no menu {custom_id}; there are: {', '.join(sorted(message.menus))}")
    chosen = _chosen(guild, menu, values)
    data: Payload = {"custom_id": custom_id, "component_type": menu["type"], "values": chosen}
    resolved = _resolved(guild, user_id, menu, chosen)
    return {**data, "resolved": resolved} if menu["type"] != STRING_MENU else data


def form_data(guild: Guild, user_id: int, form: Payload, values: Mapping[str, Values]) -> Payload:
    """The `data` of a form as sent: fields that are not named keep what they showed. Raises LookupError."""
    fields = {part["custom_id"]: part for row in form["components"] for part in _fields_of(row)}
    unknown = set(values) - set(fields)
    if unknown:
        raise LookupError(f"no field {', '.join(sorted(unknown))}; there are: {', '.join(fields)}")
    resolved: dict[str, Payload] = {}
    rows: list[Payload] = []
    for row in form["components"]:
        parts = [_filled(guild, user_id, part, values, resolved) for part in _fields_of(row)]
        if row["type"] == LABEL:
            rows += [{"type": LABEL, "component": part} for part in parts]
        elif parts:
            rows.append({"type": ROW, "components": parts})
    data: Payload = {"custom_id": form["custom_id"], "components": rows}
    return {**data, "resolved": resolved} if resolved else data


def _fields_of(row: Payload) -> list[Payload]:
    """Text inputs and menus, in a row or under a label; words between them are none."""
    parts = [row["component"]] if "component" in row else row.get("components", [])
    return [part for part in parts if part["type"] == TEXT_INPUT or part["type"] in MENUS]


def _filled(
    guild: Guild, user_id: int, part: Payload, values: Mapping[str, Values], resolved: dict[str, Payload]
) -> Payload:
    name = part["custom_id"]
    filled: Payload = {"type": part["type"], "custom_id": name}
    given = values.get(name)
    if part["type"] == TEXT_INPUT:
        if given is not None and not isinstance(given, str):
            raise LookupError(f"{name} is written into, not chosen from")
        return {**filled, "value": part.get("value") or "" if given is None else given}
    wanted = _shown(part) if given is None else [given] if isinstance(given, str) else list(given)
    chosen = _chosen(guild, part, wanted) if wanted else []
    for kind, found in _resolved(guild, user_id, part, chosen).items():
        resolved.setdefault(kind, {}).update(found)
    return {**filled, "values": chosen}


def _shown(menu: Payload) -> list[str]:
    """What a menu has chosen before anybody touched it."""
    marked = [option["value"] for option in menu.get("options", []) if option.get("default")]
    return marked or [entry["id"] for entry in menu.get("default_values", [])]


def _chosen(guild: Guild, menu: Payload, wanted: Sequence[str]) -> list[str]:
    least, most = menu.get("min_values", 1), menu.get("max_values", 1)
    if not least <= len(wanted) <= most:
        raise LookupError(f"the menu {menu['custom_id']} wants {least} to {most} values, not {len(wanted)}")
    offered = _offered(guild, menu)
    by_name = {label.lower(): value for value, label in reversed(offered.items())}
    unknown = [value for value in wanted if value not in offered and value.lower() not in by_name]
    if unknown:
        raise LookupError(
            f"the menu {menu['custom_id']} has no {', '.join(unknown)}; it has: {', '.join(offered.values())}"
        )
    return [value if value in offered else by_name[value.lower()] for value in wanted]


def _offered(guild: Guild, menu: Payload) -> dict[str, str]:
    """Value → the name that is shown."""
    kind = menu["type"]
    if kind == STRING_MENU:
        return {option["value"]: option["label"] for option in menu["options"]}
    offered: dict[str, str] = {}
    if kind in {USER_MENU, MENTIONABLE_MENU}:
        offered |= {str(person.user_id): person.name for person in guild.people.values()}
    if kind in {ROLE_MENU, MENTIONABLE_MENU}:
        offered |= {str(role_id): name for role_id, (name, _) in guild.roles.items()}
    if kind == CHANNEL_MENU:
        kinds = set(menu.get("channel_types") or [])
        channels = [channel for channel in guild.channels.values() if not kinds or int(channel.kind) in kinds]
        offered |= {str(channel.channel_id): channel.name for channel in channels}
    return offered


def _resolved(guild: Guild, user_id: int, menu: Payload, chosen: Sequence[str]) -> dict[str, Payload]:
    """What Discord sends beside the ids: users with their memberships, roles, partial channels."""
    found: dict[str, dict[str, Any]] = {}
    for value in chosen if menu["type"] != STRING_MENU else ():
        number = int(value)
        if menu["type"] == CHANNEL_MENU:
            channel = guild.channels[number].payload()
            granted = str(guild.permissions_of(user_id, number))
            found.setdefault("channels", {})[value] = {**channel, "permissions": granted}
        elif number in guild.people:
            member = guild.member_payload(number)
            found.setdefault("users", {})[value] = member.pop("user")
            found.setdefault("members", {})[value] = {**member, "permissions": str(guild.permissions_of(number))}
        else:
            found.setdefault("roles", {})[value] = guild.role_payload(number)
    return found
