"""A gateway and the clock of its test, with the server's side of the handshake."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.voice.gateway import Gateway, State
from bot.voice.gateway_events import GatewayCommand, SendText, VoiceServer
from bot.voice.opcodes import VoiceOp

GCM, XCHACHA = "aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"
KEY = list(range(32))
SERVER = VoiceServer(900, 4700, 10, "session", "token", "voice.test:2053")


class Client:
    def __init__(self, jitter: float = 0.5) -> None:
        self.gateway = Gateway(lambda: jitter)
        self.server = SERVER
        self.now = 1000.0
        self._sessions = 0

    def begin(self, members: Iterable[int] = ()) -> list[GatewayCommand]:
        """The main gateway's word, each time with a fresh session and token."""
        self._sessions += 1
        number = self._sessions
        self.server = replace(self.server, session_id=f"session {number}", token=f"token {number}")
        return self.gateway.begin(self.server, members, self.now)

    def move(self, channel_id: int, members: Iterable[int] = ()) -> list[GatewayCommand]:
        self.server = replace(self.server, channel_id=channel_id)
        return self.begin(members)

    def text(self, op: int, data: Any, **more: Any) -> list[GatewayCommand]:
        return self.gateway.receive_text(json.dumps({"op": int(op), "d": data, **more}), self.now)

    def hello(self, interval_ms: float = 13750.0) -> list[GatewayCommand]:
        self.gateway.opened(self.now)
        return self.text(VoiceOp.HELLO, {"v": 8, "heartbeat_interval": interval_ms})

    def ready(self, modes: list[str] | None = None, **more: Any) -> list[GatewayCommand]:
        data = {"ssrc": 77, "ip": "198.51.100.1", "port": 50001, "modes": [XCHACHA, GCM] if modes is None else modes}
        return self.text(VoiceOp.READY, data | more)

    def describe(self, version: int = 0, mode: str = GCM, key: list[int] = KEY, **more: Any) -> list[GatewayCommand]:
        data = {"mode": mode, "secret_key": key, "dave_protocol_version": version}
        return self.text(VoiceOp.SESSION_DESCRIPTION, data, **more)

    def establish(self, version: int = 0) -> list[GatewayCommand]:
        """The whole handshake; what the last message led to."""
        self.hello()
        self.ready()
        self.gateway.discovered("203.0.113.9", 40000, self.now)
        commands = self.describe(version)
        assert self.gateway.state is State.ESTABLISHED
        return commands

    def closed(self, code: int | None) -> list[GatewayCommand]:
        return self.gateway.closed(code, self.now)

    def later(self, seconds: float) -> list[GatewayCommand]:
        """Time goes by at once, and everything that is due happens once."""
        self.now += seconds
        return self.gateway.tick(self.now)

    def stand(self, seconds: float) -> None:
        """Time goes by with every heartbeat answered."""
        until = self.now + seconds
        while self.now < until:
            self.later(1.0)
            self.text(VoiceOp.HEARTBEAT_ACK, {"t": 0})

    @staticmethod
    def sent(commands: list[GatewayCommand]) -> str:
        """All text that went out, one line a message."""
        return "\n".join(command.data for command in commands if isinstance(command, SendText))


def established(jitter: float = 0.5, version: int = 0, members: Iterable[int] = ()) -> Client:
    client = Client(jitter)
    client.begin(members)
    client.establish(version)
    return client
