"""A model that listens at one rate and speaks at another: the settings reach both ends of a call."""

from __future__ import annotations

import asyncio

import pytest
from loopback import Stage
from waiting import PATIENCE_S

from bot.audio.frame import BYTES_PER_SAMPLE, FRAME_MS, SILENT_FRAME
from bot.conversation.events import Command, Event
from bot.errors import SettingError
from bot.model_choice import check_settings
from bot.process import running
from bot.rehearsal.member_voice import MemberVoice
from bot.settings import load_settings
from bot.voice.connection import Connection
from bot.voice.events import SpeakerFrame

pytestmark = pytest.mark.rehearsal


async def test_members_are_heard_at_the_input_rate_and_replies_are_played_at_the_output_rate(stage: Stage) -> None:
    settings = stage.settings.model_copy(update={"kith_input_rate_hz": 16_000, "kith_output_rate_hz": 24_000})
    heard: asyncio.Queue[bytes] = asyncio.Queue(1)

    def watch(what: Event | Command, at: float) -> None:
        if isinstance(what, SpeakerFrame) and heard.empty():
            heard.put_nowait(what.pcm)

    ticket = await stage.discord.join_voice(stage.guild, stage.alice, stage.lounge)
    async with (
        running(settings) as bot,
        MemberVoice(ticket, tls=stage.discord.voice.client_context) as alice,
    ):
        bot.companion.observers.append(watch)
        await stage.run(stage.alice, "consent allow")
        await stage.run(stage.alice, "join")
        session = bot.companion.calls.get(stage.guild.guild_id)
        assert session is not None
        assert isinstance(session.voice, Connection)
        assert session.voice.playout.rate_hz == 24_000
        assert session.conversation.config.input_rate_hz == 16_000
        await alice.until_ready(others={stage.world.bot.user_id, stage.alice.user_id})
        async with asyncio.timeout(PATIENCE_S):
            while heard.empty():
                await alice.speak(b"\x00\x10" * (len(SILENT_FRAME) // 2) * 10)
        assert len(heard.get_nowait()) == 16_000 * FRAME_MS // 1000 * BYTES_PER_SAMPLE


def test_rates_may_differ_where_the_model_is_a_providers() -> None:
    check_settings(load_settings(_env_file=None, stepfun_api_key="a key", kith_input_rate_hz=16_000))


@pytest.mark.parametrize("name", ["kith_input_rate_hz", "kith_output_rate_hz"])
def test_the_local_model_has_one_rate_and_says_so(name: str) -> None:
    with pytest.raises(SettingError, match=f"{name.upper()}: expected 24000"):
        check_settings(load_settings(_env_file=None, kith_provider="local", **{name: 16_000}))
