"""What is known of the model that hears members, and what is not: data a provider, with the date of the knowledge and its sources.

Not advertising and not a verdict: what a maker published stands under "says", what one would want to know before lending one's voice and cannot find stands
under "does not say". Whoever learns better changes the facts here and their date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from bot.settings import Settings
from bot.texts import Texts

STEPFUN_KNOWN: Final = date(2026, 6, 13)
LOCAL_KNOWN: Final = date(2026, 11, 21)
"""How old the knowledge is: the last day on which the sources were read."""

Values = tuple[tuple[str, str], ...]
Fact = tuple[str, Values]
"""A key of the catalogues and the values of its sentence."""

REGIONS: Final = {"api.stepfun.com": "provenance-region-china", "api.stepfun.ai": "provenance-region-abroad"}
"""By host of the realtime address: keys are bound to a region."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """One provider's card. `model` and `provider` are names; the rest are sentences of the catalogues.

    Attributes:
        disclosed: what the maker says.
        undisclosed: what one would want to know and the maker does not say.
        data: what becomes of a member's voice there: how long it is kept, whether it trains anything.
        sources: where that was read.
    """

    model: str
    provider: str
    region: str
    disclosed: tuple[Fact, ...]
    undisclosed: tuple[Fact, ...]
    data: tuple[Fact, ...]
    sources: tuple[str, ...]
    known: date


_STEPFUN_SOURCES: Final = (
    "https://stepaudiollm.github.io/step-audio-2.5-realtime/",
    "https://platform.stepfun.com/",
    "https://cncsmonster.github.io/en/posts/stepfun-step-plan-data-training-policy/",
)
"""The maker's page about the model; the platform with its policy and terms; a review of both of June 2026."""

_LOCAL_SOURCES: Final = (
    "https://github.com/espeak-ng/espeak-ng",
    "https://github.com/cmusphinx/pocketsphinx",
    "https://github.com/snakers4/silero-vad",
)


def provenance(settings: Settings, texts: Texts, locale: str) -> Provenance:
    """The card of the model that these settings choose."""
    if settings.provider == "local":
        return _local(settings, texts, locale)
    return Provenance(
        model=settings.kith_model,
        provider="StepFun",
        region=region_key(settings),
        disclosed=(_plain("provenance-stepfun-kind"), _plain("provenance-stepfun-training")),
        undisclosed=(
            _plain("provenance-stepfun-voices"),
            _plain("provenance-stepfun-talks"),
            _plain("provenance-stepfun-actors"),
        ),
        data=(
            _plain("provenance-stepfun-retention"),
            _plain("provenance-stepfun-reuse"),
            *_digest(settings),
        ),
        sources=_STEPFUN_SOURCES,
        known=STEPFUN_KNOWN,
    )


def model_name(settings: Settings, texts: Texts, locale: str) -> str:
    """The model in a word or two."""
    return settings.kith_model if settings.provider != "local" else texts.say(locale, "model-local")


def model_sentence(settings: Settings, texts: Texts, locale: str) -> str:
    """Which model hears, as members are told."""
    if settings.provider != "local":
        return texts.say(locale, "consent-model-provider", name=settings.kith_model, provider="StepFun")
    services = (settings.kith_transcription_url, settings.kith_chat_url, settings.kith_speech_url)
    return texts.say(locale, "consent-model-local-services" if any(services) else "consent-model-local")


def region_key(settings: Settings) -> str:
    """Where members' voices go, as a key of the catalogues."""
    if settings.provider == "local":
        return "provenance-region-here" if not settings.kith_local_url else "provenance-region-unknown"
    return REGIONS.get(_host(settings.stepfun_url), "provenance-region-unknown")


def recipient(settings: Settings) -> str:
    """Who is told what members say, as hosts in alphabetical order; `local` is the operator's own machine. Agreement is to these and to no others."""
    if settings.provider == "local":
        first = [
            settings.kith_local_url,
            settings.kith_transcription_url,
            settings.kith_chat_url,
            settings.kith_speech_url,
        ]
    else:
        first = [settings.stepfun_url]
    urls = [url for url in (*first, settings.kith_digest_url) if url]
    here = {"local"} if settings.provider == "local" and not settings.kith_local_url else set[str]()
    return ", ".join(sorted(here | {_host(url) for url in urls}))


def card_words(texts: Texts, locale: str, card: Provenance) -> str:
    """The card as a message, within Discord's 2 000 characters."""

    def said(facts: tuple[Fact, ...]) -> list[str]:
        return [texts.say(locale, key, **dict(values)) for key, values in facts]

    region = texts.say(locale, card.region)
    known = str(_noon(card.known))
    lines = [
        texts.say(locale, "provenance-title", known=known),
        texts.say(locale, "provenance-model", name=card.model, provider=card.provider, region=region),
        texts.say(locale, "provenance-disclosed"),
        *said(card.disclosed),
        texts.say(locale, "provenance-undisclosed"),
        *said(card.undisclosed),
        texts.say(locale, "provenance-data"),
        *said(card.data),
        texts.say(locale, "provenance-sources", sources=" ".join(card.sources)),
    ]
    return "\n".join(lines)


def _local(settings: Settings, texts: Texts, locale: str) -> Provenance:
    """Parts that run here, and those that a service of the operator's choice replaces."""
    heard, words, voice = settings.kith_transcription_url, settings.kith_chat_url, settings.kith_speech_url
    services = (
        *_service("provenance-service-transcription", settings.kith_transcription_model, heard),
        *_service("provenance-service-chat", settings.kith_chat_model, words),
        *_service("provenance-service-speech", settings.kith_speech_model, voice),
        *_digest(settings),
    )
    own = (
        *(() if words else (_plain("provenance-local-kind"),)),
        *(() if voice else (_plain("provenance-local-voice"),)),
        *(() if heard else (_plain("provenance-local-ears"),)),
        _plain("provenance-local-detector"),
    )
    unknown = (_plain("provenance-service-unknown"),) if services else ()
    kept = (_plain("provenance-local-retention"), _plain("provenance-local-reuse"))
    return Provenance(
        model=texts.say(locale, "model-local"),
        provider=texts.say(locale, "provenance-provider-here"),
        region=region_key(settings),
        disclosed=own,
        undisclosed=(_plain("provenance-local-recordings"), *unknown),
        data=services or kept,
        sources=_LOCAL_SOURCES,
        known=LOCAL_KNOWN,
    )


def _digest(settings: Settings) -> tuple[Fact, ...]:
    return _service("provenance-service-digest", settings.kith_digest_model, settings.kith_digest_url)


def _service(key: str, model: str, url: str | None) -> tuple[Fact, ...]:
    return ((key, (("model", model), ("host", _host(url)))),) if url else ()


def _plain(key: str) -> Fact:
    return (key, ())


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def _noon(day: date) -> int:
    """Seconds since 1970, so that every reader's calendar shows this day."""
    return (day - date(1970, 1, 1)).days * 86_400 + 43_200
