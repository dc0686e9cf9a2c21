"""Every sentence that a member sees or hears: catalogues in Project Fluent's format, and looking one up.

`en/*.ftl` and `zh-CN/*.ftl`, a file an area of the house, hold the same keys. A locale of Chinese reads zh-CN, every other one English. Values are data from strangers:
they are stripped of what cannot be seen, shortened, and escaped for Discord's markdown before they stand in a sentence.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from fluent.runtime import FluentBundle, FluentResource

from bot.plain_text import visible

ENGLISH: Final = "en"
CHINESE: Final = "zh-CN"
LOCALES: Final = (ENGLISH, CHINESE)
VALUE_LIMIT: Final = 400

_FOLDER: Final = Path(__file__).parent
_MARKDOWN: Final = re.compile(r"([\\`*_~|<>\[\]])")


class Texts:
    """The catalogues. Cheap to share: there is one set of them in a process."""

    def say(self, locale: str, key: str, **values: str | float) -> str:
        """The sentence `key` in the language of this locale. Raises `LookupError` for a key that no catalogue has."""
        bundle = _bundle(catalogue_of(locale))
        message = bundle.get_message(key)
        cleaned = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
        if message.value is None:
            raise LookupError(key)
        sentence, errors = bundle.format_pattern(message.value, cleaned)
        if errors:
            raise LookupError(f"{key}: {errors[0]}")
        return str(sentence)

    def has(self, key: str) -> bool:
        return bool(_bundle(ENGLISH).has_message(key))


def catalogue_of(locale: str) -> str:
    return CHINESE if locale.lower().startswith("zh") else ENGLISH


def clean(value: str) -> str:
    """A stranger's words as they may stand in a sentence: one line, visible, short, and without markdown."""
    return _MARKDOWN.sub(r"\\\1", short(visible(value), VALUE_LIMIT))


def short(text: str, limit: int) -> str:
    """At most so many characters; what was cut ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def discord_time(moment: datetime) -> str:
    """Seconds since 1970, as Discord's `<t:…>` takes them: each client shows it in its reader's language and time zone."""
    return str(int(moment.timestamp()))


@cache
def _bundle(locale: str) -> FluentBundle:
    # Isolating marks around values would be read aloud by nobody and break searches in Discord.
    bundle = FluentBundle([locale], use_isolating=False)
    for path in sorted((_FOLDER / locale).glob("*.ftl")):
        bundle.add_resource(FluentResource(path.read_text(encoding="utf-8")))
    return bundle
