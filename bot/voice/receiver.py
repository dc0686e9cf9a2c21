"""From a datagram to a member's sound, sans-I/O. One receiver for each connection; it outlives the voice sessions.

The order of work for each datagram is the privacy of the house (DESIGN D5), not a matter of taste:

1. Is it RTP with sound? (`rtp.py`; RTCP, video and keepalives end here.)
2. Whose is it? The SSRC stands in clear text. Nobody's yet: it is held as it came, encrypted. Of somebody who has not agreed to be
   heard: it is dropped, and nothing of it is decrypted, measured or kept.
3. Transport decryption; the extension's words come off in front, the padding behind (RFC 3550 5.1).
4. `F8 FF FE` is Opus silence, which end-to-end encryption leaves alone. Everything else goes through the injected `decrypt`; what it
   refuses is counted and concealed, and never decoded.
5. The jitter buffer orders; the decoder of that SSRC makes PCM of it.

Nothing that comes from the network raises here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bot.audio.frame import MODEL_RATE_HZ
from bot.voice.events import VoiceEvent
from bot.voice.rtp import RtpPacket, refusal
from bot.voice.silence import SILENCE
from bot.voice.ssrc import SsrcMap
from bot.voice.stream import Stream
from bot.voice.transport import TransportCipher
from bot.voice.undecryptable import Undecryptable

TRIED_PACKETS: Final = 3
"""Of an SSRC, each time its member is looked for by key."""

Decrypt = Callable[[int, bytes], bytes | Undecryptable]


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """What became of the datagrams since the receiver was made. Numbers only, no sound.

    Attributes:
        ok: packets that were decrypted (or needed no decryption) and handed on to be ordered and decoded.
        late, duplicate, lost, resyncs: as `JitterBuffer` counts them.
        recovered, concealed, silent: frames made up for lost ones: from FEC, by the decoder, as silence.
        undecryptable: packets that end-to-end decryption refused, by reason.
        gated: packets of members who have not agreed, dropped unread.
        unmapped: packets that came before their SSRC was known; `replayed` of them were let through when it was.
        ignored: video, retransmissions, RTCP, keepalives and discovery.
        repeated: datagrams that had come before, byte for byte: the network's duplicates, or somebody's replay.
        forged: datagrams that failed the transport's authentication.
        malformed: what no sender should send, by reason.
        concealment: for each member being heard, the share of their sound that was made up, 0 to 1.
    """

    ok: int = 0
    late: int = 0
    duplicate: int = 0
    lost: int = 0
    resyncs: int = 0
    recovered: int = 0
    concealed: int = 0
    silent: int = 0
    gated: int = 0
    unmapped: int = 0
    replayed: int = 0
    ignored: int = 0
    repeated: int = 0
    forged: int = 0
    undecryptable: dict[str, int] = field(default_factory=dict)
    malformed: dict[str, int] = field(default_factory=dict)
    concealment: dict[int, float] = field(default_factory=dict)


class Receiver:
    """All inbound sound of one voice connection.

    Args:
        decrypt: end-to-end decryption of one frame of a user; the payload itself where a call has none.
        rate_hz: of the PCM that comes out; a rate of Opus.
    """

    def __init__(self, decrypt: Decrypt, rate_hz: int = MODEL_RATE_HZ) -> None:
        self._decrypt = decrypt
        self._rate_hz = rate_hz
        self._cipher: TransportCipher | None = None
        self._allowed: dict[int, int] = {}  # user → the first held datagram that their consent covers
        self._ssrcs = SsrcMap()
        self._streams: dict[int, Stream] = {}
        self._ok = 0
        self._counts: Counter[str] = Counter()
        self._undecryptable: Counter[str] = Counter()
        self._malformed: Counter[str] = Counter()

    # ------------------------------------------------------------------------ who may be heard

    def use_cipher(self, cipher: TransportCipher | None) -> None:
        """The key of the present session, read anew for each packet. None: nothing can be opened."""
        if self._cipher is not None and self._cipher is not cipher:
            self._counts.update(_cipher_counts(self._cipher))
        self._cipher = cipher

    def allow(self, user_id: int) -> None:
        """The member has agreed to be heard, from the next packet on; what is held already was said before."""
        self._allowed.setdefault(user_id, self._ssrcs.next_number)

    def deny(self, user_id: int) -> None:
        """The member is not heard any more: from this call on nothing of theirs comes out, what was waiting included."""
        self._allowed.pop(user_id, None)
        for ssrc in [ssrc for ssrc, stream in self._streams.items() if stream.user_id == user_id]:
            self._end_stream(ssrc, [])

    def map_ssrc(self, ssrc: int, user_id: int, now: float) -> list[VoiceEvent]:
        """Discord said whose an SSRC is (op 5, 12): what was held is played if its member has agreed, else discarded."""
        events: list[VoiceEvent] = []
        if ssrc == 0 or self._ssrcs.user_of(ssrc) == user_id:  # op 12 has 0 where there is no stream
            return events
        for former in (*self._ssrcs.assign(ssrc, user_id), ssrc):
            self._end_stream(former, events)
        self._replay(ssrc, user_id, now, events)
        return events

    def ignore_ssrc(self, ssrc: int) -> None:
        """This SSRC is video or a retransmission (op 12)."""
        self._ssrcs.ignore(ssrc)

    def forget_user(self, user_id: int) -> None:
        """The member left (op 13). Whether they may be heard when they return is remembered."""
        for ssrc in self._ssrcs.forget(user_id):
            self._end_stream(ssrc, [])

    def try_members(self, user_ids: Iterable[int], now: float) -> list[VoiceEvent]:
        """Find out whose the unknown SSRCs are, from keys: after we were deaf, since op 5 comes once for each member.

        Only members of `user_ids` who have agreed and have no SSRC yet are tried; an end-to-end decryption that succeeds is the
        proof. Without end-to-end encryption there is none, and nothing is mapped.
        """
        events: list[VoiceEvent] = []
        present = [user_id for user_id in user_ids if user_id in self._allowed]
        for ssrc in self._ssrcs.held_ssrcs():
            mapped = self._ssrcs.mapped_users()
            candidates = [user_id for user_id in present if user_id not in mapped]
            if candidates:
                self._try(ssrc, candidates, now, events)
        return events

    def reset(self) -> None:
        """A new voice session: SSRCs are given out anew. Who has agreed stays known, and so do the counts."""
        for ssrc in list(self._streams):
            self._end_stream(ssrc, [])
        self._ssrcs.clear()

    # ------------------------------------------------------------------------ datagrams

    def receive_datagram(self, data: bytes, now: float) -> list[VoiceEvent]:
        """One datagram from the voice server, at `now` (seconds, monotonic). Never raises for what it holds."""
        events: list[VoiceEvent] = []
        packet = RtpPacket.parse(data)
        if packet is None:
            self._refuse(data)
            return events
        stream = self._streams.get(packet.ssrc)
        # The consent gate. Nothing below it runs for a member who has not agreed.
        if stream is None or stream.user_id not in self._allowed:
            self._withhold(data, packet, now, events)
            return events
        payload = self._open(data, packet)
        if payload is not None:
            self._hear(stream, packet, payload, now, events)
        return events

    @property
    def has_gap(self) -> bool:
        """A packet of some member is missing, and is still waited for: tick every 20 ms."""
        return any(stream.jitter.deadline is not None for stream in self._streams.values())

    def tick(self, now: float) -> list[VoiceEvent]:
        """Time went by: gaps are given up, ends of speech are noticed, held datagrams grow too old. Call it every 20 ms while there is a gap, else every 100."""
        events: list[VoiceEvent] = []
        for stream in self._streams.values():
            stream.tick(now, events)
        self._ssrcs.expire(now)
        return events

    def stats(self) -> ReceiverStats:
        """The counts so far."""
        counts, malformed = self._counts.copy(), self._malformed.copy()
        for stream in self._streams.values():
            _add_stream(counts, malformed, stream)
        if self._cipher is not None:
            counts.update(_cipher_counts(self._cipher))
        return ReceiverStats(
            ok=self._ok,
            undecryptable=dict(self._undecryptable),
            malformed=dict(malformed),
            concealment={stream.user_id: stream.concealment for stream in self._streams.values()},
            **counts,
        )

    # ------------------------------------------------------------------------ the steps

    def _refuse(self, data: bytes) -> None:
        why = refusal(data)
        if why is None or why.is_expected:
            self._counts["ignored"] += 1
        else:
            self._malformed[why.value] += 1

    def _withhold(self, data: bytes, packet: RtpPacket, now: float, events: list[VoiceEvent]) -> None:
        """A packet of no stream: the first of a member who has agreed, or one that must not be opened."""
        user_id = self._ssrcs.user_of(packet.ssrc)
        if user_id is not None and user_id in self._allowed:
            payload = self._open(data, packet)
            if payload is not None:  # authentic, so that a forger cannot make us build decoders
                self._hear(self._stream_of(packet.ssrc, user_id), packet, payload, now, events)
        elif user_id is not None:
            self._counts["gated"] += 1
        elif self._ssrcs.is_ignored(packet.ssrc):
            self._counts["ignored"] += 1
        else:
            self._counts["unmapped"] += 1
            self._ssrcs.hold(data, packet, now)

    def _open(self, data: bytes, packet: RtpPacket) -> bytes | None:
        """The payload as its sender sealed it, empty when there is none in it. None: nothing that may be used."""
        cipher = self._cipher
        if cipher is None:
            self._malformed["no-key"] += 1
            return None
        plain = cipher.open(data, packet)
        if plain is None:
            return None
        start, end = 4 * packet.extension_words, len(plain)
        if packet.has_padding:
            # The last byte counts the padding, itself included (RFC 3550 5.1).
            padding = plain[-1] if plain else 0
            end -= padding
            if padding == 0 or end < start:
                self._malformed["padding"] += 1
                return None
        payload = plain[start:end]
        # Some servers send payloads of zeros with one other byte, which are no sound.
        if payload and payload[0] == 0 and payload.count(0) >= len(payload) - 1:
            self._malformed["zeros"] += 1
            return b""
        return payload

    def _hear(self, stream: Stream, packet: RtpPacket, payload: bytes, now: float, events: list[VoiceEvent]) -> None:
        """End-to-end decryption, then order and sound."""
        frame: bytes | None = payload
        if payload and payload != SILENCE:
            opened = self._decrypt(stream.user_id, payload)
            if isinstance(opened, Undecryptable):
                self._undecryptable[opened.reason] += 1
                frame = None
            else:
                frame = opened
        if frame is not None:
            self._ok += 1
        stream.hear(packet.sequence, packet.timestamp, frame, now, events)

    # ------------------------------------------------------------------------ streams

    def _stream_of(self, ssrc: int, user_id: int) -> Stream:
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._streams[ssrc] = Stream(user_id, self._rate_hz)
        return stream

    def _end_stream(self, ssrc: int, events: list[VoiceEvent]) -> None:
        stream = self._streams.pop(ssrc, None)
        if stream is not None:
            _add_stream(self._counts, self._malformed, stream)
            stream.pause(events)

    def _replay(self, ssrc: int, user_id: int, now: float, events: list[VoiceEvent]) -> None:
        """What was held of an SSRC is discarded, but for what its member said after agreeing."""
        since = self._allowed.get(user_id)
        for held in self._ssrcs.take_held(ssrc, now):
            if since is None or held.number < since:
                continue
            payload = self._open(held.data, held.packet)
            if payload is not None:
                self._counts["replayed"] += 1
                self._hear(self._stream_of(ssrc, user_id), held.packet, payload, now, events)

    def _try(self, ssrc: int, candidates: list[int], now: float, events: list[VoiceEvent]) -> None:
        """Open a few held packets of one SSRC and look for the member whose key fits. What was opened is not held any more."""
        tried, soundless = 0, list[tuple[RtpPacket, bytes]]()
        while tried < TRIED_PACKETS and (held := self._ssrcs.take_oldest(ssrc, now)) is not None:
            covered = [user_id for user_id in candidates if held.number >= self._allowed[user_id]]
            payload = self._open(held.data, held.packet) if covered else None
            if payload is None:
                continue
            if not payload or payload == SILENCE:  # anybody's
                soundless.append((held.packet, payload))
                continue
            tried += 1
            for user_id in covered:
                frame = self._decrypt(user_id, payload)
                # A frame that comes back as it went in was not encrypted, and proves nothing.
                if isinstance(frame, bytes) and frame != payload:
                    self._found(ssrc, user_id, [*soundless, (held.packet, frame)], now, events)
                    return

    def _found(
        self, ssrc: int, user_id: int, opened: list[tuple[RtpPacket, bytes]], now: float, events: list[VoiceEvent]
    ) -> None:
        """A key told whose an SSRC is: what was opened on the way is heard first, then what is still held."""
        self._ssrcs.assign(ssrc, user_id)
        stream = self._stream_of(ssrc, user_id)
        for packet, frame in opened:
            self._ok += 1
            self._counts["replayed"] += 1
            stream.hear(packet.sequence, packet.timestamp, frame, now, events)
        self._replay(ssrc, user_id, now, events)


def _cipher_counts(cipher: TransportCipher) -> dict[str, int]:
    return {"forged": cipher.forged, "repeated": cipher.replayed}


def _add_stream(counts: Counter[str], malformed: Counter[str], stream: Stream) -> None:
    jitter, frames = stream.jitter, stream.counts
    counts.update(late=jitter.late, duplicate=jitter.duplicate, lost=jitter.lost, resyncs=jitter.resyncs)
    counts.update(recovered=frames.recovered, concealed=frames.concealed, silent=frames.silent)
    if frames.broken:
        malformed["opus"] += frames.broken
