"""The loopback Discord on its ports: REST and main gateway over TLS, beside the voice server; and what people do there.

    async with DiscordServer(world, voice_server, certificate) as discord:
        settings: DISCORD_API_BASE=discord.api_base, DISCORD_TOKEN=world.token, SSL_CERT_FILE=the certificate's bundle

Everything a person does that is not speech goes through here: entering and leaving a voice channel, commands, buttons,
forms; and what moderators do to the bot: moving it, disconnecting it, taking its permissions.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from bot.rehearsal.interactions import Interaction, InteractionKind, command_data, menu_data, press_data
from bot.rehearsal.main_gateway import GatewaySession, MainGateway
from bot.rehearsal.menus import Values, choice_data, form_data
from bot.rehearsal.rest import API, BODY_LIMIT_BYTES, FILES, Rest
from bot.rehearsal.voice_server import VoiceServer
from bot.rehearsal.voice_session import VoiceTicket
from bot.rehearsal.world import (
    CONNECT,
    VIEW_CHANNEL,
    Channel,
    ChannelKind,
    Guild,
    Message,
    Payload,
    Person,
    VoiceState,
    World,
)

GATEWAY_PATH: Final = "/gateway/"
FORCED_DISCONNECT: Final = 4014


class DiscordServer:
    """REST, main gateway and voice of one `World` on 127.0.0.1."""

    def __init__(self, world: World, voice: VoiceServer, tls: ssl.SSLContext | None = None) -> None:
        self.world = world
        self.voice = voice
        self._tls = tls
        self._port = 0
        self.gateway = MainGateway(world, self._voice_state_requested, lambda: self.gateway_url)
        self.rest = Rest(world, lambda: self.gateway_url, self._suppress)
        self.rest.dispatch = self.gateway.dispatch
        self._runner: web.AppRunner | None = None
        self.withheld_endpoints = 0
        """Knob: so many VOICE_SERVER_UPDATEs say `endpoint: null` first ("awaiting endpoint")."""
        self.repeats_server_update = False
        """Knob: an op 4 for the same channel is answered with the same token and endpoint again."""

    @property
    def api_base(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self._port}{API}"

    @property
    def gateway_url(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://localhost:{self._port}{GATEWAY_PATH}"

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.router.add_get(GATEWAY_PATH, self.gateway.connect)
        application.router.add_routes(self.rest.routes())
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.files_base = self.api_base.removesuffix(API) + FILES
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    # ------------------------------------------------------------------ voice states

    async def _voice_state_requested(self, session: GatewaySession, data: Payload) -> None:
        """Op 4 of the bot. Without permission, or with the channel full, Discord does not answer at all."""
        guild = self.world.guilds[int(data["guild_id"])]
        bot_id = self.world.bot.user_id
        if data.get("channel_id") is None:
            await self.leave_voice(guild, bot_id)
            return
        channel = guild.channels.get(int(data["channel_id"]))
        present = guild.voice_states.get(bot_id)
        is_here = present is not None and channel is not None and present.channel_id == channel.channel_id
        if channel is None or not (is_here or self._may_enter(guild, channel, bot_id)):
            return
        flags = {"self_mute": bool(data.get("self_mute")), "self_deaf": bool(data.get("self_deaf"))}
        if is_here and present is not None:
            present.self_mute, present.self_deaf = flags["self_mute"], flags["self_deaf"]
            self.voice.set_deaf(guild.guild_id, bot_id, present.self_deaf)
            await self._tell_state(guild, present, channel.channel_id)
            if self.repeats_server_update:
                await self._tell_server(guild, self.voice.ticket(guild.guild_id, bot_id))
            return
        await self._enter(guild, channel, bot_id, session.session_id, **flags)

    def _may_enter(self, guild: Guild, channel: Channel, user_id: int) -> bool:
        is_full = channel.user_limit > 0 and len(guild.people_in(channel.channel_id)) >= channel.user_limit
        granted = guild.permissions_of(user_id, channel.channel_id)
        return not is_full and bool(granted & CONNECT) and bool(granted & VIEW_CHANNEL)

    async def _enter(
        self, guild: Guild, channel: Channel, user_id: int, session_id: str, *, self_mute: bool, self_deaf: bool
    ) -> VoiceTicket:
        if user_id in guild.voice_states:
            self.voice.left(guild.guild_id, user_id)
        is_stage = channel.kind is ChannelKind.STAGE
        state = VoiceState(user_id, channel.channel_id, session_id, self_mute, self_deaf, suppress=is_stage)
        guild.voice_states[user_id] = state
        ticket = self.voice.announce(guild.guild_id, channel.channel_id, user_id, session_id, is_stage=is_stage)
        self.voice.set_deaf(guild.guild_id, user_id, self_deaf)
        self.voice.set_mute(guild.guild_id, user_id, is_stage)
        await self._tell_state(guild, state, channel.channel_id)
        if user_id == self.world.bot.user_id:
            if self.withheld_endpoints:
                self.withheld_endpoints -= 1
                await self._tell_server(guild, VoiceTicket(ticket.token, None))
                await asyncio.sleep(0.2)
            await self._tell_server(guild, ticket)
        return ticket

    async def _tell_state(self, guild: Guild, state: VoiceState, channel_id: int | None) -> None:
        payload = guild.voice_state_payload(state, channel_id=channel_id)
        await self.gateway.dispatch(guild.guild_id, "VOICE_STATE_UPDATE", payload)

    async def _tell_server(self, guild: Guild, ticket: VoiceTicket) -> None:
        payload = {"guild_id": str(guild.guild_id), "token": ticket.token, "endpoint": ticket.endpoint}
        await self.gateway.dispatch(guild.guild_id, "VOICE_SERVER_UPDATE", payload)

    async def _suppress(self, guild_id: int, user_id: int, suppress: bool) -> None:
        guild = self.world.guilds[guild_id]
        state = guild.voice_states[user_id]
        state.suppress = suppress
        self.voice.set_mute(guild_id, user_id, suppress)
        await self._tell_state(guild, state, state.channel_id)

    # ------------------------------------------------------------------ what people do

    async def join_voice(self, guild: Guild, person: Person, channel: Channel) -> VoiceTicket:
        """The person enters the channel; the ticket lets their voice client in."""
        return await self._enter(
            guild, channel, person.user_id, secrets.token_hex(16), self_mute=False, self_deaf=False
        )

    async def leave_voice(self, guild: Guild, user_id: int) -> None:
        state = guild.voice_states.pop(user_id, None)
        if state is not None:
            self.voice.left(guild.guild_id, user_id)
            await self._tell_state(guild, state, None)

    async def command(
        self, guild: Guild, person: Person, channel: Channel, path: str, options: dict[str, Any] | None = None
    ) -> Interaction:
        """`/path` typed in the channel's chat, for example `command(g, p, c, "persona use", {"name": "xiaoyue"})`."""
        data = command_data(self.world, path, options or {})
        return await self._interact(InteractionKind.COMMAND, guild, person, channel.channel_id, data, None)

    async def submit(
        self, guild: Guild, person: Person, form: Interaction, values: Mapping[str, Values]
    ) -> Interaction:
        """The form that answered `form`, filled in and sent. Raises LookupError for a field that it does not have."""
        data = form_data(guild, person.user_id, form.form, values)
        return await self._interact(InteractionKind.MODAL, guild, person, form.channel_id, data, form.source)

    async def use_menu(self, guild: Guild, person: Person, name: str, message: Message) -> Interaction:
        """An entry of a message's context menu."""
        data = menu_data(self.world, name, message)
        return await self._interact(InteractionKind.COMMAND, guild, person, message.channel_id, data, None)

    async def complete(
        self, guild: Guild, person: Person, channel: Channel, path: str, option: str, typed: str
    ) -> Interaction:
        """What is offered while somebody types an option; the answer is in `callback`."""
        data = command_data(self.world, path, {option: typed}, focused=option)
        return await self._interact(InteractionKind.AUTOCOMPLETE, guild, person, channel.channel_id, data, None)

    async def press(
        self, guild: Guild, person: Person, message: Message, custom_id: str, values: list[str] | None = None
    ) -> Interaction:
        """A button pressed. Raises LookupError when the message has no such button. With `values`: as `choose`."""
        if values is not None:
            return await self.choose(guild, person, message, custom_id, values)
        data = press_data(message, custom_id)
        return await self._interact(InteractionKind.COMPONENT, guild, person, message.channel_id, data, message)

    async def choose(
        self, guild: Guild, person: Person, message: Message, custom_id: str, values: Sequence[str]
    ) -> Interaction:
        """Something chosen from a menu, by ids, values or the names that are shown. Raises LookupError for what it does not offer."""
        data = choice_data(guild, person.user_id, message, custom_id, values)
        return await self._interact(InteractionKind.COMPONENT, guild, person, message.channel_id, data, message)

    async def _interact(
        self,
        kind: InteractionKind,
        guild: Guild,
        person: Person,
        channel_id: int,
        data: Payload,
        source: Message | None,
    ) -> Interaction:
        interaction = Interaction(
            interaction_id=self.world.new_id(),
            token=secrets.token_hex(24),
            kind=kind,
            person=person,
            guild=guild,
            channel_id=channel_id,
            data=data,
            sent_at=time.monotonic(),
            source=source,
        )
        self.rest.interactions[interaction.interaction_id] = interaction
        self.rest.by_token[interaction.token] = interaction
        await self.gateway.dispatch(guild.guild_id, "INTERACTION_CREATE", interaction.payload(self.world))
        return interaction

    # ------------------------------------------------------------------ what moderators and Discord do to the bot

    async def move_bot(self, guild: Guild, channel: Channel) -> None:
        """Drag the bot into another channel: its voice socket is closed with 4014, then both updates come."""
        bot_id = self.world.bot.user_id
        state = guild.voice_states[bot_id]
        await self.voice.close(guild.guild_id, bot_id, FORCED_DISCONNECT)
        await self._enter(
            guild, channel, bot_id, state.session_id, self_mute=state.self_mute, self_deaf=state.self_deaf
        )

    async def kick_bot_from_voice(self, guild: Guild) -> None:
        bot_id = self.world.bot.user_id
        await self.voice.close(guild.guild_id, bot_id, FORCED_DISCONNECT)
        await self.leave_voice(guild, bot_id)

    async def migrate_voice(self, guild: Guild) -> None:
        """The voice server changes in mid-call: a new token (and endpoint) for the bot; the old session is not reusable."""
        ticket = await self.voice.migrate(guild.guild_id, self.world.bot.user_id)
        await self._tell_server(guild, ticket)
