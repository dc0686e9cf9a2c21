"""What happens to the bot in a voice channel of the loopback Discord: turned away, moved, sent out, left alone, cut off, sent rubbish.

Each time somebody is told in plain words, what went wrong is counted, and a talk that can go on goes on: the next question is answered
aloud, and a member hears it.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from rooms import ANN_HZ, BOB_HZ, Room, all_right, house_of
from waiting import until

from bot.rehearsal.house import House
from bot.rehearsal.media_wire import AES_GCM, MediaCipher, MediaPacket, seal_packet
from bot.rehearsal.people import Actor
from bot.rehearsal.stepfun import FakeStepFun
from bot.rehearsal.world import CONNECT

pytestmark = [pytest.mark.rehearsal, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[FakeStepFun]:
    async with FakeStepFun(reply=all_right) as fake:
        yield fake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(model: FakeStepFun) -> AsyncIterator[House]:
    async with house_of(model, kith_alone_s=0.5) as house:
        yield house


# ---------------------------------------------------------------------------- at the door


def is_for_them_alone(room: Room, actor: Actor) -> bool:
    """The newest message of the chat has one reader."""
    messages = [one for one in room.house.world.messages.values() if one.channel_id == room.chat.channel_id]
    return messages[-1].ephemeral_for == actor.person.user_id


MAY_NOT_ENTER = {
    "en-US": "I may not enter that voice channel. I need the permissions View Channel, Connect and Speak there.",
    "zh-CN": "我进不去那个语音频道。我在那里需要“查看频道”“连接”“说话”权限。",
}


@pytest.mark.parametrize("locale", MAY_NOT_ENTER)
async def test_a_missing_permission_is_named_to_the_caller_in_their_language(house: House, locale: str) -> None:
    async with await Room.open(house) as room:
        denied = {"id": str(room.bot_id), "type": 1, "allow": "0", "deny": str(CONNECT)}
        vault = await room.add_channel("Vault", overwrites=[denied])
        ann = room.person("Ann", locale)
        await ann.enter(vault)
        assert (await room.run(ann, "join")).text == MAY_NOT_ENTER[locale]
        assert is_for_them_alone(room, ann)
        assert not room.is_bot_here
        await room.change(vault, overwrites=[])
        assert "**Vault**" in (await room.run(ann, "join")).text, "as soon as it may, it comes"


async def test_a_full_channel_is_named_and_entered_when_there_is_room(house: House) -> None:
    async with await Room.open(house) as room:
        booth = await room.add_channel("Booth", user_limit=1)
        ann = room.person("Ann")
        await ann.enter(booth)
        assert (await room.run(ann, "join")).text == "That voice channel is full."
        assert is_for_them_alone(room, ann)
        await room.change(booth, user_limit=2)
        assert "**Booth**" in (await room.run(ann, "join")).text


async def test_a_channel_that_was_deleted_meanwhile_is_named(house: House) -> None:
    async with await Room.open(house) as room:
        doomed = await room.add_channel("Doomed")
        ann = room.person("Ann")
        await ann.enter(doomed)
        await room.change(doomed, "CHANNEL_DELETE")
        assert (await room.run(ann, "join")).text == "That voice channel is gone."
        assert is_for_them_alone(room, ann)


# ---------------------------------------------------------------------------- sent out, left alone, moved


async def test_who_is_sent_out_says_so_and_comes_back_when_called(house: House) -> None:
    async with await Room.open(house) as room:
        ann = room.person("Ann")
        await room.call(ann)
        await house.discord.kick_bot_from_voice(room.guild)
        await room.until_told("I was sent out of the voice channel. `/join` calls me back.")
        await until(lambda: house.companion.status(room.guild.guild_id) is None)
        assert not room.is_bot_here
        began = time.monotonic()
        await room.run(ann, "join")
        await room.hears(ann, after=began)


async def test_a_channel_deleted_in_mid_call_is_named_as_gone(house: House) -> None:
    async with await Room.open(house) as room:
        doomed = await room.add_channel("Doomed")
        ann = room.person("Ann")
        await room.call(ann, channel=doomed)
        await room.change(doomed, "CHANNEL_DELETE")
        await house.discord.kick_bot_from_voice(room.guild)
        await room.until_told("That voice channel is gone.")
        await until(lambda: house.companion.status(room.guild.guild_id) is None)


async def test_left_alone_it_goes_and_says_why(house: House, model: FakeStepFun) -> None:
    async with await Room.open(house) as room:
        ann = room.person("Ann")
        await room.call(ann)
        talk = model.talk
        await ann.leave()
        await room.until_told("Nobody was left to talk with, so I have gone. `/join` calls me back.")
        await until(lambda: talk.closed.is_set())
        assert not room.is_bot_here


async def test_moved_it_talks_on_with_who_agreed_there(house: House) -> None:
    async with await Room.open(house) as room:
        ann, bob = room.person("Ann"), room.person("Bob")
        await room.call(ann)
        den = await room.add_channel("Den")
        await room.run(bob, "consent allow")
        await bob.enter(den)
        began = time.monotonic()
        await house.discord.move_bot(room.guild, den)
        await room.hears(bob, after=began)
        await room.ask(bob, BOB_HZ)
        assert list(room.status.heard) == ["Bob"]


async def test_moved_to_strangers_it_tells_them_aloud_and_in_their_chat_and_hears_nobody(
    house: House, model: FakeStepFun
) -> None:
    async with await Room.open(house) as room:
        ann, bob = room.person("Ann"), room.person("Bob")
        await room.call(ann)
        talk = model.talk
        den = await room.add_channel("Den")
        await bob.enter(den)
        await house.discord.move_bot(room.guild, den)
        await bob.voice.until_heard(room.bot_id)
        await until(lambda: talk.closed.is_set())
        assert model.talk is talk, "what is heard is no model"
        await until(lambda: room.guild.voice_states[room.bot_id].self_deaf)
        await until(lambda: room.messages_in(den))
        panel = room.messages_in(den)[-1]
        assert "I am in **Den** as **Xiao Yue**. I am an AI." in panel.content
        allowed = await bob.press(panel, "kith:consent:allow")
        assert "I hear you from now on" in allowed.text


# ---------------------------------------------------------------------------- the line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talking(house: House) -> AsyncIterator[tuple[Room, Actor, Actor]]:
    """A call that goes on through everything below: Ann talks, Bob only listens."""
    async with await Room.open(house) as room:
        ann, bob = room.person("Ann"), room.person("Bob")
        await room.call(ann, bob)
        yield room, ann, bob


def random_bytes(count: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(count)


def hostile_datagrams(cipher: MediaCipher, ssrc: int) -> list[bytes]:
    """Garbage, truncated and forged packets of a member whom the bot hears."""
    sealed = seal_packet(cipher, MediaPacket(ssrc, 7, 7, 120, random_bytes(60, 1)))
    strange = MediaCipher(AES_GCM, bytes(32))
    garbage = [random_bytes(size, size) for size in (0, 1, 7, 8, 11, 12, 40, 300, 1400)]
    headers = [struct.pack(">BBHII", first, 0x78, 9, 9, ssrc) for first in (0x80, 0x8F, 0x90, 0xB0, 0xBF)]
    truncated = [sealed[:size] for size in range(0, len(sealed), 5)]
    forged = [sealed[:20] + bytes([sealed[20] ^ bit]) + sealed[21:] for bit in (1, 128)]
    forged += [seal_packet(strange, MediaPacket(ssrc, number, 960 * number, 120, b"x" * 40)) for number in range(50)]
    return [*garbage, *headers, *truncated, *forged]


async def test_garbage_truncated_and_forged_datagrams_are_counted_and_the_talk_goes_on(
    talking: tuple[Room, Actor, Actor],
) -> None:
    room, ann, bob = talking
    voice = room.house.voice
    session = voice.session(room.guild.guild_id, room.bot_id)
    assert session is not None
    assert session.media.cipher is not None
    before = room.status.voice_stats
    datagrams = hostile_datagrams(session.media.cipher, ann.voice.ssrc)
    for datagram in datagrams:
        voice.inject_datagram(room.guild.guild_id, room.bot_id, datagram)
    await room.ask(ann, ANN_HZ, hearer=bob)
    after = room.status.voice_stats
    assert after.receiver.forged - before.receiver.forged >= 52
    assert sum(after.receiver.malformed.values()) - sum(before.receiver.malformed.values()) > 10
    assert after.gateway.rejoins == before.gateway.rejoins
    assert after.restarts == 0


def is_whole(room: Room) -> bool:
    """The bot says that it is connected, and the voice server says so too."""
    session = room.house.voice.session(room.guild.guild_id, room.bot_id)
    return room.status.is_connected and session is not None and session.link is not None and session.is_established


@pytest.mark.parametrize("end", [4006, 4015, 1006, "migration"])
async def test_a_lost_voice_server_is_replaced_and_the_next_question_answered(
    talking: tuple[Room, Actor, Actor], end: int | str
) -> None:
    room, ann, bob = talking
    guild_id, voice = room.guild.guild_id, room.house.voice
    told, before = len(room.told), room.status.voice_stats.gateway
    match end:
        case 1006:
            await voice.crash(guild_id, room.bot_id)
        case int():
            await voice.close(guild_id, room.bot_id, end)
        case _:
            await room.house.discord.migrate_voice(room.guild)
    await until(lambda: sum(room.status.voice_stats.gateway.closes.values()) > sum(before.closes.values()))
    await until(lambda: is_whole(room))
    await ann.voice.until_ready(others={room.bot_id})
    await room.ask(ann, ANN_HZ, hearer=bob)
    assert is_whole(room)
    assert len(room.told) == told, "what mends itself within seconds is not worth a message"
