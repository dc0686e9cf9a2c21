"""The two ends of a call's sound, as the operator set them: Discord's voice connection, and a link to the speech model."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Final

from bot.audio.opus import EncoderProfile
from bot.audio.speech_model import SpeechModel
from bot.conversation.lines import Judge
from bot.conversation.services import Channel
from bot.model_choice import model_options
from bot.realtime import dialects
from bot.realtime.events import Attribution, ModelEvent, SessionConfig, Unheard
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.settings import Settings
from bot.voice.connection import Connection, voice_protocol
from bot.voice.pacer import Pacer

JOIN_S: Final = 30.0


class Media:
    """One per process. `local_url`: where the local model listens, if it is the one."""

    def __init__(self, settings: Settings, local_url: str | None) -> None:
        self._settings = settings
        self._pacer = Pacer()
        self._tls = ssl.create_default_context()
        self._connect_options = model_options(settings, local_url)
        self._session_options = SessionOptions(
            Attribution(settings.kith_attribution), Unheard(settings.kith_unheard), settings.kith_responses_per_minute
        )

    @property
    def has_built_in_search(self) -> bool:
        """The model's provider searches by itself."""
        return dialects.load(self._settings.provider).capabilities.built_in_search

    async def connect_voice(self, channel: Channel, allowed: Iterable[int]) -> Connection:
        """Into the channel, hearing nobody but who is allowed. Raises `VoiceError`."""
        settings = self._settings
        make = voice_protocol(
            self._pacer,
            EncoderProfile(settings.kith_encoder_profile),
            settings.kith_input_rate_hz,
            output_rate_hz=settings.kith_output_rate_hz,
            allowed=allowed,
            tls=self._tls,
        )
        return await channel.connect(cls=make, timeout=JOIN_S)

    def open_model(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        dialect = dialects.load(self._settings.provider)
        return ModelLink(dialect, self._connect_options, config, self._session_options, sink)


def make_judge() -> Judge:
    """Tells speech from noise for one call. Stretches of different members come in turn, so each is judged by itself."""
    model = SpeechModel()

    def judge(pcm_16k: bytes) -> float:
        model.reset()
        return model.probability(pcm_16k)

    return judge
