"""An audition: about five seconds of a persona's voice, from the model that would speak for it.

A session of its own is opened for one short reply and closed; no member's speech is in it, so it needs nobody's consent. The call hears it as a clip
of our own: neither its talk nor its transcript know of it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from bot.audio.frame import pcm_bytes
from bot.cast import Cast
from bot.conversation.calls import Calls
from bot.errors import KithError
from bot.personas.persona import Persona
from bot.realtime.events import (
    AddText,
    ModelEvent,
    ModelFailed,
    ModelReady,
    ReplyAudio,
    ReplyDone,
    Respond,
    SessionConfig,
)
from bot.side_reply import OpenLink, side_reply
from bot.spending import Spending

LONG_MS: Final = 6_000.0
"""More than this is cut off: five seconds asked for, and a breath."""

ANSWER_S: Final = 15.0
REQUEST: Final = "This is an audition. Introduce yourself to the room in one spoken sentence of fewer than 14 words, as only you would."


class Auditions:
    """Of the calls of a process, one at a time in each."""

    def __init__(self, calls: Calls, cast: Cast, spending: Spending, open_link: OpenLink) -> None:
        self._calls = calls
        self._cast = cast
        self._spending = spending
        self._open_link = open_link
        self._busy: set[int] = set()

    async def play(self, guild_id: int, name: str) -> Persona:
        """About five seconds of this persona's voice in the call. Raises `KithError`."""
        persona = await self._cast.find(guild_id, name)
        if self._calls.get(guild_id) is None:
            raise KithError("no call here", key="error-not-in-call")
        if guild_id in self._busy:
            raise KithError("one audition at a time", key="error-audition-busy")
        self._busy.add(guild_id)
        try:
            async with side_reply(self._spending, guild_id, self._open_link) as reply:
                pcm = await audition(reply.open, self._calls.config_of(persona))
        finally:
            self._busy.discard(guild_id)
        session = self._calls.get(guild_id)
        if session is None:
            raise KithError("the call is over", key="error-not-in-call")
        session.play_clip(pcm)
        return persona


async def audition(open_link: OpenLink, config: SessionConfig) -> bytes:
    """PCM at the config's output rate. Raises `KithError` when the model does not speak in time."""
    heard = bytearray()
    limit_bytes = pcm_bytes(LONG_MS, config.output_rate_hz)
    is_over = asyncio.Event()

    def hear(event: ModelEvent) -> None:
        match event:
            case ModelReady():
                link.send(AddText(REQUEST))
                link.send(Respond())
            case ReplyAudio(pcm=pcm):
                heard.extend(pcm[: limit_bytes - len(heard)])
                if len(heard) >= limit_bytes:
                    is_over.set()
            case ReplyDone() | ModelFailed():
                is_over.set()

    link = open_link(config, hear)
    running = asyncio.create_task(link.run(), name="audition")
    try:
        async with asyncio.timeout(ANSWER_S):
            await is_over.wait()
    except TimeoutError:
        heard.clear()
    finally:
        await link.close()
        await running
    if not heard:
        raise KithError("the model did not speak", key="error-audition")
    return bytes(heard)
