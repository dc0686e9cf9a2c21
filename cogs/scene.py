"""/scene: what the room does, so that the companion's pace, length and patience fit."""

from __future__ import annotations

from typing import Annotated

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.errors import KithError
from bot.personas.scenes import CUSTOM, SCENES, WORDS_LIMIT, custom_scene
from cogs.permissions import is_usable, member_of
from cogs.persona_forms import SceneForm
from cogs.wording import worded

NONE = "none"
LABELS = {
    "bedtime": "persona-scene-bedtime",
    "hype": "persona-scene-hype",
    "study": "persona-scene-study",
    "car": "persona-scene-car",
    CUSTOM: "persona-scene-custom",
    NONE: "persona-scene-none",
}


class SceneCog(commands.Cog):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        return await is_usable(self._companion, interaction)

    @app_commands.command(name=worded("command-scene"), description=worded("command-scene-description"))
    @app_commands.rename(name=worded("option-scene"), words=worded("option-words"))
    @app_commands.describe(name=worded("option-scene-description"), words=worded("option-words-description"))
    @app_commands.choices(name=[Choice(name=worded(key), value=name) for name, key in LABELS.items()])
    @app_commands.guild_only()
    @app_commands.checks.cooldown(5, 15.0)
    async def scene(
        self,
        interaction: discord.Interaction,
        name: str,
        words: Annotated[str, Range[str, 1, WORDS_LIMIT]] | None = None,
    ) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        if name not in LABELS:
            raise KithError("no such scene", key="error-option")
        if name == CUSTOM and words is None:
            self._companion.must_be_in_call(member)
            await interaction.response.send_modal(SceneForm(self._companion, locale, self._set_words))
        elif name == CUSTOM and words is not None:
            await self._set_words(interaction, words)
        else:
            self._companion.must_be_in_call(member)
            self._companion.set_scene(member.guild.id, SCENES.get(name))
            key = "persona-scene-set" if name in SCENES else "persona-scene-off"
            label = self._companion.texts.say(locale, LABELS[name])
            await interaction.response.send_message(self._companion.texts.say(locale, key, scene=label))

    async def _set_words(self, interaction: discord.Interaction, words: str) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        self._companion.must_be_in_call(member)
        if len(words) > WORDS_LIMIT:
            raise KithError("a long scene", key="error-persona-scene-long", length=len(words), limit=WORDS_LIMIT)
        try:
            scene = custom_scene(words)
        except ValueError:
            raise KithError("no visible words", key="error-persona-scene-empty") from None
        self._companion.set_scene(member.guild.id, scene)
        told = self._companion.texts.say(locale, "persona-scene-set", scene=scene.words)
        await interaction.response.send_message(told)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(SceneCog(bot.companion))
