"""What a packet costs as a call, without a socket: the shipped `Receiver` and `Sender` beside the bare codec and the bare ciphers."""

from __future__ import annotations

import random
from typing import Final

import davey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.audio.frame import FRAME_BYTES, MODEL_RATE_HZ
from bot.audio.opus import BITRATE, EncoderProfile, library
from bot.bench.figures import Bound, Figure, ratio
from bot.bench.group import KEY, SSRC, Group, Speaker
from bot.bench.material import BareDecoder, BareEncoder, packets, speech
from bot.bench.measure import MOST_ROUNDS, interleaved
from bot.voice.events import Origin, SpeakerFrame
from bot.voice.receiver import Receiver
from bot.voice.sender import Sender

ALICE, BOB = 11, 12
ROUNDS: Final = 9
SECONDS: Final = 16.0
"""Of speech in one pass: two of each line, 800 packets."""

Sealed = tuple[bytes, bytes, bytes]
"""Nonce, what is sealed, and the clear header: what the bare cipher wants, cut out beforehand."""


class BareInbound:
    """AES-GCM, davey and libopus called one after the other, with nothing around them."""

    def __init__(self, session: davey.DaveSession, user_id: int) -> None:
        self._open = AESGCM(KEY).decrypt
        self._session = session
        self._user_id = user_id
        self._decoder = BareDecoder()

    def run(self, sealed: list[Sealed]) -> int:
        open_, decrypt, user_id, audio = self._open, self._session.decrypt, self._user_id, davey.MediaType.audio
        decode, decoder = self._decoder.call, self._decoder
        state, output, capacity = decoder.state, decoder.output_at, decoder.capacity
        for nonce, text, header in sealed:
            opus = decrypt(user_id, audio, open_(nonce, text, header)[8:])
            decode(state, opus, len(opus), output, capacity, 0)
        return len(sealed)


def sealed(datagram: bytes) -> Sealed:
    return datagram[-4:] + bytes(8), datagram[16:-4], datagram[:16]


def inbound() -> list[Figure]:
    """Datagram to 24 kHz frame, AES-GCM and end-to-end encryption on."""
    group = Group((ALICE, BOB))
    speaker = Speaker(group.members[ALICE])
    rounds = [[speaker.datagram(opus) for opus in packets(SECONDS)] for _ in range(ROUNDS * MOST_ROUNDS + 1)]
    prepared = [[sealed(datagram) for datagram in datagrams] for datagrams in rounds]
    receiver = Receiver(group.gateway.decrypt)
    receiver.use_cipher(group.cipher)
    receiver.allow(ALICE)
    receiver.map_ssrc(SSRC, ALICE, 0.0)
    bare = BareInbound(group.members[BOB].session, ALICE)
    now = 0.0

    def shipped(number: int) -> int:
        nonlocal now
        frames = 0
        for datagram in rounds[number]:
            now += 0.02
            frames += len(receiver.receive_datagram(datagram, now))
        assert frames == len(rounds[number])
        return frames

    shipped(0)
    bare.run(prepared[0])
    passes = [lambda number: shipped(number + 1), lambda number: bare.run(prepared[number + 1])]
    cost_s, floor_s = interleaved(passes, ROUNDS)
    return [ratio("inbound", "datagram to frame, as a call", cost_s * 1e6, floor_s * 1e6, 1.3)]


def outbound() -> list[Figure]:
    """Frame to datagram, in both profiles."""
    figures: list[Figure] = []
    for profile, target in ((EncoderProfile.SPEECH, 1.15), (EncoderProfile.ECO, None)):
        cost_us, floor_us = _outbound(profile)
        figure = ratio("outbound", f"frame to datagram, {profile}", cost_us, floor_us, target or 0.0)
        figures.append(
            figure if target else Figure(figure.subject, figure.name, figure.value, "×", beside=figure.beside)
        )
    return figures


def _outbound(profile: EncoderProfile) -> tuple[float, float]:
    group = Group((ALICE,))
    sender = Sender(group.gateway.encrypt, profile)
    sender.use_cipher(group.cipher, SSRC - 1)
    pcm = speech(SECONDS / 2).tobytes()
    frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]
    is_eco = profile is EncoderProfile.ECO
    complexity = 6 if not is_eco and library().version >= (1, 5) else 5
    bare = BareEncoder(MODEL_RATE_HZ, 1, BITRATE, complexity=complexity, is_low_delay=is_eco)
    now = 0.0

    def shipped(_: int) -> int:
        nonlocal now
        for frame in frames:
            now += 0.02
            assert sender.next(frame, now, is_finished=False) is not None
        return len(frames)

    def floor(_: int) -> int:
        encode, state, samples, output, capacity = bare.call, bare.state, bare.samples, bare.output_at, bare.capacity
        for frame in frames:
            encode(state, frame, samples, output, capacity)
        return len(frames)

    shipped(0)
    floor(0)
    cost_s, floor_s = interleaved([shipped, floor], ROUNDS)
    return cost_s * 1e6, floor_s * 1e6


def loss() -> list[Figure]:
    """A link that loses 2, 5 and 10 %: what of the timeline comes out, and how much was ever held back."""
    return [figure for share in (0.02, 0.05, 0.10) for figure in _loss(share)]


def _loss(share: float) -> list[Figure]:
    group = Group((ALICE,))
    speaker = Speaker(group.members[ALICE])
    receiver = Receiver(group.gateway.decrypt)
    receiver.use_cipher(group.cipher)
    receiver.allow(ALICE)
    receiver.map_ssrc(SSRC, ALICE, 0.0)
    chance = random.Random(round(share * 1000))
    spoken = packets(60.0)
    came = lost = heard = most_held = delivered_bytes = 0
    for index, opus in enumerate(spoken):
        now = 1.0 + index * 0.02
        datagram = speaker.datagram(opus)
        # The first and the last come through: there is no telling what was lost before, or after, everything that came.
        if chance.random() < share and 0 < index < len(spoken) - 1:
            lost += 1
            events = receiver.tick(now)
        else:
            came += 1
            events = receiver.receive_datagram(datagram, now)
        for event in (*events, *receiver.tick(now + 0.01)):
            if isinstance(event, SpeakerFrame):
                delivered_bytes += len(event.pcm)
                heard += event.origin is Origin.HEARD
        most_held = max(most_held, came - heard)
    stats = receiver.stats()
    delivered = delivered_bytes / FRAME_BYTES / len(spoken)
    name = f"{share:.0%} lost"
    made_up = (
        f"{lost} of {len(spoken)} lost: {stats.recovered} from FEC, {stats.concealed} concealed, {stats.silent} silent"
    )
    return [
        Figure("loss", f"{name}: timeline delivered", 100 * delivered, "%", 100.0, Bound.AT_LEAST, made_up),
        Figure("loss", f"{name}: packets that came and were not heard", came - heard, "", 0.0),
        Figure("loss", f"{name}: most frames held", most_held, "", 2.0),
    ]
