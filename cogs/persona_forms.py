"""Forms of personas: making and changing one, a scene in one's own words, and the buttons under a persona that waits for approval."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Self

import discord
from discord import ButtonStyle, TextStyle, ui

from bot.app import Companion, KithBot, answer_fault
from bot.errors import KithError
from bot.personas.draft import LINE_LIMIT, NAME_LIMIT, PHRASES_LIMIT, TEXT_LIMIT, Draft
from bot.personas.scenes import WORDS_LIMIT
from cogs.permissions import check_may_choose_persona, member_of

TITLE_LIMIT: Final = 45

FIELDS: Final = {
    "name": ("persona-form-name", NAME_LIMIT, TextStyle.short, True),
    "tagline": ("persona-form-tagline", LINE_LIMIT, TextStyle.short, True),
    "identity": ("persona-form-identity", TEXT_LIMIT, TextStyle.paragraph, True),
    "manner": ("persona-form-manner", TEXT_LIMIT, TextStyle.paragraph, True),
    "phrases": ("persona-form-phrases", PHRASES_LIMIT, TextStyle.paragraph, False),
}
"""Of a draft: catalogue key of the label, characters, shape, whether it must be filled in."""

Submit = Callable[[discord.Interaction, Draft], Awaitable[None]]


class Form(ui.Modal):
    """A form that answers its faults as commands do. Each has an id of its own: discord.py knows open forms by that alone, whoever fills them in."""

    def __init__(self, companion: Companion, title: str, name: str) -> None:
        super().__init__(title=title[:TITLE_LIMIT], custom_id=f"{name}:{secrets.token_hex(8)}", timeout=900.0)
        self._texts = companion.texts

    async def on_error(  # type: ignore[override]  # discord.py's own Modal has no item here
        self, interaction: discord.Interaction, error: Exception, /
    ) -> None:
        await answer_fault(self._texts, interaction, error)


class PersonaForm(Form):
    """A persona in five fields, empty or as it is."""

    def __init__(self, companion: Companion, locale: str, submit: Submit, shown: Draft | None = None) -> None:
        title = "persona-form-new" if shown is None else "persona-form-edit"
        super().__init__(companion, companion.texts.say(locale, title), "kith:persona:form")
        self._submit = submit
        self._inputs: dict[str, ui.TextInput[Self]] = {}
        for name, (key, limit, style, is_needed) in FIELDS.items():
            field: ui.TextInput[Self] = ui.TextInput(
                label=companion.texts.say(locale, key)[:TITLE_LIMIT],
                custom_id=name,
                style=style,
                max_length=limit,
                required=is_needed,
                default=getattr(shown, name) if shown is not None else None,
            )
            self._inputs[name] = field
            self.add_item(field)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        said = {name: field.value for name, field in self._inputs.items()}
        for name, text in said.items():  # Discord's client keeps to the limits; another one may not
            if len(text) > FIELDS[name][1]:
                faults = f"{name}: expected at most {FIELDS[name][1]} characters"
                raise KithError(faults, key="error-persona-draft", faults=faults)
        await self._submit(interaction, Draft(**said))


class SceneForm(Form):
    """A scene in a member's own words."""

    def __init__(
        self, companion: Companion, locale: str, submit: Callable[[discord.Interaction, str], Awaitable[None]]
    ) -> None:
        super().__init__(companion, companion.texts.say(locale, "persona-form-scene"), "kith:scene:form")
        self._submit = submit
        label = companion.texts.say(locale, "persona-form-scene-words")[:TITLE_LIMIT]
        self._words: ui.TextInput[Self] = ui.TextInput(label=label, custom_id="words", max_length=WORDS_LIMIT)
        self.add_item(self._words)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        await self._submit(interaction, self._words.value)


class ApprovalButton(
    ui.DynamicItem[ui.Button[ui.View]], template=r"kith:persona:(?P<verdict>approve|decline):(?P<slug>[a-z0-9-]{1,48})"
):
    """Approve or decline. Outlives restarts: all that it needs stands in its id."""

    def __init__(self, verdict: str, slug: str, label: str = "") -> None:
        style = ButtonStyle.success if verdict == "approve" else ButtonStyle.danger
        super().__init__(ui.Button(style=style, label=label or verdict, custom_id=f"kith:persona:{verdict}:{slug}"))
        self._verdict = verdict
        self._slug = slug

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Self:
        return cls(match["verdict"], match["slug"], getattr(item, "label", None) or "")

    async def callback(self, interaction: discord.Interaction) -> None:
        assert isinstance(interaction.client, KithBot)
        companion = interaction.client.companion
        try:
            await self._decide(companion, interaction)
        except Exception as error:  # answered to the member, and logged if it is a bug
            await answer_fault(companion.texts, interaction, error)

    async def _decide(self, companion: Companion, interaction: discord.Interaction) -> None:
        member, locale = member_of(interaction), interaction.locale.value
        await check_may_choose_persona(companion, member, interaction.permissions)
        if self._verdict == "approve":
            persona = await companion.cast.approve(member.guild.id, self._slug)
            sentence = companion.texts.say(locale, "persona-approved", name=persona.name_in(locale), slug=self._slug)
        else:
            await companion.cast.decline(member.guild.id, self._slug)
            sentence = companion.texts.say(locale, "persona-declined", slug=self._slug)
        await interaction.response.edit_message(content=sentence, view=None)


def approval(companion: Companion, locale: str, slug: str) -> ui.View:
    """The two buttons under a persona that waits."""
    view = ui.View(timeout=None)
    view.add_item(ApprovalButton("approve", slug, companion.texts.say(locale, "persona-approve")))
    view.add_item(ApprovalButton("decline", slug, companion.texts.say(locale, "persona-decline")))
    return view
