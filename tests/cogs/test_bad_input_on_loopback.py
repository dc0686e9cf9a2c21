"""What no client should send and people do anyway: each gets a sentence in its reader's language, and nothing is half written. Beyond what the areas' own tests hold."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Stage, on_stage
from waiting import until

from bot.app import KithBot
from bot.personas.cards.png import SIGNATURE, chunk, picture
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import Person
from bot.storage.consent import Scope
from cogs import persona_forms
from cogs.persona_forms import FORM_S, form_id, is_forgotten

pytestmark = pytest.mark.rehearsal

NASTY = "\u202egnp.\u2066 **Bob**\u200b\n# @everyone \u0007`x`"
FORM = {
    "name": "Captain Rook",
    "tagline": "An old sailor with a soft spot.",
    "identity": "Rook is an AI who talks like an old sailor and knows every knot.",
    "manner": "Gruff and short, with a warm laugh.",
    "phrases": "Steady as she goes",
}
CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {"name": "../../x", "description": "A botanist who whispers to her ferns.", "first_mes": "Mind the moss!"},
}
FORGOTTEN_S = FORM_S + 60


def bot_of(stage: Stage) -> KithBot:
    assert stage.bot is not None
    return stage.bot


def button_of(source: Interaction, verdict: str) -> str:
    return next(one for one in source.replies[-1].buttons if one.startswith(f"kith:persona:{verdict}:"))


def is_private(interaction: Interaction) -> bool:
    return all(reply.ephemeral_for == interaction.person.user_id for reply in interaction.replies)


async def made(stage: Stage) -> set[str]:
    return set(await bot_of(stage).companion.cast.made(stage.guild.guild_id))


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with on_stage(tmp_path, monkeypatch) as stage:
        yield stage


@pytest.fixture
async def call(stage: Stage) -> AsyncIterator[tuple[Stage, Interaction]]:
    """Alice called it into the lounge; with the panel that she got."""
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
        panel = await stage.run(stage.alice, "join")
        yield stage, panel
        await stage.run(stage.alice, "consent stop")


# ---------------------------------------------------------------------------- names


def hidden_in(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char)[0] == "C" and char != "\n"}


async def test_a_name_of_hidden_characters_and_markup_is_one_plain_word_wherever_it_is_shown(
    call: tuple[Stage, Interaction],
) -> None:
    stage, panel = call
    bob = stage.world.add_person(stage.guild, NASTY)
    stage.lounge.name = f"Lounge{NASTY}"
    await stage.discord.gateway.dispatch(stage.guild.guild_id, "CHANNEL_UPDATE", stage.lounge.payload())
    ticket = await stage.discord.join_voice(stage.guild, bob, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
        await stage.press(bob, panel, "kith:consent:allow")
        await stage.press(bob, panel, "kith:consent:off-record")
        status = bot_of(stage).companion.status
        await until(lambda: len(getattr(status(stage.guild.guild_id), "heard", ())) == 1)
        shown = await stage.run(stage.alice, "status")
        assert "gnp. \\*\\*Bob\\*\\* # @everyone \\`x\\`" in shown.text
        await stage.run(stage.alice, "recap")
        await stage.run(stage.alice, "scene", name="custom", words=NASTY)
        message = panel.replies[-1]
        await until(lambda: "**Off the record**" in message.content)
    for told in stage.world.messages.values():
        assert hidden_in(told.content) == set()
        assert not any(line.startswith("# ") for line in told.content.splitlines())
        assert "**Bob**" not in told.content


async def test_a_persona_named_like_a_path_is_made_brought_used_given_out_and_deleted_under_a_plain_name(
    stage: Stage,
) -> None:
    form = await stage.run(stage.alice, "persona create")
    assert "(`x`) is ready" in (await stage.submit(stage.alice, form, **{**FORM, "name": "../../x"})).text
    card = stage.world.add_file("../../x.json", json.dumps(CARD).encode())
    assert "(`x-2`) is ready" in (await stage.run(stage.alice, "persona import", file=card)).text
    assert await made(stage) == {"x", "x-2"}

    for path in ("persona use", "persona export", "persona delete", "persona edit", "persona about"):
        refused = await stage.run(stage.ming, path, name="../../../etc/passwd")
        assert "没有叫" in refused.text or "只有能管理" in refused.text, path
        assert is_private(refused), path
    assert "I am **../../x** now" in (await stage.run(stage.alice, "persona use", name="x")).text
    given = await stage.run(stage.alice, "persona export", name="x")
    assert [file["filename"] for file in given.replies[-1].payload["attachments"]] == ["x.png"]
    assert "is gone" in (await stage.run(stage.alice, "persona delete", name="x")).text
    assert await made(stage) == {"x-2"}


# ---------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"identity": "字" * 10_000}, "“是个什么样的人”有 10,000 个字，最多 1,500 个"),
        ({"name": "\u202e\u200b \u0000"}, "“名字”里没有看得见的字"),
        ({"phrases": "嘿\n" * 40}, "“口头禅，每行一条（少而精）”有 40 行，最多 12 行"),
    ],
)
async def test_a_form_that_makes_no_persona_is_told_by_the_words_on_the_form(
    stage: Stage, wrong: dict[str, str], told: str
) -> None:
    form = await stage.run(stage.ming, "persona create")
    refused = await stage.submit(stage.ming, form, **{**FORM, **wrong})
    assert told in refused.text
    assert is_private(refused)
    assert await made(stage) == set()


async def test_a_scene_of_ten_thousand_characters_is_refused_with_the_limit(call: tuple[Stage, Interaction]) -> None:
    stage, _ = call
    form = await stage.run(stage.alice, "scene", name="custom")
    told = await stage.submit(stage.alice, form, words="x" * 10_000)
    assert "That scene has 10,000 characters, and" in told.text
    assert is_private(told)
    option = await stage.run(stage.alice, "scene", name="custom", words="x" * 10_000)
    assert "That scene has 10,000 characters, and" in option.text
    said = await stage.run(stage.alice, "say", text="x" * 10_000)
    assert "it is too long, or none of those offered" in said.text
    assert is_private(said)


async def test_a_form_of_before_a_restart_is_told_so_and_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await stage.run(stage.ming, "persona create")
    form.form["custom_id"] = form.form["custom_id"][:-16] + "0" * 16
    told = await stage.submit(stage.ming, form, **FORM)
    assert "这个表单开得太久了，或者我中途重启过" in told.text
    assert is_private(told)
    assert await made(stage) == set()


def test_a_form_is_waited_for_a_quarter_of_an_hour_by_the_process_that_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = form_id("kith:memory:form:" + "a" * 64, 1_000.0)
    assert len(known) <= 100
    assert not is_forgotten(known, 1_000.0)
    assert not is_forgotten(known, 1_000.0 + FORM_S)
    assert is_forgotten(known, 1_000.0 + FORGOTTEN_S)
    assert known != form_id("kith:memory:form:" + "a" * 64, 1_000.0)
    assert not is_forgotten("kith:settings:write:persona:00000000:0", 1e9), "the settings answer for their own"
    monkeypatch.setattr(persona_forms, "_PROCESS", "ffffff")
    assert is_forgotten(known, 1_000.0)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("persona use", {"name": "xiaoyue", "for": "everybody"}),
        ("persona export", {"name": "xiaoyue", "format": "exe"}),
        ("memory pause", {"state": "maybe"}),
        ("scene", {"name": "../bedtime"}),
    ],
)
async def test_what_no_menu_offers_is_refused_and_changes_nothing(
    stage: Stage, path: str, options: dict[str, str]
) -> None:
    told = await stage.run(stage.ming, path, **options)
    assert "这个我收不了" in told.text
    assert is_private(told)
    assert await bot_of(stage).companion.keeper.is_paused(stage.guild.guild_id, stage.ming.user_id) is False


# ---------------------------------------------------------------------------- files


def charx(card: bytes, *, bomb: int = 0, is_broken: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("card.json", card + b" " * bomb)
    data = file.getvalue()
    if not is_broken:
        return data
    begin = data.index(b"card.json") + len(b"card.json")
    return data[: begin + 10] + bytes([data[begin + 10] ^ 0xFF]) + data[begin + 11 :]


def png_with_a_bad_crc() -> bytes:
    text = chunk(b"tEXt", b"chara\0e30=")
    return b"".join([SIGNATURE, *picture((1, 2, 3), 4), text[:-1] + bytes([text[-1] ^ 1]), chunk(b"IEND", b"")])


HOSTILE = {
    "bomb.charx": (charx(json.dumps(CARD).encode(), bomb=60_000_000), "文件超出了角色卡的上限"),
    "crc.charx": (charx(json.dumps(CARD).encode(), is_broken=True), "这个文件读不了"),
    "crc.png": (png_with_a_bad_crc(), "这个文件读不了"),
    "far.charx": (charx(b"x") + b"\0" * 9_000_000, "文件超出了角色卡的上限"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_card_is_refused_through_the_command_and_the_menu_and_leaves_nothing(
    stage: Stage, name: str
) -> None:
    data, told = HOSTILE[name]
    refused = await stage.run(stage.ming, "persona import", file=stage.world.add_file(name, data))
    assert told in refused.text
    assert is_private(refused)
    message = stage.world.post(
        stage.lounge.channel_id, {"attachments": [stage.world.add_file(name, data)]}, author=stage.alice
    )
    again = await stage.use_menu(stage.ming, "Adopt as persona", message)
    assert told in again.text
    assert await made(stage) == set()


# ---------------------------------------------------------------------------- double clicks, and two at once


async def both(stage: Stage, source: Interaction, *presses: tuple[Person, str]) -> list[Interaction]:
    """All of them before any is answered."""
    message = source.replies[-1]
    sent = [await stage.discord.press(stage.guild, person, message, custom_id) for person, custom_id in presses]
    for one in sent:
        await one.wait_reply()
    await until(lambda: all(one.replies for one in sent))
    return sent


@pytest.mark.parametrize(("first", "second"), [("approve", "approve"), ("approve", "decline"), ("decline", "approve")])
async def test_of_two_admins_who_decide_about_a_persona_one_decides_and_the_other_reads_that_it_is_settled(
    stage: Stage, first: str, second: str
) -> None:
    bea = stage.world.add_person(stage.guild, "Bea", is_admin=True, locale="zh-CN")
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, "approves_personas", True)
    waiting = await stage.submit(stage.ming, await stage.run(stage.ming, "persona create"), **FORM)
    told = await both(
        stage,
        waiting,
        (stage.alice, button_of(waiting, first)),
        (bea, button_of(waiting, second)),
    )
    settled = [one for one in told if "decided already" in one.text or "已经有结果" in one.text or "没有叫" in one.text]
    assert len(settled) == 1, [one.text for one in told]
    assert is_private(settled[0])
    own = await bot_of(stage).companion.cast.made(stage.guild.guild_id)
    winner = first if settled[0] is told[1] else second
    assert [one.is_approved for one in own.values()] == ([True] if winner == "approve" else [])


@pytest.mark.parametrize("name", ["allow", "stop", "remember", "off-record", "explain"])
async def test_a_double_click_on_the_panel_is_answered_twice_and_counts_once(
    call: tuple[Stage, Interaction], name: str
) -> None:
    stage, panel = call
    await stage.run(stage.ming, "consent allow", what="transcript")
    twice = (stage.ming, f"kith:consent:{name}")
    told = await both(stage, panel, twice, twice)
    assert all(one.text for one in told)
    ledger = bot_of(stage).companion.ledger
    now = {scope for scope in Scope if ledger.allowed(stage.guild.guild_id, stage.ming.user_id, scope)}
    expected = {Scope.TRANSCRIPT} | ({Scope.LISTEN} if name == "allow" else set())
    if name == "remember":
        expected |= {Scope.REMEMBER}
    assert now == (set() if name == "stop" else expected)


async def test_a_double_click_on_forget_everything_and_on_erase_is_harmless(stage: Stage) -> None:
    asked = await stage.run(stage.ming, "memory forget", what="all")
    told = await both(stage, asked, *[(stage.ming, "kith:memory:forget-all")] * 2)
    assert all("没有可忘的" in one.text for one in told)
    asked = await stage.run(stage.ming, "privacy erase")
    message = asked.replies[-1]
    for _ in range(2):
        await stage.discord.press(stage.guild, stage.ming, message, "kith:privacy:erase")
    await until(lambda: "删好了" in message.content)
    assert not message.buttons


# ---------------------------------------------------------------------------- too late


async def test_an_agreement_that_discord_forgot_is_none_and_a_withdrawal_is_one(
    call: tuple[Stage, Interaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, panel = call
    ledger, message = bot_of(stage).companion.ledger, panel.replies[-1]

    def is_heard() -> bool:
        return ledger.allowed(stage.guild.guild_id, stage.ming.user_id)

    await stage.press_that_discord_forgets(stage.ming, message, "kith:consent:allow", monkeypatch)
    assert not is_heard(), "nobody was told that they are heard, so they are not"
    await stage.press(stage.ming, panel, "kith:consent:allow")
    assert is_heard()
    await stage.press_that_discord_forgets(stage.ming, message, "kith:consent:stop", monkeypatch)
    await until(lambda: not is_heard())


async def test_an_approval_that_discord_forgot_stands_and_the_next_press_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bot_of(stage).companion.guilds.choose(stage.guild.guild_id, "approves_personas", True)
    waiting = await stage.submit(stage.ming, await stage.run(stage.ming, "persona create"), **FORM)
    approve = button_of(waiting, "approve")
    await stage.press_that_discord_forgets(stage.alice, waiting.replies[-1], approve, monkeypatch)
    again = await stage.press(stage.alice, waiting, approve)
    assert "decided already" in again.text
    (rook,) = (await bot_of(stage).companion.cast.made(stage.guild.guild_id)).values()
    assert rook.is_approved


# ---------------------------------------------------------------------------- languages


@pytest.mark.parametrize("locale", ["ja", "pt-BR", "en-GB"])
async def test_a_language_that_nobody_translated_reads_english(stage: Stage, locale: str) -> None:
    guest = stage.world.add_person(stage.guild, "Guest", is_admin=True, locale=locale)
    assert (await stage.run(guest, "join")).text == "Enter a voice channel first, then call me."
    assert "**Who I can be**" in (await stage.run(guest, "persona list")).text
    assert "**Who I am**" in (await stage.run(guest, "settings")).text
    assert (await stage.run(guest, "persona create")).form["title"] == "A new persona"
    assert "What happens to your voice" in (await stage.run(guest, "consent explain")).text


async def test_chinese_of_taiwan_reads_chinese_and_finds_the_commands_under_the_names_it_reads(stage: Stage) -> None:
    guest = stage.world.add_person(stage.guild, "Guest", locale="zh-TW")
    assert "用 `/加入` 叫我来" in (await stage.run(guest, "status")).text
    names = {command["name"]: command for command in stage.world.commands}
    assert names["join"]["name_localizations"]["zh-TW"] == "加入"
