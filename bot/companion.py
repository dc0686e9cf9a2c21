"""What the house can do, as cogs ask for it: join and leave, agree and take back, be somebody else, say how it fares.

It introduces the calls to what they need (consent, personas, texts, voice, model) and holds no decision of a talk, of consent or of the media
plane. Made by `bot.app.open_companion`; everything runs on the event loop.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

import discord
import structlog

from bot.audio.opus import EncoderProfile
from bot.audio.speech_model import SpeechModel
from bot.audition import audition
from bot.cast import Cast
from bot.conversation.calls import CallOptions, Calls, CallServices, CallStatus, Channel, TextChannel
from bot.conversation.session import Judge, Observer
from bot.errors import KithError, StorageError
from bot.model_choice import model_options
from bot.notice import SpokenNotice
from bot.personas.library import Library
from bot.personas.persona import Persona
from bot.personas.scenes import Scene
from bot.realtime import dialects
from bot.realtime.events import Attribution, ModelEvent, SessionConfig, Unheard
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.settings import Settings
from bot.storage.calls import CallLog
from bot.storage.consent import ConsentLedger
from bot.storage.database import Database
from bot.storage.guilds import GuildSettingsRepository
from bot.storage.personas import PersonaRepository, Scope
from bot.texts import ENGLISH, Texts
from bot.voice.connection import Connection, voice_protocol
from bot.voice.pacer import Pacer

JOIN_S: Final = 30.0
LOCALES_KEPT: Final = 4096

_log = structlog.get_logger(__name__)


class Companion:
    """What cogs can ask for. Made by `open_companion`; everything on the event loop."""

    def __init__(self, settings: Settings, database: Database, library: Library, model_url: str | None) -> None:
        self.settings = settings
        self.library = library
        """The shipped personas; `cast` knows those of a server too."""

        self.texts = Texts()
        self.ledger = ConsentLedger(database)
        self.guilds = GuildSettingsRepository(database)
        self.cast = Cast(library, PersonaRepository(database), self.guilds, settings.kith_persona)
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
        self._auditioning: set[int] = set()
        self._locales: OrderedDict[int, str] = OrderedDict()
        services = CallServices(
            allowed=self.ledger.allowed,
            persona=self.cast.of,
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
        return status.persona or self.library.get(self.settings.kith_persona)

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

    async def choose_persona(
        self, guild_id: int, name: str, scope: Scope = Scope.SERVER, target_id: int = 0
    ) -> tuple[Persona, bool]:
        """Someone else from now on, in the call too. Answers who, and whether that is new. Raises `PersonaError`, `StorageError`."""
        chosen = await self.cast.choose(guild_id, scope, target_id, name)
        await self.recast(guild_id)
        return chosen

    async def recast(self, guild_id: int) -> None:
        """The call, if there is one, goes on as whoever speaks there now."""
        room = self.calls.room(guild_id)
        if room is not None:
            await self.calls.choose_persona(guild_id, await self.cast.of(guild_id, *room))

    async def audition(self, guild_id: int, name: str) -> Persona:
        """About five seconds of this persona's voice in the call. Raises `KithError`."""
        persona = await self.cast.find(guild_id, name)
        if self.calls.get(guild_id) is None:
            raise KithError("no call here", key="error-not-in-call")
        if guild_id in self._auditioning:
            raise KithError("one audition at a time", key="error-audition-busy")
        self._auditioning.add(guild_id)
        try:
            pcm = await audition(self._open_model, self.calls.config_of(persona))
        finally:
            self._auditioning.discard(guild_id)
        session = self.calls.get(guild_id)
        if session is None:
            raise KithError("the call is over", key="error-not-in-call")
        session.play_clip(pcm)
        return persona

    def must_be_in_call(self, member: discord.Member) -> None:
        """Raises `KithError` for one who is not in the channel of the call: a scene is the room's own affair."""
        room = self.calls.room(member.guild.id)
        if room is None:
            raise KithError("no call here", key="error-not-in-call")
        if _channel_id(member) != room[0]:
            raise KithError("not in the call's channel", key="error-not-in-room")

    def set_scene(self, guild_id: int, scene: Scene | None) -> None:
        """What the room does, while the call lasts. Raises `KithError` without one."""
        if not self.calls.set_scene(guild_id, scene):
            raise KithError("no call here", key="error-not-in-call")

    async def forget_guild(self, guild_id: int) -> None:
        """The bot was removed from the guild."""
        await self.calls.leave(guild_id, "removed")
        await self.ledger.forget_guild(guild_id)
        await self.guilds.forget(guild_id)
        await self.cast.forget_guild(guild_id)
        self._locales.pop(guild_id, None)

    async def close(self) -> None:
        """Write what the disk has not taken yet."""
        try:
            await self.ledger.save()
        except StorageError:
            _log.error("withdrawals_lost", count=self.ledger.unsaved)

    # ------------------------------------------------------------------ services of the calls

    async def _connect_voice(self, channel: Channel, allowed: Iterable[int]) -> Connection:
        settings = self.settings
        make = voice_protocol(
            self.pacer,
            EncoderProfile(settings.kith_encoder_profile),
            settings.kith_input_rate_hz,
            output_rate_hz=settings.kith_output_rate_hz,
            allowed=allowed,
            tls=self._tls,
        )
        return await channel.connect(cls=make, timeout=JOIN_S)

    def _open_model(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        dialect = dialects.load(self.settings.provider)
        return ModelLink(dialect, self._model_options, config, self._session_options, sink)

    def locale_of(self, guild: discord.Guild) -> str:
        """Of whoever called us there last; until then the server's own."""
        return self._locales.get(guild.id, str(guild.preferred_locale))

    async def _tell(self, channel: TextChannel, key: str, values: dict[str, str | int | float]) -> None:
        """A sentence in the chat, in the language of whoever called. Raises `KithError` when the chat is closed to us."""
        guild = getattr(channel, "guild", None)
        locale = self.locale_of(guild) if guild is not None else ENGLISH
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
