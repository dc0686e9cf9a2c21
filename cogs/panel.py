"""The panel in the channel: buttons that outlive restarts, and what each of them does. `/consent` does the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

import discord
from discord import ButtonStyle, ui

from bot.app import Companion, answer_fault
from bot.companion import OFF_RECORD_S
from bot.consent import STANDS
from bot.errors import KithError
from bot.personas.persona import Persona
from bot.presence import Shown, panel_words
from bot.provenance import model_sentence
from bot.storage.consent import Scope
from bot.texts import ENGLISH
from cogs.board import adopt, presence_of
from cogs.consent_words import agreements, explanation, mode_words
from cogs.permissions import member_of
from cogs.presses import Presses

Action = Callable[[Companion, discord.Interaction], Awaitable[None]]

_presses: WeakKeyDictionary[Companion, Presses] = WeakKeyDictionary()
_in_turn: WeakValueDictionary[tuple[int, int, str], asyncio.Lock] = WeakValueDictionary()


def panel_sentence(companion: Companion, locale: str, channel: str, persona: Persona) -> str:
    """Who is in the channel, and that they hear nobody who has not agreed."""
    return panel_words(companion.texts, locale, Shown(channel, persona.name_in(locale), 0, 0))


# ---------------------------------------------------------------------------- what buttons and commands do


async def allow(companion: Companion, interaction: discord.Interaction, scope: Scope = Scope.LISTEN) -> None:
    """The member agrees. Acknowledged only when it is on the disk."""
    member, locale = member_of(interaction), interaction.locale.value
    await interaction.response.defer(ephemeral=True, thinking=True)
    if scope is Scope.LISTEN:
        told = companion.texts.say(locale, await companion.consent.allow(member))
    else:
        await companion.consent.allow(member, scope)
        told = await _told(companion, member, locale, scope)
    await interaction.edit_original_response(content=told)


async def stop(companion: Companion, interaction: discord.Interaction, scope: Scope = Scope.LISTEN) -> None:
    """The member takes one thing back; with being heard goes everything. This starts before Discord is even answered, and a slow disk holds neither up."""
    member, locale, texts = member_of(interaction), interaction.locale.value, companion.texts
    before = companion.consent.agreed(member)
    withdrawal = asyncio.ensure_future(companion.consent.withdraw(member, scope))
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    finally:
        key = await withdrawal
    told = texts.say(locale, key)
    if scope is Scope.LISTEN and before - {Scope.LISTEN}:
        told = f"{told}\n{texts.say(locale, 'consent-stopped-rest')}"
    await interaction.edit_original_response(content=told)


async def toggle(companion: Companion, interaction: discord.Interaction, scope: Scope) -> None:
    """The other way round from what it was. A double click is one press."""
    member, locale, pressed_at = member_of(interaction), interaction.locale.value, time.monotonic()
    await interaction.response.defer(ephemeral=True, thinking=True)
    button = (member.guild.id, member.id, scope.value)
    async with _in_turn.setdefault(button, asyncio.Lock()):  # the second of two clicks tells what the first one did
        # A moment between the presses, however long the disk took over the first one.
        if not _presses_of(companion).is_double(button, pressed_at):
            if scope in await companion.consent.scopes(member):
                await companion.consent.withdraw(member, scope)
            else:
                await companion.consent.allow(member, scope)
    await interaction.edit_original_response(content=await _told(companion, member, locale, scope))


async def _told(companion: Companion, member: discord.Member, locale: str, scope: Scope) -> str:
    """How it stands with one scope, and what that means here."""
    now = companion.consent.agreed(member)
    sentences = [companion.texts.say(locale, STANDS[scope, scope in now])]
    if scope is Scope.REMEMBER and scope in now:
        settings = await companion.guilds.get(member.guild.id)
        sentences.append(mode_words(companion.texts, locale, settings.memory))
    if scope in now and Scope.LISTEN not in now:
        sentences.append(companion.texts.say(locale, "consent-unheard"))
    return "\n".join(sentences)


async def remember(companion: Companion, interaction: discord.Interaction) -> None:
    await toggle(companion, interaction, Scope.REMEMBER)


async def transcript(companion: Companion, interaction: discord.Interaction) -> None:
    await toggle(companion, interaction, Scope.TRANSCRIPT)


async def off_record(companion: Companion, interaction: discord.Interaction) -> None:
    """Ten minutes of which nothing is remembered, for the room. Everybody sees whose wish it is."""
    member, locale, texts = member_of(interaction), interaction.locale.value, companion.texts
    guild_id = member.guild.id
    companion.must_be_in_call(member)
    memory = companion.memory_of(guild_id)
    if memory is None:
        await interaction.response.send_message(texts.say(locale, "record-off-nothing"), ephemeral=True)
        return
    _, until = presence_of(companion).off_record_of(guild_id)
    if until:
        told = texts.say(locale, "record-off-already", until=str(until))
        await interaction.response.send_message(told, ephemeral=True)
        return
    companion.off_the_record(member)
    until = int(time.time()) + round(OFF_RECORD_S)
    presence_of(companion).off_record(guild_id, memory.channel_id, member.display_name, until)
    told = texts.say(locale, "record-off-told", until=str(until), name=member.display_name)
    await interaction.response.send_message(told)


async def explain(companion: Companion, interaction: discord.Interaction) -> None:
    """What happens to the member's voice. Needs neither agreement nor a call."""
    member, locale = member_of(interaction), interaction.locale.value
    await interaction.response.defer(ephemeral=True, thinking=True)
    settings = await companion.guilds.get(member.guild.id)
    words = explanation(companion.texts, locale, model_sentence(companion.settings, companion.texts, locale), settings)
    view = Explained(companion, locale, await companion.consent.scopes(member))
    await interaction.edit_original_response(content=words, view=view)


async def show(companion: Companion, interaction: discord.Interaction) -> None:
    """What the member has agreed to, since when, and to which notice."""
    member, locale = member_of(interaction), interaction.locale.value
    await interaction.response.defer(ephemeral=True, thinking=True)
    now = await companion.consent.scopes(member)
    rows = await companion.ledger.export_member(member.guild.id, member.id)
    words = agreements(companion.texts, locale, rows, now, companion.ledger.sent_to)
    await interaction.edit_original_response(content=words, view=Explained(companion, locale, now))


# ---------------------------------------------------------------------------- buttons

BUTTONS: Final[dict[str, tuple[ButtonStyle, Action, str]]] = {
    "allow": (ButtonStyle.success, allow, "panel-allow"),
    "stop": (ButtonStyle.danger, stop, "panel-stop"),
    "remember": (ButtonStyle.secondary, remember, "panel-remember"),
    "off-record": (ButtonStyle.secondary, off_record, "panel-off-record"),
    "explain": (ButtonStyle.secondary, explain, "panel-explain"),
}
SCOPES: Final[dict[str, tuple[Scope, Action, str]]] = {
    "remember": (Scope.REMEMBER, remember, "panel-remember"),
    "transcript": (Scope.TRANSCRIPT, transcript, "panel-transcript"),
}


class ConsentButton(ui.Button[ui.View]):
    def __init__(self, companion: Companion, name: str, style: ButtonStyle, action: Action, label: str) -> None:
        self._companion = companion
        self._action = action
        self._is_limited = name != "stop"  # taking it back works every time
        super().__init__(style=style, label=label, custom_id=f"kith:consent:{name}")

    async def callback(self, interaction: discord.Interaction) -> None:
        if self._is_limited:
            check_pace(self._companion, interaction)
        await self._action(self._companion, interaction)
        adopt(self._companion, interaction)


class ConsentView(ui.View):
    """Persistent: no timeout, fixed ids."""

    def __init__(self, companion: Companion) -> None:
        super().__init__(timeout=None)
        self._texts = companion.texts

    async def on_error(self, interaction: discord.Interaction, error: Exception, item: ui.Item[Any], /) -> None:
        await answer_fault(self._texts, interaction, error)


class Panel(ConsentView):
    """Labels are in the locale of whoever called Kith."""

    def __init__(self, companion: Companion, locale: str = ENGLISH) -> None:
        super().__init__(companion)
        for name, (style, action, key) in BUTTONS.items():
            label = companion.texts.say(locale, key)
            self.add_item(ConsentButton(companion, name, style, action, label))


class Explained(ConsentView):
    """Under an explanation: what else one can agree to. Green is agreed to."""

    def __init__(self, companion: Companion, locale: str = ENGLISH, now: frozenset[Scope] = frozenset()) -> None:
        super().__init__(companion)
        for name, (scope, action, key) in SCOPES.items():
            style = ButtonStyle.success if scope in now else ButtonStyle.secondary
            self.add_item(ConsentButton(companion, name, style, action, companion.texts.say(locale, key)))


def check_pace(companion: Companion, interaction: discord.Interaction) -> None:
    """Raises `KithError` for a member who presses too often."""
    wait_s = _presses_of(companion).wait_s((interaction.guild_id or 0, interaction.user.id), time.monotonic())
    if wait_s > 0:
        raise KithError("buttons pressed too often", key="error-too-fast", seconds=wait_s)


def _presses_of(companion: Companion) -> Presses:
    return _presses.setdefault(companion, Presses())
