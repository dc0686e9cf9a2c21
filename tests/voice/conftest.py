"""A loopback voice server for the tests of the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.rehearsal.certificate import Certificate, make_certificate
from bot.rehearsal.voice_server import VoiceServer


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
async def voice(certificate: Certificate) -> AsyncIterator[VoiceServer]:
    async with VoiceServer(certificate.server_context(), certificate.client_context()) as server:
        yield server
