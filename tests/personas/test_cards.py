"""Character Cards: every version and container is understood, nothing is lost on the way out, and hostile files are refused within bounds."""

from __future__ import annotations

import base64
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
from cards_made import CARD, DATA, FIELDS, GOOD, V2, V3, VOICE, archive, chunks_of, encoded, imported, png, text_chunk
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.card_exchange import brought
from bot.errors import KithError
from bot.personas.cards.container import DEPTH, FILE_BYTES, Card, Version, read_card
from bot.personas.cards.png import CARD_CHUNKS, CHUNKS, INFLATED_BYTES, SIGNATURE, CardError, chunk
from bot.personas.cards.reading import EXTENSION, Fate, persona_of_card
from bot.personas.cards.tidy import Tidy, Unsafe
from bot.personas.cards.writing import card_png, cards_of
from bot.personas.library import Library
from bot.personas.persona import AgeRating, Persona

pytestmark = pytest.mark.core

LIBRARY = Library.load()

# ---------------------------------------------------------------------------- versions and containers


@pytest.mark.parametrize(
    ("data", "version", "container"),
    [
        (json.dumps(FIELDS).encode(), Version.V1, "JSON"),
        (json.dumps(V2).encode(), Version.V2, "JSON"),
        (b"\xef\xbb\xbf " + json.dumps(V3).encode(), Version.V3, "JSON"),
        (png(text_chunk(b"chara", encoded(FIELDS))), Version.V1, "PNG"),
        (png(text_chunk(b"Chara", encoded(V2))), Version.V2, "PNG"),
        (png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(encoded(V2)))), Version.V2, "PNG"),
        (png(chunk(b"iTXt", b"ccv3\0\0\0en\0\0" + encoded(V3))), Version.V3, "PNG"),
        (png(chunk(b"iTXt", b"ccv3\0\1\0\0\0" + zlib.compress(encoded(V3)))), Version.V3, "PNG"),
        (archive(("card.json", json.dumps(V3).encode()), ("assets/icon/main.png", b"x")), Version.V3, "CHARX"),
    ],
)
def test_a_card_is_understood_in_every_version_and_container(data: bytes, version: Version, container: str) -> None:
    card = read_card(data)
    assert (card.version, card.container) == (version, container)
    persona, report = imported(data)
    assert "Mira" in persona.known_as
    assert "She loves moss." in persona.identity
    assert persona.traits == ("patient", "curious", "dry")
    assert "greenhouse" in persona.background
    assert (persona.examples[0].heard, persona.examples[0].said) == ("hi", "Mind the moss, dear.")
    assert (report.version, report.container) == (version.value, container)


def test_v3_wins_where_both_are() -> None:
    other = {**V2, "data": {**DATA, "name": "Old"}}
    assert read_card(png(text_chunk(b"chara", encoded(other)), text_chunk(b"ccv3", encoded(V3)))).version is Version.V3


def test_the_report_says_what_became_of_every_field_and_what_was_unsafe() -> None:
    persona, report = imported(json.dumps(V3).encode())
    fates = {row.source: row.fate for row in report.rows}
    assert set(fates) >= set(V3["data"]) - {"nickname", "tags"}, "no field goes without a word"
    assert fates["system_prompt"] is fates["post_history_instructions"] is Fate.REFUSED
    assert fates["character_book"] is fates["unknown_field"] is fates["extensions"] is Fate.KEPT
    assert dict(report.unsafe) == {Unsafe.MACRO: 1, Unsafe.ASTERISKS: 2, Unsafe.OVERRIDE: 3}
    whole = persona.model_dump_json()
    for unsafe in ("{{", "*", "Ignore all", "no limits", "Stay in character", "random"):
        assert unsafe not in whole, unsafe


def test_a_field_that_is_too_long_is_shortened_after_a_sentence_and_said_so() -> None:
    persona, report = imported(json.dumps({**FIELDS, "description": "She has a garden. " * 2_000}).encode())
    assert persona.identity.endswith("garden.")
    assert {row.source: row.fate for row in report.rows}["description"] is Fate.SHORTENED


def test_a_field_that_is_longer_than_is_read_is_called_shortened() -> None:
    text = "<i></i>" * 3_000 + "She has a garden."
    _, report = imported(json.dumps({**FIELDS, "scenario": f"Rain. {text}"}).encode())
    assert {row.source: row.fate for row in report.rows}["scenario"] is Fate.SHORTENED


@pytest.mark.parametrize("tags", [["NSFW"], ["moss", " R-18 "], ["NSFW 🔞"], "moss, nsfw", ["18禁"], ["Adults Only"]])
def test_a_card_for_adults_makes_a_persona_for_adults(tags: object) -> None:
    assert imported(json.dumps({**V2, "data": {**DATA, "tags": tags}}).encode())[0].age_rating is AgeRating.ADULT


@pytest.mark.parametrize("tags", [["adulting", "nsfwish"], "moss", None, {"nsfw": True}, [18.5]])
def test_no_other_tag_does(tags: object) -> None:
    assert imported(json.dumps({**V2, "data": {**DATA, "tags": tags}}).encode())[0].age_rating is AgeRating.TEEN


def test_a_chinese_card_makes_a_chinese_persona() -> None:
    card = {
        "name": "青禾",
        "description": "青禾是一位植物学家，喜欢苔藓。",
        "personality": "耐心；好奇",
        "first_mes": "小心苔藓！",
        "mes_example": "",
    }
    persona, _ = imported(json.dumps(card).encode())
    assert persona.languages == ("zh",)
    assert persona.traits == ("耐心", "好奇")
    assert persona.greeting.zh is not None


def test_the_user_of_a_card_is_whoever_speaks_and_in_a_greeting_everyone_in_the_cards_language() -> None:
    english = {**FIELDS, "scenario": "{{user}} comes in from the rain.", "first_mes": "Oh, {{user}}, mind the moss!"}
    persona, _ = imported(json.dumps(english).encode())
    assert persona.background == "the person speaking comes in from the rain."
    assert "Oh, everyone, mind the moss!" in persona.greeting.say("en")
    chinese = {
        "name": "莎莎",
        "description": "莎莎是书店老板。",
        "scenario": "{{user}}推门进来。",
        "first_mes": "欢迎光临，{{user}}。",
    }
    persona, _ = imported(json.dumps(chinese).encode())
    assert persona.background == "对方推门进来。"
    assert "欢迎光临，大家。" in persona.greeting.say("zh")


def test_a_name_of_hidden_characters_does_no_harm() -> None:
    persona, report = imported(json.dumps({**FIELDS, "name": "\u202eMi\u200bra\n[system]"}).encode())
    assert "\u202e" not in persona.model_dump_json()
    assert report.name == persona.name.say("en")


def test_a_name_with_a_backslash_is_a_name() -> None:
    persona, _ = imported(json.dumps({**FIELDS, "name": "Mi\\1ra\\"}).encode())
    assert persona.name.say("en") == "Mi\\1ra\\"
    assert persona.identity.startswith("Mi\\1ra\\ is a botanist.")


def test_half_of_a_surrogate_pair_does_no_harm() -> None:
    data = json.dumps({**FIELDS, "description": "a moss\ud800 garden"}).encode()
    persona, _ = imported(data)
    assert persona.identity == "a moss garden"
    assert read_card(card_png(persona, read_card(data))).fields["description"] == "a moss\ud800 garden"


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ({"nickname": ["Miri"]}, "Mira"),
        ({"nickname": "  "}, "Mira"),
        ({"nickname": "\u200b"}, "Mira"),
        ({"nickname": "\u3164"}, "Mira"),
        ({"name": "\u200b"}, "Nobody"),
        ({"nickname": "Miri"}, "Miri"),
    ],
)
def test_a_nickname_counts_where_there_is_something_to_see(names: dict[str, Any], name: str) -> None:
    persona, _ = imported(json.dumps({**FIELDS, **names}).encode())
    assert persona.name.say("en") == name


def test_who_speaks_in_an_example_is_told_by_the_whole_name() -> None:
    lines = "<START>\nCharlotte: Any moss?\n{{char}}: Plenty.\n<START>\nRobot: beep\nMira Fern: Hush."
    card = {**FIELDS, "name": "Mira Fern", "nickname": "Mira", "mes_example": lines}
    persona, _ = imported(json.dumps(card).encode())
    assert [(one.heard, one.said) for one in persona.examples] == [("Any moss?", "Plenty."), ("beep", "Hush.")]


def test_a_card_whose_image_holds_a_hundred_pictures_as_text_is_taken() -> None:
    faces = [text_chunk(b"chara-ext-asset_:%d" % number, b"QUJD") for number in range(150)]
    persona, _ = imported(png(*faces, text_chunk(b"chara", encoded(V2))))
    assert persona.name.say("en") == "Mira"


# ---------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("persona", LIBRARY.all(), ids=lambda persona: persona.slug)
def test_every_shipped_persona_comes_back_from_its_card_as_it_was(persona: Persona) -> None:
    assert imported(card_png(persona), persona.slug)[0] == persona


@pytest.mark.parametrize("card", [FIELDS, V2, V3], ids=["V1", "V2", "V3"])
def test_a_foreign_card_comes_out_as_it_went_in_with_our_extension_beside_its_own(card: dict[str, Any]) -> None:
    origin = read_card(json.dumps(card).encode())
    persona, _ = persona_of_card(origin, "mira", VOICE)
    for exported in cards_of(persona, origin):
        data = exported["data"]
        for key, value in origin.fields.items():
            if key != "extensions":
                assert data[key] == value, key
        extensions = dict(data["extensions"])
        extensions.pop(EXTENSION)
        assert extensions == origin.fields.get("extensions", {})
        assert exported.get("beside") == card.get("beside")
    again = read_card(card_png(persona, origin))
    assert persona_of_card(again, "mira", VOICE)[0] == persona


def test_an_exported_png_is_valid_for_readers_of_v2_and_of_v3() -> None:
    data = card_png(LIBRARY.get("xiaoyue"))
    texts = [one[8:-4].split(b"\0", 1) for one in chunks_of(data) if one[4:8] == b"tEXt"]
    found = {keyword: json.loads(base64.b64decode(text)) for keyword, text in texts}
    assert (found[b"chara"]["spec"], found[b"chara"]["spec_version"]) == ("chara_card_v2", "2.0")
    assert (found[b"ccv3"]["spec"], found[b"ccv3"]["spec_version"]) == ("chara_card_v3", "3.0")
    asked_by_v2 = {
        *(
            "name",
            "description",
            "personality",
            "scenario",
            "first_mes",
            "mes_example",
            "creator_notes",
            "system_prompt",
        ),
        *("post_history_instructions", "alternate_greetings", "tags", "creator", "character_version", "extensions"),
    }
    assert asked_by_v2 <= set(found[b"chara"]["data"])
    assert "group_only_greetings" in found[b"ccv3"]["data"]


def test_extensions_of_another_shape_are_kept_in_the_one_that_readers_know() -> None:
    data = json.dumps({**V2, "data": {**DATA, "extensions": ["depth", 4]}}).encode()
    persona, _ = imported(data)
    out = read_card(card_png(persona, read_card(data)))
    assert out.fields["extensions"]["kith/extensions"] == ["depth", 4]
    again = read_card(card_png(persona, out))
    assert again.fields == out.fields


def test_what_was_changed_here_is_in_the_card_and_the_rest_is_untouched() -> None:
    origin = read_card(json.dumps(V2).encode())
    persona, _ = persona_of_card(origin, "mira", VOICE)
    changed = persona.model_copy(update={"traits": ("loud",)})
    data = cards_of(changed, origin)[0]["data"]
    assert data["personality"] == "loud"
    assert data["description"] == DATA["description"]
    assert data["mes_example"] == DATA["mes_example"]


def test_what_somebody_else_changed_in_our_card_counts() -> None:
    persona = LIBRARY.get("xiaoyue")
    card = cards_of(persona)[0]
    card["data"]["description"] = "She keeps bees now."
    card["data"]["personality"] = "calm"
    back, _ = imported(json.dumps(card).encode(), "xiaoyue")
    assert back.identity == "She keeps bees now."
    assert back.traits == ("calm",)
    assert (back.catchphrases, back.languages, back.examples) == (
        persona.catchphrases,
        persona.languages,
        persona.examples,
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*DATA, "zzz", "nickname"]), VALUES, max_size=10),
    st.text(min_size=1, max_size=30).filter(str.strip),
)
@settings(deadline=None, max_examples=120)
def test_a_card_with_anything_in_its_fields_is_refused_or_makes_a_round_trip(fields: dict[str, Any], name: str) -> None:
    data = json.dumps({"spec": "chara_card_v3", "data": {**fields, "name": name}}).encode()
    try:
        origin = read_card(data)
        persona, _ = persona_of_card(origin, "any", VOICE)
    except CardError as error:
        assert error.key.startswith("error-card")  # noqa: PT017 -- either outcome is right
        return
    again = read_card(card_png(persona, origin))
    assert {
        key: value for key, value in again.fields.items() if key in fields and key not in ("extensions", "name")
    } == {key: value for key, value in fields.items() if key not in ("extensions", "name")}
    assert persona_of_card(again, "any", VOICE)[0] == persona


# ---------------------------------------------------------------------------- hostile files


def bomb_png() -> bytes:
    return png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"A" * 100_000_000, 9)))


def deep_json() -> bytes:
    return b'{"name": "x", "y": ' + b'{"a":' * (DEPTH + 5) + b"1" + b"}" * (DEPTH + 5) + b"}"


def many_entries(count: int) -> bytes:
    return archive(*((f"f{number}", b"") for number in range(count)))


def lying_archive() -> bytes:
    """An entry that is 200 MB when opened, and says that it is 10 bytes."""
    data = bytearray(archive(("card.json", b" " * 200_000_000)))
    size = struct.pack("<I", 200_000_000)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<I", 10)
    return bytes(data)


def greedy_archive() -> bytes:
    """LZMA's dictionary is as large as the file says: two gigabytes, for twelve bytes of text."""
    data = bytearray(archive(("card.json", CARD), compression=zipfile.ZIP_LZMA))
    at = data.find(b"\x09\x04\x05\x00")
    data[at + 5 : at + 9] = struct.pack("<I", 0x7FFFFFFF)
    return bytes(data)


def many_that_are_one() -> bytes:
    """The directory names the same megabyte of zeros five hundred times."""
    data = archive(("card.json", CARD), ("f000", bytes(1_000_000)))
    begin, end = data.find(b"PK\x01\x02"), data.rfind(b"PK\x05\x06")
    second = data.find(b"PK\x01\x02", begin + 4)
    lines = b"".join(data[second:end].replace(b"f000", b"f%03d" % number) for number in range(500))
    directory = data[begin:second] + lines
    return data[:begin] + directory + b"PK\x05\x06" + struct.pack("<4xHHIIH", 501, 501, len(directory), begin, 0)


def twins(name: str) -> bytes:
    data = archive(("card.json", CARD), (name.replace("a", "b"), b"1"), (name.replace("a", "c"), b"2"))
    return data.replace(name.replace("a", "b").encode(), name.encode()).replace(
        name.replace("a", "c").encode(), name.encode()
    )


def lying_file(content: bytes) -> bytes:
    """A deflated file whose directory says that it is one byte shorter than it is."""
    data = bytearray(archive(("card.json", CARD), ("a.png", content)))
    at = data.rfind(struct.pack("<I", len(content)))
    data[at : at + 4] = struct.pack("<I", len(content) - 1)
    return bytes(data)


def sixty_four_bit(data: bytes) -> bytes:
    at = data.rfind(b"PK\x05\x06")
    return data[:at] + b"PK\x06\x07" + b"\0" * 16 + data[at:]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a decompression bomb": (bomb_png, "error-card-too-large"),
    "a bomb in iTXt": (lambda: png(chunk(b"iTXt", b"ccv3\0\1\0\0\0" + zlib.compress(b"A" * 50_000_000, 9))), "error-card-too-large"),
    "a huge chunk": (lambda: SIGNATURE + struct.pack(">I4s", 0xFFFFFFF0, b"tEXt") + b"chara\0", "error-card-broken"),
    "a bad CRC": (lambda: png(text_chunk(b"chara", encoded(V2))[:-1] + b"\0"), "error-card-broken"),
    "too many cards": (lambda: png(*[chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"A" * 500_000))] * (CARD_CHUNKS + 1)), "error-card-broken"),
    "no end": (lambda: png(text_chunk(b"chara", encoded(V2)))[:-12], "error-card-broken"),
    "an image without a card": (png, "error-card-none"),
    "no base64": (lambda: png(text_chunk(b"chara", b"!!!!")), "error-card-broken"),
    "a stream that ends early": (lambda: png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(encoded(V2))[:-9])), "error-card-broken"),
    "deep JSON": (deep_json, "error-card-too-deep"),
    "very deep JSON": (lambda: b'{"name": ' + b"[" * 60_000, "error-card-too-deep"),
    "many values": (lambda: json.dumps({"name": "x", "y": [0] * 100_000}).encode(), "error-card-too-large"),
    "a number without end": (lambda: b'{"name": "x", "y": ' + b"9" * 500_000 + b"}", "error-card-broken"),
    "infinity": (lambda: b'{"name": "x", "y": Infinity}', "error-card-broken"),
    "a number that is infinity when it is read": (lambda: b'{"name": "x", "y": 1e999}', "error-card-broken"),
    "many small objects": (lambda: b'{"name": "x", "y": [' + b"{}," * 150_000 + b"1]}", "error-card-too-large"),
    "strings that never end": (lambda: b'{"name": "' + b'\\"' * 250_000, "error-card-broken"),
    "strings that end in a backslash": (lambda: b'{"name": "' + b'\\"' * 250_000 + b"\\", "error-card-broken"),
    "a name that is no text": (lambda: b'{"name": 3}', "error-card-none"),
    "no name": (lambda: b'{"spec": "chara_card_v2", "data": {}}', "error-card-none"),
    "data that is no object": (lambda: b'{"spec": "chara_card_v2", "data": []}', "error-card-broken"),
    "not UTF-8": (lambda: b'{"name": "\xff"}', "error-card-broken"),
    "a file beyond the limit": (lambda: SIGNATURE + b"\0" * FILE_BYTES, "error-card-too-large"),
    "text beyond the limit": (lambda: b'{"name": "' + b"x" * INFLATED_BYTES + b'"}', "error-card-too-large"),
    "a path out of the archive": (lambda: archive(("card.json", CARD), ("../../etc/cron.d/x", b"x")), "error-card-unsafe"),
    "a path from the root": (lambda: archive(("card.json", CARD), ("/etc/passwd", b"x")), "error-card-unsafe"),
    "a path with a drive": (lambda: archive(("card.json", CARD), ("C:\\x", b"x")), "error-card-unsafe"),
    "a path with backslashes": (lambda: archive(("card.json", CARD), ("..\\x", b"x")), "error-card-unsafe"),
    "an archive bomb": (lambda: archive(("card.json", b" " * 200_000_000)), "error-card-too-large"),
    "an archive that lies about a size": (lying_archive, "error-card-"),
    "too many files": (lambda: many_entries(2_000), "error-card-too-large"),
    "an archive of the 64-bit kind": (lambda: sixty_four_bit(archive(("card.json", CARD))), "error-card-too-large"),
    "an archive of the kind that asks for memory": (greedy_archive, "error-card-too-large"),
    "files that are a bomb": (lambda: archive(("card.json", CARD), ("a.png", bytes(200_000_000))), "error-card-too-large"),
    "many files that are one": (many_that_are_one, "error-card-"),
    "two files of one name": (lambda: twins("a.png"), "error-card-broken"),
    "two cards": (lambda: twins("card.json"), "error-card-broken"),
    "a file that is longer than it says": (lambda: lying_file(b"x" * 4_000), "error-card-broken"),
    "a chunk more than there may be": (lambda: png(*[chunk(b"prIv", b"")] * CHUNKS), "error-card-broken"),
    "an archive without a card": (lambda: archive(("x.json", CARD)), "error-card-none"),
    "an archive without an end": (lambda: archive(("card.json", CARD), ("a", b"")).replace(b"PK\x05\x06", b"PK\x05\x07"), "error-card-broken"),
    "half an archive": (lambda: archive(("card.json", CARD))[:-30], "error-card-broken"),
    "nothing": (lambda: b"", "error-card-unknown"),
    "another picture": (lambda: b"GIF89a", "error-card-unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_sentence_within_64_megabytes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, key = HOSTILE[name]
    data = make()
    began = perf_counter()
    with pytest.raises(CardError):
        read_card(data)
    took_ms = (perf_counter() - began) * 1000
    tracemalloc.start()
    try:
        with pytest.raises(CardError) as caught:
            read_card(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.key.startswith(key)
    assert peak < 64 * 1024 * 1024
    if took_ms > 25:
        with capsys.disabled():
            print(f"\n{name}: refused after {took_ms:.0f} ms, {peak / 1024 / 1024:.1f} MiB")


LONG = 200_000
HOSTILE_TEXTS: dict[str, dict[str, str]] = {
    "accents without end": {"description": "a" + "\u0301\u0316" * (LONG // 4)},
    "accents on a name": {"name": "a" + "\u0301\u0316" * (LONG // 4)},
    "one line of spaces": {"mes_example": "a" + " " * LONG + "b"},
    "examples without end": {"mes_example": "{{user}}: a\n{{char}}: b\n" * (LONG // 24)},
    "a line that never ends": {"mes_example": "{{user}}: a\n" + "and on\n" * (LONG // 7)},
    "pictures that never close": {"description": "![](" * (LONG // 4)},
    "stars": {"description": ("*" + "a" * 401) * (LONG // 402)},
    "macros that never close": {"description": ("{{" + "a" * 399) * (LONG // 401)},
    "orders without end": {"description": "ignore " + "all " * (LONG // 4)},
    "tags that never close": {"first_mes": "<a" * (LONG // 2)},
    "long texts everywhere": dict.fromkeys(("description", "scenario", "personality", "first_mes", "mes_example"), "Moss. " * 8_000),
    "fields without end": {f"field {number}": "x" for number in range(9_000)},
}  # fmt: skip
"""Valid cards, within the bounds of a card: nothing is wrong with them but what it costs to read them."""


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_a_card_of_hostile_texts_is_read_at_the_price_of_any_other(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.dumps({**FIELDS, **HOSTILE_TEXTS[name]}, ensure_ascii=False).encode()
    began = perf_counter()
    brought(data, "card.json", set(), VOICE)
    took_ms = (perf_counter() - began) * 1000
    tracemalloc.start()
    try:
        one = brought(data, "card.json", set(), VOICE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert json.loads(one.card or "") == json.loads(data), "what is not read is kept all the same"
    assert peak < 64 * 1024 * 1024
    if took_ms > 50:
        with capsys.disabled():
            print(f"\n{name}: read after {took_ms:.0f} ms, {peak / 1024 / 1024:.1f} MiB")


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=200)
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for head in (b"", SIGNATURE, b"PK\x03\x04", b"{"):
        with pytest.raises(KithError):
            read_card(head + data)


@given(st.sampled_from(GOOD), st.integers(0, 1 << 16), st.integers(0, 64), st.binary(max_size=32))
@settings(deadline=None, max_examples=250)
def test_a_good_card_with_a_piece_replaced_is_read_or_refused(good: bytes, at: int, length: int, put: bytes) -> None:
    at %= len(good)
    try:
        card = read_card(good[:at] + put + good[at + length :])
        persona_of_card(card, "mutant", VOICE)
    except CardError as error:
        assert error.key.startswith("error-card")  # noqa: PT017 -- either outcome is right
        return
    assert isinstance(card, Card)


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=150)
def test_a_tidied_text_holds_neither_macros_nor_hidden_characters(text: str) -> None:
    tidy = Tidy("Mira")
    for tidied in (tidy.text(text), tidy.line(text, keeps_actions=True)):
        assert "*" not in tidied
        assert "{{user}}" not in tidied
        assert not any(char in tidied for char in "\u202e\u200b\0")
