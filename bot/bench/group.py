"""A real encrypted group without sockets: the shipped `Gateway` beside members' own davey sessions, joined by the delivery service.

op 8 → 0, op 2 → discovery → 1, op 4 → 26; then ops 25 to 30 between the delivery service and everybody, until all hold the keys.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import davey

from bot.rehearsal.delivery import DeliveryService, Parcel
from bot.rehearsal.media_wire import AES_GCM, MediaCipher, MediaPacket, seal_packet
from bot.rehearsal.member_group import MemberGroup
from bot.voice.gateway import Gateway
from bot.voice.gateway_events import GatewayCommand, SendBinary, SendText, UseCipher, VoiceServer
from bot.voice.opcodes import VoiceOp
from bot.voice.transport import TransportCipher

ME: Final = 1
SSRC: Final = 4242
KEY: Final = bytes(range(32))
EXTENSION: Final = bytes((0x10, 0x9E, 0x90, 0x02, 0x51, 0, 0, 0))
"""Audio level, speaker flags and transport sequence, as real servers put before every payload (RFC 8285 4.2)."""


class Member(MemberGroup):
    """A member whose davey session can be had bare."""

    @property
    def session(self) -> davey.DaveSession:
        assert self._session is not None
        return self._session


class Group:
    """We and some members in one encrypted call. `gateway` is ours, ready; `members` are theirs, by user id."""

    def __init__(self, user_ids: Iterable[int], channel_id: int = 100) -> None:
        self.gateway = Gateway(lambda: 0.5)
        self.members = {user_id: Member(user_id, channel_id) for user_id in user_ids}
        self.cipher = TransportCipher(AES_GCM, KEY)
        self._service = DeliveryService(channel_id)
        self._parcels: deque[Parcel] = deque()
        self._enter(channel_id)
        for user_id, member in self.members.items():
            member.announced = {ME, *self.members}
            self._parcels += self._service.join(user_id, 0.0)
            self._settle()
            for op, payload in member.describe(1):
                self._parcels += self._service.receive(user_id, op, payload, 0.0)
            self._settle()
        if not self.gateway.is_ready or not all(member.is_ready for member in self.members.values()):
            raise RuntimeError("the encrypted group did not come about")

    def _enter(self, channel_id: int) -> None:
        gateway = self.gateway
        gateway.begin(VoiceServer(1, channel_id, ME, "session", "token", "127.0.0.1"), self.members, 0.0)
        gateway.opened(0.0)
        gateway.receive_text(_json(VoiceOp.HELLO, {"heartbeat_interval": 3_600_000}), 0.0)
        ready = {"ssrc": SSRC - 1, "ip": "127.0.0.1", "port": 5000, "modes": [AES_GCM]}
        gateway.receive_text(_json(VoiceOp.READY, ready), 0.0)
        gateway.discovered("127.0.0.1", 5001, 0.0)
        self._parcels += self._service.join(ME, 0.0)
        description = {"mode": AES_GCM, "secret_key": list(KEY), "dave_protocol_version": 1}
        commands = gateway.receive_text(_json(VoiceOp.SESSION_DESCRIPTION, description), 0.0)
        if not any(isinstance(command, UseCipher) for command in commands):
            raise RuntimeError("the gateway took no session description")
        self._settle()
        self._hear(commands)
        self._settle()

    def _settle(self) -> None:
        while self._parcels:
            to, op, payload = self._parcels.popleft()
            if to == ME:
                if isinstance(payload, bytes):
                    self._hear(self.gateway.receive_binary(b"\0\0" + bytes((op,)) + payload, 0.0))
                else:
                    self._hear(self.gateway.receive_text(_json(op, payload), 0.0))
                continue
            member = self.members[to]
            replies = (
                member.receive_binary(op, payload) if isinstance(payload, bytes) else member.receive_json(op, payload)
            )
            for reply_op, reply in replies:
                self._parcels += self._service.receive(to, reply_op, reply, 0.0)

    def _hear(self, commands: Iterable[GatewayCommand]) -> None:
        """What our gateway says to the server about the group."""
        for command in commands:
            if isinstance(command, SendBinary):
                self._parcels += self._service.receive(ME, command.data[0], command.data[1:], 0.0)
            elif isinstance(command, SendText):
                message = json.loads(command.data)
                if message["op"] in (VoiceOp.TRANSITION_READY, VoiceOp.INVALID_COMMIT_WELCOME):
                    self._parcels += self._service.receive(ME, message["op"], message["d"], 0.0)


class Speaker:
    """What a member's client and the voice server make of Opus packets: datagrams for us."""

    def __init__(self, group: MemberGroup, cipher: MediaCipher | None = None, ssrc: int = SSRC) -> None:
        self._group = group
        self._cipher = cipher or MediaCipher(AES_GCM, KEY)
        self._ssrc = ssrc
        self._sequence = 65_000  # wraps soon
        self._timestamp = 4_294_000_000

    def datagram(self, opus: bytes) -> bytes:
        payload = self._group.encrypt(opus)
        assert payload is not None
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + 960) & 0xFFFFFFFF
        packet = MediaPacket(self._ssrc, self._sequence, self._timestamp, 120, payload)
        return seal_packet(self._cipher, packet, extension=EXTENSION)


def _json(op: int, data: Any) -> str:
    return json.dumps({"op": int(op), "d": data})
