"""The voice gateway of the loopback server, asked by a client that says anything: every rule and its close code."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.rehearsal.certificate import make_certificate
from bot.rehearsal.media_wire import AES_GCM, XCHACHA
from bot.rehearsal.voice_server import Rules, VoiceServer, VoiceTicket

pytestmark = pytest.mark.rehearsal

GUILD, CHANNEL, ALICE, BOB = 1, 100, 11, 12


class Client:
    """A websocket that says what it is told to say."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []
        self.binary: list[bytes] = []

    async def say(self, op: int, data: Any) -> None:
        await self.socket.send(json.dumps({"op": op, "d": data}))

    async def identify(self, ticket: VoiceTicket, **changed: Any) -> None:
        body = {
            "server_id": str(ticket.guild_id),
            "user_id": str(ticket.user_id),
            "session_id": ticket.session_id,
            "token": ticket.token,
            "max_dave_protocol_version": 1,
        }
        await self.say(0, {name: value for name, value in (body | changed).items() if value is not None})

    async def resume(self, ticket: VoiceTicket, seq_ack: int, **changed: Any) -> None:
        body = {"server_id": str(ticket.guild_id), "session_id": ticket.session_id, "token": ticket.token}
        await self.say(7, body | {"seq_ack": seq_ack} | changed)

    async def select(self, mode: str = AES_GCM, protocol: str = "udp") -> None:
        await self.say(1, {"protocol": protocol, "data": {"address": "127.0.0.1", "port": 1, "mode": mode}})

    async def until(self, op: int) -> dict[str, Any]:
        """The next message with that op; what comes before is kept in `seen` and `binary`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.socket.recv()
                if isinstance(message, bytes):
                    self.binary.append(message)
                    if message[2] == op:
                        return {"op": op, "seq": int.from_bytes(message[:2], "big"), "d": message[3:]}
                    continue
                body: dict[str, Any] = json.loads(message)
                self.seen.append(body)
                if body["op"] == op:
                    return body

    async def close_code(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    await self.socket.recv()
            except ConnectionClosed:
                return self.socket.close_code or 0

    def numbers(self) -> list[int]:
        return [message["seq"] for message in self.seen if "seq" in message]


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    async with VoiceServer() as server:
        yield server


def ticket_of(voice: VoiceServer, user_id: int = ALICE, *, is_stage: bool = False) -> VoiceTicket:
    return voice.announce(GUILD, CHANNEL, user_id, f"session {user_id}", is_stage=is_stage)


@asynccontextmanager
async def calling(voice: VoiceServer) -> AsyncIterator[Client]:
    async with connect(f"ws://{voice.endpoint}/?v=8", compression=None, proxy=None) as socket:
        client = Client(socket)
        await client.until(8)
        yield client


@asynccontextmanager
async def identified(voice: VoiceServer, ticket: VoiceTicket) -> AsyncIterator[Client]:
    async with calling(voice) as client:
        await client.identify(ticket)
        await client.until(2)
        yield client


async def test_the_handshake_names_the_call(voice: VoiceServer) -> None:
    async with calling(voice) as client:
        assert client.seen[0]["d"]["heartbeat_interval"] == 13_750
        await client.identify(ticket_of(voice))
        ready = (await client.until(2))["d"]
        assert ready["modes"] == [AES_GCM, XCHACHA]
        assert ready["ip"] == "127.0.0.1"
        await client.select()
        description = (await client.until(4))["d"]
        assert (description["mode"], len(description["secret_key"])) == (AES_GCM, 32)
        assert description["dave_protocol_version"] == 1
        assert (await client.until(25))["seq"] == 1


async def test_the_wss_side_is_trusted_through_the_bundle(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate.bundle))
    async with VoiceServer(certificate.server_context()) as voice:
        address = f"wss://{voice.endpoint}/?v=8"
        async with connect(address, ssl=trusting, compression=None, proxy=None) as socket:
            assert json.loads(await socket.recv())["op"] == 8
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(address, ssl=ssl.create_default_context(), proxy=None)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"session_id": "wrong"}, 4006),
        ({"user_id": "99"}, 4006),
        ({"server_id": "99"}, 4006),
        ({"server_id": "a guild"}, 4002),
        ({"token": None}, 4002),
        ({"max_dave_protocol_version": 0}, 4017),
        ({"max_dave_protocol_version": None}, 4017),
    ],
)
async def test_an_identify_that_does_not_fit_its_ticket_is_refused(
    voice: VoiceServer, changed: dict[str, Any], code: int
) -> None:
    ticket = ticket_of(voice)
    async with calling(voice) as client:
        await client.identify(ticket, **changed)
        assert await client.close_code() == code
    assert [closed for _, closed, _ in voice.closes] == [code]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"op": 5, "d": {"speaking": 1, "delay": 0, "ssrc": 1}}', 4003),
        (b"\x1a\x00", 4003),
        ("no json", 4002),
        ('{"d": 1}', 4002),
        ("[1]", 4002),
        ('{"op": 99, "d": null}', 4001),
        ('{"op": "five", "d": null}', 4001),
        ('{"op": 3, "d": null}', 4002),
    ],
)
async def test_what_no_client_may_send_before_identifying_is_refused(
    voice: VoiceServer, message: str | bytes, code: int
) -> None:
    async with calling(voice) as client:
        await client.socket.send(message)
        assert await client.close_code() == code


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (0, {"server_id": "1"}, 4005),
        (1, {"protocol": "webrtc", "data": {"mode": AES_GCM, "address": "", "port": 1}}, 4012),
        (1, {"protocol": "udp", "data": {"mode": "xsalsa20_poly1305", "address": "", "port": 1}}, 4016),
        (1, {"protocol": "udp"}, 4002),
        (5, {"speaking": 1, "delay": 0, "ssrc": 1}, 4020),
        (8, {}, 4001),
    ],
)
async def test_what_an_identified_client_may_not_send_is_refused(
    voice: VoiceServer, op: int, data: Any, code: int
) -> None:
    async with identified(voice, ticket_of(voice)) as client:
        await client.say(op, data)
        assert await client.close_code() == code


async def test_a_stage_is_at_version_zero_and_needs_no_dave(voice: VoiceServer) -> None:
    async with calling(voice) as client:
        await client.identify(ticket_of(voice, is_stage=True), max_dave_protocol_version=None)
        await client.until(2)
        await client.select()
        assert (await client.until(4))["d"]["dave_protocol_version"] == 0


async def test_a_joiner_and_those_present_learn_of_each_other_in_a_burst(voice: VoiceServer) -> None:
    async with identified(voice, ticket_of(voice)) as alice, identified(voice, ticket_of(voice, BOB)) as bob:
        await bob.until(20)
        await alice.until(20)
        assert [message["op"] for message in bob.seen[-3:]] == [11, 18, 20]
        assert bob.seen[-3]["d"] == {"user_ids": [str(ALICE)]}
        assert [message["op"] for message in alice.seen[-3:]] == [11, 18, 20]
        assert alice.numbers() == [1, 2, 3]
        voice.left(GUILD, BOB)
        assert (await alice.until(13))["d"] == {"user_id": str(BOB)}
        assert await bob.close_code() == 4014


async def test_heartbeats_are_answered_with_their_nonce(voice: VoiceServer) -> None:
    async with identified(voice, ticket_of(voice)) as client:
        await client.say(3, {"t": 1234, "seq_ack": -1})
        assert (await client.until(6))["d"] == {"t": 1234}


async def test_a_client_without_heartbeats_is_timed_out() -> None:
    async with VoiceServer(rules=Rules(heartbeat_interval_ms=100)) as voice:
        async with identified(voice, ticket_of(voice)) as client:
            assert await client.close_code() == 4009
        assert voice.session(GUILD, ALICE) is None


async def test_a_resume_replays_what_was_missed(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as client:
        await voice.crash(GUILD, ALICE)
        assert await client.close_code() == 1006
    async with identified(voice, ticket_of(voice, BOB)), calling(voice) as again:
        await again.resume(ticket, -1)
        assert (await again.until(9))["d"] is None
        await again.until(20)
        assert [message["op"] for message in again.seen] == [8, 9, 11, 18, 20]
        assert again.numbers() == [1, 2, 3]


async def test_numbers_wrap_at_sixteen_bits_and_resume_across_the_wrap() -> None:
    async with VoiceServer(rules=Rules(first_sequence=65_533)) as voice:
        ticket = ticket_of(voice)
        async with identified(voice, ticket) as alice, identified(voice, ticket_of(voice, BOB)):
            await alice.until(20)
            assert alice.numbers() == [65_534, 65_535, 0]
            await voice.crash(GUILD, ALICE)
        async with calling(voice) as again:
            await again.resume(ticket, 65_534)
            await again.until(20)
            assert again.numbers()[:2] == [65_535, 0]


async def test_what_a_heartbeat_acknowledged_cannot_be_replayed(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as alice, identified(voice, ticket_of(voice, BOB)):
        await alice.until(20)
        await alice.say(3, {"t": 1, "seq_ack": 2})
        await alice.until(6)
        await voice.crash(GUILD, ALICE)
    async with calling(voice) as again:
        await again.resume(ticket, 0)
        assert await again.close_code() == 4006


async def test_a_resume_from_what_was_acknowledged_goes_on(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as alice, identified(voice, ticket_of(voice, BOB)):
        await alice.until(20)
        await alice.say(3, {"t": 1, "seq_ack": 2})
        await alice.until(6)
        await voice.crash(GUILD, ALICE)
    async with calling(voice) as again:
        await again.resume(ticket, 2)
        await again.until(20)
        assert again.numbers()[0] == 3


@pytest.mark.parametrize(("changed", "code"), [({"session_id": "wrong"}, 4006), ({"token": "wrong"}, 4004)])
async def test_a_resume_of_nothing_is_refused(voice: VoiceServer, changed: dict[str, Any], code: int) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket):
        await voice.crash(GUILD, ALICE)
    async with calling(voice) as again:
        await again.resume(ticket, -1, **changed)
        assert await again.close_code() == code


@pytest.mark.parametrize(("code", "is_resumable"), [(4015, True), (4006, False), (4009, False), (4014, False)])
async def test_the_code_of_a_close_decides_whether_the_session_lives(
    voice: VoiceServer, code: int, is_resumable: bool
) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as client:
        await voice.close(GUILD, ALICE, code)
        assert await client.close_code() == code
    async with calling(voice) as again:
        await again.resume(ticket, -1)
        if is_resumable:
            await again.until(9)
        else:
            assert await again.close_code() == 4006


async def test_after_an_invalid_session_the_old_token_opens_nothing(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket):
        await voice.close(GUILD, ALICE, 4006)
    async with calling(voice) as again:
        await again.identify(ticket)
        assert await again.close_code() == 4006


async def test_a_session_whose_socket_broke_is_given_up_after_a_while() -> None:
    async with (
        VoiceServer(rules=Rules(resume_grace_s=0.2)) as voice,
        identified(voice, ticket_of(voice)) as alice,
        identified(voice, ticket_of(voice, BOB)),
    ):
        await voice.crash(GUILD, BOB)
        assert (await alice.until(13))["d"] == {"user_id": str(BOB)}


async def test_a_migration_leads_to_another_port_with_another_token(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as client:
        moved = await voice.migrate(GUILD, ALICE)
        assert await client.close_code() == 4014
    assert moved.endpoint != ticket.endpoint
    assert moved.token != ticket.token
    async with identified(voice, moved):
        assert voice.ticket(GUILD, ALICE) == moved


async def test_entering_another_channel_ends_the_session_in_the_first(voice: VoiceServer) -> None:
    async with identified(voice, ticket_of(voice)) as client:
        voice.announce(GUILD, CHANNEL + 1, ALICE, f"session {ALICE}")
        assert await client.close_code() == 4014


async def test_sabotage_loses_and_delays_by_opcode(voice: VoiceServer) -> None:
    voice.sabotage(ALICE).drop[18] = 1
    voice.sabotage(ALICE).delay_s[11] = 0.05
    async with identified(voice, ticket_of(voice)) as alice, identified(voice, ticket_of(voice, BOB)):
        await alice.until(11)
        assert [message["op"] for message in alice.seen] == [8, 2, 20, 11]
        assert alice.numbers() == [1, 2]


async def test_the_transcript_holds_every_op_of_a_client_without_its_secrets(voice: VoiceServer) -> None:
    ticket = ticket_of(voice)
    async with identified(voice, ticket) as client:
        await client.select()
        await client.until(4)
        await client.socket.send(b"\x1a" + bytes(300))
        await client.say(3, {"t": 1, "seq_ack": 0})
        await client.until(6)
    spoken = voice.transcript(ALICE)
    assert [(one.op, one.is_binary) for one in spoken] == [(0, False), (1, False), (26, True), (3, False)]
    assert spoken[1].keys == ("data", "protocol")
    assert spoken[2].size == 301
    assert ticket.token not in repr(spoken)
