"""What a card brings besides its text: kept byte for byte within bounds, given back with the card, and never opened further than that."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from cards_made import CARD, DATA, GOOD, V2, V3, VOICE, archive, chunks_of, encoded, imported, png, text_chunk
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.card_exchange import GivenOut, brought, given_out
from bot.personas.cards.charx import CARD_ENTRY, packed, unpacked
from bot.personas.cards.container import read_card
from bot.personas.cards.files import CARD_BYTES, FILES, PICTURE_BYTES, Asset, CardFiles, Format, Left, suffix_of
from bot.personas.cards.png import CHUNKS, SIGNATURE, CardError, chunk, picture
from bot.personas.cards.writing import ICON
from bot.personas.draft import draft_of, drafted
from bot.personas.library import Library

pytestmark = pytest.mark.core

MEBIBYTE = 1024 * 1024
PIXELS = picture((9, 8, 7), 8)
PNG_PICTURE = b"".join([SIGNATURE, *PIXELS, chunk(b"IEND", b"")])
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(200))
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(50)
ICON_PATH = "assets/icon/images/main.png"
FILES_BESIDE = {"assets/other/smile.png": b"smile", "module.risum": b"\0\x01\x02" * 99, "x_meta/1.json": b"{}"}


def charx(
    icon: bytes | None = PNG_PICTURE, others: Mapping[str, bytes] | None = None, *, uri: str = f"embeded://{ICON_PATH}"
) -> bytes:
    """A V3 card in an archive, with its main icon and other files."""
    assets = [
        {"type": "icon", "uri": "embeded://assets/icon/images/old.png", "name": "old", "ext": "png"},
        {"type": "icon", "uri": uri, "name": "main", "ext": "png"},
        {"type": "x-risu-asset", "uri": "embeded://assets/other/smile.png", "name": "smile", "ext": "png"},
    ]
    card = {**V3, "data": {**DATA, "group_only_greetings": ["All!"], "assets": assets}}
    entries = [("card.json", json.dumps(card).encode()), *FILES_BESIDE.items(), *(others or {}).items()]
    return archive(*entries, *([(ICON_PATH, icon)] if icon is not None else []))


def taken(data: bytes, name: str = "x") -> CardFiles:
    files = read_card(data).files
    assert files is not None, name
    return files


def back(data: bytes, wanted: Format | None = None) -> GivenOut:
    """Imported, kept, exported."""
    one = brought(data, "card", set(), VOICE)
    return given_out(one.persona, one.card, one.stored, wanted)


def entries_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {entry.filename: file.read(entry) for entry in file.infolist()}


def without_ours(fields: dict[str, Any]) -> dict[str, Any]:
    extensions = {key: value for key, value in fields.get("extensions", {}).items() if not key.startswith("kith/")}
    return {**fields, "extensions": extensions}


# ---------------------------------------------------------------------------- PNG


ANIMATED = [
    chunk(b"acTL", struct.pack(">II", 2, 0)),
    chunk(b"fcTL", bytes(26)),
    *PIXELS[1:],
    chunk(b"fcTL", bytes(26)),
    chunk(b"fdAT", b"\0\0\0\2" + zlib.compress(bytes(200))),
]


@pytest.mark.parametrize(
    "rest",
    [
        PIXELS[1:],
        ANIMATED,
        [chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(bytes(500))), chunk(b"eXIf", b"II*\0"), *PIXELS[1:]],
        [chunk(b"tEXt", b"Author\0somebody"), chunk(b"iTXt", b"Title\0\0\0zh\0\0\xe6\x9c\x88"), *PIXELS[1:]],
        [*PIXELS[1:], chunk(b"tEXt", b"chara-ext-asset_:0\0" + encoded({}))],
    ],
    ids=["plain", "animated", "profile", "other-texts", "files-in-texts"],
)
@pytest.mark.parametrize("card", [DATA, V2, V3], ids=["V1", "V2", "V3"])
def test_a_png_comes_back_with_the_same_picture_and_fresh_cards(card: Any, rest: list[bytes]) -> None:
    image = [PIXELS[0], *rest]
    texts = [text_chunk(b"chara", encoded(card)), text_chunk(b"ccv3", encoded(card))]
    data = b"".join([SIGNATURE, image[0], texts[0], *image[1:], texts[1], chunk(b"IEND", b"")]) + b"trailing words"
    out = back(data)
    assert (out.format, out.left_out) == (Format.PNG, 0)
    found = chunks_of(out.data)
    assert found[: len(image)] == image
    assert [one[4:13].rstrip(b"\0") for one in found[len(image) :]][:2] == [b"tEXtchara", b"tEXtccv3"]
    assert found[len(image) + 2 :] == [chunk(b"IEND", b"")]
    assert without_ours(read_card(out.data).fields) == {
        "group_only_greetings": [],
        **without_ours(read_card(data).fields),
    }
    again = back(out.data)
    assert chunks_of(again.data)[: len(image)] == image
    assert read_card(again.data).fields == read_card(out.data).fields


def test_a_card_without_a_picture_comes_back_with_one_that_is_drawn() -> None:
    assert read_card(CARD).files is None
    for data in (CARD, png(text_chunk(b"chara", encoded(V2)))[:-12].replace(b"IDAT", b"IDAX", 1) + chunk(b"IEND", b"")):
        found = chunks_of(back(data).data)
        assert found[0] == chunk(b"IHDR", struct.pack(">IIBBBBB", 256, 256, 8, 2, 0, 0, 0))


def test_the_form_that_changes_a_persona_changes_its_card_and_leaves_its_picture() -> None:
    data = b"".join([SIGNATURE, *PIXELS, text_chunk(b"chara", encoded(V2)), chunk(b"IEND", b"")])
    one = brought(data, "mira.png", set(), VOICE)
    draft = draft_of(one.persona)
    changed = drafted(replace(draft, identity="She keeps bees now."), one.persona.slug, VOICE, one.persona)
    out = given_out(changed, one.card, one.stored, None)
    assert chunks_of(out.data)[: len(PIXELS)] == PIXELS
    assert read_card(out.data).fields["description"] == "She keeps bees now."
    assert read_card(out.data).fields["personality"] == DATA["personality"]


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ([*PIXELS, chunk(b"IDAT", bytes(PICTURE_BYTES))], Left.LARGE),
        ([*PIXELS, chunk(b"iCCP", b"p\0\0" + bytes(7 * MEBIBYTE))], Left.LARGE),
        ([PIXELS[0], PIXELS[1][:-1] + b"\0"], Left.BROKEN),
        (PIXELS[1:], Left.BROKEN),
        (PIXELS[:1], Left.BROKEN),
        ([], Left.BROKEN),
    ],
    ids=["large", "large-profile", "bad-CRC", "no-header", "no-pixels", "nothing"],
)
def test_a_picture_that_cannot_be_kept_is_told_and_the_persona_comes_all_the_same(
    image: list[bytes], why: Left
) -> None:
    data = b"".join([SIGNATURE, *image, text_chunk(b"chara", encoded(V2)), chunk(b"IEND", b"")])
    files = taken(data)
    assert (files.picture, files.picture_left) == (None, why)
    out = back(data)
    assert read_card(out.data).fields["name"] == "Mira"


def test_the_size_of_a_picture_is_that_without_the_card() -> None:
    padding = chunk(b"prIv", bytes(PICTURE_BYTES - len(PNG_PICTURE) - 12))
    card = text_chunk(b"chara", encoded(V2))
    fits = b"".join([SIGNATURE, *PIXELS, padding, card, chunk(b"IEND", b"")])
    assert len(taken(fits).picture or b"") == PICTURE_BYTES
    assert taken(fits.replace(padding, padding + chunk(b"prIv", b""))).picture_left is Left.LARGE


# ---------------------------------------------------------------------------- CHARX


@pytest.mark.parametrize("icon", [PNG_PICTURE, JPEG, WEBP], ids=["png", "jpg", "webp"])
@pytest.mark.parametrize("scheme", ["embeded", "embedded"])
def test_a_charx_comes_back_with_the_same_card_and_the_same_files(icon: bytes, scheme: str) -> None:
    data = charx(icon, uri=f"{scheme}://{ICON_PATH}")
    files = taken(data)
    assert (files.picture, files.picture_path, files.picture_left) == (icon, ICON_PATH, None)
    assert {asset.path: asset.data for asset in files.assets} == FILES_BESIDE
    out = back(data)
    assert (out.format, out.left_out) == (Format.CHARX, 0)
    before, after = entries_of(data), entries_of(out.data)
    assert next(iter(after)) == CARD_ENTRY
    assert {**after, CARD_ENTRY: b""} == {**before, CARD_ENTRY: b""}
    assert without_ours(read_card(out.data).fields) == without_ours(read_card(data).fields)
    assert json.loads(after[CARD_ENTRY])["spec"] == "chara_card_v3"
    assert entries_of(back(out.data).data) == after


def test_a_charx_without_files_is_a_charx_again() -> None:
    assert back(archive(("card.json", CARD))).format is Format.CHARX


def test_a_charx_as_a_png_takes_its_icon_along_and_says_what_it_leaves() -> None:
    own = b"".join([SIGNATURE, *PIXELS, text_chunk(b"chara", encoded({"name": "Somebody else"})), chunk(b"IEND", b"")])
    for icon, left_out in ((own, 3), (JPEG, 4), (PNG_PICTURE[:-5], 4)):
        out = back(charx(icon), Format.PNG)
        assert (out.format, out.left_out) == (Format.PNG, left_out)
        assert (chunks_of(out.data)[: len(PIXELS)] == PIXELS) is (icon == own)
        assert read_card(out.data).fields["name"] == "Mira"


def test_a_png_as_a_charx_has_its_picture_as_the_main_icon() -> None:
    for card, name in ((V2, "main"), (V3, "main")):
        data = b"".join([SIGNATURE, *PIXELS, text_chunk(b"ccv3", encoded(card)), chunk(b"IEND", b"")])
        out = back(data, Format.CHARX)
        found = entries_of(out.data)
        assert found[ICON] == PNG_PICTURE
        [icon] = json.loads(found[CARD_ENTRY])["data"]["assets"]
        assert icon == {"type": "icon", "uri": f"embeded://{ICON}", "name": name, "ext": "png"}
        assert taken(out.data).picture == PNG_PICTURE


def test_a_shipped_persona_can_be_a_charx_too() -> None:
    persona = Library.load().get("xiaoyue")
    out = given_out(persona, None, None, Format.CHARX)
    assert list(entries_of(out.data)) == [CARD_ENTRY]
    assert imported(out.data, "xiaoyue")[0] == persona


def test_files_that_are_too_large_too_many_or_locked_are_counted_and_the_icon_goes_first() -> None:
    large = {"assets/video.mp4": bytes(PICTURE_BYTES + 1)}
    assert (taken(charx(others=large)).files_left, len(taken(charx(others=large)).assets)) == (1, 3)
    much = {f"{number}.bin": bytes(PICTURE_BYTES) for number in range(4)}
    files = taken(charx(others=much))
    assert files.picture == PNG_PICTURE, "though it is the last of them"
    assert sum(len(asset.data) for asset in files.assets) <= CARD_BYTES
    assert files.files_left == 2
    many = taken(charx(others={f"{number}.bin": b"" for number in range(FILES + 10)}))
    assert (len(many.assets), many.files_left) == (FILES - 1, 14)
    assert taken(charx(bytes(PICTURE_BYTES + 1))).picture_left is Left.LARGE
    assert taken(charx(b"GIF89a")).picture_left is Left.UNKNOWN
    assert ICON_PATH in {asset.path for asset in taken(charx(b"GIF89a")).assets}
    assert taken(charx(None)).picture_left is None
    locked = bytearray(charx())
    at = locked.find(b"PK\x01\x02", locked.find(b"PK\x01\x02") + 4)
    locked[at + 8] |= 1
    assert taken(bytes(locked)).files_left == 1


def test_what_is_packed_is_unpacked_the_same_and_packed_the_same_again() -> None:
    assets = tuple(Asset(path, data) for path, data in FILES_BESIDE.items())
    assert unpacked(packed(assets)) == assets
    assert packed(assets) == packed(assets)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40), st.binary(max_size=50)
    )
)
@settings(deadline=None, max_examples=100)
def test_files_of_any_name_are_refused_or_come_back(files: dict[str, bytes]) -> None:
    try:
        data = archive(("card.json", CARD), *files.items())
        out = back(data)
    except CardError as error:
        assert error.key.startswith("error-card")  # noqa: PT017 -- either outcome is right
        return
    given_back, came = entries_of(out.data), entries_of(data)
    for kept in (given_back, came):
        del kept[CARD_ENTRY]
    assert given_back == {path: content for path, content in came.items() if not path.endswith("/")}


@given(st.sampled_from(GOOD), st.integers(0, 1 << 16), st.integers(0, 64), st.binary(max_size=32))
@settings(deadline=None, max_examples=150)
def test_a_good_file_with_a_piece_replaced_is_refused_or_can_be_given_back(
    good: bytes, at: int, length: int, put: bytes
) -> None:
    at %= len(good)
    try:
        one = brought(good[:at] + put + good[at + length :], "x", set(), VOICE)
    except CardError as error:
        assert error.key.startswith("error-card")  # noqa: PT017 -- either outcome is right
        return
    for wanted in (None, *Format):
        again = read_card(given_out(one.persona, one.card, one.stored, wanted).data)
        assert again.fields["name"] == json.loads(one.card or "{}").get("data", {}).get("name", again.fields["name"])


@pytest.mark.parametrize(
    ("data", "suffix"), [(PNG_PICTURE, "png"), (JPEG, "jpg"), (WEBP, "webp"), (b"", None), (b"RIFF\0\0\0\0WAVE", None)]
)
def test_a_picture_is_known_by_its_first_bytes(data: bytes, suffix: str | None) -> None:
    assert suffix_of(data) == suffix


# ---------------------------------------------------------------------------- hostile, and taken all the same


def many_chunks() -> bytes:
    tiny = chunk(b"prIv", b"") * (CHUNKS - 4)
    return b"".join([SIGNATURE, *PIXELS, tiny, text_chunk(b"chara", encoded(V2)), chunk(b"IEND", b"")])


def claims_forty_megabytes() -> bytes:
    return charx(others={f"{number}.bin": bytes(4 * MEBIBYTE) for number in range(10)})


UNPLEASANT: dict[str, Callable[[], bytes]] = {
    "as many chunks as may be": many_chunks,
    "a profile that is a bomb": lambda: png(
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(200 * MEBIBYTE), 9)), text_chunk(b"chara", encoded(V2))
    ),
    "a profile of seven megabytes": lambda: png(
        chunk(b"iCCP", b"p\0\0" + bytes(7 * MEBIBYTE)), text_chunk(b"chara", encoded(V2))
    ),
    "pixels that are a bomb": lambda: png(
        chunk(b"IDAT", zlib.compress(bytes(200 * MEBIBYTE), 9)), text_chunk(b"chara", encoded(V2))
    ),
    "an archive that claims forty megabytes": claims_forty_megabytes,
    "an archive full of zeros": lambda: charx(others={f"{n}.bin": bytes(PICTURE_BYTES - 100) for n in range(3)}),
    "as many files as may be": lambda: charx(others={f"{number}.bin": b"x" for number in range(990)}),
}


@pytest.mark.parametrize("name", UNPLEASANT)
def test_an_unpleasant_file_is_taken_within_64_megabytes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = UNPLEASANT[name]()
    began = perf_counter()
    brought(data, "x", set(), VOICE)
    took_ms = (perf_counter() - began) * 1000
    tracemalloc.start()
    one = brought(data, "x", set(), VOICE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one.files is not None
    assert peak < 64 * MEBIBYTE
    with capsys.disabled():
        print(f"\n{name}: {took_ms:.0f} ms, {peak / MEBIBYTE:.1f} MiB")
