"""Settings: from the environment or `.env`, each once, with its unit.

A wrong one is a `SettingError` that names it and says what was expected; its value is never repeated, since it may be a
secret. `.env.example` lists every setting; a test compares it with this module. The token and the keys may also be given
as files (`DISCORD_TOKEN_FILE=/run/secrets/token`), so that they stay out of the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import SettingError

SECRETS = (
    "DISCORD_TOKEN",
    "STEPFUN_API_KEY",
    "KITH_TRANSCRIPTION_KEY",
    "KITH_CHAT_KEY",
    "KITH_SPEECH_KEY",
    "KITH_MASTER_KEY",
    "KITH_DIGEST_KEY",
    "KITH_SEARCH_KEY",
)

Setting = Field


class Settings(BaseSettings):
    """Every setting of Kith. Field names in capitals are the environment's names."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Discord
    discord_token: SecretStr | None = Setting(default=None, description="The bot's token.")
    discord_api_base: str | None = Setting(
        default=None, description="REST address, for a proxy or a rehearsal; unset: Discord's own."
    )

    # The model
    kith_provider: Literal["stepfun", "local"] | None = Setting(
        default=None, description="stepfun or local; unset: stepfun with a key, else local."
    )
    kith_model: str = Setting(default="stepaudio-2.5-realtime", description="Model id at the provider.")
    stepfun_api_key: SecretStr | None = Setting(default=None, description="Key of the StepFun platform.")
    stepfun_url: str = Setting(
        default="wss://api.stepfun.com/v1/realtime",
        description="Realtime address; keys are bound to a region (wss://api.stepfun.ai/v1/realtime abroad).",
    )
    kith_turn_mode: Literal["manual", "server_vad"] = Setting(
        default="manual", description="Who ends a turn: the host (manual) or the model (server_vad)."
    )
    kith_attribution: Literal["item", "instructions"] = Setting(
        default="item",
        description="How the model learns who speaks: a text item before each utterance, or instructions.",
    )
    kith_unheard: Literal["recreate", "note"] = Setting(
        default="recreate", description="The unheard rest of an interrupted reply: recreate the item, or leave a note."
    )
    kith_responses_per_minute: Annotated[int, Field(ge=1, le=1000)] = Setting(
        default=10, description="Cap of model responses per call and minute (StepFun's lowest tier has 10)."
    )
    kith_input_rate_hz: Literal[16000, 24000] = Setting(default=24000, description="PCM rate sent to the model, Hz.")
    kith_output_rate_hz: Literal[16000, 24000] = Setting(default=24000, description="PCM rate got from the model, Hz.")

    # The local model: each part can be replaced by an OpenAI-compatible service
    kith_local_url: str | None = Setting(
        default=None, description="A local model that already runs (ws://127.0.0.1:PORT); unset: one is started."
    )
    kith_transcription_url: str | None = Setting(default=None, description="…/v1/audio/transcriptions")
    kith_transcription_model: str = Setting(default="whisper-1", description="Model id there.")
    kith_transcription_key: SecretStr | None = Setting(default=None, description="Key there.")
    kith_chat_url: str | None = Setting(default=None, description="…/v1/chat/completions")
    kith_chat_model: str = Setting(default="gpt-4o-mini", description="Model id there.")
    kith_chat_key: SecretStr | None = Setting(default=None, description="Key there.")
    kith_speech_url: str | None = Setting(default=None, description="…/v1/audio/speech")
    kith_speech_model: str = Setting(default="tts-1", description="Model id there.")
    kith_speech_key: SecretStr | None = Setting(default=None, description="Key there.")

    # Voice
    kith_encoder_profile: Literal["speech", "eco"] = Setting(
        default="speech", description="speech (FEC, survives loss) or eco (a seventh of the CPU, no FEC)."
    )
    kith_opus_library: Path | None = Setting(default=None, description="Path of a libopus; unset: the newest found.")
    kith_alone_s: Annotated[float, Field(ge=0, le=86_400)] = Setting(
        default=60.0, description="Seconds alone in a channel before leaving."
    )

    # Memory
    kith_master_key: SecretStr | None = Setting(
        default=None,
        description="32 bytes in base64: members' words are sealed with it; unset: kept in a file beside the database, made at the first start.",
    )
    kith_digest_url: str | None = Setting(
        default=None, description="…/v1/chat/completions that sums a talk up at its end; unset: the talk's own model."
    )
    kith_digest_model: str = Setting(default="gpt-4o-mini", description="Model id there.")
    kith_digest_key: SecretStr | None = Setting(default=None, description="Key there.")
    kith_digest_price_input_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = Setting(
        default=0.15, description="Price of a million input tokens there (gpt-4o-mini)."
    )
    kith_digest_price_output_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = Setting(
        default=0.6, description="... of a million output tokens."
    )

    # Tools of the model
    kith_search_url: str | None = Setting(
        default=None, description="A web search with SearXNG's JSON interface (https://…/search); unset: no web search."
    )
    kith_search_key: SecretStr | None = Setting(default=None, description="Key there, sent as a bearer token.")

    # Money
    kith_currency: str = Setting(default="USD", description="What caps and costs are counted in, as people read it.")
    kith_price_input_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = Setting(
        default=1.5, description="Price of a million input tokens (StepAudio 2.5 Realtime, international)."
    )
    kith_price_cached_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = Setting(
        default=0.3, description="... of a million cached input tokens."
    )
    kith_price_output_per_million: Annotated[float, Field(ge=0, le=1_000_000)] = Setting(
        default=10.0, description="... of a million output tokens."
    )
    kith_guild_seconds_per_day: Annotated[int, Field(ge=60, le=86_400)] = Setting(
        default=14_400, description="Seconds of speech heard and given per server and day; an admin may set less."
    )
    kith_guild_money_per_day: Annotated[float, Field(gt=0, le=1_000_000)] = Setting(
        default=5.0, description="Money per server and day; an admin may set less."
    )

    # Trust
    kith_privacy_url: str | None = Setting(
        default=None, description="Where members read your privacy policy; unset: the one that ships with Kith."
    )
    kith_helplines: str | None = Setting(
        default=None, description="Help lines for a crisis, as `LOCALE=words; …` (`en-GB=Samaritans, 116 123`)."
    )

    # House
    kith_database_url: str = Setting(
        default="sqlite+aiosqlite:///data/kith.sqlite3", description="SQLAlchemy address of the database."
    )
    kith_personas_dir: Path | None = Setting(
        default=None, description="Folder of persona files; unset: the shipped ones."
    )
    kith_persona: str = Setting(default="xiaoyue", description="Slug of the persona of a guild that chose none.")
    kith_log_level: Literal["debug", "info", "warning", "error"] = Setting(
        default="info", description="Least level logged."
    )
    kith_log_format: Literal["text", "json"] = Setting(default="text", description="text or json.")

    @field_validator("kith_log_level", "kith_log_format", "kith_provider", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator(
        "discord_api_base",
        "stepfun_url",
        "kith_local_url",
        "kith_digest_url",
        "kith_search_url",
        "kith_privacy_url",
        mode="after",
    )
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://", "ws://", "wss://")):
            raise ValueError("expected an address that starts with http://, https://, ws:// or wss://")
        return value.rstrip("/") if value else value

    @property
    def provider(self) -> str:
        """`stepfun` or `local`: as set, else local unless there is a key."""
        return self.kith_provider or ("stepfun" if self.stepfun_api_key else "local")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (*sources, *(source for name, source in named.items() if name != "file_secret_settings"))


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Raises `SettingError` naming the setting and what was expected."""
    try:
        return Settings(**(_secrets_from_files(os.environ) | overrides))
    except ValidationError as error:
        raise SettingError("\n".join(_sentence(dict(problem)) for problem in error.errors())) from None


def _secrets_from_files(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SECRETS:
        path = environment.get(f"{name}_FILE")
        if not path or environment.get(name):
            continue
        try:
            found[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE: expected a readable file ({error.strerror})") from None
    return found


def _sentence(problem: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"]).upper()
    return f"{name}: {problem['msg']}"
