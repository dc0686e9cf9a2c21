"""/persona: who the companion is, in a server, a channel or a call alone; and the server's own personas: made, changed, brought and taken away."""

from __future__ import annotations

import io
from typing import Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.cast import NOBODY, Made
from bot.errors import KithError, PersonaError
from bot.faults import tell_alone
from bot.personas.cards.files import Format
from bot.personas.cards.tidy import shortened
from bot.personas.character import CharacterReport
from bot.personas.draft import Draft, draft_of
from bot.personas.drift import Fault
from bot.personas.persona import Persona as Character
from bot.storage.personas import Scope
from bot.texts import Texts
from cogs.answers import in_time
from cogs.pace import by_guild
from cogs.permissions import check_age_gate, check_may_choose_persona, check_may_use, is_usable, may_choose, member_of
from cogs.persona_cards import MESSAGE_LIMIT, card_in, may_show_picture, picture_file, take_in
from cogs.persona_forms import ApprovalButton, ForgottenForms, PersonaForm, approval, words_file
from cogs.voice import channel_of
from cogs.wording import one_of, worded

CHOICES_SHOWN = 25
CHOICE_LIMIT = 100

SCOPES: Final = {
    Scope.SERVER: "persona-scope-server",
    Scope.CHANNEL: "persona-scope-channel",
    Scope.ME: "persona-scope-me",
}
USED: Final = {
    Scope.SERVER: "persona-used",
    Scope.CHANNEL: "persona-used-channel",
    Scope.ME: "persona-used-me",
}
FORMATS: Final = {Format.PNG: "persona-format-png", Format.CHARX: "persona-format-charx"}
FAULTS: Final = {
    Fault.ASSISTANT: "persona-fault-assistant",
    Fault.LANGUAGE: "persona-fault-language",
    Fault.TABOO: "persona-fault-taboo",
    Fault.CATCHPHRASE: "persona-fault-catchphrase",
    Fault.REPETITION: "persona-fault-repetition",
    Fault.LENGTH: "persona-fault-length",
    Fault.STAGE: "persona-fault-stage",
    Fault.NAME: "persona-fault-name",
    Fault.GUILT: "persona-fault-guilt",
}


def list_of(texts: Texts, locale: str, personas: tuple[Character, ...], current: str) -> str:
    """Every persona, a line each, with the present one marked."""
    lines = [texts.say(locale, "persona-list")]
    for persona in personas:
        key = "persona-list-current" if persona.slug == current else "persona-list-entry"
        name, tagline = persona.name_in(locale), persona.tagline_in(locale)
        lines.append(texts.say(locale, key, name=name, slug=persona.slug, tagline=tagline))
    return "\n".join(lines)


def about(texts: Texts, locale: str, persona: Character) -> str:
    """A persona as members get to know it: nothing of this is an instruction to a model."""
    spoken = " · ".join(texts.say(locale, f"language-{language}") for language in persona.languages)
    return "\n".join(
        (
            texts.say(locale, "persona-about-title", name=persona.name_in(locale), slug=persona.slug),
            persona.about_in(locale),
            texts.say(locale, "persona-about-languages", languages=spoken),
            texts.say(locale, "persona-about-talk", talkativeness=persona.talkativeness),
            texts.say(locale, "persona-about-rating", rating=persona.age_rating.value),
        )
    )


def choices(locale: str, personas: tuple[Character, ...], typed: str) -> list[Choice[str]]:
    """What the option offers while someone types: slugs and names that contain it, in any language."""
    wanted = typed.strip().casefold()
    return [
        Choice(name=f"{persona.name_in(locale)} · {persona.tagline_in(locale)}"[:CHOICE_LIMIT], value=persona.slug)
        for persona in personas
        if any(wanted in known.casefold() for known in persona.known_as)
    ][:CHOICES_SHOWN]


def health_of(texts: Texts, locale: str, name: str, report: CharacterReport) -> str:
    """How well the companion stayed who it is, in a few lines."""
    if report.score is None:
        return texts.say(locale, "persona-health-none", name=name)
    lines = [texts.say(locale, "persona-health", name=name, score=report.score, replies=report.replies)]
    lines += [texts.say(locale, FAULTS[fault], count=count) for fault, count in report.faults]
    if report.reactions:
        lines.append(texts.say(locale, "persona-health-reactions", count=report.reactions))
    if report.step is not None:
        lines.append(texts.say(locale, "persona-health-step", step=int(report.step)))
    return "\n".join(lines)


@app_commands.guild_only()
class Persona(
    commands.GroupCog, group_name=worded("command-persona"), group_description=worded("command-persona-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self._texts = companion.texts

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        return await is_usable(self._companion, interaction)

    # ------------------------------------------------------------------ choosing

    @app_commands.command(name=worded("command-persona-list"), description=worded("command-persona-list-description"))
    async def list_personas(self, interaction: discord.Interaction) -> None:
        member = member_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        current = await self._current(member)
        everyone = await self._companion.cast.all(member.guild.id)
        shown = list_of(self._texts, interaction.locale.value, everyone, current.slug)
        await interaction.edit_original_response(content=shortened(shown, MESSAGE_LIMIT))

    @app_commands.command(name=worded("command-persona-use"), description=worded("command-persona-use-description"))
    @app_commands.rename(name=worded("option-name"), scope=worded("option-scope"))
    @app_commands.describe(name=worded("option-name-description"), scope=worded("option-scope-description"))
    @app_commands.choices(scope=[Choice(name=worded(key), value=scope.value) for scope, key in SCOPES.items()])
    async def use_persona(self, interaction: discord.Interaction, name: str, scope: str = Scope.SERVER.value) -> None:
        member, locale, chosen_for = member_of(interaction), interaction.locale.value, one_of(Scope, scope)
        await interaction.response.defer(thinking=True, ephemeral=chosen_for is Scope.ME)
        if chosen_for is not Scope.ME:
            await check_may_choose_persona(self._companion, member, interaction.permissions)
        channel = channel_of(member) if chosen_for is Scope.CHANNEL else None
        if name.strip().casefold() != NOBODY:
            check_age_gate(await self._companion.cast.find(member.guild.id, name), channel)
        target = channel.id if channel is not None else member.id
        persona, is_new = await self._companion.choose_persona(member.guild.id, name, chosen_for, target)
        if chosen_for is Scope.SERVER and is_new:
            interaction.client.dispatch("server_persona_chosen", member.guild)
        name = persona.name_in(locale)
        if not is_new:  # nothing happened that the room needs to read
            await tell_alone(interaction, self._texts.say(locale, "persona-used-already", name=name))
            return
        told = self._texts.say(locale, USED[chosen_for], name=name, tagline=persona.tagline_in(locale))
        await interaction.edit_original_response(content=told)

    @app_commands.command(name=worded("command-persona-about"), description=worded("command-persona-about-description"))
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    async def about_persona(self, interaction: discord.Interaction, name: str) -> None:
        member = member_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        persona, waits = await self._known(interaction, member, name)
        shown = shortened(about(self._texts, interaction.locale.value, persona), MESSAGE_LIMIT)
        files = [words_file(persona)] if waits else []
        is_shown = may_show_picture(persona, interaction.channel)
        picture = await self._companion.cast.picture(member.guild.id, persona.slug) if is_shown else None
        file = picture_file(persona.slug, picture) if picture is not None else None
        if file is None:
            await interaction.edit_original_response(content=shown, attachments=files)
            return
        embed = discord.Embed(description=shown).set_thumbnail(url=f"attachment://{file.filename}")
        await interaction.edit_original_response(embed=embed, attachments=[file, *files])

    @app_commands.command(
        name=worded("command-persona-audition"), description=worded("command-persona-audition-description")
    )
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    @app_commands.checks.cooldown(2, 30.0, key=by_guild)
    async def audition_persona(self, interaction: discord.Interaction, name: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        self._companion.must_be_in_call(member)
        await interaction.response.defer(thinking=True)
        check_age_gate(await self._companion.cast.find(member.guild.id, name), channel_of(member))
        persona = await self._companion.auditions.play(member.guild.id, name)
        told = self._texts.say(locale, "persona-audition", name=persona.name_in(locale), slug=persona.slug)
        await interaction.edit_original_response(content=told)

    @app_commands.command(
        name=worded("command-persona-health"), description=worded("command-persona-health-description")
    )
    async def health(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        status = self._companion.status(member.guild.id)
        if status is None or status.character is None:
            raise KithError("no call here", key="error-not-in-call")
        name = status.persona.name_in(locale) if status.persona is not None else status.persona_name
        told = health_of(self._texts, locale, name, status.character)
        await interaction.response.send_message(told, ephemeral=True)

    # ------------------------------------------------------------------ making

    @app_commands.command(
        name=worded("command-persona-create"), description=worded("command-persona-create-description")
    )
    async def create(self, interaction: discord.Interaction) -> None:
        member_of(interaction)
        await interaction.response.send_modal(PersonaForm(self._companion, interaction.locale.value, self._created))

    async def _created(self, interaction: discord.Interaction, draft: Draft) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(thinking=True)
        may_approve = await may_choose(self._companion, member, interaction.permissions)
        made = await self._companion.cast.create(member.guild.id, draft, member.id, may_approve=may_approve)
        await self._tell_made(interaction, locale, made, may_approve)

    @app_commands.command(name=worded("command-persona-edit"), description=worded("command-persona-edit-description"))
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    async def edit(self, interaction: discord.Interaction, name: str) -> None:
        member = member_of(interaction)
        made = await in_time(self._own(interaction, member, name))  # a form must be the first answer
        slug, shown = made.persona.slug, draft_of(made.persona)

        async def submit(later: discord.Interaction, draft: Draft) -> None:
            await later.response.defer(thinking=True)
            await self._own(later, member_of(later), slug)
            may_approve = await may_choose(self._companion, member_of(later), later.permissions)
            changed = await self._companion.cast.edit(member.guild.id, slug, draft, shown, may_approve=may_approve)
            await self._companion.recast(member.guild.id)
            await self._tell_made(later, later.locale.value, changed, may_approve)

        form = PersonaForm(self._companion, interaction.locale.value, submit, shown)
        await interaction.response.send_modal(form)

    @app_commands.command(
        name=worded("command-persona-delete"), description=worded("command-persona-delete-description")
    )
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    async def delete(self, interaction: discord.Interaction, name: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(thinking=True, ephemeral=True)
        made = await self._own(interaction, member, name)
        if await self._companion.cast.delete(member.guild.id, made.persona.slug, member.id):
            interaction.client.dispatch("server_persona_chosen", member.guild)
        await self._companion.recast(member.guild.id)
        told = self._texts.say(locale, "persona-deleted", name=made.persona.name_in(locale))
        await interaction.edit_original_response(content=told)

    async def _tell_made(self, interaction: discord.Interaction, locale: str, made: Made, may_choose: bool) -> None:
        kept = "persona-kept" if may_choose else "persona-kept-alone"
        key = kept if made.is_approved else "persona-waits"
        told = self._texts.say(locale, key, name=made.persona.name_in(locale), slug=made.persona.slug)
        view = discord.utils.MISSING if made.is_approved else approval(self._companion, locale, made)
        await interaction.edit_original_response(content=told, view=view)

    async def _own(self, interaction: discord.Interaction, member: discord.Member, name: str) -> Made:
        """One of the server's own that this member may change: its maker, or who may choose the persona. Raises `KithError`."""
        made = await self._companion.cast.own(member.guild.id, name)
        if not await self._may_change(interaction, member, made):
            raise KithError("neither its maker nor a manager", key="error-persona-not-yours")
        return made

    async def _known(
        self, interaction: discord.Interaction, member: discord.Member, name: str
    ) -> tuple[Character, bool]:
        """Who is asked after, and whether they wait: such are for their maker, and for whoever may approve them. Raises `PersonaError`."""
        try:
            return await self._companion.cast.find(member.guild.id, name), False
        except PersonaError:
            made = (await self._companion.cast.made(member.guild.id)).get(name.strip().casefold())
            if made is None or not await self._may_change(interaction, member, made):
                raise
            return made.persona, True

    async def _may_change(self, interaction: discord.Interaction, member: discord.Member, made: Made) -> bool:
        return made.made_by == member.id or await may_choose(self._companion, member, interaction.permissions)

    async def _current(self, member: discord.Member) -> Character:
        status = self._companion.status(member.guild.id)
        if status is not None and status.persona is not None:
            return status.persona
        return await self._companion.cast.of(member.guild.id)

    # ------------------------------------------------------------------ cards

    @app_commands.command(
        name=worded("command-persona-import"), description=worded("command-persona-import-description")
    )
    @app_commands.rename(file=worded("option-file"))
    @app_commands.describe(file=worded("option-file-description"))
    @app_commands.checks.cooldown(5, 60.0, key=by_guild)
    async def import_persona(self, interaction: discord.Interaction, file: discord.Attachment) -> None:
        await take_in(self._companion, interaction, card_in([file]))

    @app_commands.command(
        name=worded("command-persona-export"), description=worded("command-persona-export-description")
    )
    @app_commands.rename(name=worded("option-name"), as_format=worded("option-format"))
    @app_commands.describe(name=worded("option-name-description"), as_format=worded("option-format-description"))
    @app_commands.choices(as_format=[Choice(name=worded(key), value=one.value) for one, key in FORMATS.items()])
    @app_commands.checks.cooldown(5, 60.0, key=by_guild)
    async def export_persona(self, interaction: discord.Interaction, name: str, as_format: str | None = None) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(thinking=True, ephemeral=True)
        wanted = one_of(Format, as_format) if as_format is not None else None
        await self._check_picture(interaction, await self._companion.cast.find(member.guild.id, name))
        out = await self._companion.cast.give_out(member.guild.id, name, wanted)
        file = discord.File(io.BytesIO(out.data), filename=f"{out.persona.slug}.{out.format.value}")
        told = self._texts.say(locale, "persona-exported", name=out.persona.name_in(locale))
        if out.left_out:
            told = f"{told}\n{self._texts.say(locale, 'persona-export-left', count=out.left_out)}"
        await interaction.edit_original_response(content=told, attachments=[file])

    async def _check_picture(self, interaction: discord.Interaction, persona: Character) -> None:
        """A card shows its picture wherever it is posted. Raises `KithError` for one of a persona for adults, here."""
        if may_show_picture(persona, interaction.channel):
            return
        if await self._companion.cast.picture(interaction.guild_id or 0, persona.slug) is not None:
            raise KithError("a picture for adults", key="error-persona-adult-card")

    # ------------------------------------------------------------------ completion

    @use_persona.autocomplete("name")
    @audition_persona.autocomplete("name")
    @export_persona.autocomplete("name")
    async def _complete(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        everyone = await self._companion.cast.all(interaction.guild_id or 0)
        return choices(interaction.locale.value, everyone, typed)

    @about_persona.autocomplete("name")
    async def _complete_known(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        member = member_of(interaction)
        everyone = await self._companion.cast.all(member.guild.id)
        own = await self._companion.cast.made(member.guild.id)
        waiting = [one for one in own.values() if not one.is_approved]
        shown = [one.persona for one in waiting if await self._may_change(interaction, member, one)]
        return choices(interaction.locale.value, (*shown, *everyone), typed)

    @edit.autocomplete("name")
    @delete.autocomplete("name")
    async def _complete_own(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        own = await self._companion.cast.made(interaction.guild_id or 0)
        return choices(interaction.locale.value, tuple(made.persona for made in own.values()), typed)


async def setup(bot: KithBot) -> None:
    companion = bot.companion

    @app_commands.guild_only()
    async def adopt(interaction: discord.Interaction, message: discord.Message) -> None:
        await in_time(check_may_use(companion, member_of(interaction), interaction.permissions))
        await take_in(companion, interaction, card_in(message.attachments))

    await bot.add_cog(Persona(companion))
    await bot.add_cog(ForgottenForms(companion))
    bot.tree.add_command(app_commands.ContextMenu(name=worded("persona-menu-adopt"), callback=adopt))
    bot.add_dynamic_items(ApprovalButton)
