"""/privacy receipt, erase, policy: what of a member went where and is kept, and deleting it. For their eyes only."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import discord
from discord import ButtonStyle, app_commands, ui
from discord.ext import commands

from bot.app import Companion, KithBot, answer_fault
from bot.errors import KithError, StorageError
from bot.provenance import model_sentence, region_key
from bot.receipt import by_model, kept_lines, sent_lines
from bot.texts import CHINESE, ENGLISH, catalogue_of
from cogs.pace import HEAVY, by_member
from cogs.permissions import member_of
from cogs.wording import worded

PACE: Final = (6, 60.0)
FOLDER: Final = Path(__file__).parents[1]
POLICIES: Final = {ENGLISH: "PRIVACY.md", CHINESE: "PRIVACY.zh-CN.md"}


async def receipt_words(companion: Companion, member: discord.Member, locale: str) -> str:
    """The ledger's sums and what is stored of the member. Raises `StorageError`."""
    guild_id, texts = member.guild.id, companion.texts
    receipt = await companion.spending.receipt(guild_id, member.id)
    everything = await companion.estate.export_member(guild_id, member.id)
    settings = await companion.guilds.get(guild_id)
    regions = {companion.settings.provider: texts.say(locale, region_key(companion.settings))}
    lines = [
        texts.say(locale, "privacy-receipt-title"),
        *sent_lines(texts, locale, by_model(receipt.rows), receipt.currency, regions),
        texts.say(locale, "privacy-receipt-kept"),
        *kept_lines(texts, locale, everything, settings.retention_days),
        texts.say(locale, "privacy-receipt-more"),
    ]
    return "\n".join(lines)


async def erase(companion: Companion, member: discord.Member) -> None:
    """The member is heard no more, at once; then nothing on the disk names them. Raises `KithError`; then nothing is deleted yet."""
    try:
        await companion.erase_member(member)
    except StorageError as error:
        raise KithError(str(error), key="error-privacy-erase") from error


class EraseButton(ui.Button[ui.View]):
    def __init__(self, companion: Companion, locale: str, *, is_yes: bool) -> None:
        self._companion = companion
        self._is_yes = is_yes
        key = "privacy-erase-yes" if is_yes else "privacy-erase-no"
        style = ButtonStyle.danger if is_yes else ButtonStyle.secondary
        custom_id = f"kith:privacy:{'erase' if is_yes else 'keep'}"
        super().__init__(style=style, label=companion.texts.say(locale, key), custom_id=custom_id)

    async def callback(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer()
        if self._is_yes:
            await erase(self._companion, member)
        key = "privacy-erased" if self._is_yes else "privacy-erase-kept"
        await interaction.edit_original_response(content=self._companion.texts.say(locale, key), view=None)


class EraseView(ui.View):
    """Persistent: no timeout, fixed ids."""

    def __init__(self, companion: Companion, locale: str = ENGLISH) -> None:
        super().__init__(timeout=None)
        self._texts = companion.texts
        self.add_item(EraseButton(companion, locale, is_yes=True))
        self.add_item(EraseButton(companion, locale, is_yes=False))

    async def on_error(self, interaction: discord.Interaction, error: Exception, item: ui.Item[Any], /) -> None:
        await answer_fault(self._texts, interaction, error)


@app_commands.guild_only()
class Privacy(
    commands.GroupCog, group_name=worded("command-privacy"), group_description=worded("command-privacy-description")
):
    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self._texts = companion.texts

    @app_commands.command(
        name=worded("command-privacy-receipt"), description=worded("command-privacy-receipt-description")
    )
    @app_commands.checks.cooldown(*PACE, key=by_member)
    async def receipt(self, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await interaction.response.defer(ephemeral=True, thinking=True)
        words = await receipt_words(self._companion, member, locale)
        await interaction.edit_original_response(content=words[:2000])

    @app_commands.command(name=worded("command-privacy-erase"), description=worded("command-privacy-erase-description"))
    @app_commands.checks.cooldown(*HEAVY, key=by_member)
    async def erase(self, interaction: discord.Interaction) -> None:
        member_of(interaction)
        locale = interaction.locale.value
        view = EraseView(self._companion, locale)
        await interaction.response.send_message(self._texts.say(locale, "privacy-erase-ask"), view=view, ephemeral=True)

    @app_commands.command(
        name=worded("command-privacy-policy"), description=worded("command-privacy-policy-description")
    )
    @app_commands.checks.cooldown(*PACE, key=by_member)
    async def policy(self, interaction: discord.Interaction) -> None:
        locale, url = interaction.locale.value, self._companion.settings.kith_privacy_url
        model = model_sentence(self._companion.settings, self._texts, locale)
        words = self._texts.say(locale, "privacy-policy-short", model=model)
        if url:
            link = self._texts.say(locale, "privacy-policy-link", url=url)
            await interaction.response.send_message(f"{words}\n{link}", ephemeral=True)
            return
        path = FOLDER / POLICIES[catalogue_of(locale)]
        if not path.is_file():  # installed without its pages
            await interaction.response.send_message(words, ephemeral=True)
            return
        file = discord.File(io.BytesIO(path.read_bytes()), filename=path.name)
        attached = self._texts.say(locale, "privacy-policy-file")
        await interaction.response.send_message(f"{words}\n{attached}", file=file, ephemeral=True)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Privacy(bot.companion))
    bot.add_view(EraseView(bot.companion))
