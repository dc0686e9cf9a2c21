"""Whose voice reaches the model's socket: on the wire, with a tone for each member, while people agree, withdraw, come and are moved."""

from __future__ import annotations

import asyncio
import time

import pytest
from rooms import ANN_HZ, BOB_HZ, CEM_HZ, DEE_HZ, Room, all_right, house_of, loudest, voice
from waiting import until

from bot.rehearsal.people import Actor
from bot.rehearsal.stepfun import FakeStepFun

pytestmark = pytest.mark.rehearsal

PRESENT, ABSENT = 0.1, 0.02
"""Amplitudes: a member's tone is 0.27 at its loudest; the sidelobes of everybody else's stay below the second."""


def voices_in(pcm: bytes) -> set[float]:
    """Whose tones are in it. Raises AssertionError for one that is neither there nor absent."""
    found = {hz: loudest(pcm, hz) for hz in (ANN_HZ, BOB_HZ, CEM_HZ, DEE_HZ)}
    assert all(level > PRESENT or level < ABSENT for level in found.values()), found
    return {hz for hz, level in found.items() if level > PRESENT}


async def all_speak(*speakers: tuple[Actor, float]) -> None:
    """At once."""
    await asyncio.gather(*(actor.speak(voice(hz)) for actor, hz in speakers))


async def test_only_who_agreed_reaches_the_model_whatever_happens_in_the_room() -> None:
    async with (
        FakeStepFun(reply=all_right) as fake,
        house_of(fake) as house,
        await Room.open(house) as room,
    ):
        ann, bob, cem, dee = (room.person(name) for name in ("Ann", "Bob", "Cem", "Dee"))
        await room.call(ann)
        lounge = fake.talk
        for actor in (bob, cem):
            await actor.enter(room.lounge)
            await actor.voice.until_ready()

        # One of three has agreed.
        await all_speak((ann, ANN_HZ), (bob, BOB_HZ), (cem, CEM_HZ))
        await room.hears(cem, after=time.monotonic())
        assert voices_in(lounge.sound) == {ANN_HZ}
        assert room.status.voice_stats.receiver.gated > 50, "the others' packets did come"

        # A second one agrees.
        await room.run(bob, "consent allow")
        begun = len(lounge.sound)
        await all_speak((ann, ANN_HZ), (bob, BOB_HZ), (cem, CEM_HZ))
        await room.hears(cem, after=time.monotonic())
        assert voices_in(lounge.sound[begun:]) == {ANN_HZ, BOB_HZ}

        # The first one takes it back in mid-speech.
        begun = len(lounge.sound)
        speaking = asyncio.create_task(ann.speak(voice(ANN_HZ, 2.0)))
        await until(lambda: voices_in_since(lounge.sound, begun) == {ANN_HZ})
        stopped = await room.run(ann, "consent stop")
        assert "What you had begun to say was dropped" in stopped.text
        await lounge.closed.wait()
        assert lounge.types.count("input_audio_buffer.clear") >= 1, "what the model had been told is dropped"
        heard_with_ann = len(lounge.sound)
        await until(lambda: fake.talk is not lounge)
        unlearnt = fake.talk
        await all_speak((bob, BOB_HZ), (cem, CEM_HZ))
        await room.hears(cem, after=time.monotonic())
        await speaking
        assert voices_in(unlearnt.sound) == {BOB_HZ}
        assert len(lounge.sound) == heard_with_ann, "the session that had heard her has ended"
        assert not any("Ann" in raw for raw in unlearnt.raw), "and the next one does not know that she spoke"

        # A moderator moves the bot to other people, one of whom has agreed.
        den = await room.add_channel("Den")
        await room.run(dee, "consent allow")
        await dee.enter(den)
        moved_at = time.monotonic()
        heard_in_lounge = len(unlearnt.sound)
        await house.discord.move_bot(room.guild, den)
        await room.hears(dee, after=moved_at)
        assert fake.talk is not unlearnt, "another room is another session"
        await cem.enter(den)
        await cem.voice.until_ready()
        await all_speak((dee, DEE_HZ), (cem, CEM_HZ), (bob, BOB_HZ))
        await room.hears(cem, after=time.monotonic())
        assert voices_in(fake.talk.sound) == {DEE_HZ}
        assert len(unlearnt.sound) == heard_in_lounge
        assert not any("Bob" in raw or "Ann" in raw for raw in fake.talk.raw), "who is elsewhere is not spoken of here"
        assert [talk.errors for talk in fake.talks] == [[]] * len(fake.talks)


def voices_in_since(sound: bytes, begun: int) -> set[float]:
    return {hz for hz in (ANN_HZ, BOB_HZ, CEM_HZ) if loudest(sound[begun:], hz) > PRESENT}
