"""The one place where objects are made and introduced to each other: `Companion` (what the house can do) and `KithBot` (its Discord side).

    async with open_companion(settings) as companion, KithBot(companion) as bot:
        await bot.start(token)

Cogs ask the companion and nothing below it. It holds no decision of a talk, of consent or of the media plane; it introduces those who do.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.audio.opus import EncoderProfile, library
from bot.audio.speech_model import SpeechModel
from bot.conversation.calls import CallOptions, Calls, CallServices, CallStatus, Channel, TextChannel
from bot.conversation.session import Judge, Observer
from bot.discord_door import INTENTS, DiscordDoor, connector, use_api_base
from bot.errors import KithError, SettingError, StorageError
from bot.faults import answer_fault
from bot.notice import SpokenNotice
from bot.personas.library import Library
from bot.personas.persona import Persona
from bot.realtime import dialects
from bot.realtime.dialect import ConnectOptions
from bot.realtime.events import Attribution, ModelEvent, SessionConfig, Unheard
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.settings import Settings
from bot.storage.calls import CallLog
from bot.storage.consent import ConsentLedger
from bot.storage.database import Database
from bot.storage.guilds import GuildSettingsRepository
from bot.texts import Texts
from bot.voice.connection import Connection, voice_protocol
from bot.voice.pacer import Pacer

COGS: Final = ("cogs.wording", "cogs.voice", "cogs.persona", "cogs.consent", "cogs.status", "cogs.members")
JOIN_S: Final = 30.0
GUILDS_QUIET_S: Final = 1.0
"""No further server is described for so long: all are there. One that comes later is welcome too."""

LOCALES_KEPT: Final = 4096

_log = structlog.get_logger(__name__)


class Companion:
    """What cogs can ask for. Made by `open_companion`; everything on the event loop."""

    def __init__(self, settings: Settings, database: Database, library: Library, model_url: str | None) -> None:
        self.settings = settings
        self.library = library
        self.texts = Texts()
        self.ledger = ConsentLedger(database)
        self.guilds = GuildSettingsRepository(database)
        self.call_log = CallLog(database)
        self.pacer = Pacer()
        self.observers: list[Observer] = []
        """Shown every event and command of every call, in order: rehearsals watch through them."""
        self._model_options = model_options(settings, model_url)
        self._session_options = SessionOptions(
            Attribution(settings.kith_attribution),
            Unheard(settings.kith_unheard),
            settings.kith_responses_per_minute,
        )
        self._tls = ssl.create_default_context()
        self._locales: OrderedDict[int, str] = OrderedDict()
        services = CallServices(
            allowed=self.ledger.allowed,
            persona=self.persona_of,
            tell=self._tell,
            connect_voice=self._connect_voice,
            open_model=self._open_model,
            notice=SpokenNotice(self.texts, settings.kith_output_rate_hz),
            make_judge=make_judge,
            call_log=self.call_log,
            observers=lambda _: self.observers,
        )
        self.calls = Calls(services, CallOptions.of(settings))

    # ------------------------------------------------------------------ calls

    async def join(self, channel: Channel, member: discord.Member, text_channel: TextChannel, locale: str) -> Persona:
        """Into the channel, or already there. Answers who came. Raises `VoiceError`, `StorageError`."""
        guild_id = channel.guild.id
        self._remember_locale(guild_id, locale)
        await self.ledger.load(guild_id)
        status = await self.calls.join(channel, requested_by=member, text_channel=text_channel)
        return self.library.get(status.persona_slug)

    async def leave(self, guild_id: int) -> bool:
        return await self.calls.leave(guild_id, "asked")

    async def say(self, member: discord.Member, text: str) -> None:
        """Typed into the talk. Raises `KithError` where there is none."""
        if not text.strip():
            raise KithError("an empty text", key="error-say-empty")
        if self.calls.status(member.guild.id) is None:
            raise KithError("no call here", key="error-not-in-call")
        if not await self.calls.say(member.guild.id, member, text):
            raise KithError("nobody in the call has agreed to be heard", key="error-nobody-heard")

    def status(self, guild_id: int) -> CallStatus | None:
        return self.calls.status(guild_id)

    # ------------------------------------------------------------------ consent

    async def allow(self, member: discord.Member) -> str:
        """The member agrees to be heard. Answers with the key of what they are told. Raises `StorageError`."""
        guild_id, user_id = member.guild.id, member.id
        await self.ledger.load(guild_id)
        was_allowed = self.ledger.allowed(guild_id, user_id)
        await self.ledger.allow(guild_id, user_id)
        if not self.ledger.allowed(guild_id, user_id):
            return "consent-stopped"  # taken back in the meantime
        await self.calls.consent_changed(guild_id, user_id, True)
        status = self.calls.status(guild_id)
        is_here = status is not None and _channel_id(member) == status.channel_id
        if not is_here:
            return "consent-allowed-elsewhere"
        return "consent-allowed-already" if was_allowed else "consent-allowed"

    async def withdraw(self, member: discord.Member) -> str:
        """The member is heard no more, from the first moment of this call. Answers with the key of what they are told."""
        guild_id, user_id = member.guild.id, member.id
        was_allowed = self.ledger.allowed(guild_id, user_id)
        self.ledger.revoke(guild_id, user_id)
        await self.calls.consent_changed(guild_id, user_id, False)
        try:
            await self.ledger.save()
        except StorageError:
            _log.warning("withdrawal_not_written", count=self.ledger.unsaved)
            return "error-consent-unsaved"
        return "consent-stopped" if was_allowed else "consent-stopped-already"

    def explain_consent(self, locale: str) -> str:
        return self.texts.say(locale, "consent-explain", model=self.model_sentence(locale))

    def model_sentence(self, locale: str) -> str:
        """Which model hears, as members are told."""
        settings = self.settings
        if settings.provider != "local":
            return self.texts.say(locale, "consent-model-provider", name=settings.kith_model, provider="StepFun")
        services = (settings.kith_transcription_url, settings.kith_chat_url, settings.kith_speech_url)
        return self.texts.say(locale, "consent-model-local-services" if any(services) else "consent-model-local")

    def model_name(self, locale: str) -> str:
        """The model in a word or two."""
        return self.settings.kith_model if self.settings.provider != "local" else self.texts.say(locale, "model-local")

    # ------------------------------------------------------------------ personas

    async def persona_of(self, guild_id: int) -> Persona:
        """The guild's choice; the operator's default where there is none, or none that exists, or the database fails."""
        try:
            slug = (await self.guilds.get(guild_id)).persona
        except StorageError:
            _log.warning("persona_not_readable", guild_id=guild_id)
            slug = None
        if slug is None or slug not in self.library.slugs():
            slug = self.settings.kith_persona
        return self.library.get(slug)

    def find_persona(self, name: str) -> Persona:
        """By slug, or by any of their names. Raises `PersonaError`."""
        wanted = name.strip().casefold()
        for persona in self.library.all():
            if wanted in {known.casefold() for known in persona.known_as}:
                return persona
        return self.library.get(wanted)

    async def choose_persona(self, guild_id: int, name: str) -> tuple[Persona, bool]:
        """Someone else from now on, in the call too. Answers who, and whether that is new. Raises `PersonaError`, `StorageError`."""
        persona = self.find_persona(name)
        is_new = (await self.persona_of(guild_id)).slug != persona.slug
        await self.guilds.choose_persona(guild_id, persona.slug)
        await self.calls.choose_persona(guild_id, persona)
        return persona, is_new

    async def forget_guild(self, guild_id: int) -> None:
        """The bot was removed from the guild."""
        await self.calls.leave(guild_id, "removed")
        await self.ledger.forget_guild(guild_id)
        await self.guilds.forget(guild_id)
        self._locales.pop(guild_id, None)

    # ------------------------------------------------------------------ services of the calls

    async def _connect_voice(self, channel: Channel, allowed: Iterable[int]) -> Connection:
        settings = self.settings
        make = voice_protocol(
            self.pacer,
            EncoderProfile(settings.kith_encoder_profile),
            settings.kith_input_rate_hz,
            allowed=allowed,
            tls=self._tls,
        )
        return await channel.connect(cls=make, timeout=JOIN_S)

    def _open_model(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        dialect = dialects.load(self.settings.provider)
        return ModelLink(dialect, self._model_options, config, self._session_options, sink)

    async def _tell(self, channel: TextChannel, key: str, values: dict[str, str | int | float]) -> None:
        """A sentence in the chat, in the language of whoever called. Raises `KithError` when the chat is closed to us."""
        guild = getattr(channel, "guild", None)
        locale = self._locales.get(guild.id, str(guild.preferred_locale)) if guild is not None else "en"
        try:
            await channel.send(self.texts.say(locale, key, **values))
        except discord.DiscordException as error:
            raise KithError(f"the chat takes no message ({type(error).__name__})") from error

    def _remember_locale(self, guild_id: int, locale: str) -> None:
        self._locales[guild_id] = locale
        self._locales.move_to_end(guild_id)
        if len(self._locales) > LOCALES_KEPT:
            self._locales.popitem(last=False)


def make_judge() -> Judge:
    """Tells speech from noise for one call. Stretches of different members come in turn, so each is judged by itself."""
    model = SpeechModel()

    def judge(pcm_16k: bytes) -> float:
        model.reset()
        return model.probability(pcm_16k)

    return judge


def _channel_id(member: discord.Member) -> int | None:
    return member.voice.channel.id if member.voice is not None and member.voice.channel is not None else None


# ---------------------------------------------------------------------------- making


def model_options(settings: Settings, local_url: str | None) -> ConnectOptions:
    """Where the chosen model is, and the key for it."""
    if settings.provider == "local":
        return ConnectOptions(url=local_url or "")
    return ConnectOptions(settings.stepfun_url, settings.kith_model, settings.stepfun_api_key)


@asynccontextmanager
async def open_local_model(settings: Settings) -> AsyncIterator[str | None]:
    """The address of the local model while it is wanted: one that runs already, or one that is started and stopped here.

    `None` with another provider. Raises `SettingError` without the extra `local`.
    """
    if settings.provider != "local":
        yield None
    elif settings.kith_local_url:
        yield settings.kith_local_url
    else:
        try:
            from bot.local.launch import LocalModel
        except ImportError as error:
            raise SettingError(
                f"the local model needs the extra `local` ({error.name} is missing): "
                "pip install 'kith[local]', or set STEPFUN_API_KEY"
            ) from None
        async with LocalModel() as model:
            yield model.url


@asynccontextmanager
async def open_companion(settings: Settings) -> AsyncIterator[Companion]:
    """Everything that needs no Discord, opened; closed again in the reverse order. Raises `KithError`."""
    check_settings(settings)
    library(settings.kith_opus_library)
    personas = Library.load(settings.kith_personas_dir)
    personas.get(settings.kith_persona)
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.kith_database_url)
        stack.push_async_callback(database.close)
        model_url = await stack.enter_async_context(open_local_model(settings))
        companion = Companion(settings, database, personas, model_url)
        forgotten = await companion.call_log.end_forgotten()
        if forgotten:
            _log.info("calls_ended_without_goodbye", count=forgotten)
        yield companion
        if companion.ledger.unsaved:
            await companion.ledger.save()


def check_settings(settings: Settings) -> None:
    """What settings say together. Raises `SettingError`."""
    if settings.provider == "stepfun" and settings.stepfun_api_key is None:
        raise SettingError("STEPFUN_API_KEY: expected a key, since KITH_PROVIDER is stepfun")
    if settings.kith_input_rate_hz != settings.kith_output_rate_hz:
        raise SettingError("KITH_OUTPUT_RATE_HZ: expected the same rate as KITH_INPUT_RATE_HZ")


# ---------------------------------------------------------------------------- Discord


class Tree(app_commands.CommandTree["KithBot"]):
    """Slash commands; whatever one of them raises is answered in one place."""

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError, /) -> None:
        await answer_fault(self.client.companion.texts, interaction, error)


class KithBot(DiscordDoor, commands.AutoShardedBot):
    """discord.py's client with our intents (servers and voice states, nothing privileged), commands and shutdown."""

    def __init__(self, companion: Companion) -> None:
        self.companion = companion
        use_api_base(companion.settings.discord_api_base)
        super().__init__(
            command_prefix=commands.when_mentioned,
            tree_cls=Tree,
            help_command=None,
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            guild_ready_timeout=GUILDS_QUIET_S,
            connector=connector(),
        )
        self.up = asyncio.Event()
        """Set when the bot is ready for the first time."""

    async def setup_hook(self) -> None:
        for cog in COGS:
            await self.load_extension(cog)
        synced = await self.tree.sync()
        _log.info("commands_synced", commands=len(synced))

    async def on_ready(self) -> None:
        if self.up.is_set():
            _log.info("gateway_session_is_new")
            return
        self.up.set()
        # What lives from here on lives long; a full collection over it would stall every call (30 to 150 ms).
        gc.collect()
        gc.freeze()
        _log.info("ready", guilds=len(self.guilds), shards=self.shard_count, provider=self.companion.settings.provider)

    async def shut_down(self, grace_s: float) -> None:
        """Goodbye to every call, then to Discord. Afterwards no socket is open."""
        await self.companion.calls.close(grace_s)
        await self.close()


__all__ = [
    "Companion",
    "KithBot",
    "answer_fault",
    "check_settings",
    "model_options",
    "open_companion",
    "open_local_model",
]
