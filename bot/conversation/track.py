"""One member's speech, sans I/O: where an utterance begins, what belongs to it, where it ends.

Discord sends packets only while a client's own gate is open, so their presence is half of the evidence; the other half is the level
above an adaptive noise floor. Where the level is doubtful the acoustic model is asked, off the loop, and the track goes on without it.

    silence ──60 ms of sound──▶ utterance (begins with the 250 ms before) ──a pause longer than the hangover──▶ silence

Inside an utterance time does not stop when packets do: zeros fill every pause from the clock, so that whoever listens to the stream hears
the pauses as long as they were. An utterance of less than 180 ms of speech was none; one of 30 s is handed over and goes on as the next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.audio.frame import pcm_bytes, pcm_ms
from bot.audio.level import NoiseFloor, level_dbfs
from bot.audio.resample import resample
from bot.conversation.hangover import Hangover
from bot.voice.events import Origin, SpeakerFrame

PRE_ROLL_MS: Final = 250.0
ONSET_MS: Final = 60.0
MIN_SPEECH_MS: Final = 180.0
MAX_UTTERANCE_MS: Final = 30_000.0

GRACE_MS: Final = 80.0
"""A stream that stops without a word may be late only: the jitter buffer holds packets for up to 40 ms."""

BREAK_MS: Final = 150.0
"""Sound that old is no pre-roll of what comes now, and no part of the same onset."""

DOUBT_DB: Final = 6.0
"""So far below the level of speech it may be speech all the same: a quiet voice, a far microphone."""

DOUBT_MS: Final = 200.0
TRUSTED_DOUBT_MS: Final = 600.0
"""Inside an utterance doubtful sound counts as speech for so long; after that the acoustic model has a say."""

ASK_EVERY_S: Final = 0.3
"""The model costs 0.7 ms for each 32 ms of sound, and its answer is on its way meanwhile."""

BELIEVED_S: Final = 1.0
LIKELY: Final = 0.5
JUDGE_RATE_HZ: Final = 16_000


@dataclass(frozen=True, slots=True)
class Began:
    """Speech; it began at `started_at` (monotonic seconds), before anybody could know."""

    started_at: float


@dataclass(frozen=True, slots=True)
class Sounded:
    """The next stretch of the utterance, without a gap to the one before."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over; speech ended at `ended_at`. `is_utterance` is false for a click or a cough."""

    ended_at: float
    speech_ms: float
    is_utterance: bool


@dataclass(frozen=True, slots=True)
class Doubted:
    """Is this speech? 16 kHz."""

    pcm_16k: bytes


TrackEvent = Began | Sounded | Ended | Doubted


class Track:
    """Speech of one consenting member. PCM is s16le mono at `rate_hz`."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._floor = NoiseFloor()
        self._hangover = Hangover()
        self._recent: deque[bytes] = deque(maxlen=64)  # pre-roll, bounded by its duration below
        self._recent_ms = 0.0
        self._last_frame_at = float("-inf")
        self._asked_at = float("-inf")
        self._believed_until = float("-inf")
        self._run_ms = 0.0  # of clear sound before an onset
        self._doubt_ms = 0.0  # of doubtful sound since the last clear one
        self._is_gate_closed = True
        self._is_continued = False  # the utterance is the rest of one that was too long
        self.is_speaking = False
        self.speech_ms = 0.0
        self._started_at = 0.0
        self._filled_until = 0.0
        self._last_speech_at = 0.0

    @property
    def is_pausing(self) -> bool:
        """An utterance is open, and nothing sounds for the moment."""
        return self.is_speaking and self._filled_until - self._last_speech_at > 0.1

    # ------------------------------------------------------------------------ what happens

    def hear(self, frame: SpeakerFrame, now: float) -> list[TrackEvent]:
        """The next sound of the member, that ended about `now`."""
        duration_ms = pcm_ms(len(frame.pcm), self._rate_hz)
        is_clear, is_doubtful = self._judge_level(frame)
        self._is_gate_closed = False
        if self.is_speaking:
            events = self._go_on(frame.pcm, duration_ms, is_clear or self._is_believed(is_doubtful, now), now)
        else:
            events = self._wait(frame.pcm, duration_ms, is_clear, now)
        self._last_frame_at = now
        self._doubt_ms = self._doubt_ms + duration_ms if is_doubtful else 0.0
        return events + self._ask(now) + self._limit(now)

    def gate_closed(self, now: float) -> list[TrackEvent]:
        """The member's client stopped sending: what follows is a pause, not lateness."""
        self._is_gate_closed = True
        return self.tick(now)

    def judged(self, probability: float, now: float) -> list[TrackEvent]:
        """The acoustic model's answer to `Doubted`."""
        if probability < LIKELY:
            self._believed_until = float("-inf")
            self._doubt_ms = max(self._doubt_ms, TRUSTED_DOUBT_MS) if self.is_speaking else 0.0
            return []
        self._believed_until = now + BELIEVED_S
        if self.is_speaking:
            self._last_speech_at = max(self._last_speech_at, self._last_frame_at)
            return []
        is_fresh = self._recent and now - self._last_frame_at <= BREAK_MS / 1000
        return self._begin(min(self._recent_ms, DOUBT_MS), now) if is_fresh else []

    def tick(self, now: float) -> list[TrackEvent]:
        """Time went by: pauses are filled, and the utterance ends when one lasted too long."""
        if not self.is_speaking:
            return []
        events = self._fill(now, 0.0 if self._is_gate_closed else GRACE_MS, now)
        if (now - self._last_speech_at) * 1000 >= self._hangover.limit_ms:
            return [*events, self._end(now)]
        return events + self._limit(now)

    def finish(self, now: float) -> list[TrackEvent]:
        """Whatever was being said is over now: the member left, or someone else decided that the turn is over."""
        return [self._end(now)] if self.is_speaking else []

    # ------------------------------------------------------------------------ silence → utterance

    def _wait(self, pcm: bytes, duration_ms: float, is_clear: bool, now: float) -> list[TrackEvent]:
        if (now - self._last_frame_at) * 1000 - duration_ms > BREAK_MS:
            self._forget_recent()
        self._remember(pcm, duration_ms)
        # A quiet frame takes back as much as a loud one gave: clicks do not add up.
        self._run_ms = self._run_ms + duration_ms if is_clear else max(0.0, self._run_ms - duration_ms)
        return self._begin(self._run_ms, now) if self._run_ms >= ONSET_MS else []

    def _begin(self, speech_ms: float, now: float) -> list[TrackEvent]:
        self._hangover.began(now)
        self._started_at = now - self._recent_ms / 1000
        self.is_speaking = True
        self.speech_ms = speech_ms
        self._filled_until = self._last_speech_at = now
        pcm = b"".join(self._recent)
        self._forget_recent()
        return [Began(self._started_at), Sounded(pcm)]

    # ------------------------------------------------------------------------ inside an utterance

    def _go_on(self, pcm: bytes, duration_ms: float, is_speech: bool, now: float) -> list[TrackEvent]:
        events = self._fill(now - duration_ms / 1000, GRACE_MS, now)
        events.append(Sounded(pcm))
        self._remember(pcm, duration_ms)
        self._filled_until += duration_ms / 1000
        if is_speech:
            pause_ms = (now - self._last_speech_at) * 1000 - duration_ms
            if pause_ms > GRACE_MS:
                self._hangover.paused(pause_ms)
            self._last_speech_at = now
            self.speech_ms += duration_ms
        return events

    def _fill(self, until: float, grace_ms: float, now: float) -> list[TrackEvent]:
        gap_ms = (min(until, now) - self._filled_until) * 1000 - grace_ms
        size_bytes = pcm_bytes(gap_ms, self._rate_hz) if gap_ms >= 1 else 0
        if not size_bytes:
            return []
        self._filled_until += pcm_ms(size_bytes, self._rate_hz) / 1000
        return [Sounded(bytes(size_bytes))]

    def _limit(self, now: float) -> list[TrackEvent]:
        if not self.is_speaking or (now - self._started_at) * 1000 < MAX_UTTERANCE_MS:
            return []
        ended = self._end(now)
        self._started_at, self._filled_until, self._last_speech_at = now, max(now, self._filled_until), now
        self.is_speaking = self._is_continued = True
        return [ended, Began(now)]

    def _end(self, now: float) -> Ended:
        least_ms = 1.0 if self._is_continued else MIN_SPEECH_MS
        ended = Ended(self._last_speech_at, self.speech_ms, self.speech_ms >= least_ms)
        self._hangover.ended(now)
        self.is_speaking = self._is_continued = False
        self.speech_ms = 0.0
        self._forget_recent()
        return ended

    def _remember(self, pcm: bytes, duration_ms: float) -> None:
        self._recent.append(pcm)
        self._recent_ms += duration_ms
        while self._recent_ms > PRE_ROLL_MS and len(self._recent) > 1:
            self._recent_ms -= pcm_ms(len(self._recent.popleft()), self._rate_hz)

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_ms = self._run_ms = 0.0

    # ------------------------------------------------------------------------ is it speech?

    def _judge_level(self, frame: SpeakerFrame) -> tuple[bool, bool]:
        """(clearly speech, doubtful)"""
        if frame.origin is Origin.SILENCE:  # lost for good: it says nothing about the room
            return False, False
        level = level_dbfs(frame.pcm)
        is_clear = self._floor.is_speech(level)
        is_doubtful = not is_clear and self._floor.is_speech(level + DOUBT_DB)
        if frame.origin is Origin.HEARD:
            self._floor.update(level)
        return is_clear, is_doubtful

    def _is_believed(self, is_doubtful: bool, now: float) -> bool:
        return is_doubtful and (self._doubt_ms < TRUSTED_DOUBT_MS or now < self._believed_until)

    def _ask(self, now: float) -> list[TrackEvent]:
        is_due = self._doubt_ms >= (TRUSTED_DOUBT_MS if self.is_speaking else DOUBT_MS) and now >= self._believed_until
        if not is_due or now - self._asked_at < ASK_EVERY_S or not self._recent:
            return []
        self._asked_at = now
        samples = np.frombuffer(b"".join(self._recent), dtype="<i2")
        return [Doubted(resample(samples, self._rate_hz, JUDGE_RATE_HZ).tobytes())]
