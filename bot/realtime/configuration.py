"""What the server is told of its session: the room's configuration, less what it refused, and who decides turns.

A server may reject a whole update for one field, insist on detecting speech itself, and confirm late. Nothing here knows a vendor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bot.realtime.dialect import Capabilities
from bot.realtime.events import Attribution, Configure, SessionConfig, TurnMode

SPEAKING_NOW: Final = "Whoever speaks now is called: {speaker}"
SETTLING_S: Final = 3.0
"""So long after an update the server may still act as it was told before."""


class Configuration:
    """It outlives connections; `reset` begins another."""

    def __init__(self, capabilities: Capabilities, config: SessionConfig, attribution: Attribution) -> None:
        self.config = config
        self.mode = config.turn_mode if capabilities.manual_turns else TurnMode.SERVER_VAD
        self._has_text_output = capabilities.text_output
        self._names_in_instructions = attribution is Attribution.INSTRUCTIONS
        self._server_insists_on_vad = not capabilities.manual_turns
        self.reset()

    def reset(self) -> None:
        self._awaited = 0
        self._settled_at = 0.0
        self._is_default_voice = False
        self._are_tools_refused = False
        self._is_text_refused = False

    # ------------------------------------------------------------------------ what the room wants

    def adopt(self, config: SessionConfig) -> None:
        if config.voice != self.config.voice:
            self._is_default_voice = False
        self.config = config
        self.mode = TurnMode.SERVER_VAD if self._server_insists_on_vad else config.turn_mode

    def tell(self, speaker: str | None, now: float) -> Configure:
        """An update, which is to be confirmed. `speaker`: who speaks now."""
        self._awaited += 1
        self._settled_at = now + SETTLING_S
        return Configure(self._told(speaker))

    def _told(self, speaker: str | None) -> SessionConfig:
        config = replace(self.config, turn_mode=self.mode)
        if self._is_default_voice:
            config = replace(config, voice=None)
        if self._are_tools_refused:
            config = replace(config, tools=())
        if self._is_text_refused or not self._has_text_output:
            config = replace(config, is_text_only=False)
        if self._names_in_instructions and speaker is not None:
            now_speaks = SPEAKING_NOW.format(speaker=speaker)
            config = replace(config, instructions=f"{config.instructions}\n\n{now_speaks}")
        return config

    # ------------------------------------------------------------------------ what the server makes of it

    def confirmed(self) -> bool:
        """The server knows an update. True: it knows the newest."""
        self._awaited = max(0, self._awaited - 1)
        return not self._awaited

    def is_settled(self, now: float) -> bool:
        """What the server does now, it does although it was told how things are."""
        return not self._awaited or now >= self._settled_at

    def leave_out_voice(self) -> bool:
        """The server does not have this voice. False: it was not told any."""
        if self._is_default_voice:
            return False
        self._is_default_voice = True
        self.confirmed()  # a refused update is not confirmed by anything else
        return True

    def leave_out_more(self) -> bool:
        """One field that a server does not like makes it reject the whole object: again with less. False: there is no less."""
        if self.config.is_text_only and not self._is_text_refused:
            self._is_text_refused = True
        elif self.config.tools and not self._are_tools_refused:
            self._are_tools_refused = True
        else:
            return False
        self.confirmed()
        return True

    def insist_on_vad(self) -> None:
        """The server decides turns, whatever it was told, and will in the sessions to come."""
        self.mode = TurnMode.SERVER_VAD
        self._server_insists_on_vad = True
