"""May we come in? What discord.py's cache knows before a channel is asked for, since a refusal gets no answer at all."""

from __future__ import annotations

import discord

from bot.errors import VoiceError, VoiceFault

NEEDED = ("view_channel", "connect", "speak")
"""On a stage the audience may not speak and may ask to; there the first two are enough."""

_SENTENCES = {
    VoiceFault.MISSING_PERMISSION: "a permission is missing in the voice channel",
    VoiceFault.CHANNEL_FULL: "the voice channel is full",
    VoiceFault.CHANNEL_GONE: "the voice channel does not exist any more",
    VoiceFault.KICKED: "someone disconnected the companion",
    VoiceFault.ENCRYPTION_REQUIRED: "the call requires end-to-end encryption that was not agreed on",
    VoiceFault.RATE_LIMITED: "Discord limits how often this call may be joined",
    VoiceFault.NO_ANSWER: "Discord did not answer the request to join",
    VoiceFault.UNEXPECTED_PARTICIPANT: "an unannounced participant is in the encrypted call",
    VoiceFault.FAILED: "the voice connection failed",
    VoiceFault.CLOSED: "the voice connection was closed",
}

Room = discord.VoiceChannel | discord.StageChannel


def missing_permissions(room: Room) -> list[str]:
    """discord.py's names of the permissions that we lack there."""
    permissions = room.permissions_for(room.guild.me)
    needed = NEEDED[:2] if isinstance(room, discord.StageChannel) else NEEDED
    return [name for name in needed if not getattr(permissions, name)]


def admission_fault(room: Room) -> VoiceFault | None:
    """Why Discord would not let us in; None: as far as we know it would."""
    if room.guild.get_channel(room.id) is None:
        return VoiceFault.CHANNEL_GONE
    if missing_permissions(room):
        return VoiceFault.MISSING_PERMISSION
    is_inside = room.guild.me.id in room.voice_states
    is_full = 0 < room.user_limit <= len(room.voice_states)
    # "Move Members" lets one into a full channel.
    if is_full and not is_inside and not room.permissions_for(room.guild.me).move_members:
        return VoiceFault.CHANNEL_FULL
    return None


def can_unsuppress(room: Room) -> bool:
    """Whether we may take the stage ourselves instead of asking for it."""
    return room.permissions_for(room.guild.me).mute_members


def refusal(room: Room, fault: VoiceFault) -> VoiceError:
    """The error for a person."""
    permission = ", ".join(missing_permissions(room)) if fault is VoiceFault.MISSING_PERMISSION else ""
    return VoiceError(_SENTENCES[fault], fault, **({"permission": permission} if permission else {}))
