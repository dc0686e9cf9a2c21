"""`kith check --voice CHANNEL_ID`: joins a real channel, proves step by step that voice works, and leaves again.

Steps: login → gateway → channel and permissions → voice state → voice websocket → discovery → transport encryption → end-to-end encryption →
a tone sent → packets heard. Only those are heard whom the operator names with `--hear`, which is to be their own id: agreement cannot be given
for others. What they say is counted and not kept. The trace file holds opcodes, directions, sizes and times, no content: it may be attached to a report.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import aiohttp
import discord
import numpy as np
from rich.console import Console

from bot.audio.frame import MODEL_RATE_HZ
from bot.audio.opus import EncoderProfile
from bot.discord_door import INTENTS, DiscordDoor, connector, use_api_base
from bot.errors import VoiceError
from bot.settings import Settings
from bot.voice.connection import Connection, voice_protocol
from bot.voice.events import VoiceEvent
from bot.voice.opcodes import VoiceOp
from bot.voice.pacer import Pacer

LOGIN_S: Final = 20.0
JOIN_S: Final = 20.0
ENCRYPTION_S: Final = 15.0
LISTEN_S: Final = 15.0
TONE_S: Final = 1.0
TONE_HZ: Final = 440.0
TRACE_LIMIT: Final = 10_000

ADVICE: Final = {
    "login": "Check DISCORD_TOKEN and the network; `kith check` without --voice says more.",
    "gateway": "Check that a firewall lets WebSockets (wss) through.",
    "channel": "Give the id of a voice channel of a server that the bot is in (Developer Mode → Copy Channel ID).",
    "voice state": "Check the channel's permissions View Channel, Connect and Speak, and that it is not full.",
    "websocket": "Check that a firewall lets wss to *.discord.media through, on any port.",
    "discovery": "Check that outgoing UDP to ports 50000 to 65535 is allowed.",
    "encryption": "No common transport encryption; report this with the trace file.",
    "E2EE": "Wait until the others' clients are up to date, and try again; else report this with the trace file.",
    "sent": "Report this with the trace file.",
    "heard": "Someone should talk in the channel during the check. If someone did, report this with the trace file.",
}


@dataclass
class Trace:
    """What was said on the voice websocket, without its content. Bounded."""

    began_at: float = field(default_factory=time.monotonic)
    lines: list[dict[str, Any]] = field(default_factory=list)
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __call__(self, direction: str, opcode: int, size: int) -> None:
        self.seen[direction, opcode] += 1
        self.note("op", direction=direction, op=opcode, size_bytes=size)

    def note(self, kind: str, **values: Any) -> None:
        if len(self.lines) < TRACE_LIMIT:
            self.lines.append({"at_ms": round((time.monotonic() - self.began_at) * 1000), "kind": kind, **values})

    def has(self, direction: str, opcode: VoiceOp) -> bool:
        return self.seen[direction, int(opcode)] > 0

    def write(self, path: Path) -> None:
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")


class VoiceCheck:
    """The steps in order; each prints its line, and one that fails ends the walk."""

    def __init__(self, settings: Settings, channel_id: int, hear: Sequence[int], console: Console) -> None:
        self.trace = Trace()
        self.events: Counter[str] = Counter()
        self._settings = settings
        self._channel_id = channel_id
        self._hear = tuple(hear)
        self._console = console
        self._failed = False

    def tell(self, step: str, is_right: bool, sentence: str) -> bool:
        self.trace.note("step", step=step, is_right=is_right)
        self._failed |= not is_right
        self._console.print(
            f"{'[green]✓[/green]' if is_right else '[red]✗[/red]'} [bold]{step}[/bold]  {sentence}", soft_wrap=True
        )
        if not is_right:
            self._console.print(f"    → {ADVICE[step]}", soft_wrap=True)
        return is_right

    async def run(self) -> bool:
        """Answers whether every step went well."""
        if self._settings.discord_token is None:
            return self.tell("login", False, "DISCORD_TOKEN is not set.")
        use_api_base(self._settings.discord_api_base)
        async with DiscordDoor(intents=INTENTS, chunk_guilds_at_startup=False, connector=connector()) as client:
            life = None
            try:
                await client.login(self._settings.discord_token.get_secret_value())
                self.tell("login", True, "Discord accepts the token.")
                life = asyncio.create_task(client.connect(), name="gateway")
                await self._walk(client, life)
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                self.tell("login", False, f"Discord cannot be reached, or refuses the token ({type(error).__name__}).")
            finally:
                await client.close()
                if life is not None:
                    await asyncio.wait({life}, timeout=2.0)
                    life.cancel()
                    await asyncio.gather(life, return_exceptions=True)
        return not self._failed

    async def _walk(self, client: DiscordDoor, life: asyncio.Task[None]) -> None:
        ready = asyncio.create_task(client.wait_until_ready(), name="ready")
        await asyncio.wait({ready, life}, timeout=LOGIN_S, return_when=asyncio.FIRST_COMPLETED)
        is_ready = ready.done() and not life.done()
        ready.cancel()
        if not self.tell(
            "gateway", is_ready, "The main gateway is open." if is_ready else "The main gateway does not open."
        ):
            return
        channel = client.get_channel(self._channel_id)
        if not isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            self.tell("channel", False, "There is no such voice channel in any server of the bot.")
            return
        kind = "stage" if isinstance(channel, discord.StageChannel) else "voice"
        self.tell("channel", True, f"It is a {kind} channel with {len(channel.voice_states)} people in it.")
        await self._join(channel)

    async def _join(self, channel: discord.VoiceChannel | discord.StageChannel) -> None:
        make = voice_protocol(Pacer(), EncoderProfile.SPEECH, MODEL_RATE_HZ, allowed=self._hear, trace=self.trace)
        try:
            connection = await channel.connect(cls=make, timeout=JOIN_S)
        except VoiceError as error:
            self._tell_how_far(error)
            return
        try:
            connection.listen(self._heard)
            self._tell_how_far(None)
            await self._talk(connection, channel)
        finally:
            await connection.disconnect(force=True)

    def _tell_how_far(self, error: VoiceError | None) -> bool:
        """The opcodes tell which steps of the handshake were reached."""
        sent, received = "out", "in"
        steps: tuple[tuple[str, bool, str], ...] = (
            ("voice state", bool(self.trace.seen), "Discord let us in and named a voice server."),
            ("websocket", self.trace.has(received, VoiceOp.READY), "The voice websocket is open and identified."),
            ("discovery", self.trace.has(sent, VoiceOp.SELECT_PROTOCOL), "UDP goes both ways; our address is known."),
            ("encryption", self.trace.has(received, VoiceOp.SESSION_DESCRIPTION), "A transport key was agreed on."),
        )
        for step, is_right, sentence in steps:
            if not self.tell(step, is_right, sentence if is_right else f"{error or 'It stops here'}."):
                return False
        return True

    async def _talk(self, connection: Connection, channel: discord.VoiceChannel | discord.StageChannel) -> None:
        is_ready = await _until(lambda: connection.is_ready, ENCRYPTION_S)
        code = connection.privacy_code
        encrypted = (
            f"The call is end-to-end encrypted; privacy code {code}."
            if code
            else "The call is open and not end-to-end encrypted."
        )
        if not self.tell("E2EE", is_ready, encrypted if is_ready else "The group's keys did not come."):
            return
        samples = np.arange(round(TONE_S * MODEL_RATE_HZ))
        tone = (np.sin(2 * np.pi * TONE_HZ * samples / MODEL_RATE_HZ) * 3000).astype("<i2")
        connection.play("tone", tone.tobytes())
        connection.finish()
        has_sent = await _until(lambda: connection.playout.is_empty, TONE_S + 5.0)
        self.tell("sent", has_sent, "A tone of one second was sent." if has_sent else "The tone was not sent.")
        await self._listen(connection, channel)
        stats = connection.stats()
        for part in ("receiver", "sender", "dave", "gateway"):
            self.trace.note("stats", part=part, **_numbers(getattr(stats, part)))

    async def _listen(self, connection: Connection, channel: discord.VoiceChannel | discord.StageChannel) -> None:
        if not self._hear:
            self._console.print(
                "– [bold]heard[/bold]  not asked; with --hear YOUR_USER_ID, and you in the channel, it is.",
                soft_wrap=True,
            )
            return
        if not set(self._hear) & set(channel.voice_states):
            self.tell("heard", False, "Nobody named with --hear is in the channel.")
            return
        self._console.print(f"  please talk in the channel (up to {LISTEN_S:.0f} s) …")
        has_heard = await _until(lambda: self.events["SpeakerFrame"] >= 10, LISTEN_S)
        frames = self.events["SpeakerFrame"]
        self.tell(
            "heard",
            has_heard,
            f"{frames} frames were decrypted and decoded." if frames else "No packet could be heard.",
        )

    def _heard(self, event: VoiceEvent) -> None:
        self.events[type(event).__name__] += 1


def _numbers(stats: Any) -> dict[str, Any]:
    """The counts of a part by their names. What is kept by member stays out: a trace says nothing of who was there."""
    found: dict[str, Any] = {}
    for spec in fields(stats):
        value = getattr(stats, spec.name)
        if isinstance(value, (bool, int, float)):
            found[spec.name] = value
        elif isinstance(value, Counter):
            found[spec.name] = {str(name): count for name, count in value.items() if isinstance(name, str)}
    return found


async def _until(condition: Callable[[], bool], timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 -- looked at from outside; there is no event for it
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True


async def check_voice(
    settings: Settings, channel_id: int, trace: Path, console: Console, hear: Sequence[int] = ()
) -> bool:
    """Walk the steps and write the trace. Answers whether all went well."""
    walk = VoiceCheck(settings, channel_id, hear, console)
    try:
        return await walk.run()
    finally:
        await asyncio.to_thread(walk.trace.write, trace)
        console.print(f"  {trace}: what was exchanged, without content", soft_wrap=True)
