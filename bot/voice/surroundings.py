"""What discord.py's cache and main gateway know around one voice connection: the guild, our room, who is in it, and our main session.

Everything is looked up anew each time. When the main gateway has to identify anew, discord.py makes new objects of every guild, and
whoever kept the old ones would look at people who went home long ago.
"""

from __future__ import annotations

from typing import Any, cast

import discord

Room = discord.VoiceChannel | discord.StageChannel


class Surroundings:
    """The guild around `room`, and the room itself, also after a move."""

    def __init__(self, client: discord.Client, room: Room) -> None:
        self._client = client
        self._room = room
        self._guild = room.guild
        self._my_id = room.guild.me.id  # a guild that is not described yet does not know
        self._known: frozenset[int] = frozenset()

    @property
    def guild(self) -> discord.Guild:
        """The last known one while the main gateway has none."""
        self._guild = self._client.get_guild(self._guild.id) or self._guild
        return self._guild

    @property
    def room(self) -> Room:
        """The last known one while the guild is not described yet."""
        self._enter(self._room.id)
        return self._room

    def move_to(self, channel_id: int) -> Room:
        """We are in this channel now. One that the cache does not know leaves us where we were."""
        self._enter(channel_id)
        return self._room

    def _enter(self, channel_id: int) -> None:
        channel = self.guild.get_channel(channel_id)
        if isinstance(channel, (discord.VoiceChannel, discord.StageChannel)):
            self._room = channel

    @property
    def people(self) -> frozenset[int]:
        """Everybody else whose voice state says that they are in our room."""
        return frozenset(self.room.voice_states) - {self._my_id}

    def meet(self) -> frozenset[int]:
        """Everybody who is here; `changes` counts from now."""
        self._known = self.people
        return self._known

    def changes(self) -> tuple[frozenset[int], frozenset[int]]:
        """Who came and who left since it was asked last."""
        before, after = self._known, self.meet()
        return after - before, before - after

    @property
    def main_session(self) -> str | None:
        """The id of our session on the main gateway; None while there is none."""
        # There is no public way to a shard's session; this is the one that `Guild.change_voice_state` itself goes.
        websocket: Any = cast("Any", self._guild)._state._get_websocket(self._guild.id)
        is_up = websocket is not None and websocket.open
        return websocket.session_id if is_up else None
