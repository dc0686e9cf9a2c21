"""discord.py's own voice client joins the loopback call: it must find nothing here that it does not find at Discord."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import davey
import discord
import numpy as np
import pytest
from stock import Encoded, StockClient
from tones import said, sounding_s, strength, tone
from waiting import PATIENCE_S, until

from bot.audio.opus import OpusDecoder
from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.media_wire import SILENCE, MediaCipher, is_rtcp, open_packet
from bot.rehearsal.member_voice import MemberVoice
from bot.rehearsal.voice_server import VoiceServer

pytestmark = pytest.mark.rehearsal

GUILD, CHANNEL, STOCK, ALICE, BOB = 1, 100, 21, 11, 12
STOCK_HZ, ALICE_HZ = 700.0, 1500.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
async def voice(certificate: Certificate) -> AsyncIterator[VoiceServer]:
    async with VoiceServer(certificate.server_context(), certificate.client_context()) as server:
        yield server


def stock(voice: VoiceServer, *, is_stage: bool = False) -> StockClient:
    return StockClient(voice, GUILD, CHANNEL, STOCK, is_stage=is_stage)


def member(voice: VoiceServer, user_id: int, *, is_stage: bool = False) -> MemberVoice:
    ticket = voice.announce(GUILD, CHANNEL, user_id, f"session {user_id}", is_stage=is_stage)
    return MemberVoice(ticket, voice.client_context)


def dave_of(client: discord.VoiceClient) -> davey.DaveSession:
    session = client._connection.dave_session
    assert session is not None
    return session


async def both_in_group(alice: MemberVoice, client: discord.VoiceClient) -> None:
    await alice.until_ready(others={STOCK, ALICE})
    await until(lambda: client.voice_privacy_code == alice.privacy_code)


async def play(client: discord.VoiceClient, duration_s: float) -> None:
    finished = asyncio.Event()
    loop = asyncio.get_running_loop()
    client.play(
        Encoded(tone(STOCK_HZ, duration_s).tobytes()),
        after=lambda error: loop.call_soon_threadsafe(finished.set),
    )
    async with asyncio.timeout(PATIENCE_S):
        await finished.wait()
    await asyncio.sleep(0.1)


class StockEars:
    """What the stock client's socket receives, opened with the keys that the stock client negotiated."""

    def __init__(self, client: discord.VoiceClient) -> None:
        self._client = client
        self._cipher = MediaCipher(client.mode, bytes(client.secret_key))
        self._decoder = OpusDecoder()
        self.pcm: list[bytes] = []
        self.faults: list[str] = []
        client._connection.add_socket_listener(self._receive)

    def _receive(self, data: bytes) -> None:
        if is_rtcp(data) or len(data) <= 8:
            return
        try:
            payload = open_packet(self._cipher, data).payload
            if payload and payload != SILENCE:
                if self._client._connection.dave_protocol_version:
                    payload = dave_of(self._client).decrypt(ALICE, davey.MediaType.audio, payload)
                self.pcm.append(self._decoder.decode(payload))
        except ValueError as error:
            self.faults.append(str(error))

    def sound(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        return np.frombuffer(b"".join(self.pcm), dtype="<i2")


async def test_stock_and_member_exchange_encrypted_sound(voice: VoiceServer) -> None:
    async with stock(voice) as client, member(voice, ALICE) as alice:
        await both_in_group(alice, client)
        assert client.is_connected()
        assert client._connection.dave_protocol_version == 1
        ears = StockEars(client)
        await asyncio.gather(play(client, 0.6), alice.speak(tone(ALICE_HZ, 0.6)))
        assert len([packet for packet in alice.ears.packets(STOCK) if not packet.is_silence]) == 30
        heard = said(alice, STOCK)
        assert sounding_s(heard) == pytest.approx(0.6, abs=0.1)
        assert strength(heard, STOCK_HZ) > 0.2
        assert strength(heard, ALICE_HZ) < 0.02
        assert ears.faults == []
        assert strength(ears.sound(), ALICE_HZ) > 0.2
        assert alice.group.counts["undecryptable"] == 0
        assert voice.media(STOCK).faults() == {}
        assert voice.closes == []


async def test_stock_joins_a_call_that_goes_on(voice: VoiceServer) -> None:
    async with member(voice, ALICE) as alice, member(voice, BOB) as bob:
        await asyncio.gather(*(one.until_ready(others={ALICE, BOB}) for one in (alice, bob)))
        async with stock(voice) as client:
            await both_in_group(alice, client)
            await bob.until_ready(others={ALICE, BOB, STOCK})
            assert client.voice_privacy_code == bob.privacy_code
            await play(client, 0.4)
            assert strength(said(alice, STOCK), STOCK_HZ) > 0.2
            assert strength(said(bob, STOCK), STOCK_HZ) > 0.2
        await alice.until(lambda: STOCK not in alice.group.user_ids)
        assert voice.closes == []


async def test_stock_survives_a_member_leaving_and_another_coming(voice: VoiceServer) -> None:
    async with stock(voice) as client:
        for _ in range(3):
            async with member(voice, ALICE) as alice:
                await both_in_group(alice, client)
                since = time.monotonic()
                await play(client, 0.2)
                assert strength(said(alice, STOCK, since), STOCK_HZ) > 0.2
        runner = client._connection._runner
        assert runner is not None
        assert not runner.done()


async def test_stock_speaks_on_a_stage_without_encryption(voice: VoiceServer) -> None:
    async with stock(voice, is_stage=True) as client, member(voice, ALICE, is_stage=True) as alice:
        assert client._connection.dave_protocol_version == 0
        await play(client, 0.3)
        assert strength(said(alice, STOCK), STOCK_HZ) > 0.2


async def test_stock_follows_a_downgrade_and_the_way_back(voice: VoiceServer) -> None:
    async with stock(voice) as client, member(voice, ALICE) as alice:
        await both_in_group(alice, client)
        for version in (0, 1):
            voice.set_version(CHANNEL, version)
            await until(lambda wanted=version: client._connection.dave_protocol_version == wanted)  # type: ignore[misc]
            await alice.until(lambda wanted=version: alice.group.version == wanted)  # type: ignore[misc]
            since = time.monotonic()
            await play(client, 0.3)
            assert strength(said(alice, STOCK, since), STOCK_HZ) > 0.2
