"""The whole path of a tool over a real socket: the strict StepFun calls, the house runs, the output is sent when the response is done, one reply follows."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from tool_rooms import ALICE, BOB, NAMES, NOW, persona, room
from waiting import until

from bot.audio.frame import pcm_bytes
from bot.conversation.core import Conversation
from bot.conversation.events import CallTool, Command, Event, Member, TextSaid, ToolAnswered
from bot.conversation.session import ChannelSession
from bot.conversation.tool_calls import ENOUGH, TOOLS_IN_A_ROW
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.events import ModelEvent, SessionConfig
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.rehearsal.stepfun import FakeStepFun, HistoryItem, SpokenReply, ToolUse, tone
from bot.storage.guilds import GuildSettings
from bot.tools.toolbox import Toolbox
from bot.voice.events import SpeakerFrame, SpeakerPaused, VoiceEvent
from bot.voice.playout import ItemHeard, Playout, PlayoutEvent

pytestmark = pytest.mark.rehearsal

DICE = ToolUse("roll_dice", '{"sides": 6}')
CLOCK = ToolUse("current_time", '{"zone": "Asia/Shanghai"}')
ANSWER = SpokenReply("A four.", tone(100))


class Ears:
    """Implements `VoiceLine`: what is played is heard as fast as it comes."""

    channel_id = 10
    privacy_code: str | None = None
    is_ready = True

    def __init__(self) -> None:
        self.playout = Playout()
        self._sink: Callable[[PlayoutEvent], None] = lambda event: None

    def listen(self, sink: Callable[[VoiceEvent], None]) -> None:
        """Members' sound is fed by the test."""

    def on_playout(self, sink: Callable[[PlayoutEvent], None]) -> None:
        self._sink = sink

    def allow(self, user_id: int) -> None: ...
    def deny(self, user_id: int) -> None: ...

    def play(self, item_id: str, pcm: bytes, source: str = "reply") -> bool:
        return self.playout.write(item_id, pcm, source)

    def finish(self, source: str = "reply") -> None:
        self.playout.finish(source)

    def stop(self, source: str | None = None) -> tuple[ItemHeard, ...]:
        return self.playout.clear(source)

    def set_gain(self, gain: float, source: str = "reply") -> None:
        self.playout.set_gain(gain, source)

    def stats(self) -> Any:
        return None

    async def disconnect(self, *, force: bool = False) -> None: ...

    async def hear(self) -> None:
        while True:
            self.playout.read()
            for event in self.playout.events():
                self._sink(event)
            await asyncio.sleep(0.005)


class Scene:
    """A call on the loopback whose model does what `script` says, one entry a response, and then speaks."""

    def __init__(self, *script: ToolUse | Sequence[ToolUse]) -> None:
        self._script: Iterator[ToolUse | Sequence[ToolUse]] = iter(script)
        self.fake = FakeStepFun(reply=self._reply, speed=1.0)
        self.box = Toolbox(None, None, lambda: NOW)
        self.gate: asyncio.Event | None = None
        self.seen: list[Event | Command] = []
        here = room(who=persona())
        self.config = SessionConfig(
            "Be Kith.", tools=self.box.specs(here.persona, GuildSettings(guild_id=1), has_memory=False)
        )
        self._room = here
        self.session = ChannelSession(
            Conversation(self.config, "Kith"),
            Ears(),
            self._open,
            tell=self._tell,
            run_tool=self._run,
            observers=[lambda event, now: self.seen.append(event)],
        )

    def _reply(self, history: Sequence[HistoryItem]) -> SpokenReply | ToolUse | Sequence[ToolUse]:
        if not any(item.role == "user" for item in history):
            return ANSWER  # the greeting
        return next(self._script, ANSWER)

    def _open(self, config: SessionConfig, sink: Callable[[ModelEvent], None]) -> ModelLink:
        options = ConnectOptions(self.fake.url, "", self.fake.key)
        return ModelLink(load("stepfun"), options, config, SessionOptions(), sink, chance=lambda: 0.0)

    async def _tell(self, key: str, values: dict[str, str | int | float]) -> None: ...

    async def _run(self, call: CallTool) -> ToolAnswered:
        if self.gate is not None:
            await self.gate.wait()
        return await self.box.run(call, self._room)

    # ------------------------------------------------------------------------ the test's hand

    async def still(self, ms: float = 300.0) -> None:
        await asyncio.sleep(ms / 1000)

    def types(self) -> list[str]:
        """What the model was told, in order, without sound."""
        return self.fake.talk.types

    def outputs(self) -> list[str]:
        return [
            event["item"]["output"]
            for talk in self.fake.talks
            for event in talk.received
            if event.get("item", {}).get("type") == "function_call_output"
        ]

    def replies_asked(self) -> int:
        return sum(talk.types.count("response.create") for talk in self.fake.talks)

    def calls(self) -> list[CallTool]:
        return [event for event in self.seen if isinstance(event, CallTool)]

    async def ask(self, text: str = "Roll a die.") -> None:
        self.session.feed(TextSaid(ALICE, text))

    async def speak(self, user_id: int, ms: int) -> None:
        loud = b"\x10\x27" * (pcm_bytes(20) // 2)
        for _ in range(ms // 20):
            self.session.feed(SpeakerFrame(user_id, loud))
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def playing(*script: ToolUse | Sequence[ToolUse]) -> AsyncIterator[Scene]:
    """The greeting is over when the test begins."""
    scene = Scene(*script)
    async with scene.fake:
        ears = scene.session.voice
        assert isinstance(ears, Ears)
        tasks = [asyncio.create_task(scene.session.run()), asyncio.create_task(ears.hear())]
        try:
            for user_id, name in NAMES.items():
                scene.session.present(Member(user_id, name, True))
            await until(lambda: scene.fake.talks and "response.done" in scene.fake.talk.sent)
            await until(lambda: not scene.session.conversation.is_busy)
            yield scene
            assert [error for talk in scene.fake.talks for error in talk.errors] == []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_a_call_is_answered_after_its_response_and_one_reply_asked_for() -> None:
    async with playing(DICE) as scene:
        asked = scene.replies_asked()
        await scene.ask()
        await until(lambda: scene.outputs())
        await until(lambda: scene.replies_asked() == asked + 2)
        await scene.still()
        assert 1 <= json.loads(scene.outputs()[0])["total"] <= 6
        assert scene.replies_asked() == asked + 2  # the one that called, and the one that speaks
        [call] = scene.calls()
        assert (call.asked_by, call.present) == (ALICE, frozenset({ALICE, BOB}))
        assert scene.types()[-2:] == ["conversation.item.create", "response.create"]
        offered = {tool["function"]["name"] for tool in scene.fake.talk.session["tools"]}
        assert offered == {"roll_dice", "current_time"}


async def test_two_calls_of_one_response_get_one_reply_after_the_second_answer() -> None:
    async with playing((DICE, CLOCK)) as scene:
        asked = scene.replies_asked()
        await scene.ask()
        await until(lambda: len(scene.outputs()) == 2)
        await until(lambda: scene.replies_asked() == asked + 2)
        await scene.still()
        assert scene.replies_asked() == asked + 2
        assert any('"20:00"' in output for output in scene.outputs())


async def test_a_wrong_argument_is_told_to_the_model_which_may_try_again() -> None:
    async with playing(ToolUse("roll_dice", '{"sides": "many"}'), DICE) as scene:
        await scene.ask()
        await until(lambda: len(scene.outputs()) == 2)
        assert "sides: expected a valid integer" in scene.outputs()[0]
        assert "total" in scene.outputs()[1]


async def test_who_interrupts_while_a_tool_runs_gets_one_reply_with_its_answer() -> None:
    async with playing(DICE) as scene:
        scene.gate = asyncio.Event()
        asked = scene.replies_asked()
        await scene.ask()
        await until(lambda: scene.calls())
        speaking = asyncio.create_task(scene.speak(BOB, 800))
        await scene.still(200)
        scene.gate.set()
        await speaking
        scene.session.feed(SpeakerPaused(BOB))
        await until(lambda: scene.outputs())
        await until(lambda: scene.replies_asked() >= asked + 2)
        await scene.still(600)
        utterances = scene.types().count("input_audio_buffer.commit")  # one, unless he faltered
        assert utterances >= 1
        assert scene.replies_asked() == asked + 1 + utterances


async def test_a_model_that_is_lost_while_a_tool_runs_is_told_the_answer_afterwards() -> None:
    async with playing(DICE) as scene:
        scene.gate = asyncio.Event()
        await scene.ask()
        await until(lambda: scene.calls())
        scene.fake.drop()
        await until(lambda: len(scene.fake.talks) == 2 and scene.session.model_state == "ready")
        scene.gate.set()
        await until(lambda: any("tool that was asked for" in item.text for item in scene.fake.talk.history))
        assert scene.outputs() == []


async def test_a_model_that_calls_and_calls_is_told_to_do_without() -> None:
    async with playing(*[DICE] * (TOOLS_IN_A_ROW + 1)) as scene:
        await scene.ask()
        await until(lambda: ENOUGH in scene.outputs())
        await until(lambda: not scene.session.conversation.is_busy)
        await scene.still()
        assert len(scene.calls()) == TOOLS_IN_A_ROW
        assert len(scene.outputs()) == TOOLS_IN_A_ROW + 1
