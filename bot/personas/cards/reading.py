"""A card as a persona, and what became of each of its fields.

    name, nickname          → name, aliases          mes_example      → examples
    description             → identity, background   first_mes        → greeting (a hint, not the words)
    personality             → traits                 creator_notes    → about (members read it, the model does not)
    scenario                → background             extensions.kith  → everything else of a persona that Kith exported

Orders to the model (`system_prompt`, `post_history_instructions`), lorebooks, other greetings and foreign extensions are kept in the card and not
used. A card that Kith wrote comes back as the persona it was, with whatever somebody else has changed since in the fields above.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from bot.errors import PersonaError
from bot.personas.cards.container import NAME_CHARS, Card
from bot.personas.cards.png import refused
from bot.personas.cards.tidy import EVERYONE, READ_CHARS, SOMEONE, Tidy, Unsafe, shortened
from bot.personas.persona import Language, Persona, persona_of
from bot.personas.words import CJK, language_of_text
from bot.plain_text import without_blanks

EXTENSION: Final = "kith/persona"
"""Namespaced, as CCv2 asks: an application of one name, a key of its own."""

EXAMPLES: Final = 8
FIELDS_TOLD: Final = 200
"""So many fields of a card are named; no specification has fifty."""

EXAMPLES_READ: Final = 4 * EXAMPLES
"""Some come to nothing when they are tidied."""

TRAITS: Final = 8
ADULT_TAGS: Final = frozenset(
    {
        *("nsfw", "18", "18+", "+18", "r18", "r18+", "adult", "adultsonly", "erotic", "erotica", "explicit", "hentai", "lewd", "porn", "smut"),
        *("成人", "成人向", "限制级", "限制級", "18禁", "十八禁", "色情"),
    }
)  # fmt: skip
"""Without spaces, hyphens and pictures: `R-18` and `NSFW 🔞` are among them."""

_NO_WORD: Final = re.compile(r"[^\w+]|_")


class Fate(StrEnum):
    """What became of a field."""

    USED = "used"
    SHORTENED = "shortened"
    KEPT = "kept"  # in the card, and not used
    REFUSED = "refused"  # would have been orders to the model


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the card, and which part of the persona it became."""

    source: str
    fate: Fate
    target: str = ""


@dataclass(frozen=True, slots=True)
class CardReport:
    """What a member reads after an import. `unsafe`: what was taken out, and how often."""

    version: str
    container: str
    name: str
    rows: tuple[Row, ...]
    unsafe: tuple[tuple[Unsafe, int], ...]


@dataclass
class _Reading:
    tidy: Tidy
    rows: list[Row] = field(default_factory=list)

    def use(self, source: str, value: object, target: str, *, limit: int = 4_000) -> str:
        is_said = target == "greeting"
        user = EVERYONE if is_said else SOMEONE
        text = self.tidy.text(value, limit=READ_CHARS, keeps_actions=not is_said, user=user)
        if text:
            is_cut = len(text) > limit or len(str(value)) > READ_CHARS
            self.rows.append(Row(source, Fate.SHORTENED if is_cut else Fate.USED, target))
        return text


def persona_of_card(card: Card, slug: str, voice: dict[str, str]) -> tuple[Persona, CardReport]:
    """The persona that a card describes. `voice`: of whoever has none of their own. Raises `CardError`."""
    fields = card.fields
    ours = _ours(fields, slug)
    name = next(filter(None, map(_name, card.names)), "Nobody")
    reading = _Reading(Tidy(name))
    mapped = mapped_fields(fields, name, reading)
    base = ours if ours is not None else _defaults(mapped, name, voice)
    if ours is not None:
        reading.rows.append(Row(f"extensions.{EXTENSION}", Fate.USED, "persona"))
        # Imported late: writing needs reading's vocabulary.
        from bot.personas.cards.writing import card_fields

        then = mapped_fields(
            card_fields(ours), ours.name.say(ours.language), _Reading(Tidy(ours.name.say(ours.language)))
        )
        mapped = {key: value for key, value in mapped.items() if value != then.get(key)}
    try:
        persona = persona_of(_merged(base, mapped), slug, slug)
    except PersonaError as error:
        raise refused(f"the card makes no persona: {error}", "error-card-broken") from None
    _account(fields, reading)
    unsafe = tuple((kind, count) for kind, count in reading.tidy.found.items() if count)
    return persona, CardReport(card.version.value, card.container, name, tuple(reading.rows), unsafe)


def mapped_fields(fields: dict[str, Any], name: str, reading: _Reading) -> dict[str, Any]:
    """The parts of a persona that the card's own fields give, as far as they are there."""
    description = reading.use("description", fields.get("description"), "identity")
    scenario = reading.use("scenario", fields.get("scenario"), "background", limit=1_500)
    identity = shortened(description, 3_000)
    rest = description[len(identity) :].strip()
    language = language_of_text(description or name) or (Language.ZH if CJK.search(name) else Language.EN)
    personality = reading.use("personality", fields.get("personality"), "traits", limit=1_600)
    names = {said for key in ("name", "nickname") if (said := _name(fields.get(key)))}
    greeting = reading.use("first_mes", fields.get("first_mes"), "greeting", limit=600)
    notes = reading.use("creator_notes", fields.get("creator_notes"), "about", limit=1_200)
    found: dict[str, Any] = {
        "name": {language.value: name},
        "languages": [language.value],
        "identity": identity,
        "background": shortened("\n".join(part for part in (shortened(scenario, 1_500), rest) if part), 3_800),
        "traits": _traits(personality),
        "greeting": {language.value: _hint(shortened(greeting, 600), language)} if greeting else None,
        "about": {language.value: shortened(notes, 1_200)} if notes else None,
        "examples": _examples(fields.get("mes_example"), {name, *names}, reading),
        "age_rating": _rating(fields.get("tags")),
    }
    found["aliases"] = sorted(names - {name})
    reading.rows.append(Row("name", Fate.USED, "name"))
    return {key: value for key, value in found.items() if value}


def _name(value: object) -> str:
    """On one line; empty where there is nothing to see."""
    line = Tidy("").line(value[:NAME_CHARS] if isinstance(value, str) else value, limit=80)
    return line if without_blanks(line) else ""


def _ours(fields: dict[str, Any], slug: str) -> Persona | None:
    """The persona that stands in the card itself, if Kith wrote it and it is still one."""
    extensions = fields.get("extensions")
    inner = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    if not isinstance(inner, dict):
        return None
    try:
        return persona_of({key: value for key, value in inner.items() if key != "slug"}, slug, slug)
    except PersonaError:
        return None


def _defaults(mapped: dict[str, Any], name: str, voice: dict[str, str]) -> dict[str, Any]:
    language = mapped["languages"][0]
    is_chinese = language == Language.ZH
    identity = mapped.get("identity") or (f"{name}，一个 AI 角色。" if is_chinese else f"{name} is an AI character.")
    first = re.split(r"(?<=[.!?。！？])|\n", str(identity))[0]
    manner = (
        "口语，简短，一次说一到三句；说出来的话里没有动作描写。"
        if is_chinese
        else "Spoken and brief, one to three sentences; no actions are described aloud."
    )
    hello = "用一句话打招呼。" if is_chinese else "Say hello in one sentence."
    return {
        "languages": [language],
        "age_rating": "teen",
        "tagline": {language: shortened(" ".join(first.split()), 120) or name},
        "about": {language: shortened(" ".join(str(identity).split()), 400)},
        "identity": identity,
        "background": "No more is known." if not is_chinese else "没有更多背景。",
        "traits": ["true to the description"] if not is_chinese else ["忠于设定"],
        "manner": {language: manner},
        "greeting": {language: hello},
        "boundaries": BOUNDARIES_ZH if is_chinese else BOUNDARIES_EN,
        "voice": dict(voice),
    }


BOUNDARIES_EN: Final = {
    "tease": "Lets it pass with a light remark.",
    "firm": "Says once, calmly, that this is as far as it goes.",
    "leave_subject": "Changes the subject and does not come back to it.",
    "leave_channel": "Says goodbye kindly, gives the reason in one sentence, and goes.",
}
BOUNDARIES_ZH: Final = {
    "tease": "轻轻一句带过。",
    "firm": "平静地说一次：到此为止。",
    "leave_subject": "换个话题，不再回去。",
    "leave_channel": "好好道别，一句话说明原因，然后离开。",
}


def _merged(base: Persona | dict[str, Any], mapped: dict[str, Any]) -> dict[str, Any]:
    fields = (
        base.model_dump(mode="json", exclude={"slug"}, exclude_none=True) if isinstance(base, Persona) else dict(base)
    )
    if isinstance(base, Persona):
        # The languages of a persona that knows two are not for its description to say; nor does one text speak for both.
        mapped = {key: value for key, value in mapped.items() if key != "languages"}
        for key in ("name", "about", "greeting"):
            if key in mapped:
                mapped[key] = {**fields.get(key, {}), **mapped[key]}
    return {**fields, **mapped}


def _traits(text: str) -> list[str]:
    parts = [part.strip(" -•\t[]()\"'") for part in re.split(r"[\n;；]|(?<=[。])", text)]
    parts = [part for part in parts if part]
    if len(parts) == 1:
        parts = [part.strip() for part in re.split(r"[,，、]", parts[0]) if part.strip()]
    return [shortened(part, 200) for part in dict.fromkeys(parts)][:TRAITS]


def _hint(text: str, language: Language) -> str:
    if language is Language.ZH:
        return f"用一两句口语打招呼，意思和语气像这样：「{text}」"
    return f'Say hello in one or two spoken sentences, in the spirit of: "{text}"'


_SPEAKER: Final = re.compile(r"(?P<who>[^:：\n]{1,60})[:：](?P<said>.*)")
_OURS: Final = ("char", "bot")


def _examples(value: object, names: Collection[str], reading: _Reading) -> list[dict[str, str]]:
    """`<START>` begins an exchange; a line begins with who says it, and goes on until the next one does. `names`: of the card's own character."""
    if not isinstance(value, str) or not value.strip():
        return []
    exchanges = list(islice(_exchanges(value[:READ_CHARS], {name.casefold() for name in names}), EXAMPLES_READ))
    spoken = [(reading.tidy.line(heard), reading.tidy.line(said)) for heard, said in exchanges]
    found = [
        {
            "language": (language_of_text(said) or language_of_text(heard) or Language.EN).value,
            "heard": heard,
            "said": said,
        }
        for heard, said in spoken
        if heard and said
    ]
    is_cut = len(found) > EXAMPLES or len(exchanges) == EXAMPLES_READ or len(value) > READ_CHARS
    fate = (Fate.SHORTENED if is_cut else Fate.USED) if found else Fate.KEPT
    reading.rows.append(Row("mes_example", fate, "examples" if found else ""))
    return found[:EXAMPLES]


def _exchanges(text: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """What somebody said, and what the character answered."""
    for block in re.split(r"<START>", text, flags=re.IGNORECASE):
        heard = ""
        for is_ours, said in _turns(block, names):
            if not is_ours:
                heard = said
            elif heard:
                yield heard, said
                heard = ""


def _turns(block: str, names: Collection[str]) -> Iterable[tuple[bool, str]]:
    turns: list[tuple[bool, str]] = []
    for line in block.splitlines():
        found = _SPEAKER.match(line.strip())
        if found is None:
            if turns and line.strip():
                turns[-1] = (turns[-1][0], f"{turns[-1][1]} {line.strip()}")
            continue
        who = found["who"].strip("{}<> \t").casefold()
        turns.append((who in _OURS or who in names, found["said"].strip()))
    return turns


def _rating(tags: object) -> str | None:
    listed = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else []
    named = {_NO_WORD.sub("", str(tag)[:NAME_CHARS].casefold()) for tag in listed}
    return "adult" if named & ADULT_TAGS else None


_REFUSED: Final = ("system_prompt", "post_history_instructions")
_KNOWN: Final = frozenset(
    {"name", "nickname", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes", "tags"}
)


def _account(fields: dict[str, Any], reading: _Reading) -> None:
    """The rest of the card: nothing goes without a word."""
    for key in sorted(islice(fields, FIELDS_TOLD), key=lambda key: key not in _REFUSED):
        value = fields[key]
        if key in _KNOWN or value in ("", None, [], {}):
            continue
        if key == "extensions" and isinstance(value, dict):
            value = {name: one for name, one in value.items() if name != EXTENSION}
            if not value:
                continue
        if key in _REFUSED:
            reading.tidy.found[Unsafe.OVERRIDE] += 1
        reading.rows.append(Row(str(key)[:40], Fate.REFUSED if key in _REFUSED else Fate.KEPT))
