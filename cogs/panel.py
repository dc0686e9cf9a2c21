"""The panel in the channel: three buttons that outlive restarts, and what each of them does. `/consent` does the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import discord
from discord import ButtonStyle, ui

from bot.app import Companion, answer_fault
from bot.personas.persona import Persona
from bot.texts import ENGLISH
from cogs.permissions import member_of

Action = Callable[[Companion, discord.Interaction], Awaitable[None]]


def panel_sentence(companion: Companion, locale: str, channel: str, persona: Persona) -> str:
    """Who is in the channel, and that they hear nobody who has not agreed."""
    return companion.texts.say(locale, "panel", channel=channel, persona=persona.name_in(locale))


async def allow(companion: Companion, interaction: discord.Interaction) -> None:
    """The member agrees. Acknowledged only when it is on the disk."""
    member = member_of(interaction)
    await interaction.response.defer(ephemeral=True, thinking=True)
    key = await companion.allow(member)
    await interaction.edit_original_response(content=companion.texts.say(interaction.locale.value, key))


async def stop(companion: Companion, interaction: discord.Interaction) -> None:
    """The member is heard no more. This starts before Discord is even answered, and a slow disk holds neither up."""
    member = member_of(interaction)
    withdrawal = asyncio.ensure_future(companion.withdraw(member))
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    finally:
        key = await withdrawal
    await interaction.edit_original_response(content=companion.texts.say(interaction.locale.value, key))


async def explain(companion: Companion, interaction: discord.Interaction) -> None:
    """What happens to the member's voice. Needs neither agreement nor a call."""
    sentence = companion.explain_consent(interaction.locale.value)
    await interaction.response.send_message(sentence, ephemeral=True)


BUTTONS: Final[dict[str, tuple[ButtonStyle, Action]]] = {
    "allow": (ButtonStyle.success, allow),
    "stop": (ButtonStyle.danger, stop),
    "explain": (ButtonStyle.secondary, explain),
}


class ConsentButton(ui.Button[ui.View]):
    def __init__(self, companion: Companion, name: str, locale: str) -> None:
        style, self._action = BUTTONS[name]
        self._companion = companion
        label = companion.texts.say(locale, f"panel-{name}")
        super().__init__(style=style, label=label, custom_id=f"kith:consent:{name}")

    async def callback(self, interaction: discord.Interaction) -> None:
        await self._action(self._companion, interaction)


class Panel(ui.View):
    """Persistent: no timeout, fixed ids. Labels are in the locale of whoever called Kith."""

    def __init__(self, companion: Companion, locale: str = ENGLISH) -> None:
        super().__init__(timeout=None)
        self._texts = companion.texts
        for name in BUTTONS:
            self.add_item(ConsentButton(companion, name, locale))

    async def on_error(self, interaction: discord.Interaction, error: Exception, item: ui.Item[Any], /) -> None:
        await answer_fault(self._texts, interaction, error)
