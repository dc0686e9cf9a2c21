"""/persona list, use, about: who the companion is on this server."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.personas.persona import Persona as Character
from bot.texts import Texts
from cogs.permissions import check_may_choose_persona, member_of
from cogs.wording import worded

CHOICES_SHOWN = 25
CHOICE_LIMIT = 100


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


@app_commands.guild_only()
class Persona(
    commands.GroupCog, group_name=worded("command-persona"), group_description=worded("command-persona-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    @app_commands.command(name=worded("command-persona-list"), description=worded("command-persona-list-description"))
    async def list_personas(self, interaction: discord.Interaction) -> None:
        member = member_of(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        current = await self._companion.persona_of(member.guild.id)
        shown = list_of(self._companion.texts, interaction.locale.value, self._companion.library.all(), current.slug)
        await interaction.edit_original_response(content=shown)

    @app_commands.command(name=worded("command-persona-use"), description=worded("command-persona-use-description"))
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    async def use_persona(self, interaction: discord.Interaction, name: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(thinking=True)
        await check_may_choose_persona(self._companion, member, interaction.permissions)
        persona, is_new = await self._companion.choose_persona(member.guild.id, name)
        key = "persona-used" if is_new else "persona-used-already"
        values = {"name": persona.name_in(locale)} | ({"tagline": persona.tagline_in(locale)} if is_new else {})
        await interaction.edit_original_response(content=self._companion.texts.say(locale, key, **values))

    @app_commands.command(name=worded("command-persona-about"), description=worded("command-persona-about-description"))
    @app_commands.rename(name=worded("option-name"))
    @app_commands.describe(name=worded("option-name-description"))
    async def about_persona(self, interaction: discord.Interaction, name: str) -> None:
        persona = self._companion.find_persona(name)
        sentence = about(self._companion.texts, interaction.locale.value, persona)
        await interaction.response.send_message(sentence, ephemeral=True)

    @use_persona.autocomplete("name")
    @about_persona.autocomplete("name")
    async def _complete(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        return choices(interaction.locale.value, self._companion.library.all(), typed)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Persona(bot.companion))
