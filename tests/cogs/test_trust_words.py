"""Receipts, cards, explanations and presses as values: exact, honest, in both languages, and within a message."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.provenance import card_words, provenance, recipient, region_key
from bot.receipt import by_model, kept_lines, money, seconds, sent_lines
from bot.settings import Settings, load_settings
from bot.storage.consent import NOTICE_VERSION, Scope
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.storage.usage import Usage
from bot.texts import LOCALES, Texts
from cogs.consent import scope_of
from cogs.consent_words import agreements, explanation
from cogs.presses import DOUBLE_S, PRESSES, WITHIN_S, Presses

pytestmark = pytest.mark.core

TEXTS = Texts()
DAY = date(2026, 11, 20)


def settings_of(**chosen: Any) -> Settings:
    return load_settings(_env_file=None, **chosen)


def usage(model: str, heard_ms: int, cost_micros: int, day: date = DAY, provider: str = "stepfun") -> Usage:
    return Usage(1, 2, day, provider, model, heard_ms, heard_ms // 2, 1, cost_micros)


# ---------------------------------------------------------------------------- receipts


@given(st.integers(0, 10**12))
def test_seconds_and_money_are_exact(amount: int) -> None:
    assert Decimal(seconds(amount)) * 1000 == amount
    assert Decimal(money(amount)) * 1_000_000 == amount
    assert "E" not in seconds(amount) + money(amount)
    assert len(money(amount).partition(".")[2]) >= 2


@given(st.lists(st.builds(usage, st.sampled_from(["a", "b"]), st.integers(0, 10**7), st.integers(0, 10**7))))
def test_sums_by_model_lose_nothing(rows: list[Usage]) -> None:
    sent = by_model(rows)
    assert sum(one.heard_ms for one in sent) == sum(row.heard_ms for row in rows)
    assert sum(one.cost_micros for one in sent) == sum(row.cost_micros for row in rows)
    assert sum(one.replies for one in sent) == len(rows)
    assert len(sent) == len({row.model for row in rows})


@pytest.mark.parametrize("locale", LOCALES)
def test_a_receipt_names_each_model_and_the_sum(locale: str) -> None:
    rows = [usage("m1", 83_412, 12_345), usage("m2", 1_000, 0, provider="local"), usage("m1", 88, 5)]
    lines = sent_lines(TEXTS, locale, by_model(rows), "USD", {"stepfun": "somewhere"})
    assert len(lines) == 3
    assert "83.5 " in lines[1]
    assert "0.01235 USD" in lines[1]
    assert "somewhere" in lines[1]
    assert TEXTS.say(locale, "provenance-region-unknown") in lines[0], "another provider than now: no region is made up"
    assert "84.5" in lines[2]


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_kept_says_when_the_next_thing_goes(locale: str) -> None:
    made = datetime(2026, 11, 1, tzinfo=UTC)
    later = made + timedelta(days=3)
    everything = {
        "consent": [{}],
        "memories": {
            "remembered": [
                {"made_at": later.isoformat(), "used_at": None, "expires_at": None},
                {"made_at": made.isoformat(), "used_at": later.isoformat(), "expires_at": None},
                {"made_at": made.isoformat(), "used_at": None, "expires_at": None},
            ],
            "proposed": [{"expires_at": later.isoformat()}],
        },
        "usage": [{"day": "2026-11-01"}, {"day": "2026-11-01"}, {"day": "2026-11-02"}],
        "personas": {"persona": "xiaoyue", "personas_made": ["a", "b"]},
    }
    lines = kept_lines(TEXTS, locale, everything, retention_days=30)
    assert len(lines) == 5
    assert f"<t:{int((made + timedelta(days=30)).timestamp())}:d>" in lines[1]
    assert "3" in lines[1]
    assert f"<t:{int(later.timestamp())}:d>" in lines[2]
    assert "2" in lines[3]
    assert kept_lines(TEXTS, locale, {"usage": [], "memories": {}}, 30) == [
        TEXTS.say(locale, "privacy-receipt-nothing")
    ]


# ---------------------------------------------------------------------------- the card

SERVICES = {
    "kith_transcription_url": "https://ears.example/v1/audio/transcriptions",
    "kith_chat_url": "https://words.example/v1/chat/completions",
    "kith_speech_url": "https://voice.example/v1/audio/speech",
    "kith_digest_url": "https://notes.example/v1/chat/completions",
}
CARDS: list[dict[str, Any]] = [
    {"kith_provider": "stepfun", "stepfun_api_key": "k"},
    {"kith_provider": "stepfun", "stepfun_api_key": "k", "kith_digest_url": SERVICES["kith_digest_url"]},
    {"kith_provider": "local"},
    {"kith_provider": "local", **SERVICES},
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("chosen", CARDS)
def test_every_card_says_what_is_known_what_is_not_and_when_that_was_looked_at(
    chosen: dict[str, Any], locale: str
) -> None:
    settings = settings_of(**chosen)
    card = provenance(settings, TEXTS, locale)
    words = card_words(TEXTS, locale, card)
    assert len(words) <= 2000
    for key in ("provenance-disclosed", "provenance-undisclosed", "provenance-data"):
        assert TEXTS.say(locale, key) in words
    noon = datetime(card.known.year, card.known.month, card.known.day, 12, tzinfo=UTC)
    assert f"<t:{int(noon.timestamp())}:D>" in words
    assert "https://" in words


def test_stepfuns_card_does_not_vouch_for_the_voices_that_trained_it() -> None:
    words = card_words(TEXTS, "en", provenance(settings_of(**CARDS[0]), TEXTS, "en"))
    unsaid = words.partition("does not say")[2]
    assert "Whose recordings" in unsaid
    assert "not ruled out" in unsaid


def test_a_local_card_names_every_service_that_hears_and_promises_nothing_for_it() -> None:
    words = card_words(TEXTS, "en", provenance(settings_of(**CARDS[3]), TEXTS, "en"))
    for host in ("ears.example", "words.example", "voice.example", "notes.example"):
        assert host in words
    assert "Nothing leaves the machine" not in words
    assert "espeak" not in words.partition("Sources")[0]
    assert "know their addresses and nothing else" in words
    alone = card_words(TEXTS, "en", provenance(settings_of(**CARDS[2]), TEXTS, "en"))
    assert "Nothing leaves the machine" in alone
    assert "espeak-ng" in alone


RECIPIENTS: list[tuple[dict[str, str], str]] = [
    ({"kith_provider": "local"}, "local"),
    ({"kith_provider": "local", "kith_local_url": "ws://10.0.0.7:8000/v1/realtime"}, "10.0.0.7"),
    ({"kith_provider": "local", "kith_chat_url": "https://chat.example/v1"}, "chat.example, local"),
    (
        {"kith_provider": "stepfun", "stepfun_api_key": "k", "stepfun_url": "wss://api.stepfun.com/v1/realtime"},
        "api.stepfun.com",
    ),
    (
        {"kith_provider": "stepfun", "stepfun_api_key": "k", "stepfun_url": "wss://api.stepfun.ai/v1/realtime"},
        "api.stepfun.ai",
    ),
    (
        {
            "kith_provider": "stepfun",
            "stepfun_api_key": "k",
            "stepfun_url": "wss://api.stepfun.ai/v1",
            "kith_digest_url": "https://a.example/v1",
        },
        "a.example, api.stepfun.ai",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), RECIPIENTS)
def test_agreement_is_to_every_host_that_is_told_what_a_member_says(changes: dict[str, str], expected: str) -> None:
    assert recipient(settings_of(**changes)) == expected


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("wss://api.stepfun.com/v1/realtime", "provenance-region-china"),
        ("wss://api.stepfun.ai/v1/realtime", "provenance-region-abroad"),
        ("wss://api.stepfun.com.example.org/v1/realtime", "provenance-region-unknown"),
        ("wss://[::1", "provenance-region-unknown"),
    ],
)
def test_a_region_is_told_only_of_addresses_that_are_known(url: str, key: str) -> None:
    assert region_key(settings_of(kith_provider="stepfun", stepfun_api_key="k", stepfun_url=url)) == key


# ---------------------------------------------------------------------------- consent


@pytest.mark.parametrize("locale", [*LOCALES, "xx"])
@pytest.mark.parametrize("mode", list(MemoryMode))
def test_the_explanation_fits_a_message_with_any_model_and_says_how_it_is_here(mode: MemoryMode, locale: str) -> None:
    words = explanation(TEXTS, locale, "x" * 150, GuildSettings(guild_id=1, memory=mode, retention_days=365))
    assert len(words) <= 2000
    assert ("365" in words) is (mode is not MemoryMode.OFF)
    assert "/privacy erase" in words or "/隐私 删除" in words


AGREED = {
    "scope": "listen",
    "notice_version": NOTICE_VERSION,
    "sent_to": "local",
    "granted_at": "2026-01-01T00:00:00+00:00",
    "withdrawn_at": None,
}


def test_agreement_to_an_older_notice_is_told_as_none() -> None:
    row = {**AGREED, "notice_version": 1}
    words = agreements(TEXTS, "en", [row], frozenset(), "local")
    assert "no longer" in words
    assert f"number {NOTICE_VERSION}" in words
    assert "**yes**" in agreements(TEXTS, "en", [AGREED], {Scope.LISTEN}, "local")


def test_agreement_to_another_recipient_is_told_as_none_with_both() -> None:
    words = agreements(TEXTS, "en", [AGREED], frozenset(), "api.example.org")
    assert "**no longer**: you agreed to its going to local, and now it would go to api.example.org" in words


@pytest.mark.parametrize("value", ["", "everything", "LISTEN", "../listen"])
def test_a_scope_that_is_none_is_refused_with_those_there_are(value: str) -> None:
    with pytest.raises(Exception, match="no such scope") as caught:
        scope_of(value)
    assert getattr(caught.value, "values")["expected"] == "listen, remember, transcript"  # noqa: B009 -- of any error


# ---------------------------------------------------------------------------- presses


def test_a_double_click_is_one_press_and_a_rattle_too() -> None:
    presses = Presses()
    assert not presses.is_double((1, 2, "remember"), 0.0)
    assert presses.is_double((1, 2, "remember"), DOUBLE_S - 0.1)
    assert presses.is_double((1, 2, "remember"), 2 * DOUBLE_S - 0.2)
    assert not presses.is_double((1, 2, "remember"), 9.0)
    assert not presses.is_double((1, 3, "remember"), 9.0), "another member"


@given(st.lists(st.floats(0, 5), max_size=80))
def test_nobody_presses_more_often_than_allowed_and_waiting_as_told_is_enough(steps: list[float]) -> None:
    presses, now, counted = Presses(), 0.0, list[float]()
    for step in steps:
        now += step
        wait_s = presses.wait_s((1, 2), now)
        if wait_s == 0:
            counted.append(now)
        else:
            assert 0 < wait_s <= WITHIN_S
    for first, last in zip(counted, counted[PRESSES:], strict=False):
        assert last - first >= WITHIN_S
