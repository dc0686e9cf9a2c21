"""What members read about their memories: lines of a page, options of a menu, entries to choose from while typing. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from discord.app_commands import Choice

from bot.errors import KithError
from bot.memory.keepable import tidy
from bot.memory.room import may_share
from bot.storage.guilds import MemoryMode
from bot.storage.memories import ROOM, TEXT_CHARS, Kind, Memory, Proposal
from bot.texts import Texts, discord_time, short
from cogs.memory_shelf import Shelf

KEPT_SHOWN: Final = 5
"""Memories on a page."""

OFFERED_SHOWN: Final = 4
"""Proposals on a page: Discord gives a message five rows of buttons, and the last is for turning pages."""

EVERYTHING: Final = "all"
CHOICES_SHOWN: Final = 25
CHOICE_LIMIT: Final = 100

KINDS: Final = {
    Kind.FACT: "memory-kind-fact",
    Kind.PREFERENCE: "memory-kind-preference",
    Kind.PROMISE: "memory-kind-promise",
    Kind.RELATIONSHIP: "memory-kind-relationship",
    Kind.DIGEST: "memory-kind-digest",
}
OFFERS: Final = {
    MemoryMode.OFF: "error-memory-off",
    MemoryMode.STRICT: "memory-offered-strict",
    MemoryMode.USUAL: "memory-offered-usual",
}


def pages(count: int, shown: int) -> int:
    """How many pages so many entries fill: at least one."""
    return max(1, -(-count // shown))


def written(text: str) -> str:
    """What a member wrote into a form, as it may be kept: one visible line. Raises `KithError` for nothing, and for too much."""
    # Discord's client keeps to the form's limit; another one may not. Compatibility form can be longer than what was typed.
    cleaned = tidy(text) if len(text) <= TEXT_CHARS else text
    if len(cleaned) > TEXT_CHARS:
        raise KithError(f"{len(cleaned)} characters", key="error-memory-long", length=len(cleaned), limit=TEXT_CHARS)
    if not cleaned:
        raise KithError("no visible words", key="error-memory-empty")
    return cleaned


# ---------------------------------------------------------------------------- pages


def kept_words(texts: Texts, locale: str, shelf: Shelf, page: int) -> str:
    """A page of what is kept, under the rules that hold."""
    total = pages(len(shelf.memories), KEPT_SHOWN)
    lines = [texts.say(locale, "memory-kept-title", count=len(shelf.memories))]
    if not shelf.memories:
        lines.append(texts.say(locale, "memory-kept-none"))
    lines += state_words(texts, locale, shelf)
    begin = page * KEPT_SHOWN
    for number, memory in enumerate(shelf.memories[begin : begin + KEPT_SHOWN], begin + 1):
        lines.append(texts.say(locale, "memory-entry", number=number, text=memory.text))
        lines.append(about_memory(texts, locale, shelf, memory))
    if shelf.proposals:
        lines.append(texts.say(locale, "memory-kept-offers", count=len(shelf.proposals)))
    if total > 1:
        lines.append(texts.say(locale, "memory-page", page=page + 1, total=total))
    return "\n".join(lines)


def offered_words(texts: Texts, locale: str, shelf: Shelf, page: int) -> str:
    """A page of what might be kept, and what happens to it if its subject says nothing."""
    is_told = shelf.mode is MemoryMode.USUAL and shelf.fresh > 0  # elsewhere everything was kept by their own press
    fresh = [texts.say(locale, "memory-offered-fresh", count=shelf.fresh)] if is_told else []
    if not shelf.proposals:
        return "\n".join([texts.say(locale, "memory-offered-none"), *fresh, *state_words(texts, locale, shelf)])
    total = pages(len(shelf.proposals), OFFERED_SHOWN)
    lines = [
        texts.say(locale, "memory-offered-title", count=len(shelf.proposals)),
        texts.say(locale, OFFERS[shelf.mode]),
        *state_words(texts, locale, shelf, is_mode_told=True),
    ]
    begin = page * OFFERED_SHOWN
    for number, proposal in enumerate(shelf.proposals[begin : begin + OFFERED_SHOWN], begin + 1):
        lines.append(texts.say(locale, "memory-entry", number=number, text=proposal.text))
        lines.append(about_proposal(texts, locale, shelf, proposal))
    lines += fresh
    if total > 1:
        lines.append(texts.say(locale, "memory-page", page=page + 1, total=total))
    return "\n".join(lines)


def one_words(texts: Texts, locale: str, shelf: Shelf, memory: Memory) -> str:
    """One memory, and what may be done with it."""
    lines = [
        texts.say(locale, "memory-one", text=memory.text),
        about_memory(texts, locale, shelf, memory),
        texts.say(locale, "memory-one-heard", count=len(memory.heard_by)),
    ]
    if may_share(memory) and not memory.is_muted:
        lines.append(texts.say(locale, "memory-one-shared" if memory.is_shareable else "memory-one-private"))
    return "\n".join(lines)


def state_words(texts: Texts, locale: str, shelf: Shelf, *, is_mode_told: bool = False) -> list[str]:
    """Why nothing new is kept, if so. Somebody who has not agreed reads how to."""
    if shelf.mode is MemoryMode.OFF:
        return [] if is_mode_told else [texts.say(locale, "error-memory-off")]
    if not shelf.is_agreed:
        return [texts.say(locale, "memory-agree")]
    return [texts.say(locale, "memory-is-paused")] if shelf.is_paused else []


def about_memory(texts: Texts, locale: str, shelf: Shelf, memory: Memory) -> str:
    """Kind, whence, since when, until when, who else may be told: in small print."""
    parts = [
        texts.say(locale, KINDS[memory.kind]),
        said_by(texts, locale, shelf.user_id, memory.speaker_id),
        texts.say(locale, "memory-since", made=discord_time(memory.made_at)),
    ]
    if memory.expires_at is not None:
        parts.append(texts.say(locale, "memory-until", until=discord_time(memory.expires_at)))
    else:
        unused = (memory.used_at or memory.made_at) + timedelta(days=shelf.retention_days)
        parts.append(texts.say(locale, "memory-until-unused", until=discord_time(unused)))
    if memory.is_shareable and may_share(memory):
        parts.append(texts.say(locale, "memory-is-shared"))
    if memory.is_muted:
        parts.append(texts.say(locale, "memory-is-muted"))
    return "-# " + " · ".join(parts)


def about_proposal(texts: Texts, locale: str, shelf: Shelf, proposal: Proposal) -> str:
    outcome = "memory-kept-on" if shelf.keeps_unasked(proposal) else "memory-gone-on"
    parts = (
        texts.say(locale, KINDS[proposal.kind]),
        said_by(texts, locale, shelf.user_id, proposal.speaker_id),
        texts.say(locale, outcome, when=discord_time(proposal.expires_at)),
    )
    return "-# " + " · ".join(parts)


def said_by(texts: Texts, locale: str, user_id: int, speaker_id: int) -> str:
    if speaker_id == user_id:
        return texts.say(locale, "memory-said-by-you")
    if speaker_id == ROOM:
        return texts.say(locale, "memory-said-by-nobody")
    return texts.say(locale, "memory-said-by", user=str(speaker_id))


# ---------------------------------------------------------------------------- choosing


def choices(memories: Sequence[Memory], typed: str, *first: Choice[str]) -> list[Choice[str]]:
    """What the option offers while someone types: `first`, then their own memories with these words."""
    wanted = tidy(typed).casefold()
    found = [
        Choice(name=short(one.text, CHOICE_LIMIT), value=one.memory_id)
        for one in memories
        if wanted in one.text.casefold()
    ]
    return [*first, *found][:CHOICES_SHOWN]


def find(shelf: Shelf, named: str) -> Memory:
    """The memory that was picked or, by somebody who typed on, the only one with these words. Raises `KithError`."""
    for memory in shelf.memories:
        if memory.memory_id == named:
            return memory
    wanted = tidy(named).casefold()
    found = [memory for memory in shelf.memories if wanted and wanted in memory.text.casefold()]
    if len(found) != 1:
        raise KithError(
            "no memory of this member by these words", key="error-memory-unknown", words=short(named, CHOICE_LIMIT)
        )
    return found[0]
