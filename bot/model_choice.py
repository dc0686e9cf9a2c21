"""Which speech model the settings choose, where it is, and the local one started when it is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from bot.audio.frame import MODEL_RATE_HZ
from bot.errors import SettingError
from bot.realtime.dialect import ConnectOptions
from bot.settings import Settings


def check_settings(settings: Settings) -> None:
    """What settings say together. Raises `SettingError`."""
    if settings.provider == "stepfun" and settings.stepfun_api_key is None:
        raise SettingError("STEPFUN_API_KEY: expected a key, since KITH_PROVIDER is stepfun")
    if settings.provider == "local":
        rates = {"KITH_INPUT_RATE_HZ": settings.kith_input_rate_hz, "KITH_OUTPUT_RATE_HZ": settings.kith_output_rate_hz}
        for name, rate_hz in rates.items():
            if rate_hz != MODEL_RATE_HZ:
                raise SettingError(f"{name}: expected {MODEL_RATE_HZ}, the one rate of the local model")


def model_options(settings: Settings, local_url: str | None) -> ConnectOptions:
    """Where the chosen model is, and the key for it."""
    if settings.provider == "local":
        return ConnectOptions(url=local_url or "")
    return ConnectOptions(settings.stepfun_url, settings.kith_model, settings.stepfun_api_key)


@asynccontextmanager
async def open_local_model(settings: Settings) -> AsyncIterator[str | None]:
    """The address of the local model while it is wanted: one that runs already, or one that is started and stopped here.

    `None` with another provider. Raises `SettingError` without the extra `local`, `ModelError` when it does not come up.
    """
    if settings.provider != "local":
        yield None
    elif settings.kith_local_url:
        yield settings.kith_local_url
    else:
        check_local_extra(settings)
        from bot.local.launch import LocalModel

        async with LocalModel() as model:
            yield model.url


def check_local_extra(settings: Settings) -> None:
    """What the local model is made of, as far as no service replaces it. Raises `SettingError`."""
    parts = {"pocketsphinx": settings.kith_transcription_url, "espeakng_loader": settings.kith_speech_url}
    missing = [name for name, service in parts.items() if service is None and find_spec(name) is None]
    if missing:
        raise SettingError(
            f"the local model needs the extra `local` ({', '.join(missing)} is missing): "
            "pip install 'kith[local]', or set STEPFUN_API_KEY"
        )
