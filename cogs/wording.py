"""Commands' names and descriptions, from the catalogues: English in the code's own declaration, Chinese through Discord's localisations."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from discord import Locale
from discord.app_commands import TranslationContextTypes, Translator, locale_str

from bot.app import KithBot
from bot.errors import KithError
from bot.texts import ENGLISH, Texts, catalogue_of

Kind = TypeVar("Kind", bound=Enum)

_texts = Texts()


def worded(key: str) -> locale_str:
    """The English text of `key`, which `CatalogueTranslator` says in other languages."""
    return locale_str(_texts.say(ENGLISH, key), key=key)


def one_of(kind: type[Kind], value: str) -> Kind:
    """What a menu of choices gave; another client than Discord's may send what was never offered. Raises `KithError`."""
    try:
        return kind(value)
    except ValueError:
        raise KithError(f"no such {kind.__name__}", key="error-option") from None


class CatalogueTranslator(Translator):
    """Answers for locales that have a catalogue of their own. Everyone else reads the English that is declared."""

    async def translate(self, string: locale_str, locale: Locale, context: TranslationContextTypes) -> str | None:
        key = string.extras.get("key")
        if key is None or catalogue_of(locale.value) == ENGLISH:
            return None
        return _texts.say(locale.value, key)


async def setup(bot: KithBot) -> None:
    await bot.tree.set_translator(CatalogueTranslator())
