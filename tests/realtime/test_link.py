"""A link over a loopback socket, against the strict StepFun: the whole way of a turn, and every way to lose it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from pydantic import SecretStr
from waiting import PATIENCE_S, until

from bot.errors import ModelFault
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.events import (
    AddText,
    AppendAudio,
    CommitUtterance,
    HeardItem,
    Interrupt,
    ModelEvent,
    ModelFailed,
    ModelLost,
    ModelReady,
    Reconfigure,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    SessionConfig,
    TurnMode,
    TurnModeChanged,
    UtteranceTranscribed,
)
from bot.realtime.link import ModelLink
from bot.realtime.session import SessionOptions
from bot.rehearsal.stepfun import FakeStepFun, Misbehaviour, SpokenReply, tone

pytestmark = pytest.mark.shell

KEY = "the-secret-key-of-this-test"
SPEECH = tone(600, 300)
SILENCE = bytes(len(SPEECH))
LONG = SpokenReply("a long story that goes on and on", tone(20_000))
Event = TypeVar("Event")


class Listener:
    """A link, and all that it told."""

    def __init__(self, url: str, config: SessionConfig | None = None, key: str = KEY, chance: float = 0.1) -> None:
        """`chance` of 0.1 makes the first wait for another try 50 ms."""
        self.told: list[ModelEvent] = []
        self._news = asyncio.Event()
        self.link = ModelLink(
            load("stepfun"),
            ConnectOptions(url, "", SecretStr(key)),
            config or SessionConfig("Be kind."),
            SessionOptions(responses_per_minute=100),
            self.hear,
            chance=lambda: chance,
        )

    def hear(self, event: ModelEvent) -> None:
        self.told.append(event)
        self._news.set()

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted():
                self._news.clear()
                await self._news.wait()

    async def until_told(self, kind: type[Event], count: int = 1) -> list[Event]:
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]

    def stream(self, pcm: bytes, speaker: str | None = None) -> None:
        for start in range(0, len(pcm), 960):
            self.link.send(AppendAudio(pcm[start : start + 960], speaker))

    def say(self, speaker: str = "Alice", pcm: bytes = SPEECH) -> None:
        self.stream(pcm)
        self.link.send(CommitUtterance(speaker))
        self.link.send(Respond())


@asynccontextmanager
async def listening(url: str, config: SessionConfig | None = None, key: str = KEY) -> AsyncIterator[Listener]:
    """A running link; afterwards it is closed and no task of it is left."""
    listener = Listener(url, config, key)
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(listener.link.run())
        try:
            yield listener
        finally:
            await listener.link.close()
            await asyncio.wait([running])
    for task in asyncio.all_tasks() - before:
        assert not task.get_name().startswith("model-"), task


def fake(misbehaviour: Misbehaviour | None = None, **knobs: object) -> FakeStepFun:
    return FakeStepFun(key=KEY, misbehaviour=misbehaviour or Misbehaviour(), **knobs)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------- the whole way


async def test_a_manual_turn_is_heard_attributed_and_answered() -> None:
    async with fake() as server, listening(server.url) as room:
        room.say("Alice")
        [done] = await room.until_told(ReplyDone)
        await room.until_told(UtteranceTranscribed)
        assert done.status == "completed"
        assert server.talk.sound == SPEECH
        assert [(item.role, item.text) for item in server.talk.history] == [
            ("user", "[Alice] speaks:"),
            ("user", "0.6 seconds of sound"),
            ("assistant", "I heard: 0.6 seconds of sound"),
        ]
        assert room.of(UtteranceTranscribed)[0].speaker == "Alice"
        assert "".join(words.text for words in room.of(ReplyWords)) == "I heard: 0.6 seconds of sound"
        assert server.talk.errors == []


async def test_turn_detection_null_goes_over_the_wire() -> None:
    async with fake() as server, listening(server.url) as room:
        await room.until_told(ModelReady)
        assert '"turn_detection":null' in server.talk.raw[0]


async def test_every_byte_of_a_reply_arrives() -> None:
    pcm = tone(1234)
    async with fake(reply=lambda _: SpokenReply("hm", pcm)) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ReplyDone)
        assert b"".join(audio.pcm for audio in room.of(ReplyAudio)) == pcm


async def test_with_server_vad_the_servers_turns_are_adopted() -> None:
    config = SessionConfig("Be kind.", turn_mode=TurnMode.SERVER_VAD)
    async with fake() as server, listening(server.url, config) as room:
        await room.until_told(ModelReady)
        for turn, speaker in enumerate(("Alice", "Bob"), start=1):
            room.stream(SPEECH + SILENCE, speaker)
            await room.until_told(ReplyDone, turn)
            await room.until_told(UtteranceTranscribed, turn)
        assert [transcript.speaker for transcript in room.of(UtteranceTranscribed)] == ["Alice", "Bob"]
        assert server.talk.sound == (SPEECH + SILENCE) * 2
        assert "input_audio_buffer.commit" not in server.talk.types
        assert server.talk.errors == []


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_server_that_insists_on_its_detection_is_followed_at_run_time(says_so: bool) -> None:
    stubborn = Misbehaviour(insists_on_detection=True, says_detection=says_so)
    async with fake(stubborn) as server, listening(server.url) as room:
        await room.until_told(ModelReady)
        room.stream(SPEECH, "Alice")
        await room.until_told(TurnModeChanged)
        room.stream(SILENCE, "Alice")
        [done] = await room.until_told(ReplyDone)
        assert done.status == "completed"
        assert server.talk.errors == []


async def test_an_interrupted_reply_stops_and_leaves_what_was_heard() -> None:
    async with fake(reply=lambda _: LONG) as server, listening(server.url) as room:
        room.say()
        audio = await room.until_told(ReplyAudio, 3)
        room.link.send(Interrupt((HeardItem(audio[0].item_id, 150, 300, "a long"),)))
        [done] = await room.until_told(ReplyDone)
        assert done.status == "cancelled"
        room.say("Bob")
        await room.until_told(ReplyStarted, 2)
        assert [(item.role, item.text) for item in server.talk.history][2:5] == [
            ("assistant", "a long"),
            ("user", "[Bob] speaks:"),
            ("user", "0.6 seconds of sound"),
        ]
        assert server.talk.errors == []


async def test_a_server_that_never_confirms_a_cancellation_is_not_waited_for() -> None:
    async with fake(Misbehaviour(mute_cancels=True), reply=lambda _: LONG) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ReplyAudio)
        room.link.send(Interrupt())
        room.say("Bob")
        await room.until_told(ReplyStarted, 2)
        assert [done.status for done in room.of(ReplyDone)] == ["cancelled"]


async def test_a_burst_of_thirty_seconds_arrives_whole() -> None:
    speech = tone(30_000, 200)
    async with fake() as server, listening(server.url) as room:
        await room.until_told(ModelReady)
        room.say("Alice", speech)
        await room.until_told(ReplyDone)
        assert server.talk.sound == speech
        assert room.link.stats().dropped_audio == 0


# ---------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, ModelFault.KEY_REFUSED),
        (402, ModelFault.NO_BALANCE),
        (404, ModelFault.NOT_FOUND),
        (400, ModelFault.BAD_REQUEST),
    ],
)
async def test_a_refusal_that_cannot_get_better_ends_the_link_at_once(status: int, fault: ModelFault) -> None:
    async with fake(Misbehaviour(refuse_status=status)) as server:
        listener = Listener(server.url)
        async with asyncio.timeout(PATIENCE_S):
            await listener.link.run()
        assert listener.told == [ModelFailed(fault)]
        assert server.refused == [status]


async def test_a_wrong_key_is_a_refused_key() -> None:
    async with fake() as server:
        listener = Listener(server.url, key="another")
        async with asyncio.timeout(PATIENCE_S):
            await listener.link.run()
        assert listener.told == [ModelFailed(ModelFault.KEY_REFUSED)]


async def test_an_overloaded_server_is_tried_again_and_what_was_said_is_kept() -> None:
    async with fake(Misbehaviour(refuse_upgrades=2)) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ReplyDone)
        assert [lost.fault for lost in room.of(ModelLost)] == [ModelFault.OVERLOADED] * 2
        assert server.talk.sound == SPEECH


async def test_a_rate_limit_at_the_door_is_tried_again() -> None:
    async with fake(Misbehaviour(refuse_status=429)) as server, listening(server.url) as room:
        [lost] = await room.until_told(ModelLost)
        server.misbehaviour.refuse_status = None
        await room.until_told(ModelReady)
        assert lost.fault is ModelFault.RATE_LIMITED


async def test_nobody_there_is_unreachable() -> None:
    async with listening("ws://127.0.0.1:9/v1/realtime") as room:
        [lost] = await room.until_told(ModelLost)
        assert lost.fault is ModelFault.UNREACHABLE
        assert lost.retry_in_s > 0


async def test_a_socket_that_dies_in_mid_reply_ends_the_reply_and_the_next_turn_works() -> None:
    async with fake(Misbehaviour(close_in_reply=1)) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ModelReady, 2)
        assert [(type(event), getattr(event, "status", "")) for event in room.told[-3:]] == [
            (ReplyDone, "failed"),
            (ModelLost, ""),
            (ModelReady, ""),
        ]
        assert server.talks[1].received[0]["session"]["instructions"] == "Be kind."
        room.say("Bob")
        done = await room.until_told(ReplyDone, 2)
        assert done[1].status == "completed"


async def test_a_ten_megabyte_event_costs_one_connection() -> None:
    async with fake(Misbehaviour(oversized_events=1)) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ModelReady, 2)
        assert room.link.stats().oversized == 1
        room.say()
        done = await room.until_told(ReplyDone, 2)
        assert done[1].status == "completed"
        assert server.talks[0].close_code == 1009


async def test_malformed_and_unknown_messages_are_counted_and_change_nothing() -> None:
    async with fake(Misbehaviour(garbage=True)) as server, listening(server.url) as room:
        room.say()
        [done] = await room.until_told(ReplyDone)
        assert done.status == "completed"
        assert room.link.stats().counts["malformed"] >= 4
        assert len(server.talks) == 1


async def test_an_internal_error_is_tried_again_and_nobody_notices() -> None:
    async with fake(Misbehaviour(internal_errors=1)) as server, listening(server.url) as room:
        room.say()
        [done] = await room.until_told(ReplyDone)
        assert done.status == "completed"
        assert len(room.of(ReplyStarted)) == 1
        assert server.talk.types.count("response.create") == 2


async def test_a_refused_voice_falls_back_to_the_documented_default() -> None:
    config = SessionConfig("Be kind.", voice="nobody")
    async with fake(voices=frozenset({"linjiajiejie"})) as server, listening(server.url, config) as room:
        await room.until_told(ModelReady)
        assert server.talk.session["voice"] == "linjiajiejie"


async def test_another_voice_after_the_first_sound_is_a_fresh_session_without_a_loss() -> None:
    async with fake() as server, listening(server.url) as room:
        room.say()
        await room.until_told(ReplyDone)
        room.link.send(Reconfigure(SessionConfig("Be brief.", voice="jingdiannvsheng")))
        room.link.send(AddText("hello", "Bob"))
        room.link.send(Respond())
        await room.until_told(ReplyDone, 2)
        assert server.talk.session["voice"] == "jingdiannvsheng"
        assert len(server.talks) == 2
        assert room.of(ModelLost) == []
        assert room.link.stats().restarts == 1


async def test_an_expired_session_is_followed_by_a_new_one() -> None:
    async with fake(session_s=0.2) as server, listening(server.url) as room:
        await room.until_told(ModelReady, 2)
        assert server.talks[0].close_code == 1001


async def test_the_providers_limit_of_responses_does_not_end_anything() -> None:
    async with fake(responses_per_minute=1) as server, listening(server.url) as room:
        room.say()
        await room.until_told(ReplyDone)
        room.say()
        await until(lambda: room.link.stats().counts.get("error.rate_limited"))
        assert room.of(ModelLost) == []
        assert room.link.stats().counts["error.rate_limited"] == 1


# ---------------------------------------------------------------------------- the end, and what must not happen


async def test_closing_is_quiet_and_says_goodbye_to_the_server() -> None:
    async with fake() as server:
        async with listening(server.url) as room:
            await room.until_told(ModelReady)
        async with asyncio.timeout(PATIENCE_S):
            await server.talk.closed.wait()
        assert server.talk.close_code == 1000
        assert room.of(ModelLost) + room.of(ModelFailed) == []


async def test_closing_does_not_wait_for_a_server_that_says_nothing() -> None:
    silent = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(PATIENCE_S), listening(f"ws://127.0.0.1:{port}/v1/realtime") as room:
            await silent.wait()
        assert room.told == []


async def test_closing_ends_the_wait_for_the_next_attempt() -> None:
    listener = Listener("ws://127.0.0.1:9/v1/realtime", chance=100.0)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.link.run())
        [lost] = await listener.until_told(ModelLost)
        assert lost.retry_in_s > 10
        await listener.link.close()


async def test_a_link_that_was_closed_before_it_ran_ends_at_once() -> None:
    listener = Listener("ws://127.0.0.1:9/v1/realtime")
    await listener.link.close()
    async with asyncio.timeout(PATIENCE_S):
        await listener.link.run()
    assert listener.told == []


async def test_a_mistake_in_the_sink_is_not_swallowed() -> None:
    def broken(event: ModelEvent) -> None:
        raise ZeroDivisionError

    async with fake() as server:
        link = ModelLink(
            load("stepfun"), ConnectOptions(server.url, "", KEY), SessionConfig(""), SessionOptions(), broken
        )
        with pytest.raises(ExceptionGroup) as caught:
            await link.run()
        assert caught.group_contains(ZeroDivisionError)


async def test_a_sink_may_send_and_hears_the_consequence_afterwards() -> None:
    order: list[str] = []

    def sink(event: ModelEvent) -> None:
        order.append(f"{type(event).__name__} begins")
        if isinstance(event, ReplyStarted):
            link.send(Reconfigure(SessionConfig("", turn_mode=TurnMode.SERVER_VAD)))
        if isinstance(event, TurnModeChanged):
            changed.set()
        order.append(f"{type(event).__name__} ends")

    changed = asyncio.Event()
    async with fake() as server, asyncio.TaskGroup() as tasks:
        link = ModelLink(
            load("stepfun"), ConnectOptions(server.url, "", KEY), SessionConfig(""), SessionOptions(), sink
        )
        tasks.create_task(link.run())
        link.send(AddText("hello", "Alice"))
        link.send(Respond())
        async with asyncio.timeout(PATIENCE_S):
            await changed.wait()
        await link.close()
    begins = [step.removesuffix(" begins") for step in order[::2]]
    assert order == [word for name in begins for word in (f"{name} begins", f"{name} ends")]
    assert begins.index("ReplyStarted") < begins.index("TurnModeChanged")


async def test_neither_key_nor_speech_is_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with fake(Misbehaviour(close_in_reply=1)) as server, listening(server.url) as room:
        room.link.send(AddText("a private sentence", "Alice"))
        room.link.send(Respond())
        await room.until_told(ModelReady, 2)
    client_records = [
        record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")
    ]
    logged = "\n".join(client_records)
    assert "model lost" in logged
    assert KEY not in logged
    assert "private" not in logged
