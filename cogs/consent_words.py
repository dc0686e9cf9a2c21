"""What members read about consent: the explanation, and what they have agreed to. Sentences over values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.memory.terms import RECAP_HOURS, STRICT_DAYS
from bot.storage.consent import NOTICE_VERSION, Scope
from bot.storage.guilds import GuildSettings, MemoryMode
from bot.texts import Texts, discord_time

SCOPE_WORDS: Final = {
    Scope.LISTEN: "consent-scope-listen",
    Scope.REMEMBER: "consent-scope-remember",
    Scope.TRANSCRIPT: "consent-scope-transcript",
}
MODES: Final = {
    MemoryMode.OFF: "consent-mode-off",
    MemoryMode.STRICT: "consent-mode-strict",
    MemoryMode.USUAL: "consent-mode-usual",
}


def mode_words(texts: Texts, locale: str, mode: MemoryMode) -> str:
    """What being remembered means on a server with this mode."""
    return texts.say(locale, MODES[mode])


def explanation(texts: Texts, locale: str, model: str, settings: GuildSettings) -> str:
    """What is heard, by which model, what is kept here and for how long, and the way back. What changes here in substance raises `NOTICE_VERSION`."""
    days = settings.retention_days
    lines = [texts.say(locale, "consent-explain", model=model)]
    match settings.memory:
        case MemoryMode.OFF:
            lines.append(texts.say(locale, "consent-keeps-off"))
        case MemoryMode.STRICT:
            recap = texts.say(locale, "consent-keeps-recap", hours=RECAP_HOURS)
            keeps = texts.say(locale, "consent-keeps-strict", offered=STRICT_DAYS, days=days)
            lines += [keeps, recap]
        case MemoryMode.USUAL:
            recap = texts.say(locale, "consent-keeps-recap", hours=RECAP_HOURS)
            lines += [texts.say(locale, "consent-keeps-usual", days=days), recap]
    lines += [texts.say(locale, "consent-keeps-rest"), texts.say(locale, "consent-way-back")]
    return "\n".join(lines)


def agreements(
    texts: Texts, locale: str, rows: Iterable[Mapping[str, Any]], now: Collection[Scope], sent_to: str
) -> str:
    """A line a scope. `rows`: the ledger's own (`ConsentLedger.export_member`); `now`: what is in force; `sent_to`: who would be told now."""
    stored = {row["scope"]: row for row in rows}
    lines = [texts.say(locale, "consent-show-title", version=NOTICE_VERSION)]
    for scope, key in SCOPE_WORDS.items():
        words, row = texts.say(locale, key), stored.get(scope.value)
        if row is None:
            lines.append(texts.say(locale, "consent-show-never", scope=words))
        elif scope in now:
            since, version = _when(row["granted_at"]), row["notice_version"]
            lines.append(texts.say(locale, "consent-show-since", scope=words, since=since, version=version))
        elif row["withdrawn_at"] is not None:
            lines.append(texts.say(locale, "consent-show-withdrawn", scope=words, since=_when(row["withdrawn_at"])))
        elif row["notice_version"] == NOTICE_VERSION:
            before = row["sent_to"] or "?"
            lines.append(texts.say(locale, "consent-show-elsewhere", scope=words, before=before, present=sent_to))
        else:
            lines.append(texts.say(locale, "consent-show-older", scope=words, version=row["notice_version"]))
    return "\n".join(lines)


def _when(moment: str) -> str:
    return discord_time(datetime.fromisoformat(moment))
