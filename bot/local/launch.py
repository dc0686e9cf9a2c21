"""Start the local model as a process of its own, learn where it listens, and stop it again.

    async with LocalModel() as model:
        connect to model.url

The child prints one JSON line with its address when it is ready, and ends when its standard input closes: also when we
are killed, so that none is left behind.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import TracebackType
from typing import Final, Self

from bot.errors import ModelError, ModelFault

READY_S: Final = 20.0
STOP_S: Final = 3.0
LINE_LIMIT_BYTES: Final = 4096


class LocalModel:
    """`python -m bot.local` as a child. Raises `ModelError` when it does not come up."""

    def __init__(self, ready_s: float = READY_S) -> None:
        self._ready_s = ready_s
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.local",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(self._ready_s):
                line = await self._process.stdout.readline()
            self.url = str(json.loads(line)["url"])
        except (TimeoutError, ValueError, KeyError, TypeError) as error:
            await self._stop()
            raise ModelError("the local model did not start", ModelFault.UNREACHABLE) from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
