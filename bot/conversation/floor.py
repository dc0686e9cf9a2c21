"""Who holds the model's ear.

A model has one input, a room has many mouths. One member at a time holds the floor: the holder's sound goes to the model as it comes. What
others say meanwhile waits, in order of onset, and follows when the holder's utterance is over: nothing is lost, nothing is
attributed to another.

What waits is bounded. A member who has waited with 30 s is given the floor: whoever speaks before them is committed as far as they have
come, and queues up again with the rest. Only where that does not help (no model listens) is the oldest dropped, and counted.
The audio of the utterance that holds the floor is kept until it is over, so that a model that lost it can be told again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from bot.audio.frame import FRAME_MS, pcm_bytes, pcm_ms

WAITING_MS: Final = 30_000.0
"""As long as the longest utterance."""

WAITING_LIMIT_MS: Final = 40_000.0
"""The bound, of each member: room for what is said while those before are being told to the model."""

STALE_S: Final = 30.0
"""What waited longer than this for a model is not answered any more."""

BACKLOG_PIECE_MS: Final = 200.0
"""What waited goes in larger pieces than live sound, which goes as it comes, in frames."""

ALLOWANCE_MS: Final = 2_000.0
"""So much goes to the model at a stroke; the rest at the next tick. Its socket's queue holds 50 pieces."""


@dataclass(slots=True, eq=False)
class Utterance:
    """One member's stretch of speech on its way to the model. Times are monotonic seconds."""

    user_id: int
    started_at: float
    audio: bytearray = field(default_factory=bytearray)
    sent_bytes: int = 0
    has_floor: bool = False
    is_over: bool = False
    ended_at: float = 0.0
    speech_ms: float = 0.0
    is_over_reply: bool = False  # a reply was due or sounding when it began
    did_interrupt: bool = False
    is_owed: bool = True  # a reply, once it is with the model


@dataclass(frozen=True, slots=True)
class Send:
    """Sound of `user_id`, who holds the floor."""

    user_id: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Complete:
    """All of it has been sent; it is over."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Withdraw:
    """What was sent since the last complete utterance was none."""


FloorAct = Send | Complete | Withdraw


class Floor:
    """The queue of utterances of one room; the first one holds the floor. PCM is s16le mono at `rate_hz`."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._queue: deque[Utterance] = deque()  # bounded by sound: WAITING_LIMIT_MS a member
        self._open: dict[int, Utterance] = {}  # who is speaking, and what
        self._allowance_bytes = pcm_bytes(ALLOWANCE_MS, rate_hz)
        self._is_withdrawn = False
        self.is_listening = False  # there is a model
        self.dropped_ms = 0.0

    @property
    def holder(self) -> Utterance | None:
        return self._queue[0] if self._queue and self._queue[0].has_floor else None

    @property
    def is_empty(self) -> bool:
        """Nobody speaks, and nothing waits."""
        return not self._queue

    def speaking(self, user_id: int) -> Utterance | None:
        """What the member is saying now."""
        return self._open.get(user_id)

    # ------------------------------------------------------------------------ who speaks

    def begin(self, user_id: int, started_at: float) -> Utterance:
        utterance = Utterance(user_id, started_at)
        self._queue.append(utterance)
        self._open[user_id] = utterance
        return utterance

    def sound(self, user_id: int, pcm: bytes, now: float) -> None:
        utterance = self._open[user_id]
        utterance.audio += pcm
        if not utterance.has_floor and self._waiting_bytes(user_id) > pcm_bytes(WAITING_MS, self._rate_hz):
            self._make_room(utterance, now)

    def end(self, user_id: int, ended_at: float, speech_ms: float, *, is_utterance: bool) -> Utterance:
        utterance = self._open.pop(user_id)
        utterance.is_over, utterance.ended_at, utterance.speech_ms = True, ended_at, speech_ms
        if not is_utterance:
            self._remove(utterance)
        return utterance

    def forget(self, user_id: int) -> None:
        """The member is not to be heard any more: nothing of theirs that waits or was sent and not committed is used."""
        self._open.pop(user_id, None)
        for utterance in [each for each in self._queue if each.user_id == user_id]:
            self._remove(utterance)

    # ------------------------------------------------------------------------ the model

    def listen(self, now: float) -> None:
        """There is a model: what waits may go, but for what is stale."""
        self.is_listening = True
        for utterance in [each for each in self._queue if each.is_over and now - each.ended_at > STALE_S]:
            self._drop(utterance)

    def stop_listening(self) -> None:
        """There is no model: everybody waits."""
        self.is_listening = False
        self.say_again()

    def say_again(self) -> None:
        """What was sent of the utterance that holds the floor is forgotten there; all of it goes once more."""
        self._is_withdrawn = False
        for utterance in self._queue:
            utterance.has_floor, utterance.sent_bytes = False, 0

    def refill(self) -> None:
        """A tick went by: as much as `ALLOWANCE_MS` may go again."""
        self._allowance_bytes = pcm_bytes(ALLOWANCE_MS, self._rate_hz)

    def pump(self, may_take: Callable[[Utterance], bool]) -> Iterator[FloorAct]:
        """What is to be told to the model now. `may_take` says whether the next in the queue may take the floor already.

        It is asked only after the acts before have been performed, hence an iterator.
        """
        if self._is_withdrawn:
            self._is_withdrawn = False
            yield Withdraw()
        while self.is_listening and self._queue:
            first = self._queue[0]
            if not first.has_floor and not may_take(first):
                return
            first.has_floor = True
            yield from self._pieces(first)
            if not first.is_over or first.sent_bytes < len(first.audio):
                return
            self._queue.popleft()
            if first.audio:
                yield Complete(first)

    # ------------------------------------------------------------------------ inside

    def _pieces(self, utterance: Utterance) -> Iterator[FloorAct]:
        live_bytes, backlog_bytes = (pcm_bytes(ms, self._rate_hz) for ms in (FRAME_MS, BACKLOG_PIECE_MS))
        while (left := len(utterance.audio) - utterance.sent_bytes) and self._allowance_bytes > 0:
            size = min(left, backlog_bytes if left >= backlog_bytes else live_bytes)
            pcm = bytes(memoryview(utterance.audio)[utterance.sent_bytes : utterance.sent_bytes + size])
            utterance.sent_bytes += size
            self._allowance_bytes -= size
            yield Send(utterance.user_id, pcm)

    def _remove(self, utterance: Utterance) -> None:
        if utterance in self._queue:
            self._queue.remove(utterance)
            self._is_withdrawn = self._is_withdrawn or utterance.sent_bytes > 0

    def _waiting_bytes(self, user_id: int) -> int:
        return sum(len(each.audio) for each in self._queue if each.user_id == user_id and not each.has_floor)

    def _make_room(self, utterance: Utterance, now: float) -> None:
        earlier = takewhile(lambda each: each is not utterance, self._queue)
        before = [each for each in earlier if not each.is_over]
        if self.is_listening:
            for speaking in before:
                self._split(speaking, now)
        if self._waiting_bytes(utterance.user_id) <= pcm_bytes(WAITING_LIMIT_MS, self._rate_hz):
            return
        oldest = next(each for each in self._queue if each.user_id == utterance.user_id and not each.has_floor)
        if oldest.is_over:
            self._drop(oldest)
            return
        size = pcm_bytes(1_000, self._rate_hz)
        self.dropped_ms += pcm_ms(len(oldest.audio[:size]), self._rate_hz)
        del oldest.audio[:size]

    def _split(self, utterance: Utterance, now: float) -> None:
        """As far as it has come it is an utterance; the rest queues up as the next."""
        utterance.is_over, utterance.ended_at = True, now
        utterance.speech_ms = pcm_ms(len(utterance.audio), self._rate_hz)
        rest = self.begin(utterance.user_id, now)
        rest.is_over_reply, rest.did_interrupt = utterance.is_over_reply, utterance.did_interrupt

    def _drop(self, utterance: Utterance) -> None:
        self._queue.remove(utterance)
        self.dropped_ms += pcm_ms(len(utterance.audio), self._rate_hz)
