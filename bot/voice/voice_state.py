"""Our own voice state on the main gateway: the channel we ask for, whether we are deaf, and our place on a stage.

What is asked for waits in order for one sender, so that nobody who asks has to wait for the main gateway.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import discord

from bot.voice.admission import can_unsuppress
from bot.voice.events import StageSilent
from bot.voice.seat import Ask
from bot.voice.surroundings import Surroundings

ASK_S: Final = 3.0
ASKS: Final = 32

_log = logging.getLogger(__name__)


class OwnVoiceState:
    """`is_deaf` and `is_mute` are what every ask says as it is sent."""

    def __init__(self, around: Surroundings) -> None:
        self.is_deaf = True
        self.is_mute = False
        self.is_suppressed = False
        self._around = around
        self._asks: asyncio.Queue[Ask] = asyncio.Queue(ASKS)
        self._silent_in: int | None = None  # the stage whose room knows that nobody hears us

    def ask(self, ask: Ask) -> bool:
        """False: too much is waiting already."""
        try:
            self._asks.put_nowait(ask)
        except asyncio.QueueFull:
            # The main gateway has been away for long; the seat asks again when no answer comes.
            _log.warning("voice: the main gateway takes no voice states")
            return False
        return True

    async def send_forever(self) -> None:
        while True:
            await self._send(await self._asks.get())

    async def send_rest(self) -> None:
        while not self._asks.empty():
            await self._send(self._asks.get_nowait())

    async def _send(self, ask: Ask) -> None:
        channel = None if ask.channel_id is None else discord.Object(ask.channel_id)
        try:
            async with asyncio.timeout(ASK_S):
                await self._around.guild.change_voice_state(
                    channel=channel, self_mute=self.is_mute, self_deaf=self.is_deaf
                )
        except (TimeoutError, OSError, discord.DiscordException) as error:
            # The main gateway is away. Whatever was asked is asked again by the seat when no answer comes.
            _log.warning("voice: a voice state could not be sent (%s)", type(error).__name__)

    def suppressed(self, is_suppressed: bool, channel_id: int | None) -> None:
        """What our voice state says: on a stage, whether we sit in the audience."""
        self.is_suppressed = is_suppressed and channel_id is not None
        if channel_id is not None and not is_suppressed:
            self._silent_in = None

    async def leave_audience(self) -> StageSilent | None:
        """On a stage we begin in the audience, where nobody hears us. What the room has to know, once, where that is not ours to change."""
        room, has_asked = self._around.room, True
        me = room.guild.me
        try:
            if can_unsuppress(room):
                await me.edit(suppress=False)
                return None
            await me.request_to_speak()
        except discord.DiscordException as error:
            _log.warning("voice: suppressed on the stage, and may not ask to speak (%s)", type(error).__name__)
            has_asked = False
        if self._silent_in == room.id:
            return None
        self._silent_in = room.id
        return StageSilent(has_asked)
