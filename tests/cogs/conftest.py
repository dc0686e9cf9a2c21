"""The loopback Discord without the bot, for tests that start one themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from loopback import Stage, loopback


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with loopback(tmp_path / "stage", monkeypatch) as stage:
        yield stage
