"""A speech model that fails under the whole bot: unreachable, unwilling, cut off in mid-reply, talking rubbish.

The room reads what is wrong once, in its language; what can mend itself does, and a question that was asked meanwhile is answered.
"""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from rooms import ANN_HZ, Room, all_right, house_of, loudest, voice
from waiting import until

from bot.rehearsal.house import House
from bot.rehearsal.stepfun import FakeStepFun, Misbehaviour

pytestmark = [pytest.mark.rehearsal, pytest.mark.asyncio(loop_scope="module")]

BROKEN = "The line to my speech model broke. I am calling it again."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[tuple[House, FakeStepFun]]:
    async with FakeStepFun(reply=all_right) as fake, house_of(fake) as house:
        yield house, fake


@pytest_asyncio.fixture(loop_scope="module")
async def scene(world: tuple[House, FakeStepFun]) -> AsyncIterator[tuple[Room, FakeStepFun]]:
    """A server of its own for each test, and a model that behaves until told otherwise."""
    house, fake = world
    fake.misbehaviour = Misbehaviour()
    async with await Room.open(house) as room:
        yield room, fake


async def test_a_socket_that_closes_in_mid_reply_is_told_once_and_the_talk_goes_on(
    scene: tuple[Room, FakeStepFun],
) -> None:
    room, fake = scene
    ann = room.person("Ann")
    await room.call(ann)
    connections = len(fake.talks)
    fake.misbehaviour.close_in_reply = 1
    await room.ask(ann, ANN_HZ)  # half an answer is an answer
    await room.until_told(BROKEN)
    await until(lambda: len(fake.talks) == connections + 1 and room.status.model_state == "ready")
    await room.ask(ann, ANN_HZ)
    assert room.told.count(BROKEN) == 1
    assert room.status.model_stats.losses == 1
    assert fake.talk.errors == []


async def test_a_ten_megabyte_event_costs_the_socket_but_not_the_answer(scene: tuple[Room, FakeStepFun]) -> None:
    room, fake = scene
    ann = room.person("Ann")
    await room.call(ann)
    fake.misbehaviour.oversized_events = 1
    await room.ask(ann, ANN_HZ)
    await room.until_told(BROKEN)
    assert room.status.model_stats.oversized == 1


async def test_malformed_events_are_counted_and_nobody_notices(scene: tuple[Room, FakeStepFun]) -> None:
    room, fake = scene
    ann = room.person("Ann")
    fake.misbehaviour.garbage = True
    await room.call(ann)
    told = len(room.told)
    await room.ask(ann, ANN_HZ)
    assert room.status.model_stats.counts["malformed"] > 10
    assert room.status.model_stats.losses == 0
    assert len(room.told) == told


async def test_what_is_asked_while_the_model_is_away_is_answered_when_it_is_back(
    scene: tuple[Room, FakeStepFun],
) -> None:
    room, fake = scene
    ann = room.person("Ann")
    await room.call(ann)
    fake.misbehaviour.refuse_upgrades = 2
    fake.misbehaviour.close_in_reply = 1
    await room.run(ann, "say", text="first")
    await room.until_told(BROKEN)
    assert (await room.run(ann, "say", text="second")).text == "I heard you."
    await ann.speak(voice(ANN_HZ))
    await room.hears(ann, after=time.monotonic())
    assert len(room.told) == 2, "the panel, and one sentence for one outage, however often it is tried"
    assert "[Ann] types: second" in " ".join(fake.talk.raw), "what was acknowledged is not lost"
    assert any(loudest(item.pcm, ANN_HZ) > 0.1 for item in fake.talk.history if item.pcm), "nor what was said"


async def test_a_refused_key_is_told_and_the_bot_leaves(scene: tuple[Room, FakeStepFun]) -> None:
    room, fake = scene
    fake.misbehaviour.refuse_status = 401
    ann = room.person("小安", "zh-CN")
    await ann.enter(room.lounge)
    await room.run(ann, "consent allow")
    refused = len(fake.refused)
    await room.run(ann, "join")
    await room.until_told("语音模型拒绝了密钥")
    await until(lambda: not room.is_bot_here)
    assert fake.refused[refused:] == [401], "what cannot help is not tried again"


async def test_a_model_that_cannot_be_reached_is_told_and_called_again() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, never listening: every connection is refused
        address = f"ws://127.0.0.1:{nobody.getsockname()[1]}/v1/realtime"
        async with (
            FakeStepFun(reply=all_right) as fake,
            house_of(fake, stepfun_url=address) as house,
            await Room.open(house) as room,
        ):
            ann = room.person("Ann")
            await ann.enter(room.lounge)
            await room.run(ann, "consent allow")
            await room.run(ann, "join")
            await room.until_told("I cannot reach my speech model. I keep trying.")
            await until(lambda: room.status.model_stats.losses >= 2)
            assert "is being called" in (await room.run(ann, "status")).text
            assert room.is_bot_here
            assert sum("cannot reach" in sentence for sentence in room.told) == 1
