"""The loopback Discord without the bot, for tests that start one themselves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from loopback import Stage, loopback


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command sets the logs of its process up; the test's process gets its own back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # Left to itself structlog draws the frames of an exception with all that is in them: seconds in which nobody is answered.
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with loopback(tmp_path / "stage", monkeypatch) as stage:
        yield stage
