"""What a member reads when a command or a button fails: one sentence in their language, for their eyes only.

A `KithError` says itself which sentence; anything else is a bug, which is logged whole and told as "something went wrong".
"""

from __future__ import annotations

import math
from typing import Final

import discord
import structlog
from discord import app_commands

from bot.errors import KithError
from bot.texts import Texts

EXPIRED: Final = 10062
"""Discord's code for an interaction that was not answered within 3 s: it hears nothing that we say of it now."""

_log = structlog.get_logger(__name__)


async def answer_fault(texts: Texts, interaction: discord.Interaction, error: Exception) -> None:
    """Tell the member."""
    sentence = fault_sentence(texts, interaction.locale.value, error, _command_of(interaction))
    try:
        await tell_alone(interaction, sentence)
    except discord.DiscordException as failure:
        # Too late (Discord forgets an interaction after 3 s, or 15 minutes), or the channel is gone.
        _log.warning("fault_not_answered", error=type(failure).__name__)


async def tell_alone(interaction: discord.Interaction, sentence: str) -> None:
    """For the member's eyes only, whatever was promised to the room before. Raises `discord.DiscordException`."""
    if not interaction.response.is_done():
        await interaction.response.send_message(sentence, ephemeral=True)
        return
    if interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
        await interaction.delete_original_response()
    await interaction.followup.send(sentence, ephemeral=True)


def fault_sentence(texts: Texts, locale: str, error: Exception, command: str) -> str:
    """The sentence for this error. Bugs are logged here, with their traceback."""
    while isinstance(error, (app_commands.CommandInvokeError, app_commands.TransformerError)):
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error.__cause__
        if not isinstance(cause, Exception):
            break
        error = cause
    if isinstance(error, app_commands.CommandOnCooldown):
        return texts.say(locale, "error-too-fast", seconds=math.ceil(error.retry_after))
    if isinstance(error, discord.NotFound) and error.code == EXPIRED:
        _log.info("interaction_expired", command=command)
        return texts.say(locale, "error-unexpected")
    if isinstance(error, app_commands.TransformerError):  # not what Discord's own client would have sent
        _log.info("command_refused", command=command, error="error-option")
        return texts.say(locale, "error-option")
    if isinstance(error, KithError):
        _log.info("command_refused", command=command, error=error.key)
        return _say(texts, locale, error)
    _log.error("command_failed", command=command, exc_info=error)
    return texts.say(locale, "error-unexpected")


def _say(texts: Texts, locale: str, error: KithError) -> str:
    try:
        return texts.say(locale, error.key, **error.values)
    except LookupError:
        _log.exception("error_without_sentence", error=error.key)
        return texts.say(locale, "error-unexpected")


def _command_of(interaction: discord.Interaction) -> str:
    if isinstance(interaction.command, (app_commands.Command, app_commands.ContextMenu)):
        return interaction.command.qualified_name
    data: dict[str, object] = dict(interaction.data or {})
    return str(data.get("custom_id", "unknown"))
