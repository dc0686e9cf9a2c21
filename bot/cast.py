"""Everyone that the companion can be on a server: the shipped personas and the server's own, and who of them speaks where.

A channel's choice goes before the server's; a member's own counts in a call with that member alone, and before both. What a server made is parsed once
and kept while there is room. Parsing what strangers wrote runs in an executor.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog

from bot.card_exchange import GivenOut, brought, given_out
from bot.errors import PersonaError, StorageError
from bot.personas.cards.files import CardFiles, Format
from bot.personas.cards.reading import CardReport
from bot.personas.draft import Draft, draft_of, drafted, slug_for
from bot.personas.library import Library
from bot.personas.persona import Persona, document_of, parse_document
from bot.storage.guild_repository import GuildSettingsRepository
from bot.storage.personas import Decision, PersonaRepository, Scope, StoredFiles, StoredPersona, mark_of

GUILDS_KEPT: Final = 256
NOBODY: Final = "default"
"""Chosen for a channel or a member, it takes their choice back. No persona is called so."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A persona of a server's own. `mark`: of this version; whoever approves, approves what they saw."""

    persona: Persona
    made_by: int
    is_approved: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Imported:
    """`report` is `None` for a persona file, which is what it is. `files`: what came beside the card's text; `had_room`: whether that is kept."""

    made: Made
    report: CardReport | None
    files: CardFiles | None
    had_room: bool


class Cast:
    """The personas of all servers. `default`: slug of whoever speaks where nobody chose."""

    def __init__(
        self, library: Library, repository: PersonaRepository, guilds: GuildSettingsRepository, default: str
    ) -> None:
        self.library = library
        self._repository = repository
        self._guilds = guilds
        self._default = default
        self._made: OrderedDict[int, dict[str, Made]] = OrderedDict()
        self._changing = asyncio.Lock()  # one change after the other: the second builds on the first

    # ------------------------------------------------------------------ who there is

    async def made(self, guild_id: int) -> dict[str, Made]:
        """The server's own, those that wait included, by slug. Raises `StorageError`."""
        if guild_id not in self._made:
            stored = await self._repository.all(guild_id)
            self._made[guild_id] = await asyncio.to_thread(_parsed, stored)
            while len(self._made) > GUILDS_KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(guild_id)
        return self._made[guild_id]

    async def all(self, guild_id: int) -> tuple[Persona, ...]:
        """Everyone who may be chosen."""
        own = await self.made(guild_id)
        return (*self.library.all(), *(made.persona for made in own.values() if made.is_approved))

    async def find(self, guild_id: int, name: str) -> Persona:
        """By slug, or by any of their names. Raises `PersonaError`."""
        wanted = name.strip().casefold()
        everyone = await self.all(guild_id)
        for persona in everyone:
            if persona.slug == wanted:
                return persona
        for persona in everyone:
            if wanted in {known.casefold() for known in persona.known_as}:
                return persona
        if wanted in await self.made(guild_id):
            raise PersonaError("not approved yet", key="error-persona-waiting")
        return self.library.get(wanted)

    async def own(self, guild_id: int, name: str) -> Made:
        """One that the server made, also one that waits. Raises `PersonaError` for a shipped one and for nobody."""
        own = await self.made(guild_id)
        wanted = name.strip().casefold()
        for slug, made in own.items():
            if wanted == slug or wanted in {known.casefold() for known in made.persona.known_as}:
                return made
        await self.find(guild_id, name)
        raise PersonaError("a shipped persona is nobody's to change", key="error-persona-shipped")

    # ------------------------------------------------------------------ who speaks

    async def of(self, guild_id: int, channel_id: int = 0, people: tuple[int, ...] = ()) -> Persona:
        """Who speaks here. The operator's default where nobody chose, or their choice is gone, or the database fails."""
        try:
            return await self.chosen(guild_id, channel_id, people)
        except StorageError:
            _log.warning("persona_not_readable", guild_id=guild_id)
            return self.library.get(self._default)

    async def chosen(self, guild_id: int, channel_id: int = 0, people: tuple[int, ...] = ()) -> Persona:
        """The same. Raises `StorageError`: whoever speaks already goes on."""
        settings = await self._guilds.get(guild_id)
        alone = people[0] if len(people) == 1 else None
        channel, member = await self._repository.chosen(guild_id, channel_id, alone)
        everyone = {persona.slug: persona for persona in await self.all(guild_id)}
        for slug in (member, channel, settings.persona):
            if slug in everyone:
                return everyone[slug]
        return self.library.get(self._default)

    async def choose(self, guild_id: int, scope: Scope, target_id: int, name: str) -> tuple[Persona, bool]:
        """Answers who, and whether that is new. `target_id`: the channel's, or the member's who chooses. Raises `PersonaError`, `StorageError`."""
        slug = (
            None
            if name.strip().casefold() == NOBODY and scope is not Scope.SERVER
            else (await self.find(guild_id, name)).slug
        )
        before: str | None
        match scope:
            case Scope.SERVER:
                before = (await self.of(guild_id)).slug
                await self._guilds.choose_persona(guild_id, slug, user_id=target_id)
            case Scope.CHANNEL:
                before, _ = await self._repository.chosen(guild_id, target_id, None)
                await self._repository.choose_for_channel(guild_id, target_id, slug)
            case Scope.ME:
                _, before = await self._repository.chosen(guild_id, 0, target_id)
                await self._repository.choose_for_member(guild_id, target_id, slug)
        return await (self.of(guild_id) if slug is None else self.find(guild_id, slug)), before != slug

    # ------------------------------------------------------------------ making and changing

    async def create(self, guild_id: int, draft: Draft, made_by: int, *, may_approve: bool) -> Made:
        """From a form. It waits for approval where the server asks for that and its maker may not give it. Raises `KithError`."""
        persona = drafted(draft, await self._free_slug(guild_id, draft.name), self._voice())
        made, _ = await self._add(guild_id, persona, None, made_by, may_approve)
        return made

    async def edit(self, guild_id: int, slug: str, draft: Draft, shown: Draft, *, may_approve: bool) -> Made:
        """`shown`: what the form began with; only what differs from it is changed. Raises `KithError`; then everything is as it was.

        Whoever may approve approves by editing, if what waits is what they were shown.
        """
        async with self._changing:
            before = await self.own(guild_id, slug)
            persona = drafted(draft, before.persona.slug, self._voice(), before.persona, shown)
            asks = (await self._guilds.get(guild_id)).approves_personas
            has_seen = before.is_approved or draft_of(before.persona) == shown
            is_approved = (may_approve and has_seen) or (before.is_approved and not asks)
            document = document_of(persona)
            is_done = await self._repository.change(guild_id, persona.slug, document, is_approved=is_approved)
            self._made.pop(guild_id, None)
        if not is_done:
            raise PersonaError("it is gone", key="error-persona-unknown", slug=slug[:48])
        return Made(persona, before.made_by, is_approved, mark_of(document))

    async def take_in(self, guild_id: int, data: bytes, filename: str, made_by: int, *, may_approve: bool) -> Imported:
        """A card, or a persona file, from a stranger's bytes. Raises `KithError`; then nothing was kept."""
        taken = {NOBODY, *self.library.slugs(), *await self.made(guild_id)}
        one = await asyncio.to_thread(brought, data, filename, taken, self._voice())
        made, had_room = await self._add(guild_id, one.persona, one.card, made_by, may_approve, one.stored)
        return Imported(made, one.report, one.files, had_room)

    async def give_out(self, guild_id: int, name: str, wanted: Format | None = None) -> GivenOut:
        """Anybody here as a card; `None`: as what it came, else as a PNG. Raises `PersonaError`, `StorageError`."""
        persona = await self.find(guild_id, name)
        is_own = persona.slug in await self.made(guild_id)
        card = await self._repository.card(guild_id, persona.slug) if is_own else None
        files = await self._repository.files(guild_id, persona.slug) if is_own else None
        return await asyncio.to_thread(given_out, persona, card, files, wanted)

    async def picture(self, guild_id: int, slug: str) -> bytes | None:
        """The picture that came with the card of one of the server's own: PNG, JPEG or WebP. Raises `StorageError`."""
        return await self._repository.picture(guild_id, slug) if slug in await self.made(guild_id) else None

    async def approve(self, guild_id: int, slug: str, mark: str) -> Persona:
        """Raises `PersonaError` when nothing of that name waits (any more), or something else does."""
        await self._decide(guild_id, slug, mark, is_approved=True)
        return (await self.own(guild_id, slug)).persona

    async def decline(self, guild_id: int, slug: str, mark: str, declined_by: int = 0) -> bool:
        """With every choice of it. Answers whether the server had chosen it. Raises `PersonaError` as `approve` does."""
        await self._decide(guild_id, slug, mark, is_approved=False)
        return await self._let_go(guild_id, slug, declined_by)

    async def _decide(self, guild_id: int, slug: str, mark: str, *, is_approved: bool) -> None:
        decision = await self._repository.decide(guild_id, slug, mark, is_approved=is_approved)
        self._made.pop(guild_id, None)
        if decision is Decision.SETTLED:
            raise PersonaError("nothing of that name waits", key="error-persona-settled")
        if decision is Decision.CHANGED:
            raise PersonaError("it was changed since", key="error-persona-changed", slug=slug)

    async def delete(self, guild_id: int, slug: str, deleted_by: int = 0) -> bool:
        """With every choice of it. Answers whether the server had chosen it. Raises `PersonaError`."""
        is_done = await self._repository.delete(guild_id, slug)
        self._made.pop(guild_id, None)
        if not is_done:
            raise PersonaError("it is gone", key="error-persona-unknown", slug=slug[:48])
        return await self._let_go(guild_id, slug, deleted_by)

    async def _let_go(self, guild_id: int, slug: str, user_id: int) -> bool:
        """The next of this slug may be anybody's: nobody chose them. A shipped one of a later Kith may have it too."""
        if (await self._guilds.get(guild_id)).persona != slug:
            return False
        return await self._guilds.choose_persona(guild_id, None, user_id=user_id) is not None

    def drop(self, guild_id: int) -> None:
        """The guild is gone from the database; so it is from here."""
        self._made.pop(guild_id, None)

    async def _add(
        self,
        guild_id: int,
        persona: Persona,
        card: str | None,
        made_by: int,
        may_approve: bool,
        files: StoredFiles | None = None,
    ) -> tuple[Made, bool]:
        """Answers also whether there was room for the files."""
        is_approved = may_approve or not (await self._guilds.get(guild_id)).approves_personas
        document = document_of(persona)
        stored = StoredPersona(persona.slug, document, card, made_by, is_approved)
        had_room = await self._repository.add(guild_id, stored, files)
        self._made.pop(guild_id, None)
        return Made(persona, made_by, is_approved, mark_of(document)), had_room

    async def _free_slug(self, guild_id: int, name: str) -> str:
        return slug_for(name, {NOBODY, *self.library.slugs(), *await self.made(guild_id)})

    def _voice(self) -> dict[str, str]:
        return dict(self.library.get(self._default).voice)


def _parsed(stored: list[StoredPersona]) -> dict[str, Made]:
    """What a newer Kith wrote and this one cannot read is left out, and stays in the database."""
    found: dict[str, Made] = {}
    for one in stored:
        try:
            persona = parse_document(one.document, one.slug)
        except PersonaError:
            _log.warning("persona_not_understood", slug=one.slug)
            continue
        found[one.slug] = Made(persona, one.made_by, one.is_approved, mark_of(one.document))
    return found
