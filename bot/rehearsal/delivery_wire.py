"""The bytes of DAVE's delivery service: MLS vectors, signed proposals, and where a commit ends and its Welcome begins.

Only what a voice server needs to see of MLS: it signs proposals as the group's external sender, and it reads the clear part of
commits (group, epoch, who, which proposals). It holds no group secret and could not read a frame if it wanted to.

Sources: RFC 9420 (2.1.2 variable-size vectors, 6.1 framing, 12.1.8 external proposals, 12.4 commit) and the DAVE protocol's
message descriptions for opcodes 25 to 30.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MLS_10_PUBLIC_MESSAGE: Final = b"\x00\x01\x00\x01"
"""ProtocolVersion mls10, WireFormat mls_public_message."""

ADD: Final = b"\x00\x01"
REMOVE: Final = b"\x00\x03"
BASIC_CREDENTIAL: Final = b"\x00\x01"
MEMBER_SENDER: Final = 1
EXTERNAL_SENDER: Final = 2
CONTENT_PROPOSAL: Final = 2
CONTENT_COMMIT: Final = 3
BY_REFERENCE: Final = 2
COMMIT_LEAF: Final = 3


def vector(data: bytes) -> bytes:
    """RFC 9420 2.1.2: the length as a QUIC-style integer (1, 2 or 4 bytes), then the bytes."""
    size = len(data)
    if size < 1 << 6:
        return bytes((size,)) + data
    if size < 1 << 14:
        return struct.pack(">H", 0x4000 | size) + data
    return struct.pack(">I", 0x80000000 | size) + data


class Reader:
    """Takes MLS values off the front of a message. Every method raises `ValueError` when the message is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def take(self, size: int) -> bytes:
        if self.offset + size > len(self._data):
            raise ValueError("message ends early")
        self.offset += size
        return self._data[self.offset - size : self.offset]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self) -> bytes:
        first = self.number(1)
        width = first >> 6
        if width == 3:
            raise ValueError("a vector's length uses a reserved prefix")
        more = (1 << width) - 1
        return self.take((first & 0x3F) << (8 * more) | self.number(more))

    @property
    def is_done(self) -> bool:
        return self.offset == len(self._data)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One signed proposal: the MLSMessage, and the reference by which commits and revocations name it (32 bytes)."""

    message: bytes
    reference: bytes


class ExternalSender:
    """The voice server's own key pair; it may propose, and is no member."""

    def __init__(self, group_id: int) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._group_id = struct.pack(">Q", group_id)

    def package(self) -> bytes:
        """Payload of op 25: signature key, then a basic credential whose identity is one zero byte, as real servers send."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return vector(point) + BASIC_CREDENTIAL + vector(b"\x00")

    def add(self, epoch: int, key_package: bytes) -> Proposal:
        return self._propose(epoch, ADD + key_package)

    def remove(self, epoch: int, leaf: int) -> Proposal:
        return self._propose(epoch, REMOVE + struct.pack(">I", leaf))

    def _propose(self, epoch: int, body: bytes) -> Proposal:
        content = vector(self._group_id) + struct.pack(">QBI", epoch, EXTERNAL_SENDER, 0)
        content += vector(b"") + bytes((CONTENT_PROPOSAL,)) + body
        # RFC 9420 6.1: the GroupContext is part of what is signed for members only, never for an external sender.
        signed = vector(b"MLS 1.0 FramedContentTBS") + vector(MLS_10_PUBLIC_MESSAGE + content)
        signature = vector(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        reference = vector(b"MLS 1.0 Proposal Reference") + vector(b"\x00\x01" + content + signature)
        return Proposal(MLS_10_PUBLIC_MESSAGE + content + signature, hashlib.sha256(reference).digest())


def append_payload(proposals: list[Proposal]) -> bytes:
    """Payload of op 27 that appends."""
    return b"\x00" + vector(b"".join(proposal.message for proposal in proposals))


def revoke_payload(references: list[bytes]) -> bytes:
    """Payload of op 27 that takes proposals back."""
    return b"\x01" + vector(b"".join(vector(reference) for reference in references))


@dataclass(frozen=True, slots=True)
class CommitWelcome:
    """What op 28 carries: a commit (an MLSMessage) and, when it adds members, a bare Welcome behind it."""

    group_id: int
    epoch: int
    author_leaf: int
    references: tuple[bytes, ...]
    commit: bytes
    welcome: bytes


def parse_commit_welcome(data: bytes) -> CommitWelcome:
    """Payload of op 28. Raises `ValueError` for anything that is not a member's commit over references."""
    read = Reader(data)
    if read.take(4) != MLS_10_PUBLIC_MESSAGE:
        raise ValueError("expected an MLS 1.0 public message")
    group = read.vector()
    epoch = read.number(8)
    if read.number(1) != MEMBER_SENDER:
        raise ValueError("expected a member's message")
    leaf = read.number(4)
    read.vector()  # authenticated data
    if read.number(1) != CONTENT_COMMIT:
        raise ValueError("expected a commit")
    references = _references(read.vector())
    if read.number(1):
        _skip_update_path(read)
    for _ in ("signature", "confirmation tag", "membership tag"):
        read.vector()
    return CommitWelcome(
        int.from_bytes(group, "big"), epoch, leaf, references, data[: read.offset], data[read.offset :]
    )


def _references(data: bytes) -> tuple[bytes, ...]:
    read = Reader(data)
    found = []
    while not read.is_done:
        if read.number(1) != BY_REFERENCE:
            raise ValueError("expected proposals by reference")
        found.append(read.vector())
    return tuple(found)


def _skip_update_path(read: Reader) -> None:
    """RFC 9420 7.2 and 7.6: a leaf node whose source is a commit, then the path's nodes."""
    for _ in ("encryption key", "signature key"):
        read.vector()
    read.take(2)
    read.vector()  # identity
    for _ in ("versions", "suites", "extensions", "proposals", "credentials"):
        read.vector()
    if read.number(1) != COMMIT_LEAF:
        raise ValueError("expected a leaf node made by a commit")
    for _ in ("parent hash", "extensions", "signature", "nodes"):
        read.vector()
