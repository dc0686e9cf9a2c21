"""A persona as a Character Card: V2 and V3 in one PNG, so that every reader finds the version it knows; or V3 in a CHARX, with the files it came with.

What the specifications have fields for stands in them; the whole persona stands in `extensions["kith/persona"]`. A persona that came from a card goes
back into that card: fields that nobody here has changed are written as they came, and so is everything that was never understood.
"""

from __future__ import annotations

import base64
import copy
import json
import zlib
from typing import Any, Final

from bot.personas.cards.charx import EMBEDDED, packed
from bot.personas.cards.container import Card
from bot.personas.cards.files import Asset, CardFiles, Format, suffix_of
from bot.personas.cards.png import SIGNATURE, CardError, chunk, picture, with_texts, without_cards
from bot.personas.cards.reading import EXTENSION, _Reading, mapped_fields
from bot.personas.cards.tidy import Tidy
from bot.personas.persona import Persona

ICON: Final = "assets/icon/images/main.png"

MISSHAPEN: Final = "kith/extensions"
"""Extensions that were no object, in the object that they have to be."""

SOURCES: Final = {
    "name": ("name", "nickname"),
    "identity": ("description",),
    "background": ("description", "scenario"),
    "traits": ("personality",),
    "examples": ("mes_example",),
    "greeting": ("first_mes",),
    "about": ("creator_notes",),
}
"""Which fields of a card a part of a persona is written to."""


def card_fields(persona: Persona) -> dict[str, Any]:
    """`data` of a V2 card, every field that the specification asks for, without the extension."""
    language = persona.language
    name = persona.name.say(language)
    return {
        "name": name,
        "description": persona.identity.strip(),
        "personality": "\n".join(persona.traits),
        "scenario": persona.background.strip(),
        "first_mes": persona.greeting.say(language).strip(),
        "mes_example": "\n".join(
            f"<START>\n{{{{user}}}}: {one.heard}\n{{{{char}}}}: {one.said}" for one in persona.examples
        ),
        "creator_notes": persona.about.say(language).strip(),
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": [],
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {},
    }


def cards_of(persona: Persona, origin: Card | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The V2 and the V3 card. `origin`: the card that the persona was imported from."""
    data = card_fields(persona)
    if origin is not None:
        data = _into(data, origin, persona)
    extensions = data.get("extensions") or {}
    if not isinstance(extensions, dict):  # no card has that; it is told to be kept all the same
        extensions = {MISSHAPEN: extensions}
    document = persona.model_dump(mode="json", exclude={"slug"}, exclude_defaults=True, exclude_none=True)
    data["extensions"] = {**extensions, EXTENSION: document}
    outside = _outside(origin)
    second = {**outside, "spec": "chara_card_v2", "spec_version": "2.0", "data": data}
    third_data = {"group_only_greetings": [], **copy.deepcopy(data)}
    return second, {**outside, "spec": "chara_card_v3", "spec_version": "3.0", "data": third_data}


def _outside(origin: Card | None) -> dict[str, Any]:
    """What a V2 or V3 card has beside `data`."""
    if origin is None or origin.fields is origin.raw:
        return {}
    return {
        key: copy.deepcopy(value) for key, value in origin.raw.items() if key not in ("spec", "spec_version", "data")
    }


def _into(data: dict[str, Any], origin: Card, persona: Persona) -> dict[str, Any]:
    """The origin's fields, with those of the persona that were changed since."""
    before = copy.deepcopy(origin.fields)
    name = persona.name.say(persona.language)
    then = mapped_fields(before, name, _Reading(Tidy(name)))
    now = persona.model_dump(mode="json", exclude_none=True)
    inner = before.get("extensions", {}).get(EXTENSION) if isinstance(before.get("extensions"), dict) else None
    was = {**then, **inner} if isinstance(inner, dict) else then
    written = {**data, **before}
    for part, sources in SOURCES.items():
        if part not in was or was[part] == now.get(part):
            continue
        for source in sources:
            if source in data:
                written[source] = data[source]
    return written


def card_png(persona: Persona, origin: Card | None = None, files: CardFiles | None = None) -> bytes:
    """The card as a PNG: `chara` (V2) and `ccv3` (V3), both base64 of JSON, in front of the image's end.

    The image is the one that it came with, byte for byte, if that is a PNG; else one that is drawn.
    """
    second, third = cards_of(persona, origin)
    return with_texts(
        _image(files) or b"".join([SIGNATURE, *picture(_colour(persona.slug))]),
        [_text(b"chara", second), _text(b"ccv3", third)],
    )


def card_charx(persona: Persona, origin: Card | None = None, files: CardFiles | None = None) -> bytes:
    """The card as an archive: `card.json` (V3), and the files that it came with under their names. A PNG's own picture becomes its main icon."""
    _, third = cards_of(persona, origin)
    assets: tuple[Asset, ...] = ()
    if files is not None and files.picture is not None:
        if files.format is Format.PNG:
            _name_icon(third["data"])
        assets = (Asset(files.picture_path or ICON, files.picture), *files.assets)
    elif files is not None:
        assets = files.assets
    return packed(assets, written(third))


def files_left_out(files: CardFiles | None) -> int:
    """How many files a PNG has no room for."""
    if files is None:
        return 0
    return len(files.assets) + (files.picture is not None and _image(files) is None)


def _image(files: CardFiles | None) -> bytes | None:
    """Its picture as the image of a card, where it is a PNG."""
    if files is None or files.picture is None or suffix_of(files.picture) != "png":
        return None
    try:
        return without_cards(files.picture)
    except CardError:  # an archive's picture that only begins like one
        return None


def _name_icon(data: dict[str, Any]) -> None:
    """`ccdefault:` means the PNG that the card stands in; in an archive the picture has a name."""
    listed = data.get("assets", [])
    if not isinstance(listed, list):
        return
    place = {"uri": f"{EMBEDDED[0]}{ICON}", "ext": "png"}
    icons = [asset for asset in listed if isinstance(asset, dict) and asset.get("type") == "icon"]
    for asset in icons:
        if asset.get("uri") == "ccdefault:":
            asset.update(place)
            return
    name = "main" if all(asset.get("name") != "main" for asset in icons) else "picture"
    data["assets"] = [{"type": "icon", "name": name, **place}, *listed]


def written(card: dict[str, Any]) -> bytes:
    """The card as JSON in UTF-8. Half of a surrogate pair, which UTF-8 has no bytes for, stands as JSON's own escape."""
    return json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="backslashreplace")


def _text(keyword: bytes, card: dict[str, Any]) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + base64.b64encode(written(card)))


def _colour(slug: str) -> tuple[int, int, int]:
    """The same for the same persona, never dark."""
    mark = zlib.crc32(slug.encode())
    return 96 + mark % 128, 96 + (mark >> 8) % 128, 96 + (mark >> 16) % 128
