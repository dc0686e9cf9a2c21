"""Forms of personas: making and changing one, a scene in one's own words, and the buttons under a persona that waits for approval."""

from __future__ import annotations

import io
import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final, Self

import discord
from discord import ButtonStyle, TextStyle, ui
from discord.ext import commands

from bot.app import Companion, KithBot, answer_fault
from bot.cast import Made
from bot.conversation.instructions import compose
from bot.errors import KithError, PersonaError
from bot.personas.draft import LINE_LIMIT, NAME_LIMIT, PHRASES_LIMIT, TEXT_LIMIT, Draft
from bot.personas.persona import Persona
from bot.personas.scenes import WORDS_LIMIT
from bot.plain_text import visible, without_blanks
from cogs.answers import promptly, replace
from cogs.permissions import check_may_choose_persona, member_of

TITLE_LIMIT: Final = 45
PHRASES_SHOWN: Final = 12
"""As many catchphrases as a persona may have."""

FORM_S: Final = 900.0
_PROCESS: Final = secrets.token_hex(3)
_FORM_ID: Final = re.compile(r"kith:[a-z]+:form(?::.{1,64})?:([0-9a-f]{6})([0-9a-f]{8})[0-9a-f]{2}")
_numbers: Final = itertools.count()

FIELDS: Final = {
    "name": ("persona-form-name", NAME_LIMIT, TextStyle.short, True),
    "tagline": ("persona-form-tagline", LINE_LIMIT, TextStyle.short, True),
    "identity": ("persona-form-identity", TEXT_LIMIT, TextStyle.paragraph, True),
    "manner": ("persona-form-manner", TEXT_LIMIT, TextStyle.paragraph, True),
    "phrases": ("persona-form-phrases", PHRASES_LIMIT, TextStyle.paragraph, False),
}
"""Of a draft: catalogue key of the label, characters, shape, whether it must be filled in."""

Submit = Callable[[discord.Interaction, Draft], Awaitable[None]]


def form_id(name: str, now: float) -> str:
    """An id that no other form has (discord.py knows open forms by that alone, whoever fills them in), and that says when it was made and by which process."""
    return f"{name}:{_PROCESS}{int(now):08x}{next(_numbers) % 256:02x}"


def is_forgotten(custom_id: str, now: float) -> bool:
    """A form of ours that nobody waits for any more: it was open for too long, or it is from before a restart. `now`: seconds, of the wall."""
    found = _FORM_ID.fullmatch(custom_id)
    return found is not None and (found[1] != _PROCESS or now - int(found[2], 16) > FORM_S + 5)


class Form(ui.Modal):
    """A form that answers its faults as commands do."""

    def __init__(self, companion: Companion, title: str, name: str) -> None:
        super().__init__(title=title[:TITLE_LIMIT], custom_id=form_id(name, time.time()), timeout=FORM_S)
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
        for name, text in said.items():
            self._check(name, text, interaction.locale.value)
        await self._submit(interaction, Draft(**said))

    def _check(self, name: str, text: str, locale: str) -> None:
        """Discord's client keeps to the limits, but not to what can be seen; another one keeps to nothing. Raises `KithError`."""
        key, limit, _, is_needed = FIELDS[name]
        field = self._texts.say(locale, key)
        if len(text) > limit:
            raise KithError(
                f"{name} is too long", key="error-persona-field-long", field=field, length=len(text), limit=limit
            )
        if is_needed and not without_blanks(visible(text)):
            raise KithError(f"{name} is empty", key="error-persona-field-empty", field=field)
        lines = len(text.splitlines())
        if name == "phrases" and lines > PHRASES_SHOWN:
            limits = {"count": lines, "limit": PHRASES_SHOWN}
            raise KithError("too many catchphrases", key="error-persona-field-lines", field=field, **limits)


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


class ForgottenForms(commands.Cog):
    """Whoever sends in a form that nobody waits for any more reads that, and not that Discord knows no answer."""

    def __init__(self, companion: Companion) -> None:
        self._texts = companion.texts

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        custom_id = str(dict(interaction.data or {}).get("custom_id", ""))
        if interaction.type is discord.InteractionType.modal_submit and is_forgotten(custom_id, time.time()):
            await answer_fault(self._texts, interaction, KithError("a forgotten form", key="error-form-expired"))


class ApprovalButton(
    ui.DynamicItem[ui.Button[ui.View]],
    template=r"kith:persona:(?P<verdict>approve|decline):(?P<slug>[a-z0-9-]{1,48}):(?P<mark>[\w-]{22})",
):
    """Approve or decline this version. Outlives restarts: all that it needs stands in its id."""

    def __init__(self, verdict: str, slug: str, mark: str, label: str = "") -> None:
        style = ButtonStyle.success if verdict == "approve" else ButtonStyle.danger
        custom_id = f"kith:persona:{verdict}:{slug}:{mark}"
        super().__init__(ui.Button(style=style, label=label or verdict, custom_id=custom_id))
        self._verdict = verdict
        self._slug = slug
        self._mark = mark

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[ui.View], match: re.Match[str], /
    ) -> Self:
        return cls(match["verdict"], match["slug"], match["mark"], getattr(item, "label", None) or "")

    async def callback(self, interaction: discord.Interaction) -> None:
        assert isinstance(interaction.client, KithBot)
        companion = interaction.client.companion
        try:
            await self._pressed(companion, interaction)
        except Exception as error:  # answered to the member, and logged if it is a bug
            await answer_fault(companion.texts, interaction, error)

    async def _pressed(self, companion: Companion, interaction: discord.Interaction) -> None:
        try:
            sentence = await promptly(interaction, self._decide(companion, interaction))
        except PersonaError as error:
            if error.key != "error-persona-changed":
                raise
            await self._show_again(companion, interaction, error)
            return
        await replace(interaction, content=sentence, view=None)

    async def _decide(self, companion: Companion, interaction: discord.Interaction) -> str:
        """What everybody is told of it. Raises `KithError`; then nothing was decided."""
        member, locale = member_of(interaction), interaction.locale.value
        await check_may_choose_persona(companion, member, interaction.permissions)
        if self._verdict == "approve":
            persona = await companion.cast.approve(member.guild.id, self._slug, self._mark)
            return companion.texts.say(locale, "persona-approved", name=persona.name_in(locale), slug=self._slug)
        if await companion.cast.decline(member.guild.id, self._slug, self._mark, member.id):
            interaction.client.dispatch("server_persona_chosen", member.guild)
        return companion.texts.say(locale, "persona-declined", slug=self._slug)

    async def _show_again(self, companion: Companion, interaction: discord.Interaction, error: PersonaError) -> None:
        """Its maker changed it after this button was made: the buttons become those of what waits now, which whoever pressed is shown."""
        locale = interaction.locale.value
        made = await promptly(interaction, companion.cast.own(member_of(interaction).guild.id, self._slug))
        told = companion.texts.say(locale, error.key, **error.values)
        await replace(interaction, content=told, view=approval(companion, locale, made))
        await interaction.followup.send(file=words_file(made.persona), ephemeral=True)


def words_file(persona: Persona) -> discord.File:
    """Every word that a model would be told of this persona: for whoever is to approve it."""
    return discord.File(io.BytesIO(compose(persona).encode()), f"{persona.slug}.txt")


def approval(companion: Companion, locale: str, made: Made) -> ui.View:
    """The two buttons under a persona that waits."""
    view, slug = ui.View(timeout=None), made.persona.slug
    for verdict, key in (("approve", "persona-approve"), ("decline", "persona-decline")):
        view.add_item(ApprovalButton(verdict, slug, made.mark, companion.texts.say(locale, key)))
    return view
