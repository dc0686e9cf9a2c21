"""Start the local model as a process of its own, learn where it listens, and stop it again.

    async with LocalModel() as model:
        connect to model.url

The child prints one JSON line with its address when it is ready, and ends when its standard input closes: also when we
are killed, so that none is left behind. One that dies is started again at the same address; calls see a lost model and reconnect.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from bot.errors import ModelError, ModelFault

READY_S: Final = 20.0
STOP_S: Final = 3.0
LINE_LIMIT_BYTES: Final = 4096
RESTART_S: Final = 0.5
RESTART_LIMIT_S: Final = 30.0
STEADY_S: Final = 60.0

_log = logging.getLogger(__name__)


class LocalModel:
    """`python -m bot.local` as a child, watched over. Raises `ModelError` when it does not come up."""

    def __init__(self, ready_s: float = READY_S) -> None:
        self._ready_s = ready_s
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.url = ""
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def __aenter__(self) -> Self:
        await self._start(port=0)
        self._watch = asyncio.create_task(self._keep_alive(), name="local model watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._stop()

    async def _start(self, port: int) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.local",
            "--port",
            str(port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,  # Ctrl-C in a terminal is for us: a call still says goodbye through the model
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

    async def _keep_alive(self) -> None:
        """Start it again, where it was, whenever it dies; more slowly each time that it does not live long."""
        wait_s = RESTART_S
        while self._process is not None:
            began_at = time.monotonic()
            code = await self._process.wait()
            _log.warning("local_model_died exit_code=%s", code)
            wait_s = RESTART_S if time.monotonic() - began_at > STEADY_S else min(wait_s * 2, RESTART_LIMIT_S)
            await asyncio.sleep(wait_s)
            self.restarts += 1
            try:
                await self._start(urlsplit(self.url).port or 0)
            except ModelError:
                _log.warning("local_model_does_not_start")

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
