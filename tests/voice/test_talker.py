"""When a call's mouth opens and closes: the speaking flag goes before sound, and nothing is read that could not leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from waiting import PATIENCE_S

from bot.audio.frame import FRAME_BYTES
from bot.audio.opus import EncoderProfile
from bot.voice.pacer import Pacer
from bot.voice.playout import Playout, PlayoutBegan, PlayoutEnded
from bot.voice.rtp import RtpPacket
from bot.voice.sender import Sender
from bot.voice.talker import Talker
from bot.voice.transport import AES256_GCM, TransportCipher

pytestmark = pytest.mark.shell


class Mouth:
    """A talker whose outside is a list of what happened, in order."""

    def __init__(self) -> None:
        self.happened: list[object] = []
        self.can_send = True
        self.pacer = Pacer()
        self.playout = Playout()
        self.sender = Sender(lambda opus: opus, EncoderProfile.ECO)
        self.sender.use_cipher(TransportCipher(AES256_GCM, bytes(32)), 77)
        self.talker = Talker(
            self.playout,
            self.sender,
            self.pacer,
            can_send=lambda: self.can_send,
            transmit=self._transmit,
            announce=self.happened.append,
            tell=self.happened.append,
        )

    def _transmit(self, datagram: bytes) -> None:
        assert RtpPacket.parse(datagram) is not None
        self.happened.append("datagram")

    def say(self, item_id: str, frames: int) -> None:
        self.playout.write(item_id, bytes([1, 0]) * (FRAME_BYTES // 2 * frames))
        self.playout.finish()
        self.talker.wake()

    async def until_quiet(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.pacer.stats().active:  # noqa: ASYNC110 -- looked at from outside; there is no event for it
                await asyncio.sleep(0.02)


@pytest.fixture
def mouth() -> Iterator[Mouth]:
    mouth = Mouth()
    yield mouth
    mouth.talker.close()
    mouth.pacer.close()


async def test_the_flag_goes_on_before_the_first_datagram_and_off_after_the_last(mouth: Mouth) -> None:
    mouth.talker.set_ready(True)
    mouth.say("a", 2)
    await mouth.until_quiet()
    sounds = ["datagram"] * 7  # two of speech, five of silence
    order = [what for what in mouth.happened if not isinstance(what, PlayoutBegan | PlayoutEnded)]
    assert order == [True, *sounds, False]


async def test_what_cannot_leave_is_not_read_and_is_said_when_it_can(mouth: Mouth) -> None:
    mouth.talker.set_ready(True)
    mouth.can_send = False
    mouth.say("a", 3)
    await mouth.until_quiet()
    assert mouth.happened == []
    mouth.can_send = True
    mouth.talker.wake()  # not told that it is ready again
    assert mouth.pacer.stats().active == 0
    mouth.talker.set_ready(True)
    await mouth.until_quiet()
    assert mouth.playout.heard_ms("a") == 60


async def test_losing_the_way_out_in_mid_speech_takes_the_flag_back_and_keeps_the_rest(mouth: Mouth) -> None:
    mouth.talker.set_ready(True)
    mouth.say("a", 500)
    async with asyncio.timeout(PATIENCE_S):
        while "datagram" not in mouth.happened:  # noqa: ASYNC110 -- looked at from outside
            await asyncio.sleep(0.01)
    mouth.can_send = False
    await mouth.until_quiet()
    assert mouth.happened.count(False) == 1
    assert mouth.happened[-1] is False
    heard_ms = mouth.playout.heard_ms("a")
    assert 0 < heard_ms < 10_000
    assert heard_ms == mouth.happened.count("datagram") * 20


async def test_a_talker_that_is_closed_says_nothing_more(mouth: Mouth) -> None:
    mouth.talker.set_ready(True)
    mouth.say("a", 50)
    mouth.talker.close()
    mouth.talker.wake()
    await asyncio.sleep(0.05)
    assert mouth.happened == []
    assert mouth.pacer.stats().active == 0
