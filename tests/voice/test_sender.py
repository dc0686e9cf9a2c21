"""From frame to datagram: RTP numbers, what a pause looks like, and that nothing leaves in plain text."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audio.frame import FRAME_BYTES, FRAME_SAMPLES, FRAME_TICKS
from bot.audio.opus import EncoderProfile, OpusDecoder
from bot.voice.sender import UNDERRUN_FRAMES, Sender
from bot.voice.silence import SILENCE

pytestmark = pytest.mark.core

SSRC = 0xDEADBEEF
FRAME_S = 0.02


class OpenCipher:
    """A transport cipher that hides nothing, so that a test can read the datagram."""

    def seal(self, header: bytes, payload: bytes) -> bytes:
        return header + payload


@dataclass
class Packet:
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(datagram: bytes) -> Packet:
    first, kind, sequence, timestamp, ssrc = struct.unpack(">BBHII", datagram[:12])
    assert (first, kind) == (0x80, 120)
    return Packet(sequence, timestamp, ssrc, datagram[12:])


class Grid:
    """A sender asked every 20 ms, as a pacer would."""

    def __init__(self, sequence: int = 0, timestamp: int = 0) -> None:
        self.is_encrypting = True
        self.sender = Sender(self._encrypt, EncoderProfile.SPEECH, sequence=sequence, timestamp=timestamp)
        self.sender.use_cipher(OpenCipher(), SSRC)  # type: ignore[arg-type]
        self.now = 100.0

    def _encrypt(self, opus: bytes) -> bytes | None:
        return b"e2ee" + opus if self.is_encrypting else None

    def say(self, frames: int = 1) -> list[Packet | None]:
        return [self._next(SOUND, is_finished=False) for _ in range(frames)]

    def starve(self, frames: int) -> list[Packet | None]:
        return [self._next(None, is_finished=False) for _ in range(frames)]

    def rest(self, frames: int) -> list[Packet | None]:
        return [self._next(None, is_finished=True) for _ in range(frames)]

    def _next(self, frame: bytes | None, *, is_finished: bool) -> Packet | None:
        datagram = self.sender.next(frame, self.now, is_finished=is_finished)
        self.now += FRAME_S
        return None if datagram is None else parse(datagram)


SOUND = (8000 * np.sin(2 * np.pi * 440 * np.arange(FRAME_SAMPLES) / 24_000)).astype("<i2").tobytes()


def test_a_frame_becomes_one_packet_of_our_ssrc() -> None:
    (packet,) = Grid(sequence=7, timestamp=70).say()
    assert packet is not None
    assert (packet.sequence, packet.timestamp, packet.ssrc) == (7, 70, SSRC)
    assert packet.payload.startswith(b"e2ee")
    assert len(OpusDecoder().decode(packet.payload[4:])) == FRAME_BYTES


def test_sequence_and_timestamp_step_and_wrap() -> None:
    packets = Grid(sequence=65_534, timestamp=2**32 - FRAME_TICKS).say(4)
    assert [packet and packet.sequence for packet in packets] == [65_534, 65_535, 0, 1]
    assert [packet and packet.timestamp for packet in packets] == [2**32 - FRAME_TICKS, 0, FRAME_TICKS, 2 * FRAME_TICKS]


def test_five_silence_frames_end_a_reply_and_then_the_flag_goes_off() -> None:
    grid = Grid()
    grid.say(3)
    assert grid.sender.is_speaking
    ending = grid.rest(7)
    assert [packet and packet.payload for packet in ending] == [SILENCE] * 5 + [None, None]
    assert [packet.sequence for packet in ending if packet] == [3, 4, 5, 6, 7]
    assert not grid.sender.is_speaking


def test_the_flag_stays_on_while_the_silence_frames_leave() -> None:
    grid = Grid()
    grid.say(1)
    for _ in range(5):
        grid.rest(1)
        assert grid.sender.is_speaking
    grid.rest(1)
    assert not grid.sender.is_speaking


def test_a_short_underrun_sends_nothing_and_keeps_the_grid() -> None:
    grid = Grid()
    (before,) = grid.say()
    assert grid.starve(UNDERRUN_FRAMES) == [None] * UNDERRUN_FRAMES
    assert grid.sender.is_speaking
    (after,) = grid.say()
    assert before
    assert after
    assert after.sequence == before.sequence + 1
    assert after.timestamp == before.timestamp + (UNDERRUN_FRAMES + 1) * FRAME_TICKS


def test_a_long_underrun_ends_in_silence_frames() -> None:
    grid = Grid()
    grid.say()
    dry = grid.starve(UNDERRUN_FRAMES + 6)
    assert [packet and packet.payload for packet in dry] == [None] * UNDERRUN_FRAMES + [SILENCE] * 5 + [None]
    assert not grid.sender.is_speaking


def test_new_speech_cuts_the_silence_frames_short() -> None:
    grid = Grid()
    grid.say()
    grid.rest(2)
    (packet,) = grid.say()
    assert packet
    assert packet.sequence == 3
    assert grid.rest(5)[-1] is not None


@pytest.mark.parametrize("pause_s", [0.02, 1.0, 3600.0, 100_000.0])
def test_after_a_pause_the_timestamp_jumps_by_the_time_that_went_by(pause_s: float) -> None:
    grid = Grid(timestamp=2**32 - 5)
    grid.say()
    ending = grid.rest(6)
    last = next(packet for packet in reversed(ending) if packet)
    grid.now += pause_s
    (packet,) = grid.say()
    assert packet
    assert packet.sequence == last.sequence + 1
    jump = (packet.timestamp - last.timestamp) & 0xFFFFFFFF
    assert jump == round((pause_s + 2 * FRAME_S) / FRAME_S) * FRAME_TICKS % 2**32


def test_frames_missed_by_the_grid_are_a_jump_too() -> None:
    grid = Grid()
    (before,) = grid.say()
    grid.now += 25 * FRAME_S
    (after,) = grid.say()
    assert before
    assert after
    assert after.timestamp - before.timestamp == 26 * FRAME_TICKS


def test_nothing_leaves_before_the_end_to_end_encryption_is_ready() -> None:
    grid = Grid()
    grid.is_encrypting = False
    assert grid.say(10) == [None] * 10
    assert grid.rest(10) == [None] * 10
    assert not grid.sender.is_speaking
    assert grid.sender.stats().withheld == 10
    grid.is_encrypting = True
    (packet,) = grid.say()
    assert packet
    assert packet.sequence == 0


def test_nothing_leaves_without_a_transport_key() -> None:
    grid = Grid()
    grid.say()
    grid.sender.use_cipher(None)
    assert not grid.sender.is_speaking
    assert grid.say(3) == [None] * 3
    assert grid.sender.announcement(grid.now) is None


def test_a_new_session_goes_on_numbering_and_announces_itself_anew() -> None:
    grid = Grid()
    grid.say(2)
    grid.sender.use_cipher(OpenCipher(), 5)  # type: ignore[arg-type]
    assert not grid.sender.is_speaking
    (packet,) = grid.say()
    assert packet
    assert (packet.ssrc, packet.sequence) == (5, 2)


def test_what_was_sent_is_counted() -> None:
    grid = Grid()
    grid.say(3)
    grid.starve(2)
    grid.say(1)
    grid.rest(6)
    stats = grid.sender.stats()
    assert (stats.sent, stats.silences, stats.underruns, stats.withheld) == (4, 5, 2, 0)


@given(st.lists(st.tuples(st.sampled_from(["say", "starve", "rest"]), st.integers(1, 8)), max_size=15), st.integers())
@settings(deadline=None, max_examples=60)
def test_sequences_are_contiguous_and_timestamps_are_the_grid(story: list[tuple[str, int]], first: int) -> None:
    grid = Grid(sequence=first, timestamp=first)
    sent: list[tuple[float, Packet]] = []
    for action, frames in story:
        for _ in range(frames):
            at = grid.now
            (packet,) = getattr(grid, action)(1)
            if packet:
                sent.append((at, packet))
    for (earlier, before), (later, after) in pairwise(sent):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        steps = round((later - earlier) / FRAME_S)
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == steps * FRAME_TICKS
