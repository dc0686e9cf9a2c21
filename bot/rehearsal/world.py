"""Who and what there is in the loopback Discord: guilds, channels, people, messages, voice states, as plain values.

No socket and no task: the doors (`rest`, `main_gateway`) read and change it. Every `…_payload` function gives the JSON of
Discord's API v10 as far as discord.py reads it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Any, Final

DISCORD_EPOCH_MS: Final = 1_420_070_400_000
MESSAGES_KEPT: Final = 1_000
FILES_KEPT: Final = 100
JOINED_AT: Final = "2026-01-01T00:00:00.000000+00:00"

VIEW_CHANNEL: Final = 1 << 10
SEND_MESSAGES: Final = 1 << 11
CONNECT: Final = 1 << 20
SPEAK: Final = 1 << 21
MANAGE_GUILD: Final = 1 << 5
CHANGE_NICKNAME: Final = 1 << 26
SET_VOICE_CHANNEL_STATUS: Final = 1 << 48
MEMBER_PERMISSIONS: Final = VIEW_CHANNEL | SEND_MESSAGES | CONNECT | SPEAK | (1 << 31) | (1 << 14) | (1 << 25)
ADMIN_PERMISSIONS: Final = MEMBER_PERMISSIONS | MANAGE_GUILD

BUTTON: Final = 2
STRING_MENU, USER_MENU, ROLE_MENU, MENTIONABLE_MENU, CHANNEL_MENU = 3, 5, 6, 7, 8
MENUS: Final = frozenset([STRING_MENU, USER_MENU, ROLE_MENU, MENTIONABLE_MENU, CHANNEL_MENU])

Payload = dict[str, Any]


class ChannelKind(IntEnum):
    TEXT = 0
    VOICE = 2
    STAGE = 13


@dataclass
class Person:
    """Somebody with an account. `locale` is the language of their client."""

    user_id: int
    name: str
    locale: str = "en-US"
    is_bot: bool = False

    def user_payload(self) -> Payload:
        return {
            "id": str(self.user_id),
            "username": self.name.lower().replace(" ", "_"),
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.is_bot,
            "public_flags": 0,
        }


@dataclass
class Channel:
    channel_id: int
    guild_id: int
    name: str
    kind: ChannelKind
    user_limit: int = 0
    overwrites: list[Payload] = field(default_factory=list)
    status: str = ""
    is_nsfw: bool = False

    def payload(self) -> Payload:
        return {
            "id": str(self.channel_id),
            "guild_id": str(self.guild_id),
            "type": int(self.kind),
            "name": self.name,
            "position": 0,
            "permission_overwrites": self.overwrites,
            "nsfw": self.is_nsfw,
            "parent_id": None,
            "bitrate": 64_000,
            "user_limit": self.user_limit,
            "rtc_region": None,
            "topic": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
        }


@dataclass
class VoiceState:
    user_id: int
    channel_id: int
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    suppress: bool = False


@dataclass
class Guild:
    guild_id: int
    name: str
    owner_id: int
    channels: dict[int, Channel] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    roles: dict[int, tuple[str, int]] = field(default_factory=dict)
    member_roles: dict[int, list[int]] = field(default_factory=dict)
    nicknames: dict[int, str | None] = field(default_factory=dict)
    voice_states: dict[int, VoiceState] = field(default_factory=dict)
    locale: str = "en-US"

    def __post_init__(self) -> None:
        self.roles[self.everyone_role_id] = ("@everyone", MEMBER_PERMISSIONS)
        self.roles[self.admin_role_id] = ("Admins", ADMIN_PERMISSIONS)

    @property
    def everyone_role_id(self) -> int:
        return self.guild_id

    @property
    def admin_role_id(self) -> int:
        return self.guild_id + 1

    def permissions_of(self, user_id: int, channel_id: int | None = None) -> int:
        """Guild permissions with the channel's member overwrites applied."""
        granted = self.roles[self.everyone_role_id][1]
        for role_id in self.member_roles.get(user_id, []):
            granted |= self.roles[role_id][1]
        for overwrite in self.channels[channel_id].overwrites if channel_id in self.channels else []:
            if overwrite["id"] == str(user_id):
                granted = granted & ~int(overwrite["deny"]) | int(overwrite["allow"])
        return granted

    def people_in(self, channel_id: int) -> list[int]:
        return [state.user_id for state in self.voice_states.values() if state.channel_id == channel_id]

    def member_payload(self, user_id: int) -> Payload:
        return {
            "user": self.people[user_id].user_payload(),
            "nick": self.nicknames.get(user_id),
            "roles": [str(role_id) for role_id in self.member_roles.get(user_id, [])],
            "joined_at": JOINED_AT,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": None,
        }

    def role_payload(self, role_id: int) -> Payload:
        name, permissions = self.roles[role_id]
        return {
            "id": str(role_id),
            "name": name,
            "permissions": str(permissions),
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "position": 0 if role_id == self.guild_id else 1,
            "flags": 0,
        }

    def voice_state_payload(self, state: VoiceState, *, channel_id: int | None) -> Payload:
        return {
            "guild_id": str(self.guild_id),
            "channel_id": None if channel_id is None else str(channel_id),
            "user_id": str(state.user_id),
            "member": self.member_payload(state.user_id),
            "session_id": state.session_id,
            "deaf": False,
            "mute": False,
            "self_deaf": state.self_deaf,
            "self_mute": state.self_mute,
            "self_video": False,
            "suppress": state.suppress,
            "request_to_speak_timestamp": None,
        }

    def payload(self, bot_id: int) -> Payload:
        """GUILD_CREATE without the members intent: the bot itself, and whoever is in voice."""
        seen = {bot_id, *self.voice_states} & set(self.people)
        roles = [self.role_payload(role_id) for role_id in self.roles]
        return {
            "id": str(self.guild_id),
            "name": self.name,
            "owner_id": str(self.owner_id),
            "preferred_locale": self.locale,
            "member_count": len(self.people),
            "large": False,
            "unavailable": False,
            "joined_at": JOINED_AT,
            "roles": roles,
            "channels": [channel.payload() for channel in self.channels.values()],
            "members": [self.member_payload(user_id) for user_id in sorted(seen)],
            "voice_states": [
                self.voice_state_payload(state, channel_id=state.channel_id) for state in self.voice_states.values()
            ],
            "emojis": [],
            "stickers": [],
            "threads": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "features": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "system_channel_flags": 0,
            "afk_timeout": 300,
        }


@dataclass
class Message:
    """A message as people see it. `ephemeral_for` is the only reader of an ephemeral one."""

    message_id: int
    channel_id: int
    payload: Payload
    ephemeral_for: int | None = None

    @property
    def content(self) -> str:
        """All words of the message: content, embeds and text components, as a reader sees them."""
        parts = [self.payload.get("content") or ""]
        for embed in self.payload.get("embeds", []):
            parts += [embed.get("title") or "", embed.get("description") or ""]
            parts += [f"{entry['name']}: {entry['value']}" for entry in embed.get("fields", [])]
        parts += [part.get("content", "") for part in _components(self.payload.get("components", []))]
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> dict[str, str]:
        """custom_id → label of every button on the message, however deep it is nested. One without words shows its emoji."""
        found = _components(self.payload.get("components", []))
        return {part["custom_id"]: _label(part) for part in found if "custom_id" in part and part["type"] == BUTTON}

    @property
    def menus(self) -> dict[str, Payload]:
        """custom_id → the menu, as it was sent, of every menu on the message."""
        found = _components(self.payload.get("components", []))
        return {part["custom_id"]: part for part in found if part["type"] in MENUS}


def _components(rows: list[Payload]) -> list[Payload]:
    """All components, the outer ones first: rows, containers, sections with what stands beside their words."""
    found: list[Payload] = []
    for row in rows:
        beside = [row["accessory"]] if "accessory" in row else []
        found += [row, *_components([*row.get("components", []), *beside])]
    return found


def _label(button: Payload) -> str:
    return button.get("label") or (button.get("emoji") or {}).get("name") or ""


class World:
    """Everything the loopback Discord knows. Ids grow; the newest `MESSAGES_KEPT` messages are kept."""

    def __init__(self, bot_name: str = "Kith", token: str = "") -> None:
        self._ids = count((1_790_000_000_000 - DISCORD_EPOCH_MS) << 22, 1 << 22)
        self.application_id = self.new_id()
        self.bot = Person(self.application_id, bot_name, is_bot=True)
        self.token = token
        self.guilds: dict[int, Guild] = {}
        self.messages: OrderedDict[int, Message] = OrderedDict()
        self.commands: list[Payload] = []
        self.files: OrderedDict[int, bytes] = OrderedDict()
        self.files_base = ""
        """Where attachments are fetched; a server of this world sets it."""

    def new_id(self) -> int:
        return next(self._ids)

    def add_guild(self, name: str, locale: str = "en-US") -> Guild:
        guild = Guild(self.new_id(), name, owner_id=self.new_id(), locale=locale)
        guild.people[self.bot.user_id] = self.bot
        self.guilds[guild.guild_id] = guild
        return guild

    def add_channel(self, guild: Guild, name: str, kind: ChannelKind) -> Channel:
        channel = Channel(self.new_id(), guild.guild_id, name, kind)
        guild.channels[channel.channel_id] = channel
        return channel

    def add_person(self, guild: Guild, name: str, *, is_admin: bool = False, locale: str = "en-US") -> Person:
        person = Person(self.new_id(), name, locale=locale)
        guild.people[person.user_id] = person
        guild.member_roles[person.user_id] = [guild.admin_role_id] if is_admin else []
        return person

    def add_file(self, filename: str, data: bytes) -> Payload:
        """An uploaded file, as the attachment that messages and commands carry. The newest `FILES_KEPT` are kept."""
        file_id = self.new_id()
        filename = re.sub(r"[^\w.-]", "_", filename)  # as Discord does
        self.files[file_id] = data
        while len(self.files) > FILES_KEPT:
            self.files.popitem(last=False)
        url = f"{self.files_base}/{file_id}/{filename}"
        return {"id": str(file_id), "filename": filename, "size": len(data), "url": url, "proxy_url": url}

    def guild_of(self, channel_id: int) -> Guild | None:
        return next((guild for guild in self.guilds.values() if channel_id in guild.channels), None)

    def post(self, channel_id: int, body: Payload, *, author: Person, ephemeral_for: int | None = None) -> Message:
        """A new message from what a client sent. Discord fills in what the sender does not say."""
        message_id = self.new_id()
        payload: Payload = {
            "id": str(message_id),
            "channel_id": str(channel_id),
            "author": author.user_payload(),
            "content": body.get("content") or "",
            "timestamp": JOINED_AT,
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": body.get("attachments", []),
            "embeds": body.get("embeds", []),
            "components": body.get("components", []),
            "pinned": False,
            "type": 0,
            "flags": body.get("flags", 0),
            "application_id": str(self.application_id),
        }
        message = Message(message_id, channel_id, payload, ephemeral_for)
        self.messages[message_id] = message
        while len(self.messages) > MESSAGES_KEPT:
            self.messages.popitem(last=False)
        return message

    def edit(self, message: Message, body: Payload) -> Message:
        for name in ("content", "embeds", "components", "flags", "attachments"):
            if name in body:
                message.payload[name] = body[name] if body[name] is not None else ([] if name != "content" else "")
        message.payload["edited_timestamp"] = JOINED_AT
        return message
