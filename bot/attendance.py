"""Who may call the companion and talk with it, and when it comes and goes by itself: decisions over values, with the time as an argument."""

from __future__ import annotations

from collections.abc import Collection

from bot.storage.guilds import GuildSettings


def may_talk(settings: GuildSettings, role_ids: Collection[int]) -> bool:
    """Whether a member with these roles may call it, and be heard by it. (Whether they agreed is another matter.)"""
    return not settings.user_role_ids or not settings.user_role_ids.isdisjoint(role_ids)
