"""Members of a scene in one call: who hears whom, end-to-end encrypted or not, over good links and bad ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from tones import said, sounding_s, strength, tone
from waiting import until

from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.impairment import Impairment
from bot.rehearsal.media_relay import Dress
from bot.rehearsal.media_wire import AES_GCM, XCHACHA
from bot.rehearsal.member_voice import SILENCE_FRAMES, MemberVoice
from bot.rehearsal.voice_server import VoiceServer

pytestmark = pytest.mark.rehearsal

GUILD, CHANNEL, STAGE = 1, 100, 101
ALICE, BOB, CAROL = 11, 12, 13
HZ = {ALICE: 440.0, BOB: 1000.0, CAROL: 2500.0}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
async def voice(certificate: Certificate) -> AsyncIterator[VoiceServer]:
    dress = Dress(seed=1, padded_share=0.2, burst_share=1.0, report_every=20)
    async with VoiceServer(certificate.server_context(), certificate.client_context(), dress=dress) as server:
        yield server


def member(voice: VoiceServer, user_id: int, channel_id: int = CHANNEL, *modes: str) -> MemberVoice:
    ticket = voice.announce(GUILD, channel_id, user_id, f"session {user_id}", is_stage=channel_id == STAGE)
    return MemberVoice(ticket, voice.client_context, modes=modes or (AES_GCM, XCHACHA))


async def speak(*members: MemberVoice, duration_s: float = 0.4) -> None:
    await asyncio.gather(*(one.speak(tone(HZ[one.ticket.user_id], duration_s)) for one in members))
    await asyncio.sleep(0.1)


def hears(listener: MemberVoice, speaker: int, since: float = 0.0) -> bool:
    sound = said(listener, speaker, since)
    others = [strength(sound, hz) for user_id, hz in HZ.items() if user_id != speaker]
    return strength(sound, HZ[speaker]) > 0.15 and max(others) < 0.05


def at_version(one: MemberVoice, version: int) -> bool:
    return one.group.version == version


async def all_ready(*members: MemberVoice) -> None:
    everyone = {one.ticket.user_id for one in members}
    await asyncio.gather(*(one.until_ready(others=everyone) for one in members))


def no_faults(voice: VoiceServer, *members: MemberVoice) -> None:
    for one in members:
        assert voice.media(one.ticket.user_id).faults() == {}
        assert one.group.counts["undecryptable"] == 0
        assert one.group.counts["unencrypted"] == 0
    assert voice.closes == []


async def test_two_members_hear_each_other_end_to_end_encrypted(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB, CHANNEL, XCHACHA) as bob:
        await all_ready(alice, bob)
        assert alice.group.version == bob.group.version == 1
        assert alice.privacy_code == bob.privacy_code is not None
        await speak(alice, bob)
        assert hears(alice, BOB)
        assert hears(bob, ALICE)
        assert alice.counts["padding only"] > 0
        assert alice.counts["rtcp"] > 0
        no_faults(voice, alice, bob)


async def test_the_relay_cannot_read_what_members_say(voice: VoiceServer) -> None:
    seen: list[bytes] = []
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        stranger = MemberVoice(voice.ticket(GUILD, BOB), None).group
        relay_forward = voice.relay._forward

        def watch(session, packet, at):  # type: ignore[no-untyped-def]
            seen.append(packet.payload)
            return relay_forward(session, packet, at)

        voice.relay._forward = watch  # type: ignore[method-assign]
        await speak(alice, duration_s=0.2)
    sound = [payload for payload in seen if len(payload) > 3]
    assert len(sound) == 10
    assert all(payload.endswith(b"\xfa\xfa") for payload in sound)
    stranger.version = 1
    assert {stranger.decrypt(ALICE, payload) for payload in sound} == {None}


async def test_a_third_member_comes_and_goes_in_mid_call(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        before = alice.privacy_code
        async with member(voice, CAROL) as carol:
            await all_ready(alice, bob, carol)
            assert alice.privacy_code == bob.privacy_code == carol.privacy_code != before
            await speak(alice, carol)
            assert hears(carol, ALICE)
            assert hears(alice, CAROL)
            assert hears(bob, ALICE)
            no_faults(voice, alice, bob, carol)
            voice.left(GUILD, CAROL)
        await alice.until(lambda: CAROL not in alice.group.user_ids)
        await bob.until(lambda: CAROL not in bob.group.user_ids)
        left_at = time.monotonic()
        await speak(bob)
        assert hears(alice, BOB, left_at)
        assert alice.privacy_code == bob.privacy_code
        no_faults(voice, alice, bob)


async def test_nobody_is_lost_while_the_group_changes_under_their_words(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        talk = asyncio.create_task(alice.speak(tone(HZ[ALICE], 30.0)))
        await asyncio.sleep(0.3)
        async with member(voice, CAROL) as carol:
            await all_ready(alice, bob, carol)
            await until(lambda: sounding_s(carol.heard(ALICE)) > 0.2)
        alice.hush()
        await talk
        await bob.until_quiet(ALICE)
        said = voice.media(ALICE).counts["packets"] + alice.counts["not sent"] - SILENCE_FRAMES
        assert len([packet for packet in bob.ears.packets(ALICE) if not packet.is_silence]) >= said - 10


async def test_a_call_that_emptied_is_refilled_again_and_again(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice:
        for _ in range(5):
            async with member(voice, BOB) as bob:
                await all_ready(alice, bob)
                since = time.monotonic()
                await speak(alice, bob, duration_s=0.2)
                assert hears(alice, BOB, since)
                assert hears(bob, ALICE, since)
                assert alice.privacy_code == bob.privacy_code
        no_faults(voice, alice)


async def test_a_stage_is_not_encrypted_and_its_audience_is_not_heard(voice: VoiceServer) -> None:
    async with member(voice, ALICE, STAGE) as alice, member(voice, BOB, STAGE) as bob:
        voice.set_mute(GUILD, BOB, True)
        assert alice.group.version == bob.group.version == 0
        assert alice.privacy_code is None
        await speak(alice, bob)
        assert hears(bob, ALICE)
        assert sounding_s(alice.heard(BOB)) == 0
        no_faults(voice, alice, bob)


async def test_a_call_goes_down_to_version_zero_and_up_again(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        for version in (0, 1):
            voice.set_version(CHANNEL, version)
            for one in (alice, bob):
                await one.until(partial(at_version, one, version))
            await all_ready(alice, bob)
            since = time.monotonic()
            await speak(alice, bob)
            assert hears(alice, BOB, since)
            assert hears(bob, ALICE, since)


async def test_the_deaf_are_sent_nothing(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.set_deaf(GUILD, BOB, True)
        await speak(alice, duration_s=0.2)
        assert bob.counts["heard"] == 0
        voice.set_deaf(GUILD, BOB, False)
        await speak(alice, duration_s=0.2)
        assert hears(bob, ALICE)


async def test_calls_do_not_hear_one_another(voice: VoiceServer) -> None:
    async with (
        member(voice, ALICE) as alice,
        member(voice, BOB) as bob,
        member(voice, CAROL, CHANNEL + 50) as carol,
    ):
        await all_ready(alice, bob)
        await speak(alice, carol, duration_s=0.2)
        assert hears(bob, ALICE)
        assert bob.ears.speakers == [ALICE]
        assert carol.ears.speakers == []


async def test_a_client_that_sends_nothing_for_long_is_sent_nothing(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.relay.idle_s = 0.2
        await asyncio.sleep(0.3)
        await speak(alice, duration_s=0.2)
        assert bob.counts["heard"] == 0
        assert voice.media(BOB).counts["idle"] > 0
        await asyncio.gather(speak(alice), speak(bob, duration_s=0.3))
        assert bob.counts["heard"] > 0


async def test_sound_before_op_5_is_refused(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.media(ALICE).has_spoken = False
        for _ in range(30):
            alice._send_opus(b"\xf8\xff\xfe")
        await alice.until(lambda: alice.close_code is not None)
        assert alice.close_code == 4020
        assert bob.counts["heard"] == 0


async def test_forged_and_foreign_packets_are_counted_and_go_nowhere(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.impair(ALICE, up=Impairment(seed=2, corrupt=1.0))
        await speak(alice)
        assert bob.counts["heard"] == 0
        assert sum(voice.media(ALICE).faults().values()) > 10


async def test_a_lossy_link_loses_its_share_and_nothing_else(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        link = Impairment(seed=4, loss=0.2, jitter_ms=15, duplicate=0.1, reorder=0.1)
        voice.impair(BOB, down=link)
        await speak(alice, duration_s=1.5)
        packets = {packet.sequence for packet in bob.ears.packets(ALICE)}
        assert link.counts["lost"] > 5
        assert len(packets) + link.counts["lost"] >= 80
        # what came twice or late was refused or set right: nothing is heard twice, and the tone is still a tone
        assert sounding_s(bob.heard(ALICE)) <= 1.55
        assert strength(bob.heard(ALICE), HZ[ALICE]) > 0.1
        assert voice.media(ALICE).faults() == {}


async def test_sound_lies_on_the_timeline_where_it_was_said(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        first, _ = await alice.speak(tone(HZ[ALICE], 0.3))
        await asyncio.sleep(0.5)
        second, ended = await alice.speak(tone(HZ[ALICE], 0.3))
        await bob.until_quiet(ALICE, quiet_s=0.2)
        pause_ends = second - 0.1
        assert sounding_s(bob.ears.recording(ALICE, first, pause_ends - 0.1)) > 0.2
        assert sounding_s(bob.ears.recording(ALICE, pause_ends - 0.1, pause_ends)) == 0
        assert sounding_s(bob.ears.recording(ALICE, pause_ends, ended + 0.5)) > 0.2
        assert len(bob.ears.spurts(ALICE)) >= 2


async def test_timestamps_jump_over_pauses_and_sequence_numbers_do_not(voice: VoiceServer) -> None:
    voice.relay._dress.burst_share = 0.0
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        _, ended_at = await alice.speak(tone(HZ[ALICE], 0.1))
        await asyncio.sleep(0.4)
        began_at, _ = await alice.speak(tone(HZ[ALICE], 0.1))
        await until(lambda: len(bob.ears.packets(ALICE)) == 20)
        packets = bob.ears.packets(ALICE)
        assert [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)] == [1] * 19
        jumps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)]
        assert sorted(jumps)[:-1] == [960] * 18
        assert 0.4 <= max(jumps) / 48_000 < began_at - ended_at + 0.02
        assert [packet.is_silence for packet in packets] == ([False] * 5 + [True] * 5) * 2


async def test_hush_stops_at_the_next_frame(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        talk = asyncio.create_task(alice.speak(tone(HZ[ALICE], 30.0)))
        await bob.until_heard(ALICE)
        alice.hush()
        began, ended = await talk
        assert ended - began < 5.0
        assert alice.ears.speakers == []


async def test_a_commit_that_arrives_damaged_is_recovered_from(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.sabotage(BOB).corrupt[29] = 1
        async with member(voice, CAROL) as carol:
            await all_ready(alice, bob, carol)
            assert bob.group.counts["commits refused"] == 1
            since = time.monotonic()
            await speak(bob)
            assert hears(alice, BOB, since)
            assert hears(carol, BOB, since)
            assert alice.privacy_code == bob.privacy_code == carol.privacy_code


async def test_a_welcome_that_arrives_damaged_is_recovered_from(voice: VoiceServer) -> None:
    voice.sabotage(CAROL).corrupt[30] = 1
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        async with member(voice, CAROL) as carol:
            await all_ready(alice, bob, carol)
            assert carol.group.counts["commits refused"] == 1
            await speak(carol)
            assert hears(alice, CAROL)


async def test_a_ghost_is_refused_by_members(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.add_ghost(CHANNEL, 666)
        await alice.until(lambda: alice.group.counts["proposals refused"] > 0)
        voice.remove_ghost(CHANNEL, 666)
        assert 666 not in alice.group.user_ids
        assert bob.group.is_ready


async def test_a_camera_is_not_sound_and_its_packets_are_not_heard(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await all_ready(alice, bob)
        voice.show_video(GUILD, ALICE, packets=7)
        await bob.until(lambda: bob.counts["not opus"] == 7)
        assert bob.ears.speakers == []


async def test_a_heartbeat_that_the_server_asks_for_comes_at_once(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice:
        voice.inject(GUILD, ALICE, '{"op": 3, "d": null}')
        voice.inject(GUILD, ALICE, '{"op": 250, "d": {}, "seq": 9}')
        await until(lambda: 3 in [spoken.op for spoken in voice.transcript(ALICE)])
        assert alice.close_code is None


async def test_a_refused_ticket_is_an_error_with_its_code(voice: VoiceServer) -> None:
    client = member(voice, ALICE)
    voice.left(GUILD, ALICE)
    with pytest.raises(ConnectionError, match="4006"):
        await client.connect()
