"""Cards that members bring and take away: finding one in a message, taking it in, and saying what became of it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

import discord

from bot.app import Companion
from bot.errors import KithError
from bot.personas.cards.container import FILE_BYTES
from bot.personas.cards.files import CardFiles, Left, suffix_of
from bot.personas.cards.reading import CardReport, Fate
from bot.personas.cards.tidy import Unsafe
from bot.personas.persona import AgeRating, Persona
from bot.texts import Texts
from cogs.answers import in_time
from cogs.permissions import may_choose, member_of
from cogs.persona_forms import approval

SUFFIXES: Final = (".png", ".json", ".charx", ".toml")
MESSAGE_LIMIT: Final = 2_000
AGE_RESTRICTED: Final = (discord.TextChannel, discord.VoiceChannel, discord.StageChannel, discord.Thread)
"""Channels that can be."""

ROWS_SHOWN: Final = 24

FATES: Final = {
    Fate.USED: "persona-report-used",
    Fate.SHORTENED: "persona-report-shortened",
    Fate.KEPT: "persona-report-kept",
    Fate.REFUSED: "persona-report-refused",
}
PARTS: Final = {
    "name": "persona-part-name",
    "identity": "persona-part-identity",
    "background": "persona-part-background",
    "traits": "persona-part-traits",
    "greeting": "persona-part-greeting",
    "about": "persona-part-about",
    "examples": "persona-part-examples",
    "persona": "persona-part-persona",
}
"""Of a persona: what a field of a card became."""

UNSAFE: Final = {
    Unsafe.MACRO: "persona-unsafe-macro",
    Unsafe.ASTERISKS: "persona-unsafe-asterisks",
    Unsafe.MARKUP: "persona-unsafe-markup",
    Unsafe.OVERRIDE: "persona-unsafe-override",
    Unsafe.HIDDEN: "persona-unsafe-hidden",
}
LEFT: Final = {
    Left.LARGE: "persona-picture-large",
    Left.BROKEN: "persona-picture-broken",
    Left.UNKNOWN: "persona-picture-unknown",
}


def report_of(texts: Texts, locale: str, report: CardReport, files: Iterable[str] = ()) -> str:
    """What became of the card's fields and `files` (`files_of`), and what was taken out: lines for a message."""
    lines = [texts.say(locale, "persona-report", version=report.version, container=report.container)]
    for fate in (Fate.USED, Fate.SHORTENED):
        lines += [
            texts.say(locale, FATES[fate], source=row.source, target=texts.say(locale, PARTS[row.target]))
            for row in report.rows
            if row.fate is fate
        ]
    for fate in (Fate.KEPT, Fate.REFUSED):
        sources = ", ".join(row.source for row in report.rows if row.fate is fate)
        if sources:
            lines.append(texts.say(locale, FATES[fate], source=sources))
    lines = [*lines[:ROWS_SHOWN], *files]
    lines += [texts.say(locale, UNSAFE[kind], count=count) for kind, count in report.unsafe]
    return "\n".join(lines)


def files_of(texts: Texts, locale: str, files: CardFiles, *, had_room: bool) -> list[str]:
    """What became of the picture and the files that came with the card: a line each."""
    if not had_room:
        return [texts.say(locale, "persona-files-full")]
    lines = []
    if files.picture is not None:
        lines.append(texts.say(locale, "persona-picture-kept"))
    elif files.picture_left is not None:
        lines.append(texts.say(locale, LEFT[files.picture_left]))
    if files.assets:
        lines.append(texts.say(locale, "persona-files-kept", count=len(files.assets)))
    if files.files_left:
        lines.append(texts.say(locale, "persona-files-left", count=files.files_left))
    return lines


def may_show_picture(persona: Persona, channel: object) -> bool:
    """A picture of a persona for adults stands in age-restricted channels alone."""
    return persona.age_rating is not AgeRating.ADULT or (isinstance(channel, AGE_RESTRICTED) and channel.is_nsfw())


def picture_file(slug: str, picture: bytes) -> discord.File | None:
    """The picture as an attachment with a name of ours, by what it is."""
    suffix = suffix_of(picture)
    return discord.File(io.BytesIO(picture), filename=f"{slug}.{suffix}") if suffix is not None else None


def card_in(attachments: Iterable[discord.Attachment]) -> discord.Attachment:
    """The first attachment that may be a card. Raises `KithError`."""
    for attachment in attachments:
        if attachment.filename.casefold().endswith(SUFFIXES):
            return attachment
    raise KithError("no attachment that may be a card", key="error-card-none")


async def take_in(companion: Companion, interaction: discord.Interaction, attachment: discord.Attachment) -> None:
    """Read it, keep it, and say what became of it. Raises `KithError`."""
    member, locale, texts = member_of(interaction), interaction.locale.value, companion.texts
    if attachment.size > FILE_BYTES:
        raise KithError("the attachment is too large", key="error-card-too-large")
    may_approve = await in_time(may_choose(companion, member, interaction.permissions))
    waits = not may_approve and (await in_time(companion.guilds.get(member.guild.id))).approves_personas
    await interaction.response.defer(thinking=True, ephemeral=not waits)  # who approves it reads the report too
    try:
        data = await attachment.read()
    except discord.DiscordException as error:
        raise KithError(f"the attachment cannot be read ({type(error).__name__})", key="error-card-gone") from error
    imported = await companion.cast.take_in(
        member.guild.id, data, attachment.filename, member.id, may_approve=may_approve
    )
    made = imported.made
    key = "persona-imported" if made.is_approved else "persona-waits"
    told = texts.say(locale, key, name=made.persona.name_in(locale), slug=made.persona.slug)
    if imported.report is not None:
        files = files_of(texts, locale, imported.files, had_room=imported.had_room) if imported.files else []
        told = f"{told}\n{report_of(texts, locale, imported.report, files)}"
    view = discord.utils.MISSING if made.is_approved else approval(companion, locale, made)
    await interaction.edit_original_response(content=told[:MESSAGE_LIMIT], view=view)
