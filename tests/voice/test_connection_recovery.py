"""The connection when things go wrong or elsewhere: every close code, moves, migrations, kicks, and bugs of our own."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lobby import ALICE, BOB, GUILD, HALL, ME, ROOM, Lobby
from loopback_call import ALICE_HZ, BOB_HZ, OUR_HZ, Call, tone
from waiting import until

from bot.errors import VoiceFault
from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.impairment import Impairment
from bot.rehearsal.voice_server import VoiceServer
from bot.voice.events import EncryptionMissing, MemberArrived, MemberLeft, VoiceClosed, VoiceInterrupted, VoiceReady
from bot.voice.opcodes import VoiceOp
from bot.voice.playout import PlayoutEnded

pytestmark = pytest.mark.rehearsal

ABNORMAL = 1006


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
async def voice(certificate: Certificate) -> AsyncIterator[VoiceServer]:
    async with loopback(certificate) as server:
        yield server


async def hang_up(voice: VoiceServer, code: int) -> None:
    if code == ABNORMAL:
        await voice.crash(GUILD, ME)
    else:
        await voice.close(GUILD, ME, code)


@asynccontextmanager
async def loopback(certificate: Certificate) -> AsyncIterator[VoiceServer]:
    async with VoiceServer(certificate.server_context(), certificate.client_context()) as voice:
        yield voice


async def all_at_once(cases: dict[str, Coroutine[None, None, None]]) -> None:
    """Each with a server of its own, and all together in the time of the slowest."""
    outcomes = await asyncio.gather(*cases.values(), return_exceptions=True)
    failures = {name: outcome for name, outcome in zip(cases, outcomes, strict=True) if outcome is not None}
    for name, failure in failures.items():
        failure.add_note(name)
    if failures:
        raise BaseExceptionGroup("some cases failed", list(failures.values()))


async def ended(call: Call) -> VoiceClosed:
    await call.until(lambda: call.of(VoiceClosed))
    await call.until(lambda: call.lobby.guild.voice_client is None)
    (closed,) = call.of(VoiceClosed)
    return closed


# ---------------------------------------------------------------------------- close codes


async def comes_back(certificate: Certificate, code: int) -> None:
    async with loopback(certificate) as voice, Call(voice) as call:
        alice, bob = await call.member(), await call.member(BOB, HALL)
        await call.talk(alice)
        await hang_up(voice, code)
        await call.until(lambda: call.of(VoiceInterrupted))
        await call.until(lambda: call.of(VoiceReady))
        await call.talk(alice)
        call.connection.allow(BOB)
        await call.lobby.move(HALL)
        await call.until(lambda: VoiceReady(HALL, True) in call.events)
        await call.talk(bob, BOB_HZ)
        assert not call.of(VoiceClosed)
        stats = call.connection.stats()
        assert stats.restarts == 0
        assert stats.gateway.rejoins == (0 if code in {ABNORMAL, 1001, 4015} else 1)


async def test_audio_comes_back_after_a_close_and_the_next_move_is_still_followed(certificate: Certificate) -> None:
    codes = [ABNORMAL, 1000, 1001, 4001, 4004, 4006, 4009, 4011, 4015]
    await all_at_once({f"close code {code}": comes_back(certificate, code) for code in codes})


async def test_a_resume_that_is_refused_becomes_a_rejoin(voice: VoiceServer) -> None:
    voice.rules.resume_grace_s = 0.0
    async with Call(voice) as call:
        alice = await call.member()
        await call.until(lambda: call.connection.is_ready)
        call.events.clear()
        await hang_up(voice, 4015)
        await call.until(lambda: call.of(VoiceReady))
        await call.talk(alice)
        assert call.connection.stats().gateway.rejoins == 1


@pytest.mark.parametrize(("code", "fault"), [(4017, VoiceFault.ENCRYPTION_REQUIRED), (4021, VoiceFault.RATE_LIMITED)])
async def test_some_closes_are_never_answered_with_another_try(
    voice: VoiceServer, code: int, fault: VoiceFault
) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        asked = len(call.lobby.asked)
        await hang_up(voice, code)
        assert await ended(call) == VoiceClosed(fault, code)
        await call.until(lambda: call.lobby.asked[asked:])
        await asyncio.sleep(0.3)
        assert call.lobby.asked[asked:] == [(None, call.lobby.asked[-1][1])]
        assert [op for direction, op, _ in call.trace if direction == "out"].count(0) == 1


async def test_our_own_mistakes_get_one_fresh_session_and_no_second(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        call.events.clear()
        await hang_up(voice, 4005)
        await call.until(lambda: call.of(VoiceReady))
        await hang_up(voice, 4005)
        assert await ended(call) == VoiceClosed(VoiceFault.FAILED, 4005)


@pytest.mark.parametrize("code", [4014, 4022])
async def test_a_close_that_may_be_a_move_waits_and_follows_it(voice: VoiceServer, code: int) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        await hang_up(voice, code)
        await asyncio.sleep(0.3)
        assert not call.of(VoiceClosed)
        await call.member(BOB, HALL)
        await call.lobby.move(HALL)
        await call.until(lambda: VoiceReady(HALL, True) in call.events)
        assert call.connection.channel_id == HALL


async def test_a_close_that_nothing_follows_is_the_end(voice: VoiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.voice.reconnection.WAIT_S", 0.3)
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        await hang_up(voice, 4014)
        assert await ended(call) == VoiceClosed(VoiceFault.KICKED, 4014)
        assert call.lobby.asked[-1][0] is None


async def test_a_close_because_our_main_session_was_replaced_is_no_kick(
    voice: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.voice.reconnection.WAIT_S", 0.5)
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        call.lobby.renew_session()
        call.lobby.enter(ALICE, ROOM)
        await hang_up(voice, 4014)
        await call.until(lambda: call.of(VoiceReady))
        await call.talk(alice)
        call.lobby.kick()
        assert (await ended(call)).fault is VoiceFault.KICKED


async def test_who_is_here_is_known_after_the_main_session_was_replaced(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        call.lobby.enter(ALICE, ROOM)
        await call.until(lambda: call.lobby.asked[-1] == (ROOM, False))
        await asyncio.sleep(0.05)  # the answer is a voice state of ours, which would make us known to the new guild
        call.lobby.renew_session(is_described=False)
        await asyncio.sleep(0.3)
        assert call.connection.present == {ALICE}
        call.lobby.renew_session()
        call.lobby.enter(BOB, ROOM)
        await call.until(lambda: call.of(MemberLeft))
        assert call.connection.stats().restarts == 0
        assert call.connection.present == {BOB}
        assert call.of(MemberLeft) == [MemberLeft(ALICE)]
        await call.until(lambda: call.lobby.asked[-1] == (ROOM, True))


async def test_a_server_that_keeps_hanging_up_is_given_up(voice: VoiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.voice.reconnection.BACKOFF_S", (0.01,))
    monkeypatch.setattr("bot.voice.seat.LEAVE_PAUSE_S", 0.05)
    async with Call(voice) as call:
        await call.member()
        for _ in range(20):
            await call.until(lambda: call.connection.is_ready or call.of(VoiceClosed))
            if call.of(VoiceClosed):
                break
            await hang_up(voice, 4006)
            await call.until(lambda: not call.connection.is_ready)
        assert await ended(call) == VoiceClosed(VoiceFault.FAILED, 4006)
        assert call.connection.stats().gateway.rejoins == 5


# ---------------------------------------------------------------------------- moved, migrated, kicked


@pytest.mark.parametrize("server_first", [False, True])
async def test_a_move_by_a_moderator_is_followed(voice: VoiceServer, server_first: bool) -> None:
    async with Call(voice) as call:
        await call.member()
        bob = await call.member(BOB, HALL)
        await call.lobby.move(HALL, server_first=server_first)
        await call.until(lambda: VoiceReady(HALL, True) in call.events)
        assert call.connection.channel_id == HALL == call.connection.channel.id  # type: ignore[attr-defined]
        assert call.lobby.asked == [(ROOM, True), (ROOM, False), (HALL, True)]
        call.connection.allow(BOB)
        await call.talk(bob, BOB_HZ)
        await call.lobby.move(ROOM)
        await call.until(lambda: VoiceReady(ROOM, True) in call.events)
        await call.talk(call.members[0])


async def test_in_the_new_channel_only_its_own_people_count(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        await call.lobby.move(HALL)
        await call.until(lambda: call.of(MemberLeft))
        assert call.connection.channel_id == HALL
        assert call.connection.present == frozenset()
        await call.until(lambda: call.lobby.asked[-1] == (HALL, True))


async def test_a_migration_keeps_what_was_to_be_said(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        call.playout.clear()
        before = call.connection.stats().sender.sent
        call.connection.play("across", tone(OUR_HZ, 1.2))
        call.connection.finish()
        await call.until(lambda: call.connection.stats().sender.sent > before + 10)
        await call.lobby.migrate()
        await call.until(lambda: any(isinstance(event, PlayoutEnded) for event in call.playout))
        assert call.connection.stats().sender.sent == before + 60
        (end,) = [event for event in call.playout if isinstance(event, PlayoutEnded)]
        assert end.heard[0].heard_ms == 1200
        await call.talk(alice)
        assert not call.of(VoiceClosed)


async def test_what_nobody_could_decrypt_was_not_heard_and_is_said_when_somebody_can(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.until(lambda: call.connection.is_ready)
        call.connection.play("to the last member", tone(OUR_HZ, 3.0))
        call.connection.finish()
        await call.until(lambda: call.connection.stats().sender.sent > 5)
        await call.leave(alice)
        await call.until(lambda: not call.connection.is_ready)
        await asyncio.sleep(0.1)
        stats = call.connection.stats()
        assert call.connection.playout.heard_ms("to the last member") == stats.sender.sent * 20 < 3000
        await call.member()
        await call.until(lambda: any(isinstance(event, PlayoutEnded) for event in call.playout))
        assert call.connection.stats().sender.sent == 150
        assert call.connection.stats().sender.withheld == 0


async def follows_to_a_new_server(certificate: Certificate, code: int) -> None:
    async with loopback(certificate) as voice, Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        if code == ABNORMAL:
            await voice.crash(GUILD, ME)
        await call.lobby.migrate(4014 if code == ABNORMAL else code)
        await call.until(lambda: call.connection.is_ready and call.of(VoiceReady))
        await call.talk(alice)


async def test_a_server_move_is_followed_however_the_old_server_ends(certificate: Certificate) -> None:
    codes = [ABNORMAL, 4009, 4014, 4022]
    await all_at_once({f"close code {code}": follows_to_a_new_server(certificate, code) for code in codes})


async def test_an_outage_of_discord_is_waited_for(voice: VoiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.voice.reconnection.WAIT_S", 0.2)
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        call.lobby.lose_endpoint()
        await call.until(lambda: call.of(VoiceInterrupted))
        await asyncio.sleep(0.5)
        assert not call.of(VoiceClosed)
        await call.lobby.migrate()
        await call.until(lambda: call.of(VoiceReady))
        await call.talk(alice)


async def test_being_kicked_is_the_end_and_nothing_is_asked_any_more(voice: VoiceServer) -> None:
    tasks = asyncio.all_tasks()
    async with Call(voice) as call:
        await call.until(lambda: call.connection.stats().socket)
        asked = list(call.lobby.asked)
        call.lobby.kick()
        assert (await ended(call)).fault is VoiceFault.KICKED
        assert call.lobby.asked == asked
        await call.until(lambda: call.connection.stats().pacer.active == 0)
    await until(lambda: asyncio.all_tasks() == tasks)


async def test_being_kicked_while_rejoining_is_noticed(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)
        call.lobby.is_silent = True
        await hang_up(voice, 4006)
        await call.until(lambda: any(channel_id is None for channel_id, _ in call.lobby.asked))
        call.lobby.kick()  # taken for the answer to our own leaving
        await call.until(lambda: call.lobby.asked[-1][0] == ROOM)
        call.lobby.kick()
        assert (await ended(call)).fault is VoiceFault.KICKED


# ---------------------------------------------------------------------------- networks and bugs


async def test_a_network_that_swallows_datagrams_for_a_while_costs_no_session(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        voice.impair(ME, up=Impairment(loss=1.0), down=Impairment(loss=1.0))
        call.connection.play("into the void", tone(OUR_HZ, 0.2))
        call.connection.finish()
        await asyncio.sleep(0.4)
        voice.impair(ME)
        await call.talk(alice)
        assert call.connection.stats().gateway.rejoins == 0


async def test_discovery_is_asked_again_when_it_was_lost(voice: VoiceServer) -> None:
    voice.impair(ME, up=Impairment(seed=3, loss=0.6))
    async with Call(voice) as call:
        assert call.connection.stats().socket is not None


async def test_garbage_on_the_websocket_and_on_udp_changes_nothing(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.until(lambda: call.connection.is_ready)
        for message in ("{", '{"op": 4}', '{"op": 998, "d": []}', b"", b"\x00"):
            voice.inject(GUILD, ME, message)
            await asyncio.sleep(0)
        await call.talk(alice)
        stats = call.connection.stats()
        assert stats.gateway.malformed == 4
        assert stats.restarts == stats.gateway.rejoins == 0


async def test_a_flood_of_garbage_gets_a_fresh_session(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.until(lambda: call.connection.is_ready)
        call.events.clear()
        for _ in range(5):
            voice.inject(GUILD, ME, "{")
        await call.until(lambda: call.connection.stats().gateway.rejoins)
        await call.until(lambda: call.of(VoiceReady))
        await call.talk(alice)


async def test_a_bug_in_the_house_costs_a_fresh_session_and_never_leaves_a_deaf_connection(
    voice: VoiceServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        listening = call.connection._sink
        failures: list[object] = []

        def broken(event: object) -> None:
            if isinstance(event, MemberArrived) and not failures:
                failures.append(event)
                raise ZeroDivisionError("a bug")
            assert listening is not None
            listening(event)  # type: ignore[arg-type]

        call.connection.listen(broken)
        with caplog.at_level(logging.ERROR, "bot.voice.connection"):
            await call.member(BOB)
            await call.until(lambda: call.connection.stats().restarts == 1)
            await call.until(lambda: call.connection.is_ready and call.of(VoiceReady))
        assert failures
        assert "a task of the connection failed" in caplog.text
        await call.talk(alice)


async def test_a_bug_of_a_listener_does_not_keep_the_end_from_being_told(voice: VoiceServer) -> None:
    async with Call(voice) as call:
        await call.member()
        await call.until(lambda: call.connection.is_ready)

        def broken(event: object) -> None:
            call._heard(event)  # type: ignore[arg-type]
            raise ZeroDivisionError("a bug")

        call.connection.listen(broken)
        await hang_up(voice, 4017)
        assert await ended(call) == VoiceClosed(VoiceFault.ENCRYPTION_REQUIRED, 4017)


async def test_a_bug_in_the_receive_path_is_no_reason_to_stay_deaf(
    voice: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        with monkeypatch.context() as broken:
            broken.setattr(call.connection._receiver, "receive_datagram", lambda data, now: 1 / 0)
            await alice.speak(tone(ALICE_HZ, 0.1))
            await call.until(lambda: call.connection.stats().restarts)
        await call.until(lambda: call.connection.is_ready)
        await call.talk(alice)


async def test_a_group_that_does_not_form_is_joined_anew(voice: VoiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.voice.formation.FORM_S", 0.5)
    for op in (VoiceOp.PROPOSALS, VoiceOp.WELCOME, VoiceOp.ANNOUNCE_COMMIT):
        voice.sabotage(ME).drop[op] = 1
    async with Call(voice) as call:
        alice = await call.member()
        await call.talk(alice)
        stats = call.connection.stats()
        assert stats.dave.recoveries + stats.gateway.rejoins > 0
        assert not call.of(EncryptionMissing)


async def test_a_bug_of_ours_at_the_very_end_leaves_neither_a_socket_nor_an_untold_end(
    voice: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    async with Call(voice) as call:
        await call.until(lambda: call.connection.stats().socket)
        monkeypatch.setattr(call.connection._receiver, "reset", lambda: 1 / 0)
        await hang_up(voice, 4017)
        assert (await ended(call)).fault is VoiceFault.FAILED
        assert call.connection.stats().socket is None
    await until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)


async def test_a_bug_in_whoever_is_told_of_playout_does_not_strike_the_companion_dumb(voice: VoiceServer) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with Call(voice) as call:
        alice = await call.member()
        await call.until(lambda: call.connection.is_ready)

        def broken(event: object) -> None:
            raise ZeroDivisionError("a bug")

        call.connection.on_playout(broken)
        call.connection.play("unlucky", tone(OUR_HZ, 0.1))
        await call.until(lambda: reported)
        assert [type(error) for error in reported] == [ZeroDivisionError]
        call.connection.stop()
        call.connection.on_playout(call._played)
        await call.is_heard_by(alice)


async def test_a_bug_that_comes_back_again_and_again_ends_the_connection(
    voice: VoiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.voice.reconnection.BACKOFF_S", (0.01,))
    monkeypatch.setattr("bot.voice.seat.LEAVE_PAUSE_S", 0.05)
    lobby = Lobby(voice)
    async with Call(voice, lobby=lobby) as call:
        closed: list[VoiceClosed] = []

        def broken(event: object) -> None:
            if isinstance(event, VoiceReady):
                raise ZeroDivisionError("a bug")
            if isinstance(event, VoiceClosed):
                closed.append(event)

        call.connection.listen(broken)
        await call.member()
        await call.until(lambda: closed)
        await call.until(lambda: lobby.guild.voice_client is None)
        assert [event.fault for event in closed] == [VoiceFault.FAILED]
        assert call.connection.stats().restarts == 4


async def test_consent_outlives_every_new_session(voice: VoiceServer) -> None:
    async with Call(voice, allowed=(ALICE,), room=HALL) as call:
        alice, bob = await call.member(ALICE), await call.member(BOB)
        await call.hears(alice)
        await hang_up(voice, 4006)
        await call.until(lambda: call.of(VoiceReady))
        await call.hears(alice)
        await bob.speak(tone(BOB_HZ, 0.2))
        assert len(call.sound_of(BOB)) == 0
