"""Slash commands, buttons, menus and forms as Discord hands them to a bot, and what the bot answered.

An interaction must be answered within 3 s; its token works for 15 minutes. Both are kept here as Discord keeps them: a late
first answer gets error 10062, a second one 40060.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from bot.rehearsal.world import BUTTON, Guild, Message, Payload, Person, World

FIRST_ANSWER_S: Final = 3.0
EPHEMERAL: Final = 1 << 6


class InteractionKind(IntEnum):
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class CallbackKind(IntEnum):
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


@dataclass
class Interaction:
    """One use of the bot by a person. `replies` are the messages that the person saw because of it, newest last."""

    interaction_id: int
    token: str
    kind: InteractionKind
    person: Person
    guild: Guild
    channel_id: int
    data: Payload
    sent_at: float
    source: Message | None = None
    first_answer_s: float | None = None
    callback: Payload | None = None
    original: Message | None = None
    replies: list[Message] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_answered(self) -> bool:
        return self.first_answer_s is not None

    @property
    def is_deferred(self) -> bool:
        """Answered with "thinking…", and nothing to read yet."""
        return self.callback is not None and self.callback["type"] == CallbackKind.DEFERRED_MESSAGE and not self.replies

    @property
    def text(self) -> str:
        """The words of the last reply, or an empty string."""
        return self.replies[-1].content if self.replies else ""

    @property
    def form(self) -> Payload:
        """The form that the person was shown, or nothing."""
        is_form = self.callback is not None and self.callback["type"] == CallbackKind.MODAL
        return self.callback["data"] if self.callback is not None and is_form else {}

    @property
    def choices(self) -> list[Payload]:
        """What was offered to choose from while they typed."""
        return list(((self.callback or {}).get("data") or {}).get("choices", []))

    def changed(self) -> None:
        self._changed.set()

    async def wait_reply(self, timeout_s: float = 30.0) -> Interaction:
        """Until the person has something to read (or the press had its effect). Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not self.is_answered or self.is_deferred:
                self._changed.clear()
                await self._changed.wait()
        return self

    def payload(self, world: World) -> Payload:
        channel = self.guild.channels[self.channel_id]
        permissions = self.guild.permissions_of(self.person.user_id, self.channel_id)
        body: Payload = {
            "id": str(self.interaction_id),
            "application_id": str(world.application_id),
            "type": int(self.kind),
            "token": self.token,
            "version": 1,
            "guild_id": str(self.guild.guild_id),
            "guild": {"id": str(self.guild.guild_id), "locale": self.guild.locale, "features": []},
            "guild_locale": self.guild.locale,
            "channel_id": str(self.channel_id),
            "channel": channel.payload(),
            "member": {**self.guild.member_payload(self.person.user_id), "permissions": str(permissions)},
            "locale": self.person.locale,
            "app_permissions": str(self.guild.permissions_of(world.bot.user_id, self.channel_id)),
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(self.guild.guild_id)},
            "context": 0,
            "attachment_size_limit": 10 * 1024 * 1024,
            "data": self.data,
        }
        if self.source is not None:
            body["message"] = self.source.payload
        return body


ATTACHMENT: Final = 11


def command_data(world: World, path: str, options: dict[str, Any], focused: str | None = None) -> Payload:
    """The `data` of a slash command as typed: `path` is "persona use", options by name. Raises LookupError for an unknown one.

    An attachment's value is its payload (`World.add_file`). `focused`: the option that is being typed.
    """
    name, *rest = path.split()
    command = next((one for one in world.commands if one["name"] == name and one.get("type", 1) == 1), None)
    if command is None:
        raise LookupError(f"no command /{name}; there are: {', '.join(sorted(one['name'] for one in world.commands))}")
    files = {file["id"]: file for file in options.values() if isinstance(file, dict)}
    values = {key: value["id"] if isinstance(value, dict) else value for key, value in options.items()}
    data: Payload = {"id": command["id"], "name": name, "type": 1, "options": _options(command, rest, values, focused)}
    return {**data, "resolved": {"attachments": files}} if files else data


def menu_data(world: World, name: str, message: Message) -> Payload:
    """The `data` of an entry of a message's context menu. Raises LookupError for an unknown one."""
    command = next((one for one in world.commands if one["name"] == name and one.get("type") == 3), None)
    if command is None:
        raise LookupError(f"no entry {name} in the menu of messages")
    target = str(message.message_id)
    return {
        "id": command["id"],
        "name": name,
        "type": 3,
        "target_id": target,
        "resolved": {"messages": {target: message.payload}},
    }


def press_data(message: Message, custom_id: str) -> Payload:
    """The `data` of a button. Raises LookupError when the message has no such button."""
    if custom_id not in message.buttons:
        raise LookupError(f"no button {custom_id}; there are: {', '.join(sorted(message.buttons))}")
    return {"custom_id": custom_id, "component_type": BUTTON}


def _options(level: Payload, path: list[str], options: dict[str, Any], focused: str | None) -> list[Payload]:
    declared = {option["name"]: option for option in level.get("options", [])}
    if path:
        if path[0] not in declared:
            raise LookupError(f"no subcommand {path[0]} of {level['name']}; there are: {', '.join(sorted(declared))}")
        inner = declared[path[0]]
        return [{"name": path[0], "type": inner["type"], "options": _options(inner, path[1:], options, focused)}]
    unknown = set(options) - set(declared)
    if unknown:
        raise LookupError(
            f"no option {', '.join(sorted(unknown))} of {level['name']}; there are: {', '.join(sorted(declared))}"
        )
    return [
        {"name": name, "type": declared[name]["type"], "value": value} | ({"focused": True} if name == focused else {})
        for name, value in options.items()
    ]
