"""A persona in five fields, as a member writes one in a form; and a slug for any name.

What the form does not ask stays as it was, or gets a plain default. The language is that of what was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import PersonaError
from bot.personas.cards.reading import BOUNDARIES_EN, BOUNDARIES_ZH
from bot.personas.persona import Language, Persona, persona_of
from bot.personas.words import CJK, language_of_text

NAME_LIMIT: Final = 32
LINE_LIMIT: Final = 150
TEXT_LIMIT: Final = 1_500
PHRASES_LIMIT: Final = 400
ONCE_IN_TURNS: Final = 12
SLUG_LIMIT: Final = 40


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form asks. `phrases`: one a line."""

    name: str
    tagline: str
    identity: str
    manner: str
    phrases: str = ""


def draft_of(persona: Persona) -> Draft:
    """A persona as its form shows it, in the language that it prefers."""
    language = persona.language
    return Draft(
        persona.name.say(language)[:NAME_LIMIT],
        persona.tagline.say(language)[:LINE_LIMIT],
        persona.identity[:TEXT_LIMIT],
        persona.manner.say(language)[:TEXT_LIMIT],
        "\n".join(phrase.text for phrase in persona.catchphrases_in(language))[:PHRASES_LIMIT],
    )


def drafted(
    draft: Draft, slug: str, voice: Mapping[str, str], base: Persona | None = None, shown: Draft | None = None
) -> Persona:
    """The persona of a form. `base`: the one that is edited; `shown`: how it was when the form was opened, if that may have been otherwise.

    Nothing is changed but what differs from that: texts that the form could show only in part stay whole, and so does what somebody else has
    changed meanwhile. Raises `PersonaError` that says to a member what is wrong.
    """
    if shown is None and base is not None:
        shown = draft_of(base)
    language = base.language if base is not None else _language(draft)
    fields: dict[str, Any] = (
        base.model_dump(mode="json", exclude={"slug"}, exclude_none=True) if base else _plain(draft, language, voice)
    )
    for part in ("name", "tagline", "manner"):
        said = _clean(getattr(draft, part))
        if shown is None or said != _clean(getattr(shown, part)):
            fields[part] = {**fields.get(part, {}), language.value: said}
    if shown is None or _clean(draft.identity) != _clean(shown.identity):
        fields["identity"] = _clean(draft.identity)
    if shown is None or draft.phrases.strip() != shown.phrases.strip():
        others = [phrase for phrase in fields.get("catchphrases", []) if phrase["language"] != language.value]
        lines = dict.fromkeys(line for line in map(_clean, draft.phrases.splitlines()) if line)
        fields["catchphrases"] = others + [
            {"text": line, "language": language.value, "once_in_turns": ONCE_IN_TURNS} for line in lines
        ]
    try:
        return persona_of(fields, slug, slug)
    except PersonaError as error:
        told = "; ".join(line.removeprefix(f"{slug}: ") for line in str(error).splitlines())
        raise PersonaError(str(error), key="error-persona-draft", faults=told) from None


def slug_for(name: str, taken: Collection[str]) -> str:
    """A slug that nobody has: letters of the name, or `persona` where it has none that a slug may hold; never a path."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    stem = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:SLUG_LIMIT].strip("-") or "persona"
    slug, count = stem, 1
    while slug in taken:
        count += 1
        slug = f"{stem}-{count}"
    return slug


def _language(draft: Draft) -> Language:
    written = f"{draft.identity} {draft.manner}"
    return language_of_text(written) or (Language.ZH if CJK.search(written + draft.name) else Language.EN)


def _clean(text: str) -> str:
    kept = "".join(char for char in text.replace("\r", "") if char == "\n" or unicodedata.category(char)[0] != "C")
    return unicodedata.normalize("NFC", kept).strip()


def _plain(draft: Draft, language: Language, voice: Mapping[str, str]) -> dict[str, Any]:
    is_chinese = language is Language.ZH
    hello = (
        "用一句话打招呼，带上在场人的名字。"
        if is_chinese
        else "Say hello in one sentence, with the names of those who are there."
    )
    return {
        "languages": [language.value],
        "age_rating": "teen",
        "about": {language.value: _clean(draft.identity)[:1_200] or "-"},
        "background": "没有更多背景，也不编造。" if is_chinese else "No more is known, and nothing is made up.",
        "traits": ["忠于设定" if is_chinese else "true to the description"],
        "greeting": {language.value: hello},
        "boundaries": BOUNDARIES_ZH if is_chinese else BOUNDARIES_EN,
        "voice": dict(voice),
    }
