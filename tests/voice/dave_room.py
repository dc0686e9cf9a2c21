"""A voice call without sockets: gateways of several members and the delivery service, joined by a queue.

Messages travel one at a time in the order they were said, framed as on the wire, so that races are those of a real call. `tamper`
sees every message to a member first and says what arrives instead.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.rehearsal.delivery import DeliveryService, Parcel
from bot.voice.events import VoiceEvent
from bot.voice.gateway import Gateway
from bot.voice.gateway_events import GatewayCommand, Raise, Rejoin, SendBinary, SendText, VoiceServer
from bot.voice.opcodes import VoiceOp

CHANNEL = 0x1415AD1CF84410A5
GUILD = 900
OPUS = b"\x78an opus packet of twenty ms"
TO_DELIVERY = {VoiceOp.TRANSITION_READY, VoiceOp.INVALID_COMMIT_WELCOME}


@dataclass
class Room:
    delivery: DeliveryService = field(default_factory=lambda: DeliveryService(CHANNEL))
    now: float = 0.0
    gateways: dict[int, Gateway] = field(default_factory=dict)
    raised: list[tuple[int, VoiceEvent]] = field(default_factory=list)
    said: list[tuple[int, int]] = field(default_factory=list)  # (user, op) of everything members sent
    told: list[Parcel] = field(default_factory=list)
    tamper: Callable[[Parcel], list[Parcel]] = lambda parcel: [parcel]
    _queue: deque[Parcel] = field(default_factory=deque)
    _seq: int = 0

    def join(self, *users: int, announce: bool = True) -> None:
        """Members come in, all before anything more is delivered."""
        for user in users:
            if announce:
                for other in self.gateways:
                    self.tell(other, VoiceOp.CLIENTS_CONNECT, {"user_ids": [str(user)]})
            known = list(self.gateways) if announce else []
            self.gateways[user] = Gateway(lambda: 0.5)
            self._come_in(user, known)
        self.pump()

    def _come_in(self, user: int, known: list[int]) -> None:
        """The whole handshake of a voice session, up to the session description."""
        gateway = self.gateways[user]
        self._seq += 1
        server = VoiceServer(GUILD, CHANNEL, user, f"session {self._seq}", "token", "voice.test")
        self._obey(user, gateway.begin(server, [], self.now))
        self.tell(user, VoiceOp.HELLO, {"v": 8, "heartbeat_interval": 13750})
        modes = ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"]
        self.tell(user, VoiceOp.READY, {"ssrc": user, "ip": "127.0.0.1", "port": 5000, "modes": modes})
        self._obey(user, gateway.discovered("127.0.0.1", 6000, self.now))
        self.tell(user, VoiceOp.CLIENTS_CONNECT, {"user_ids": [str(other) for other in known]})
        version = self.delivery.version_for(1)
        description = {"mode": modes[0], "secret_key": [7] * 32, "dave_protocol_version": version}
        answer = gateway.receive_text(json.dumps({"op": 4, "d": description}), self.now)
        # The service learns of the member when op 4 is out; the member's answer travels meanwhile.
        self._queue.extend(self.delivery.join(user, self.now))
        self._obey(user, answer)

    def leave(self, *users: int) -> None:
        for user in users:
            del self.gateways[user]
            for other in self.gateways:
                self.tell(other, VoiceOp.CLIENT_DISCONNECT, {"user_id": str(user)})
            self._queue.extend(self.delivery.leave(user, self.now))
        self.pump()

    def tell(self, user: int, op: int, data: object) -> None:
        self._seq += 1
        message = json.dumps({"op": int(op), "d": data, "seq": self._seq % 65536})
        self._obey(user, self.gateways[user].receive_text(message, self.now))

    def deliver(self, parcels: list[Parcel]) -> None:
        self._queue.extend(parcels)
        self.pump()

    def pump(self) -> None:
        for _ in range(20_000):
            if not self._queue:
                return
            for parcel in self.tamper(self._queue.popleft()):
                self._arrive(parcel)
        raise AssertionError("the members and the service never come to rest")

    def _arrive(self, parcel: Parcel) -> None:
        gateway = self.gateways.get(parcel.to)
        if gateway is None:
            return
        self.told.append(parcel)
        if isinstance(parcel.payload, bytes):
            self._seq += 1
            frame = (self._seq % 65536).to_bytes(2, "big") + bytes((parcel.op,)) + parcel.payload
            self._obey(parcel.to, gateway.receive_binary(frame, self.now))
        else:
            self.tell(parcel.to, parcel.op, parcel.payload)

    def _obey(self, user: int, commands: list[GatewayCommand]) -> None:
        for command in commands:
            match command:
                case SendText(data):
                    message = json.loads(data)
                    self.said.append((user, message["op"]))
                    if message["op"] in TO_DELIVERY:
                        self._queue.extend(self.delivery.receive(user, message["op"], message["d"], self.now))
                case SendBinary(data):
                    self.said.append((user, data[0]))
                    self._queue.extend(self.delivery.receive(user, data[0], data[1:], self.now))
                case Raise(event):
                    self.raised.append((user, event))
                case Rejoin():
                    self._queue.extend(self.delivery.leave(user, self.now))
                    self._come_in(user, [other for other in self.gateways if other != user])
                case _:
                    pass

    def advance(self, seconds: float) -> None:
        """Time goes by in steps of 100 ms, with heartbeats answered."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.1
            self._queue.extend(self.delivery.tick(self.now))
            for user in list(self.gateways):
                self.tell(user, VoiceOp.HEARTBEAT_ACK, {"t": 1})
                self._obey(user, self.gateways[user].tick(self.now))
            self.pump()

    def ops_said(self, user: int) -> list[int]:
        return [op for who, op in self.said if who == user]

    def recoveries(self) -> int:
        return sum(gateway.dave_stats().recoveries for gateway in self.gateways.values())

    def assert_all_hear_all(self) -> None:
        """Everybody is in one group, and each one's sound opens at all others, once."""
        for speaker, gateway in self.gateways.items():
            assert gateway.is_ready, f"{speaker} is not ready"
            frame = gateway.encrypt(OPUS)
            assert frame is not None
            assert frame != OPUS
            assert OPUS not in frame
            for listener, other in self.gateways.items():
                if listener != speaker:
                    assert other.decrypt(speaker, frame) == OPUS, f"{listener} cannot hear {speaker}"
        codes = {gateway.privacy_code for gateway in self.gateways.values()}
        assert len(codes) == 1
        assert None not in codes
