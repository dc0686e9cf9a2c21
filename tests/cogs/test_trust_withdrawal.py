"""Taking agreement back while speaking: from the button on, nothing more of the member is decrypted than what came before the gate closed."""

from __future__ import annotations

import pytest

from bot.bench.withdrawal import measure

pytestmark = pytest.mark.rehearsal


async def test_no_packet_is_decrypted_after_the_gate_has_closed() -> None:
    gates, packets = await measure(6)
    assert len(gates) == len(packets) == 6
    assert all(gate > 0 for gate in gates), "the button closed the gate each time"
    assert all(packet <= gate for packet, gate in zip(packets, gates, strict=True))
