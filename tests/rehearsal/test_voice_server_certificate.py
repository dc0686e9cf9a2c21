"""The certificate of a rehearsal: clients trust it through the bundle, and the bundle forgets none of the system's roots."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import pytest

from bot.rehearsal.certificate import make_certificate, system_roots

pytestmark = pytest.mark.shell


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_process_started_with_the_bundle_trusts_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.bundle))
    client = ssl.create_default_context()
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    await handshake(certificate.server_context(), client, host)


async def test_another_rehearsal_and_another_host_are_not_trusted(tmp_path: Path) -> None:
    one, other = make_certificate(tmp_path / "one"), make_certificate(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(one.server_context(), other.client_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(one.server_context(), one.client_context(), "discord.com")


def test_the_bundle_holds_what_the_operator_trusts_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operators = make_certificate(tmp_path / "operators").authority
    monkeypatch.setenv("SSL_CERT_FILE", str(operators))
    assert system_roots() == [operators.read_bytes()]
    bundle = make_certificate(tmp_path / "ours").bundle.read_text()
    assert operators.read_text().strip() in bundle
    assert bundle.count("BEGIN CERTIFICATE") == 2


def test_a_folder_of_roots_serves_as_well_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_certificate(tmp_path / "operators").authority.read_bytes()
    folder = tmp_path / "roots"
    folder.mkdir()
    (folder / "0a1b2c3d.0").write_bytes(root)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "no such file"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert system_roots() == [root]


def test_the_servers_key_is_the_owners_alone_and_the_authoritys_is_nowhere(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    keys = [file.name for file in tmp_path.iterdir() if "PRIVATE KEY" in file.read_text()]
    assert keys == [certificate.key.name]
