"""Agreeing and taking back: the ledger, and the call that is on, which follows at once."""

from __future__ import annotations

from typing import Final

import discord
import structlog

from bot.conversation.calls import Calls
from bot.errors import StorageError
from bot.memory.keeper import Keeper
from bot.storage.consent import ConsentLedger, Scope

STANDS: Final = {
    (Scope.REMEMBER, True): "consent-remember-on",
    (Scope.REMEMBER, False): "consent-remember-off",
    (Scope.TRANSCRIPT, True): "consent-transcript-on",
    (Scope.TRANSCRIPT, False): "consent-transcript-off",
}
"""What is told of a scope besides being heard: whether it is agreed to."""

_log = structlog.get_logger(__name__)


class Consent:
    """What members do with their own agreement. Who is not heard is not remembered either: with `LISTEN` goes everything."""

    def __init__(self, ledger: ConsentLedger, calls: Calls, keeper: Keeper) -> None:
        self._ledger = ledger
        self._keeper = keeper
        self._calls = calls

    async def scopes(self, member: discord.Member) -> frozenset[Scope]:
        """What the member has agreed to. Raises `StorageError`."""
        await self._ledger.load(member.guild.id)
        return self.agreed(member)

    def agreed(self, member: discord.Member) -> frozenset[Scope]:
        """The same, as far as it was read; nothing of a server that was not."""
        return frozenset(scope for scope in Scope if self._ledger.allowed(member.guild.id, member.id, scope))

    async def allow(self, member: discord.Member, scope: Scope = Scope.LISTEN) -> str:
        """The member agrees. Answers with the key of what they are told. Raises `StorageError`."""
        guild_id, user_id = member.guild.id, member.id
        await self._ledger.load(guild_id)
        was_allowed = self._ledger.allowed(guild_id, user_id, scope)
        await self._ledger.allow(guild_id, user_id, scope)
        is_allowed = self._ledger.allowed(guild_id, user_id, scope)
        if scope is Scope.REMEMBER and is_allowed:
            await self._keeper.agreed_anew(guild_id, user_id)
        if scope is not Scope.LISTEN:
            return STANDS[scope, is_allowed]
        if not is_allowed:
            return "consent-stopped"  # taken back in the meantime
        await self._calls.consent_changed(guild_id, user_id, True)
        room = self._calls.room(guild_id)
        if room is None or channel_id_of(member) != room[0]:
            return "consent-allowed-elsewhere"
        return "consent-allowed-already" if was_allowed else "consent-allowed"

    async def withdraw(self, member: discord.Member, scope: Scope = Scope.LISTEN) -> str:
        """What was agreed to is taken back, from the first moment of this call. Answers with the key of what the member is told."""
        guild_id, user_id = member.guild.id, member.id
        was_allowed = self._ledger.allowed(guild_id, user_id, scope)
        for each in Scope if scope is Scope.LISTEN else (scope,):
            self._ledger.revoke(guild_id, user_id, each)
        if scope is Scope.LISTEN:
            await self._calls.consent_changed(guild_id, user_id, False)
        elif (call := self._calls.call(guild_id)) is not None and call.memory is not None:
            call.memory.forget_member(user_id)
        try:
            await self._ledger.save()
        except StorageError:
            _log.warning("withdrawal_not_written", count=self._ledger.unsaved)
            return "error-consent-unsaved" if scope is Scope.LISTEN else "error-consent-unsaved-scope"
        if scope is not Scope.LISTEN:
            return STANDS[scope, False]
        return "consent-stopped" if was_allowed else "consent-stopped-already"

    async def close(self) -> None:
        """Write what the disk has not taken yet."""
        try:
            await self._ledger.save()
        except StorageError:
            _log.error("withdrawals_lost", count=self._ledger.unsaved)


def channel_id_of(member: discord.Member) -> int | None:
    """The voice channel that the member is in."""
    return member.voice.channel.id if member.voice is not None and member.voice.channel is not None else None
