"""Character Cards with their pictures and files as members bring, see and take them: the shipped bot on the loopback Discord."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Stage, on_stage

from bot.personas.cards.container import read_card
from bot.personas.cards.files import PICTURE_BYTES
from bot.personas.cards.png import SIGNATURE, chunk, picture
from bot.rehearsal.interactions import Interaction

pytestmark = pytest.mark.rehearsal

PIXELS = b"".join([SIGNATURE, *picture((4, 5, 6), 8)])
END = chunk(b"IEND", b"")
ICON = "assets/icon/images/main.jpg"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256))
DATA: dict[str, Any] = {"name": "Mira", "description": "A botanist who whispers to her ferns."}


def png_card(*more: bytes, **fields: Any) -> bytes:
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**DATA, **fields}}
    text = base64.b64encode(json.dumps(card).encode())
    return b"".join([PIXELS, *more, chunk(b"tEXt", b"chara\0" + text), END])


def charx_card() -> bytes:
    assets = [{"type": "icon", "uri": f"embeded://{ICON}", "name": "main", "ext": "jpg"}]
    card = {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**DATA, "assets": assets}}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in (("card.json", json.dumps(card).encode()), (ICON, JPEG), ("x.risum", b"\0\1")):
            archive.writestr(name, data)
        archive.writestr("video.mp4", bytes(PICTURE_BYTES + 1), zipfile.ZIP_DEFLATED)
    return out.getvalue()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


async def bring(stage: Stage, name: str, data: bytes) -> Interaction:
    return await stage.run(stage.alice, "persona import", file=stage.world.add_file(name, data))


def attached(stage: Stage, answer: Interaction) -> tuple[str, bytes]:
    [file] = answer.replies[-1].payload["attachments"]
    return file["filename"], stage.world.files[int(file["id"])]


def thumbnails(answer: Interaction) -> list[str]:
    return [embed["thumbnail"]["url"] for embed in answer.replies[-1].payload["embeds"]]


async def test_a_picture_is_taken_in_shown_to_who_asks_and_given_back(stage: Stage) -> None:
    report = (await bring(stage, "mira.png", png_card())).text
    assert "picture → kept for the export and `/persona about`" in report
    assert "⚠" not in report

    shown = await stage.run(stage.ming, "persona about", name="mira")
    assert "Mira" in shown.text
    assert attached(stage, shown) == ("mira.png", PIXELS + END)
    assert thumbnails(shown) == ["attachment://mira.png"]
    assert shown.replies[-1].ephemeral_for == stage.ming.user_id

    name, data = attached(stage, await stage.run(stage.alice, "persona export", name="mira"))
    assert name == "mira.png"
    assert data.startswith(PIXELS)
    assert read_card(data).fields["description"] == DATA["description"]
    name, data = attached(stage, await stage.run(stage.alice, "persona export", name="mira", format="charx"))
    assert (name, zipfile.ZipFile(io.BytesIO(data)).namelist()[0]) == ("mira.charx", "card.json")


async def test_a_report_names_the_parts_of_a_persona_in_its_readers_language(stage: Stage) -> None:
    card = {"name": "莎莎", "description": "莎莎是书店老板。", "personality": "慢", "first_mes": "欢迎光临。"}
    card |= {"scenario": "雨夜。", "creator_notes": "书店。", "mes_example": "{{user}}: 你好\n{{char}}: 请进。"}
    brought = await stage.run(
        stage.ming, "persona import", file=stage.world.add_file("s.json", json.dumps(card).encode())
    )
    for part in (
        "description → 身份",
        "scenario → 背景",
        "mes\\_example → 对话示例",
        "creator\\_notes → 给成员看的介绍",
    ):
        assert part in brought.text
    assert not re.search(r"→ [a-z]", brought.text)


async def test_the_files_of_an_archive_come_back_in_one_and_what_was_left_is_told(stage: Stage) -> None:
    report = (await bring(stage, "mira.charx", charx_card())).text
    assert "kept for the export, with the card: 1 file" in report
    assert "so not kept: 1 file" in report
    assert attached(stage, await stage.run(stage.alice, "persona about", name="mira")) == ("mira.jpg", JPEG)

    exported = await stage.run(stage.alice, "persona export", name="mira")
    assert "no room" not in exported.text
    name, data = attached(stage, exported)
    assert name == "mira.charx"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["card.json", ICON, "x.risum"]
        assert archive.read(ICON) == JPEG
    as_png = await stage.run(stage.alice, "persona export", name="mira", format="png")
    assert "A PNG has no room for 2 of its files" in as_png.text
    assert attached(stage, as_png)[0] == "mira.png"


async def test_a_picture_too_large_to_keep_is_told_and_the_persona_is_there(stage: Stage) -> None:
    large = chunk(b"IDAT", bytes(PICTURE_BYTES))
    told = (await bring(stage, "mira.png", png_card(large))).text
    assert "(`mira`) is ready" in told
    assert "The picture is not kept: it is larger than 2 MiB." in told
    shown = await stage.run(stage.alice, "persona about", name="mira")
    assert shown.replies[-1].payload["attachments"] == []
    assert "Mira" in shown.text


async def test_a_picture_of_a_persona_for_adults_is_shown_in_age_restricted_channels_alone(stage: Stage) -> None:
    await bring(stage, "mira.png", png_card(tags=["NSFW"]))
    shown = await stage.run(stage.alice, "persona about", name="mira")
    assert shown.replies[-1].payload["attachments"] == []
    assert "Mira" in shown.text
    refused = await stage.run(stage.alice, "persona export", name="mira")
    assert "age-restricted channels only" in refused.text
    stage.lounge.is_nsfw = True
    await stage.discord.gateway.dispatch(stage.guild.guild_id, "CHANNEL_UPDATE", stage.lounge.payload())
    for path in ("persona about", "persona export"):
        assert attached(stage, await stage.run(stage.alice, path, name="mira"))[0] == "mira.png"


async def test_a_deleted_persona_leaves_no_picture_to_the_next_of_its_name(stage: Stage) -> None:
    await bring(stage, "mira.png", png_card())
    await stage.run(stage.alice, "persona delete", name="mira")
    await bring(stage, "mira.json", json.dumps(DATA).encode())
    shown = await stage.run(stage.alice, "persona about", name="mira")
    assert shown.replies[-1].payload["attachments"] == []
