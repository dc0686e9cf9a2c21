"""What happens around the calls without a command: members come and go, the companion comes and goes by itself, servers remove the bot."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, TypeAlias

import discord
import structlog
from discord.ext import commands

from bot.app import Companion, KithBot
from bot.attendance import Arrival, Attendance, Bar, may_talk
from bot.errors import KithError
from bot.storage.guilds import GuildSettings
from cogs.board import keep_true
from cogs.panel import Panel, panel_sentence
from cogs.permissions import check_age_gate, check_may_come, role_ids_of

LOOK_S: Final = 5.0
"""So often every call is looked at: quiet hours begin without anybody doing anything."""

ADULT: Final = "adult"
_TOLD: Final = {Bar.QUIET.value: "room-quiet", Bar.ELSEWHERE.value: "room-elsewhere", ADULT: "room-adult"}
"""What the channel's chat is told, besides what a call's end says by itself."""

VoiceChannel: TypeAlias = discord.VoiceChannel | discord.StageChannel

_log = structlog.get_logger(__name__)


class Members(commands.Cog):
    def __init__(self, bot: KithBot) -> None:
        self._bot = bot
        self._companion: Companion = bot.companion
        self._attendance = Attendance(bot.companion.settings.kith_alone_s)
        self._coming: dict[int, asyncio.Lock] = {}  # bounded by the servers that want it to come by itself
        self._going: set[int] = set()  # of its own accord: nobody sent it away
        self._watching: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._watching = asyncio.create_task(self._watch(), name="attendance")

    async def cog_unload(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    # ------------------------------------------------------------------ what Discord tells

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        self._companion.calls.on_voice_state(member, before, after)
        if before.channel == after.channel or (member.bot and member.id != member.guild.me.id):
            return
        await self._recast(member.guild)
        if member.id == member.guild.me.id:
            await self._moved(member.guild, before.channel, after.channel)
        elif after.channel is not None:
            await self._come_for(member, after.channel)
        await self._look(member.guild)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Discord describes the server anew: whoever came or went while we did not hear of it has no event of their own."""
        call = self._companion.calls.call(guild.id)
        channel = guild.get_channel(call.session.voice.channel_id) if call is not None else None
        if call is not None and isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            call.sync(channel)
            await self._recast(guild)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new session with Discord: the first, or one after an outage."""
        await self._forget_those_that_left()
        for status in self._companion.calls.statuses():
            guild = self._bot.get_guild(status.guild_id)
            if guild is not None:
                await self.on_guild_available(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed: what was kept for the server goes at once."""
        await self._companion.forget_guild(guild.id)

    async def _forget_those_that_left(self) -> None:
        """Servers that removed the bot while it was not there to hear of it. With not one that we know, it is another account's database.

        Nothing is erased on silence: a server that the gateway does not mention may be in an outage, or another process's. Discord is asked.
        """
        here = {guild.id for guild in self._bot.guilds}
        try:
            kept = await self._companion.estate.guild_ids()
            left = kept - here
            if left and not kept & here:
                _log.warning("servers_of_the_database_unknown", count=len(left))
                return
            for guild_id in left:
                if not await self._has_removed_us(guild_id):
                    continue
                _log.info("server_left_meanwhile", guild_id=guild_id)
                await self._companion.forget_guild(guild_id)
        except KithError as error:
            _log.warning("servers_not_forgotten", error=error.key)

    async def _has_removed_us(self, guild_id: int) -> bool:
        """As Discord says. Without an answer it has not."""
        try:
            await self._bot.fetch_guild(guild_id, with_counts=False)
        except (discord.NotFound, discord.Forbidden):
            return True
        except (discord.DiscordException, OSError) as error:
            _log.warning("server_not_asked_for", guild_id=guild_id, error=type(error).__name__)
        return False

    # ------------------------------------------------------------------ what other cogs tell (`bot.dispatch`)

    @commands.Cog.listener()
    async def on_companion_called(self, guild: discord.Guild) -> None:
        """Somebody called it in."""
        self._attendance.called(guild.id)

    @commands.Cog.listener()
    async def on_companion_sent_away(self, guild: discord.Guild) -> None:
        """Somebody sent it out by command."""
        self._attendance.sent_away(guild.id, time.monotonic())

    @commands.Cog.listener()
    async def on_settings_changed(self, guild: discord.Guild) -> None:
        """An admin changed a setting: it may have to go."""
        await self._look(guild)

    # ------------------------------------------------------------------ coming

    async def _come_for(self, member: discord.Member, channel: VoiceChannel) -> None:
        """Into the channel that a member entered, where the server wants that. One arrival after the other: the second may be the one to come for."""
        guild = member.guild
        try:
            settings = await self._companion.guilds.get(guild.id)
            if not settings.auto_join:
                return
            async with self._coming.setdefault(guild.id, asyncio.Lock()):
                if all(present.id != member.id for present in channel.members):
                    return  # gone again
                arrival = await self._arrival(member, channel)
                if not self._attendance.comes_for(arrival, settings, datetime.now(UTC), time.monotonic()):
                    return
                await check_may_come(self._companion, channel, datetime.now(UTC))
                await self._companion.join(channel, channel, self._companion.chats.locale_of(guild))
                await self._introduce(channel)
        except KithError as error:  # nobody asked, so nobody is told
            _log.info("not_come_by_itself", guild_id=guild.id, error=error.key)

    async def _arrival(self, member: discord.Member, channel: VoiceChannel) -> Arrival:
        guild_id = member.guild.id
        await self._companion.ledger.load(guild_id)
        today = await self._companion.spending.today(guild_id)
        status = self._companion.status(guild_id)
        return Arrival(
            guild_id,
            channel.id,
            role_ids_of(member),
            is_bot=member.bot,
            has_agreed=self._companion.ledger.allowed(guild_id, member.id),
            is_busy=status is not None and (status.present > 0 or status.channel_id == channel.id),
            is_spent=today.share >= 1.0,
        )

    async def _introduce(self, channel: VoiceChannel) -> None:
        """People who did not call it get the panel in their channel's own chat."""
        status = self._companion.status(channel.guild.id)
        if status is None:
            return
        locale = self._companion.chats.locale_of(channel.guild)
        persona = status.persona or await self._companion.cast.of(channel.guild.id)
        sentence = panel_sentence(self._companion, locale, channel.name, persona)
        try:
            panel = await channel.send(sentence, view=Panel(self._companion, locale))
            keep_true(self._companion, channel.guild.id, locale, panel)
        except discord.DiscordException as error:
            _log.warning("panel_not_shown", error=type(error).__name__)

    # ------------------------------------------------------------------ who it is, being moved, and going

    async def _recast(self, guild: discord.Guild) -> None:
        """A member's own persona is for them alone, and a channel's for that channel: who speaks may be somebody else now. To an empty room, nobody."""
        room = self._companion.calls.room(guild.id)
        if room is not None and room[1]:
            await self._companion.recast(guild.id)

    async def _moved(self, guild: discord.Guild, before: VoiceChannel | None, after: VoiceChannel | None) -> None:
        """Ourselves: in, over, or out. Whoever puts us out while people are there, means it."""
        if after is None:
            is_own = guild.id in self._going
            self._going.discard(guild.id)
            self._attendance.ended(guild.id)
            if before is not None and not is_own and any(not member.bot for member in before.members):
                self._attendance.sent_away(guild.id, time.monotonic())
        elif before is None:
            self._going.discard(guild.id)
        else:  # a moderator moved us to other people
            await self._introduce(after)

    async def _watch(self) -> None:
        async with asyncio.TaskGroup() as looks:
            while True:
                await asyncio.sleep(LOOK_S)
                for status in self._companion.calls.statuses():
                    guild = self._bot.get_guild(status.guild_id)
                    if guild is not None and guild.id not in self._going:
                        looks.create_task(self._look_after(guild), name=f"attendance {guild.id}")

    async def _look_after(self, guild: discord.Guild) -> None:
        """A bug in the call of one server must not end the watch over all others."""
        try:
            await self._look(guild)
        except Exception:
            self._going.discard(guild.id)
            _log.exception("call_not_looked_at", guild_id=guild.id)

    async def _look(self, guild: discord.Guild) -> None:
        """Leave, if it is time to."""
        try:
            reason = await self._why_go(guild)
            status = self._companion.status(guild.id)
            if reason is None or status is None or guild.id in self._going:
                return
            self._going.add(guild.id)
            if await self._companion.calls.leave(guild.id, reason):
                await self._tell(guild, status.channel_id, reason)
            else:
                self._going.discard(guild.id)
        except KithError as error:
            _log.warning("call_not_looked_at", guild_id=guild.id, error=error.key)

    async def _why_go(self, guild: discord.Guild) -> str | None:
        status = self._companion.status(guild.id)
        channel = guild.get_channel(status.channel_id) if status is not None else None
        if status is None or not isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            return None
        if status.persona is not None:
            try:
                check_age_gate(status.persona, channel)
            except KithError:
                return ADULT
        settings = await self._companion.guilds.get(guild.id)
        is_heard = any(self._is_heard(settings, member) for member in channel.members)
        return self._attendance.leaves(guild.id, channel.id, settings, is_heard, datetime.now(UTC), time.monotonic())

    def _is_heard(self, settings: GuildSettings, member: discord.Member) -> bool:
        is_allowed = self._companion.ledger.allowed(member.guild.id, member.id)
        return not member.bot and is_allowed and may_talk(settings, role_ids_of(member))

    async def _tell(self, guild: discord.Guild, channel_id: int, reason: str) -> None:
        channel = guild.get_channel(channel_id)
        if reason not in _TOLD or not isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            return
        try:
            await channel.send(self._companion.texts.say(self._companion.chats.locale_of(guild), _TOLD[reason]))
        except discord.DiscordException as error:
            _log.warning("end_not_told", guild_id=guild.id, error=type(error).__name__)


async def setup(bot: KithBot) -> None:
    await bot.add_cog(Members(bot))
