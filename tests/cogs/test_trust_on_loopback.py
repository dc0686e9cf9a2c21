"""Agreeing, taking back, off the record, receipts, erasing and what everybody sees: the shipped bot on the loopback Discord, over real sockets."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from loopback import Stage, loopback
from waiting import until

from bot.app import Companion
from bot.bench.withdrawal import syllables
from bot.process import running
from bot.rehearsal.interactions import Interaction
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.world import CHANGE_NICKNAME, SET_VOICE_CHANNEL_STATUS
from bot.storage.consent import NOTICE_VERSION, Scope
from cogs.board import keep_true

pytestmark = pytest.mark.rehearsal

CHINESE_POLICY = (Path(__file__).parents[2] / "PRIVACY.zh-CN.md").read_bytes()
REMEMBER, TRANSCRIPT, OFF_RECORD = "kith:consent:remember", "kith:consent:transcript", "kith:consent:off-record"
STOP, EXPLAIN, ERASE, KEEP = "kith:consent:stop", "kith:consent:explain", "kith:privacy:erase", "kith:privacy:keep"


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """The bot is up, and may change its nickname and the channel's status."""
    async with loopback(tmp_path, monkeypatch) as stage:
        everyone = stage.guild.everyone_role_id
        name, granted = stage.guild.roles[everyone]
        stage.guild.roles[everyone] = (name, granted | CHANGE_NICKNAME | SET_VOICE_CHANNEL_STATUS)
        async with running(stage.settings) as bot:
            stage.bot = bot
            yield stage


@pytest.fixture
async def joined(stage: Stage) -> AsyncIterator[tuple[Stage, MemberVoice, Interaction]]:
    """Alice has agreed to be heard, and called the bot."""
    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with MemberVoice(ticket, tls=stage.discord.voice.client_context) as voice:
        await stage.run(stage.alice, "consent allow")
        panel = await stage.run(stage.alice, "join")
        await voice.until_ready()
        yield stage, voice, panel


def companion_of(stage: Stage) -> Companion:
    assert stage.bot is not None
    return stage.bot.companion


def agreed(stage: Stage, user_id: int) -> set[Scope]:
    ledger = companion_of(stage).ledger
    return {scope for scope in Scope if ledger.allowed(stage.guild.guild_id, user_id, scope)}


def is_private(interaction: Interaction) -> bool:
    return all(message.ephemeral_for is not None for message in interaction.replies)


# ---------------------------------------------------------------------------- consent


async def test_each_scope_is_agreed_to_by_itself_and_stop_takes_everything_back(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    alice = stage.alice.user_id
    assert agreed(stage, alice) == {Scope.LISTEN}
    on = await stage.press(stage.alice, panel, REMEMBER)
    assert "I may remember what you tell me" in on.text
    assert "nothing is kept before you say so" in on.text, "the server's mode is told"
    assert is_private(on)
    explained = await stage.press(stage.alice, panel, EXPLAIN)
    assert "stepaudio-2.5-realtime by StepFun" in explained.text
    assert "after 7 days; unused, after 90" in explained.text
    assert set(explained.replies[-1].buttons) == {REMEMBER, TRANSCRIPT}
    assert "24 hours" in (await stage.press(stage.alice, explained, TRANSCRIPT)).text
    assert agreed(stage, alice) == set(Scope)

    shown = (await stage.run(stage.alice, "consent show")).text
    assert shown.count("**yes**") == 3
    assert f"notice {NOTICE_VERSION}" in shown
    assert "只" not in shown

    stopped = await stage.press(stage.alice, panel, STOP)
    assert "I do not hear you any more" in stopped.text
    assert "Nothing new of you is kept either" in stopped.text
    assert agreed(stage, alice) == set()
    assert (await stage.run(stage.alice, "consent show")).text.count("taken back on") == 3
    assert "同意过的" in (await stage.run(stage.ming, "consent show")).text
    assert stage.discord.rest.unknown_routes == {}


async def test_one_scope_is_taken_back_without_the_others_and_a_double_click_is_one_press(
    joined: tuple[Stage, MemberVoice, Interaction], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, _, panel = joined
    alice = stage.alice.user_id
    for scope in ("remember", "transcript"):
        await stage.run(stage.alice, "consent allow", what=scope)
    assert agreed(stage, alice) == set(Scope)
    assert "I remember nothing new" in (await stage.run(stage.alice, "consent stop", what="remember")).text
    assert agreed(stage, alice) == {Scope.LISTEN, Scope.TRANSCRIPT}

    consent, now = companion_of(stage).consent, 100.0
    write = consent.allow

    async def slowly(*args: Any) -> str:
        nonlocal now
        now += 60.0  # of a disk that is busy
        return await write(*args)

    monkeypatch.setattr("cogs.panel.time", SimpleNamespace(monotonic=lambda: now, time=time.time))
    monkeypatch.setattr(consent, "allow", slowly)
    pressed = [await stage.discord.press(stage.guild, stage.alice, panel.replies[-1], REMEMBER) for _ in range(2)]
    texts = {(await one.wait_reply()).text for one in pressed}
    assert Scope.REMEMBER in agreed(stage, alice), "pressed twice in a moment, it was pressed once"
    assert now > 100.0
    assert len(texts) == 1

    early = await stage.run(stage.ming, "consent allow", what="remember")
    assert "等你也允许我听你说话" in early.text
    refused = await stage.run(stage.alice, "consent allow", what="souls")
    assert "listen, remember, transcript" in refused.text


async def test_buttons_are_not_pressed_faster_than_people_read_but_stop_always_works(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    pressed = [await stage.discord.press(stage.guild, stage.alice, panel.replies[-1], EXPLAIN) for _ in range(8)]
    told = [(await one.wait_reply()).text for one in pressed]
    assert "try again in" in told[-1]
    assert "I do not hear you any more" in (await stage.press(stage.alice, panel, STOP)).text
    assert "I do not hear you" in (await stage.press(stage.alice, panel, STOP)).text


# ---------------------------------------------------------------------------- off the record


async def test_off_the_record_is_for_the_room_and_everybody_sees_whose_wish_it_is(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    outside = await stage.press(stage.ming, panel, OFF_RECORD)
    assert "请先进到我所在的语音频道" in outside.text
    pressed = await stage.press(stage.alice, panel, OFF_RECORD)
    assert "as Alice wished" in pressed.text
    assert not is_private(pressed)
    memory = companion_of(stage).memory_of(stage.guild.guild_id)
    assert memory is not None
    assert memory.is_off_record(asyncio.get_running_loop().time())
    assert "already" in (await stage.press(stage.alice, panel, OFF_RECORD)).text
    assert "as Alice wished" in (await stage.run(stage.alice, "status")).text


async def test_the_ten_minutes_off_the_record_do_not_end_with_the_call(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    await stage.press(stage.alice, panel, OFF_RECORD)
    await stage.run(stage.alice, "leave")
    await until(lambda: companion_of(stage).memory_of(stage.guild.guild_id) is None)
    again = await stage.run(stage.alice, "join")
    memory = companion_of(stage).memory_of(stage.guild.guild_id)
    assert memory is not None
    assert memory.is_off_record(asyncio.get_running_loop().time())
    await until(lambda: "**Off the record** until" in again.replies[-1].content)
    assert "as Alice wished" in again.replies[-1].content
    assert "as Alice wished" in (await stage.run(stage.alice, "status")).text
    assert "already" in (await stage.press(stage.alice, again, OFF_RECORD)).text


# ---------------------------------------------------------------------------- what everybody sees


async def test_the_nickname_the_channel_and_the_panel_say_who_is_heard_and_are_put_back(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    bot_id = stage.world.bot.user_id
    await until(lambda: stage.guild.nicknames.get(bot_id) == "Kith · AI")
    await until(lambda: stage.lounge.status == "AI listening to 1 of 1 · /privacy")
    assert stage.bot is not None
    chat: Any = stage.bot.get_channel(stage.lounge.channel_id)
    message = panel.replies[-1]
    keep_true(companion_of(stage), stage.guild.guild_id, "en-US", chat.get_partial_message(message.message_id))
    await until(lambda: "I hear 1 of 1" in message.content)
    assert STOP in message.buttons, "the buttons stay"
    await stage.press(stage.alice, panel, STOP)
    await until(lambda: "I hear 0 of 1" in message.content)
    await until(lambda: stage.lounge.status == "AI listening to 0 of 1 · /privacy")
    again = await stage.run(stage.alice, "join")
    await until(lambda: "does not follow a call any more" in message.content)
    await until(lambda: "I hear 0 of 1" in again.replies[-1].content)
    await stage.run(stage.alice, "leave")
    await until(lambda: stage.lounge.status == "" and stage.guild.nicknames.get(bot_id) is None)
    await until(lambda: "does not follow a call any more" in again.replies[-1].content)
    assert STOP in again.replies[-1].buttons


async def test_a_panel_that_nobody_told_us_of_is_kept_true_once_somebody_presses_it(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, _, panel = joined
    await stage.press(stage.alice, panel, EXPLAIN)
    await until(lambda: "I hear 1 of 1" in panel.replies[-1].content)


async def test_where_neither_is_allowed_the_call_goes_on_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(tmp_path, monkeypatch) as stage, running(stage.settings) as bot:
        stage.bot = bot
        ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
        async with MemberVoice(ticket, tls=stage.discord.voice.client_context):
            assert "I am in **" in (await stage.run(stage.alice, "join")).text
            assert "I am in no voice" not in (await stage.run(stage.alice, "status")).text
            assert stage.guild.nicknames == {}
            await stage.run(stage.alice, "leave")
        assert stage.discord.rest.requests["PUT /channels/{channel}/voice-status"] == 0
        assert stage.discord.rest.requests["PATCH /guilds/{guild}/members/@me"] == 0


# ---------------------------------------------------------------------------- /privacy and /model


async def speak_until_answered(stage: Stage, voice: MemberVoice) -> None:
    await voice.speak(syllables(400.0, 0.8))
    await voice.until_heard(stage.world.bot.user_id, after=voice.joined_at)
    await voice.until_quiet(stage.world.bot.user_id, quiet_s=0.3)


async def test_the_receipt_is_what_the_ledger_says(joined: tuple[Stage, MemberVoice, Interaction]) -> None:
    stage, voice, _ = joined
    companion, guild_id, alice = companion_of(stage), stage.guild.guild_id, stage.alice.user_id
    await speak_until_answered(stage, voice)
    await voice.speak(np.frombuffer(syllables(400.0, 0.8), "<i2"))
    await stage.run(stage.alice, "leave")
    rows = (await companion.spending.receipt(guild_id, alice)).rows
    heard_ms = sum(row.heard_ms for row in rows)
    assert heard_ms > 500
    told = await stage.run(stage.alice, "privacy receipt")
    assert is_private(told)
    found = re.search(r"\*\*([0-9.]+) s\*\* of your voice went to \*\*(\S+)\*\* \((\w+), ", told.text)
    assert found is not None, told.text
    assert round(float(found[1]) * 1000) == heard_ms
    assert found[2] == rows[0].model
    cost = re.search(r"Cost: ([0-9.]+) USD", told.text)
    assert cost is not None
    assert round(float(cost[1]) * 1_000_000) == sum(row.cost_micros for row in rows)
    assert "How much was used, by day: one day" in told.text
    assert "没有发给过任何模型" in (await stage.run(stage.ming, "privacy receipt")).text


async def test_two_clicks_erase_everything_of_a_member_and_nothing_of_another(
    joined: tuple[Stage, MemberVoice, Interaction],
) -> None:
    stage, voice, _ = joined
    companion, guild_id = companion_of(stage), stage.guild.guild_id
    await stage.run(stage.ming, "consent allow")
    await stage.run(stage.alice, "consent allow", what="remember")
    await speak_until_answered(stage, voice)

    asked = await stage.run(stage.alice, "privacy erase")
    kept = await stage.press(stage.alice, asked, KEEP)
    await until(lambda: "Nothing was deleted" in kept.text)
    assert agreed(stage, stage.alice.user_id) == {Scope.LISTEN, Scope.REMEMBER}

    asked = await stage.run(stage.alice, "privacy erase")
    erased = await stage.press(stage.alice, asked, ERASE)
    await until(lambda: "nothing on my operator's disk here names you" in erased.text)
    assert erased.replies[-1].buttons == {}
    assert agreed(stage, stage.alice.user_id) == set()
    everything = await companion.estate.export_member(guild_id, stage.alice.user_id)
    held = {name: part for name, part in everything.items() if name not in {"guild_id", "user_id", "exported_at"}}
    assert not any(held["memories"].values())
    assert not any(part for name, part in held.items() if name not in {"memories", "personas"}), held
    receipt = (await stage.run(stage.alice, "privacy receipt")).text
    assert "None of your voice has been sent" in receipt
    assert "Nothing at all" in receipt
    assert agreed(stage, stage.ming.user_id) == {Scope.LISTEN}


async def test_the_card_and_the_policy_are_there_for_everybody(stage: Stage) -> None:
    card = await stage.run(stage.alice, "model card")
    assert "**Its maker does not say**" in card.text
    assert "Whose recordings taught it" in card.text
    assert is_private(card)
    assert "它的制作者没有说" in (await stage.run(stage.ming, "model card")).text
    policy = await stage.run(stage.ming, "privacy policy")
    assert "见附件" in policy.text
    (file,) = policy.replies[-1].payload["attachments"]
    assert file["filename"] == "PRIVACY.zh-CN.md"
    assert stage.world.files[int(file["id"])] == CHINESE_POLICY
