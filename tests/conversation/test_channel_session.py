"""A call's shell: voice, model and mind joined, over fakes of the two seams."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from fakes import FakeClock, FakeModel, FakeVoice, settle
from room_script import ALICE, BOB, voice

from bot.conversation.core import Conversation
from bot.conversation.events import Caption, Command, Event, Member, Play, Tick
from bot.conversation.lines import Notice
from bot.conversation.session import ChannelSession
from bot.errors import AudioError, ModelFault, VoiceFault
from bot.realtime.events import Interrupt, ModelFailed, ModelLost, SessionConfig
from bot.voice.events import SpeakerPaused, VoiceClosed, VoiceInterrupted

pytestmark = pytest.mark.shell


class Stage:
    """A running session and everything around it."""

    def __init__(
        self, *, notice: Notice | None = None, judge: Callable[[bytes], float] | None = None, **model: object
    ) -> None:
        self.clock = FakeClock()
        self.voice = FakeVoice()
        self.model = FakeModel(**model)  # type: ignore[arg-type]
        self.told: list[str] = []
        self.seen: list[Event | Command] = []
        self.session = ChannelSession(
            Conversation(SessionConfig("Be Kith."), "Kith"),
            self.voice,
            self.model,
            tell=self._tell,
            notice=notice,
            judge=judge,
            observers=[lambda seen, now: self.seen.append(seen)],
            clock=self.clock,
        )
        self.task: asyncio.Task[str] | None = None

    async def _tell(self, key: str, values: dict[str, str | int | float]) -> None:
        self.told.append(key)

    async def pass_ms(self, ms: int, *speakers: int) -> None:
        for _ in range(ms // 20):
            self.clock.now += 0.02
            for user_id in speakers:
                self.voice.speak(user_id, voice(user_id))
            self.session.feed(Tick())
            self.voice.let_hear(20)
            await settle(3)

    async def say(self, user_id: int) -> None:
        await self.pass_ms(600, user_id)
        self.voice.tell(SpeakerPaused(user_id))
        await self.pass_ms(500)


@contextlib.asynccontextmanager
async def staged(stage: Stage) -> AsyncIterator[Stage]:
    before = asyncio.all_tasks()
    stage.task = asyncio.create_task(stage.session.run())
    await settle()
    try:
        yield stage
    finally:
        stage.task.cancel()
        await asyncio.wait({stage.task})
    assert stage.voice.is_disconnected
    assert asyncio.all_tasks() - {stage.task} <= before


async def test_a_turn_goes_from_a_members_sound_to_the_rooms_ears() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(800)
        assert stage.model.link.texts[0].startswith("Greet")
        stage.voice.heard = b""
        await stage.say(ALICE)
        await stage.pass_ms(800)
        assert stage.model.link.speakers == ["Alice"]
        assert b"\xb8\x0b" in stage.model.link.sound  # 3000, Alice's
        assert set(struct.unpack(f"<{len(stage.voice.heard) // 2}h", stage.voice.heard)) == {10_000}
        captions = [seen for seen in stage.seen if isinstance(seen, Caption)]
        assert [caption.text for caption in captions] == ["Hello there, friends."] * 2
        assert len(stage.session.turns) == 1


async def test_no_model_is_opened_before_someone_agreed_and_it_is_closed_when_they_left() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", False))
        await stage.pass_ms(200)
        assert stage.model.links == []
        assert stage.session.model_state == "asleep"
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(200)
        assert stage.model.link.is_running
        assert stage.session.model_state == "ready"
        stage.session.gone(ALICE)
        await settle()
        assert stage.model.link.is_closed
        assert stage.session.model_state == "asleep"
        stage.session.present(Member(BOB, "Bob", True))
        await stage.pass_ms(100)
        assert len(stage.model.links) == 2
        assert stage.model.link.is_running


async def test_the_gate_closes_before_the_mind_hears_of_it() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(100)
        gate_at_command: list[set[int]] = []
        stage.session._observers += (lambda seen, now: gate_at_command.append(set(stage.voice.allowed)),)
        stage.session.withdraw(ALICE)
        assert gate_at_command
        assert all(ALICE not in allowed for allowed in gate_at_command)


async def test_an_interruption_silences_the_room_and_tells_the_model_what_was_heard() -> None:
    async with staged(Stage(words="One two three four five six seven eight nine ten.", reply_ms=8_000)) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(1_000)
        await stage.pass_ms(500, ALICE)
        (interrupt,) = [told for told in stage.model.link.told if isinstance(told, Interrupt)]
        (item,) = interrupt.heard
        assert 1_000 <= item.heard_ms < 1_500
        assert item.total_ms == 8_000
        assert "One".startswith(item.heard_text.split()[0])
        heard = len(stage.voice.heard)
        await stage.pass_ms(200, ALICE)
        assert len(stage.voice.heard) == heard


async def test_the_notice_is_heard_before_a_model_is_opened_and_never_goes_to_one() -> None:
    async def notice() -> bytes:
        return b"\x05\x00" * 24_000  # one second

    async with staged(Stage(notice=notice)) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(900)
        assert stage.model.links == []
        await stage.pass_ms(300)
        assert stage.model.link.is_running
        assert stage.voice.heard.count(b"\x05\x00") == 24_000
        assert b"\x05\x00" not in stage.model.link.sound


async def test_before_other_people_the_notice_is_given_again_and_the_next_model_waits_for_it() -> None:
    async def notice() -> bytes:
        return b"\x05\x00" * 24_000  # one second

    async with staged(Stage(notice=notice)) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(1_200)
        assert len(stage.model.links) == 1
        stage.session.withdraw(ALICE)
        stage.session.announce()
        stage.session.present(Member(BOB, "Bob", True))
        await stage.pass_ms(900)
        assert len(stage.model.links) == 1
        await stage.pass_ms(300)
        assert len(stage.model.links) == 2
        assert stage.voice.heard.count(b"\x05\x00") == 48_000


async def test_a_notice_that_cannot_be_made_does_not_hold_up_the_talk() -> None:
    async def notice() -> bytes:
        raise AudioError("no voice on this machine")

    async with staged(Stage(notice=notice)) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(100)
        assert stage.model.link.is_running


async def test_goodbye_is_heard_before_the_call_ends() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(1_000)
        stage.session.say_goodbye("asked")
        await stage.pass_ms(1_000)
        assert stage.task is not None
        assert await stage.task == "asked"
        assert any(text.startswith("Say goodbye") for text in stage.model.link.texts)
        assert stage.model.link.is_closed


async def test_the_end_of_the_connection_ends_the_call_and_tells_the_room() -> None:
    async with staged(Stage()) as stage:
        stage.voice.tell(VoiceClosed(VoiceFault.KICKED))
        assert stage.task is not None
        assert await stage.task == "voice-kicked"
        assert stage.told == ["error-voice-kicked"]


async def test_a_model_that_failed_for_good_ends_the_call_and_tells_the_room() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(100)
        stage.model.link.tell(ModelFailed(ModelFault.NO_BALANCE))
        assert stage.task is not None
        assert await stage.task == "model-failed"
        assert stage.told == ["error-model-no-balance"]


async def test_a_lost_model_is_told_once() -> None:
    async with staged(Stage()) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(100)
        for _ in range(3):
            stage.model.link.tell(ModelLost(ModelFault.UNREACHABLE, 0.5))
        await settle()
        assert stage.told == ["error-model-unreachable"]
        assert stage.session.model_state == "connecting"


async def test_doubtful_sound_is_judged_off_the_loop_and_the_answer_comes_back() -> None:
    asked: list[int] = []

    def judge(pcm_16k: bytes) -> float:
        asked.append(len(pcm_16k))
        return 0.9

    async with staged(Stage(judge=judge)) as stage:
        stage.session.present(Member(ALICE, "Alice", True))
        await stage.pass_ms(1_000)
        quiet = struct.pack("<h", 75) * 480  # -53 dBFS: a little over the floor
        for _ in range(40):
            stage.clock.now += 0.02
            stage.voice.tell_frame(ALICE, quiet)
            stage.session.feed(Tick())
            await asyncio.sleep(0.002)
        assert asked
        assert all(size <= 16_000 * 2 * 0.26 for size in asked)
        assert stage.session.conversation.state == "listening"


async def test_a_bug_in_the_mind_ends_the_call_in_the_open() -> None:
    async with staged(Stage()) as stage:
        stage.session.feed(Play("r", "i", b""))  # type: ignore[arg-type]
        assert stage.task is not None
        with pytest.raises(AssertionError):
            await stage.task


async def test_the_connection_says_whether_it_stands() -> None:
    async with staged(Stage()) as stage:
        assert stage.session.is_connected
        assert stage.session.is_encrypted
        stage.voice.tell(VoiceInterrupted(1006))
        assert not stage.session.is_connected
