"""/settings: every setting of a server in one panel that only its admin sees; what is changed acts at once and leaves a line in the audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import discord
import structlog
from discord import app_commands, ui
from discord.ext import commands

from bot.app import Companion, KithBot, answer_fault
from bot.errors import KithError
from bot.faults import fault_sentence
from bot.storage.guild_repository import Change
from bot.storage.guilds import SETTINGS, GuildSettings, PickPersona, Section, Switch, Write, row_of
from bot.storage.quiet_hours import parse_quiet_hours
from cogs.answers import in_time, promptly, replace
from cogs.permissions import check_manages, member_of
from cogs.settings_choices import faults_in, gone_in, options_of, value_of, words_for
from cogs.settings_controls import (
    AUDIT,
    OPTIONS,
    Act,
    Press,
    control_view,
    form,
    page_view,
    press_of,
    written_in,
)
from cogs.settings_values import Unreadable, checked, mark_of
from cogs.settings_words import Words, audit, change_line, control, page
from cogs.wording import worded

CHANGES_SHOWN: Final = 10

Page: TypeAlias = tuple[str, ui.View]
"""What the panel says, and what can be pressed on it."""

_log = structlog.get_logger(__name__)


class SettingsPanel(commands.Cog):
    def __init__(self, companion: Companion, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        """Seconds, of the wall: a panel says when it was made, and outlives this process."""

        self._companion = companion
        self._texts = companion.texts

    @app_commands.command(name=worded("command-settings"), description=worded("command-settings-description"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def settings(self, interaction: discord.Interaction) -> None:
        member = member_of(interaction)
        check_manages(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        content, view = await self._page(member.guild, interaction.locale.value, Section.WHO.value)
        await interaction.edit_original_response(content=content, view=view)

    # ------------------------------------------------------------------ presses, choices and forms

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Every press on a panel, however old it is and whoever made it."""
        if interaction.type not in {discord.InteractionType.component, discord.InteractionType.modal_submit}:
            return
        data: dict[str, Any] = dict(interaction.data or {})
        press = press_of(str(data.get("custom_id", "")))
        if press is None:
            return
        try:
            await self._pressed(interaction, press, data)
        except Exception as error:  # answered to the admin, and logged if it is a bug
            await answer_fault(self._texts, interaction, error)

    async def _pressed(self, interaction: discord.Interaction, press: Press, data: dict[str, Any]) -> None:
        member = member_of(interaction)
        check_manages(interaction)
        if press.is_expired(self.clock()):
            raise KithError("an old panel", key="error-settings-expired")
        chosen = [str(value) for value in data.get("values", [])]
        name, mark, switched = [*(chosen or [""])[0].split(":"), "", ""][:3]
        subject = name if press.act is Act.CHANGE else press.what
        if press.act is not Act.PAGE and subject not in SETTINGS:
            raise KithError("a setting of another Kith", key="error-settings-expired")
        match press.act:
            case Act.PAGE:
                await self._answer(interaction, self._page(member.guild, interaction.locale.value, press.what))
            case Act.CHANGE if isinstance(row_of(name), Write):
                await interaction.response.send_modal(await in_time(self._form(interaction, member.guild, name)))
            case Act.CHANGE if isinstance(row_of(name), Switch):
                await self._choose(interaction, member, name, self._switched(switched), mark)
            case Act.CHANGE:
                await self._answer(interaction, self._control(interaction, member.guild, name))
            case Act.SET | Act.CLEAR | Act.WRITE:
                text = written_in(data.get("components", []))
                value = self._value(interaction, member.guild, press, chosen, text)
                await self._choose(interaction, member, press.what, value, press.mark)

    async def _answer(self, interaction: discord.Interaction, page: Coroutine[Any, Any, Page]) -> None:
        """The page in the place of the one that was pressed."""
        content, view = await promptly(interaction, page)
        await replace(interaction, content=content, view=view, allowed_mentions=discord.AllowedMentions.none())

    async def _form(self, interaction: discord.Interaction, guild: discord.Guild, name: str) -> ui.Modal:
        """For a setting that is typed."""
        words = await words_for(self._companion, guild.id, interaction.locale.value)
        return form(words, name, getattr(await self._companion.guilds.get(guild.id), name), self.clock())

    async def _control(self, interaction: discord.Interaction, guild: discord.Guild, name: str) -> Page:
        """For a setting that is chosen from a menu."""
        words = await words_for(self._companion, guild.id, interaction.locale.value)
        value = getattr(await self._companion.guilds.get(guild.id), name)
        options = await options_of(self._companion, guild.id, words, name, value)
        view = control_view(words, name, value, options, self.clock(), gone_in(guild, value))
        is_full = isinstance(row_of(name), PickPersona) and len(options) >= OPTIONS
        return control(words, name, value, words.say("settings-more-personas") if is_full else ""), view

    async def _switched(self, switched: str) -> bool:
        """What a switch was set to."""
        return switched == "on"

    async def _value(
        self, interaction: discord.Interaction, guild: discord.Guild, press: Press, chosen: list[str], text: str
    ) -> Any:
        """Chosen from a menu or written into a form. Raises `KithError` that says what was expected."""
        name = press.what
        words = await words_for(self._companion, guild.id, interaction.locale.value)
        try:
            value = GuildSettings.model_fields[name].default
            if press.act is not Act.CLEAR:
                value = await value_of(self._companion, guild, words, name, chosen, text)
            return checked(name, value)
        except Unreadable:
            values = {"name": words.name(name), "expected": words.expected(name)}
            raise KithError(f"{name}: not what it takes", key="error-setting-value", **values) from None

    # ------------------------------------------------------------------ changing

    async def _choose(
        self,
        interaction: discord.Interaction,
        member: discord.Member,
        name: str,
        meant: Coroutine[Any, Any, Any],
        mark: str,
    ) -> None:
        """Keep what was meant, unless it cannot be or somebody else was faster; show it; then let it act, and tell it where changes are told."""
        guild, locale, section = member.guild, interaction.locale.value, row_of(name).section.value
        try:
            before, change = await promptly(interaction, self._keep(member, name, meant, mark))
        except KithError as error:
            await self._answer(interaction, self._page(guild, locale, section, self._told(interaction, error)))
            return
        told = "" if change is None else self._texts.say(locale, "settings-done", name=self._name(locale, name))
        try:
            await self._answer(interaction, self._page(guild, locale, section, told))
        finally:  # it is kept, whether or not the admin could be shown that
            await self._act(interaction, guild, name, change, before)

    async def _keep(
        self, member: discord.Member, name: str, meant: Coroutine[Any, Any, Any], mark: str
    ) -> tuple[GuildSettings, Change | None]:
        """What was before, and the change; `None`: it was so already."""
        value, before = await meant, await self._companion.guilds.get(member.guild.id)
        change = await self._companion.choose_setting(
            member.guild.id,
            name,
            value,
            user_id=member.id,
            expected=lambda now: getattr(now, name) == value or mark_of(getattr(now, name)) == mark,
        )
        return before, change

    async def _act(
        self,
        interaction: discord.Interaction,
        guild: discord.Guild,
        name: str,
        change: Change | None,
        before: GuildSettings,
    ) -> None:
        if change is not None:
            _log.info("setting_changed", guild_id=guild.id, setting=name)
            try:
                await self._companion.settings_changed(guild.id)
                interaction.client.dispatch("settings_changed", guild)
            finally:
                await self._announce(guild, change, before)

    async def _announce(self, guild: discord.Guild, change: Change, before: GuildSettings) -> None:
        """In the audit channel; when that is what changed, in the one before too."""
        after = await self._companion.guilds.get(guild.id)
        words = await words_for(self._companion, guild.id, self._companion.chats.locale_of(guild))
        told = f"{words.say('settings-audit-told')} {change_line(words, change)}"
        for channel_id in {before.audit_channel_id, after.audit_channel_id} - {None}:
            channel = guild.get_channel(channel_id or 0)
            if not isinstance(channel, discord.TextChannel):
                continue
            try:
                await channel.send(told, allowed_mentions=discord.AllowedMentions.none())
            except discord.DiscordException as error:
                _log.warning("change_not_told", guild_id=guild.id, error=type(error).__name__)

    @commands.Cog.listener()
    async def on_server_persona_chosen(self, guild: discord.Guild) -> None:
        """`/persona use` changes a setting too."""
        latest = await self._companion.guilds.changes(guild.id, 1)
        if latest and latest[0].name == "persona":
            await self._announce(guild, latest[0], await self._companion.guilds.get(guild.id))

    # ------------------------------------------------------------------ showing

    async def _page(self, guild: discord.Guild, locale: str, name: str, told: str = "") -> Page:
        words, settings = await words_for(self._companion, guild.id, locale), await self._companion.guilds.get(guild.id)
        if name == AUDIT:
            changes = await self._companion.guilds.changes(guild.id, CHANGES_SHOWN)
            return audit(words, changes), page_view(words, settings, None, self.clock())
        section = Section(name) if name in set(Section) else Section.WHO
        faults = faults_in(guild, words, settings, section)
        return page(words, settings, section, told, faults), page_view(words, settings, section, self.clock())

    def _name(self, locale: str, setting: str) -> str:
        return Words(self._texts, locale).name(setting)

    def _told(self, interaction: discord.Interaction, error: KithError) -> str:
        return fault_sentence(self._texts, interaction.locale.value, error, "settings")


async def setup(bot: KithBot) -> None:
    parse_quiet_hours("22:00-07:00 UTC")  # finds the zones there are: not in the middle of a call
    await bot.add_cog(SettingsPanel(bot.companion))
