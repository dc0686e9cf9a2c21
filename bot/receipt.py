"""A member's receipt in words: what of their voice went where, what is kept of them, and when it goes. Decisions over values; nothing is read here.

What was sent is `bot.spending.Receipt`, which is the ledger's rows; what is kept is `bot.storage.estate.Estate.export_member`, a part an aggregate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.storage.guild_repository import AUDIT_KEPT
from bot.storage.reminders import WAITING_DAYS
from bot.storage.usage import MONTHS_KEPT, Usage
from bot.texts import Texts, discord_time


@dataclass(frozen=True, slots=True)
class Sent:
    """To one model: milliseconds heard and spoken, replies, cost in millionths."""

    provider: str
    model: str
    heard_ms: int
    spoken_ms: int
    replies: int
    cost_micros: int


def by_model(rows: Iterable[Usage]) -> list[Sent]:
    """Sums of the ledger's rows, a line a provider and model."""
    sums: dict[tuple[str, str], Sent] = {}
    for row in rows:
        key = (row.provider, row.model)
        one = sums.get(key, Sent(row.provider, row.model, 0, 0, 0, 0))
        sums[key] = Sent(
            row.provider,
            row.model,
            one.heard_ms + row.heard_ms,
            one.spoken_ms + row.spoken_ms,
            one.replies + row.replies,
            one.cost_micros + row.cost_micros,
        )
    return [sums[key] for key in sorted(sums)]


def seconds(ms: int) -> str:
    """Exact, to the millisecond, without needless zeros."""
    return f"{(Decimal(ms) / 1000).normalize():f}"


def money(micros: int) -> str:
    """Exact, to the millionth; at least two decimals."""
    whole = (Decimal(micros) / 1_000_000).normalize()
    return f"{whole:f}" if -(whole.as_tuple().exponent) > 2 else f"{whole:.2f}"  # type: ignore[operator]


def sent_lines(texts: Texts, locale: str, sent: Sequence[Sent], currency: str, regions: Mapping[str, str]) -> list[str]:
    """`regions`: words for where a provider is, by its name; where it is missing the operator has changed provider since."""
    if not sent:
        return [texts.say(locale, "privacy-receipt-sent-none")]
    lines = []
    for one in sent:
        region = regions.get(one.provider) or texts.say(locale, "provenance-region-unknown")
        lines.append(
            texts.say(
                locale,
                "privacy-receipt-sent",
                heard=seconds(one.heard_ms),
                model=one.model,
                provider=one.provider,
                region=region,
                replies=one.replies,
                spoken=seconds(one.spoken_ms),
                cost=money(one.cost_micros),
                currency=currency,
            )
        )
    if len(sent) > 1:
        heard, cost = sum(one.heard_ms for one in sent), sum(one.cost_micros for one in sent)
        values = {"heard": seconds(heard), "cost": money(cost), "currency": currency}
        lines.append(texts.say(locale, "privacy-receipt-sum", **values))
    return lines


def kept_lines(texts: Texts, locale: str, everything: Mapping[str, Any], retention_days: int) -> list[str]:
    """A line for each part of an export that holds something."""
    memory = everything.get("memories") or {}
    remembered = [*memory.get("remembered", []), *memory.get("said_of_the_room", [])]
    personas = everything.get("personas") or {}
    made = len(personas.get("personas_made", [])) + bool(personas.get("persona"))
    proposed, recaps = memory.get("proposed", []), everything.get("recaps") or []
    reminders, choices = everything.get("reminders") or [], everything.get("choices") or {}
    days = {row["day"] for row in everything.get("usage") or []}
    goes = [_goes(one, retention_days) for one in remembered]
    said: list[tuple[str, int, dict[str, Any]]] = [
        ("privacy-receipt-consent", len(everything.get("consent") or []), {}),
        ("privacy-receipt-memories", len(remembered), {"next": _when(min(goes, default=None))}),
        ("privacy-receipt-proposals", len(proposed), {"next": _when(min(_times(proposed), default=None))}),
        ("privacy-receipt-recaps", len(recaps), {"next": _when(max(_times(recaps), default=None))}),
        ("privacy-receipt-reminders", len(reminders), {"next": _when(_last(reminders))}),
        ("privacy-receipt-usage", len(days), {"months": MONTHS_KEPT}),
        ("privacy-receipt-personas", made, {}),
        ("privacy-receipt-choices", len(choices), {}),
        ("privacy-receipt-changes", len(everything.get("settings_changed") or []), {"kept": str(AUDIT_KEPT)}),
    ]
    lines = [
        texts.say(locale, key, **({} if key == "privacy-receipt-consent" else {"count": count, **values}))
        for key, count, values in said
        if count
    ]
    return lines or [texts.say(locale, "privacy-receipt-nothing")]


def _last(reminders: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the last of them is gone, whatever becomes of it."""
    due = max(_times(reminders, "due_at"), default=None)
    return None if due is None else due + timedelta(days=WAITING_DAYS)


def _goes(memory: Mapping[str, Any], retention_days: int) -> datetime:
    """When a memory goes if it is not used before."""
    unused = datetime.fromisoformat(memory.get("used_at") or memory["made_at"]) + timedelta(days=retention_days)
    expires = memory.get("expires_at")
    return min(unused, datetime.fromisoformat(expires)) if expires else unused


def _times(entries: Iterable[Mapping[str, Any]], name: str = "expires_at") -> list[datetime]:
    return [datetime.fromisoformat(entry[name]) for entry in entries]


def _when(moment: datetime | None) -> str:
    return discord_time(moment) if moment is not None else "0"
