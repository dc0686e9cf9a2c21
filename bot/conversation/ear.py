"""The listening half of a room's mind, sans I/O: members' sound in, one stream for the model out.

A track per member finds utterances, the floor puts them in order, and the turn mode says how the model is told:

- `manual`: the sound of an utterance, then a commit with its speaker's name. The host asks for the reply.
- `server_vad`: the sound with its speaker's name, then zeros on the clock until the model has noticed the end; it commits and answers by
  itself. What others said meanwhile waits until that reply is over, or it would interrupt it.

Members who have not agreed to be heard have no track: their frames end here, counted, should one ever come so far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from bot.audio.frame import FRAME_MS, pcm_bytes, pcm_ms
from bot.conversation.events import Command, JudgeSpeech, ToModel
from bot.conversation.floor import Complete, Floor, FloorAct, Send, Utterance, Withdraw
from bot.conversation.roster import Roster
from bot.conversation.track import Began, Doubted, Ended, Sounded, Track, TrackEvent
from bot.realtime.events import AppendAudio, CommitUtterance, DiscardAudio, TurnMode
from bot.voice.events import SpeakerFrame

TAIL_MS: Final = 800.0
"""At least so much silence follows an utterance when the model's own detection is to notice its end."""

TAIL_LIMIT_MS: Final = 2_000.0
"""A model that noticed nothing until then will not."""

ANSWER_DUE_S: Final = 3.0
"""After the end of an utterance a model that answers by itself begins within this time, or it does not."""

PENDING: Final = 32


@dataclass(frozen=True, slots=True)
class Onset:
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Hushed:
    """The member stopped speaking. `is_utterance` is false for a cough."""

    utterance: Utterance
    is_utterance: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """All of the utterance is with the model. `at`: when it was committed, or when its tail began."""

    utterance: Utterance
    at: float


EarEvent = Onset | Hushed | Delivered | Command

NOTHING_SENT: Final[Mapping[int, float]] = {}


class Ear:
    """Tracks, floor and the model's turn mode. PCM is s16le mono at `rate_hz`."""

    def __init__(self, roster: Roster, rate_hz: int, mode: TurnMode) -> None:
        self._roster = roster
        self._rate_hz = rate_hz
        self._tracks: dict[int, Track] = {}  # of members who have agreed: as many as the room has
        self._floor = Floor(rate_hz)
        self._tail_since: float | None = None  # server_vad: zeros since
        self._tail_until = 0.0
        self._is_end_noticed = False  # server_vad: the model heard the silence
        self._answer_due: float | None = None  # server_vad: a reply to what was delivered may come until then
        self._last_delivered: Utterance | None = None
        self._unheard_words: deque[Utterance] = deque(maxlen=PENDING)
        self.mode = mode
        self.is_replying = False  # told by the mouth: a reply is due or sounds
        self._sent_ms: dict[int, float] = {}  # since it was last taken; a member of the room each
        self.frames_refused = 0

    @property
    def is_quiet(self) -> bool:
        """Nobody speaks, and nothing waits to be told to the model."""
        return self._floor.is_empty

    @property
    def is_anyone_speaking(self) -> bool:
        return any(track.is_speaking for track in self._tracks.values())

    @property
    def is_busy(self) -> bool:
        return not self._floor.is_empty or self._tail_since is not None or self._answer_due is not None

    @property
    def holder(self) -> int | None:
        return self._floor.holder.user_id if self._floor.holder else None

    @property
    def dropped_ms(self) -> float:
        """Sound that waited for a model until it was too old or too much."""
        return self._floor.dropped_ms

    def take_sent_ms(self) -> Mapping[int, float]:
        """How much of each member's sound went to the model since this was last asked."""
        if not self._sent_ms:
            return NOTHING_SENT
        sent, self._sent_ms = self._sent_ms, {}
        return sent

    def speech_ms(self, user_id: int) -> float:
        """How much of the member's current utterance was speech so far."""
        return self._tracks[user_id].speech_ms if user_id in self._tracks else 0.0

    def speaking(self, user_id: int) -> Utterance | None:
        return self._floor.speaking(user_id)

    # ------------------------------------------------------------------------ members

    def hear(self, frame: SpeakerFrame, now: float) -> list[EarEvent]:
        if not self._roster.may_hear(frame.user_id):
            self.frames_refused += 1
            return []
        track = self._tracks.get(frame.user_id)
        if track is None:
            track = self._tracks[frame.user_id] = Track(self._rate_hz)
        return self._follow(frame.user_id, track.hear(frame, now), now)

    def gate_closed(self, user_id: int, now: float) -> list[EarEvent]:
        track = self._tracks.get(user_id)
        return self._follow(user_id, track.gate_closed(now), now) if track else []

    def judged(self, user_id: int, probability: float, now: float) -> list[EarEvent]:
        track = self._tracks.get(user_id)
        return self._follow(user_id, track.judged(probability, now), now) if track else []

    def forget(self, user_id: int, now: float) -> list[EarEvent]:
        """The member withdrew: nothing that is still here of their speech is used."""
        self._tracks.pop(user_id, None)
        out: list[EarEvent] = []
        if self._last_delivered is not None and self._last_delivered.user_id == user_id:
            if self._tail_since is not None and not self._is_end_noticed:
                out.append(ToModel(DiscardAudio()))  # the model has not made it a turn yet
            self._last_delivered = None
        self._floor.forget(user_id)
        kept = [utterance for utterance in self._unheard_words if utterance.user_id != user_id]
        self._unheard_words = deque(kept, maxlen=PENDING)
        return out + self._pump(now)

    def gone(self, user_id: int, now: float) -> list[EarEvent]:
        """The member left: what they said until then was said."""
        track = self._tracks.pop(user_id, None)
        return self._follow(user_id, track.finish(now), now) if track else []

    def finish_all(self, now: float) -> list[EarEvent]:
        """No media for now: whatever was being said is over."""
        out: list[EarEvent] = []
        for user_id, track in self._tracks.items():
            out += self._follow(user_id, track.finish(now), now)
        return out

    def tick(self, now: float) -> list[EarEvent]:
        self._floor.refill()
        out: list[EarEvent] = []
        for user_id, track in self._tracks.items():
            out += self._follow(user_id, track.tick(now), now)
        return out + self._tail(now) + self._pump(now)

    def transcribed(self, speaker: str | None) -> Utterance | None:
        """Whose words these are: of the utterances delivered, the first of that speaker that has no words yet."""
        for utterance in self._unheard_words:
            if speaker is None or self._roster.name(utterance.user_id) == speaker:
                self._unheard_words.remove(utterance)
                return utterance
        return None

    # ------------------------------------------------------------------------ the model

    def listen(self, now: float) -> list[EarEvent]:
        """There is a model that listens."""
        self._floor.listen(now)
        return self._pump(now)

    def stop_listening(self) -> None:
        """There is none: everybody's sound waits, bounded."""
        self._floor.stop_listening()
        self._tail_since = self._answer_due = None
        self._is_end_noticed = False
        self._unheard_words.clear()

    def say_again(self) -> list[Command]:
        """The model is about to be another one: what it was told of the utterance that holds the floor goes once more."""
        has_told = self._floor.holder is not None and self._floor.holder.sent_bytes > 0
        self._floor.say_again()
        return [ToModel(DiscardAudio())] if has_told else []

    def set_mode(self, mode: TurnMode, now: float) -> list[EarEvent]:
        """Turns are decided differently from now on, also in mid-utterance."""
        if mode is self.mode:
            return []
        self.mode = mode
        if mode is TurnMode.SERVER_VAD:
            # An utterance in progress goes on and ends with a tail. One whose commit the model refused still wants its tail.
            if self._floor.holder is None and self._last_delivered is not None:
                self._begin_tail(self._last_delivered, now)
            return []
        # What the model's buffer holds was meant for its own detection. What it has not noticed the end of is told again.
        unnoticed = None if self._tail_since is None or self._is_end_noticed else self._last_delivered
        self._tail_since = self._answer_due = None
        self._floor.say_again()
        out: list[EarEvent] = [ToModel(DiscardAudio())]
        if unnoticed is not None:
            out += [ToModel(AppendAudio(piece)) for piece in _pieces(bytes(unnoticed.audio), self._rate_hz)]
            out += [ToModel(CommitUtterance(self._roster.name(unnoticed.user_id))), Delivered(unnoticed, now)]
        return out + self._pump(now)

    def model_hears_silence(self, now: float) -> list[EarEvent]:
        """The model noticed the end of speech. It may be ahead of our hangover; a holder who only paused has finished."""
        out: list[EarEvent] = []
        holder = self._floor.holder
        if holder is not None and not holder.is_over and self._tracks[holder.user_id].is_pausing:
            out += self._follow(holder.user_id, self._tracks[holder.user_id].finish(now), now)
        self._is_end_noticed = True
        self._answer_due = now + ANSWER_DUE_S
        return out

    def reply_is_over(self, now: float) -> list[EarEvent]:
        """The next in the queue may take the floor."""
        self._answer_due = None
        return self._pump(now)

    # ------------------------------------------------------------------------ inside

    def _follow(self, user_id: int, events: list[TrackEvent], now: float) -> list[EarEvent]:
        out: list[EarEvent] = []
        for event in events:
            match event:
                case Began(started_at):
                    utterance = self._floor.begin(user_id, started_at)
                    utterance.is_over_reply = self.is_replying
                    out.append(Onset(utterance))
                case Sounded(pcm):
                    self._floor.sound(user_id, pcm, now)
                case Ended(ended_at, speech_ms, is_utterance):
                    said = self._floor.end(user_id, ended_at, speech_ms, is_utterance=is_utterance)
                    out.append(Hushed(said, is_utterance))
                case Doubted(pcm_16k):
                    out.append(JudgeSpeech(user_id, pcm_16k))
                case _:
                    assert_never(event)
        return out + self._pump(now) if events else out

    def _pump(self, now: float) -> list[EarEvent]:
        out: list[EarEvent] = []
        for act in self._floor.pump(self._may_take):
            out += self._tell(act, now)
        return out

    def _may_take(self, utterance: Utterance) -> bool:
        if self.mode is TurnMode.MANUAL:
            return True
        if utterance.is_over:
            return self._tail_since is None and self._answer_due is None and not self.is_replying
        # Live speech takes the floor even over a reply: whether it interrupts is for the barge-in to say. But two members'
        # speech must not run together in the model's ear; going on after one's own pause may.
        is_same = self._last_delivered is not None and self._last_delivered.user_id == utterance.user_id
        return self._tail_since is None or self._is_end_noticed or is_same

    def _tell(self, act: FloorAct, now: float) -> list[EarEvent]:
        match act:
            case Send(user_id, pcm):
                self._tail_since, self._is_end_noticed = None, False  # sound ends the silence
                self._sent_ms[user_id] = self._sent_ms.get(user_id, 0.0) + pcm_ms(len(pcm), self._rate_hz)
                speaker = self._roster.name(user_id) if self.mode is TurnMode.SERVER_VAD else None
                return [ToModel(AppendAudio(pcm, speaker))]
            case Withdraw():
                return [ToModel(DiscardAudio())]
            case Complete(utterance):
                self._unheard_words.append(utterance)
                self._last_delivered = utterance
                if self.mode is TurnMode.SERVER_VAD:
                    self._begin_tail(utterance, now)  # keeps its sound meanwhile: it may have to be told again
                    return [Delivered(utterance, now)]
                utterance.audio = bytearray()
                return [ToModel(CommitUtterance(self._roster.name(utterance.user_id))), Delivered(utterance, now)]
            case _:
                assert_never(act)

    def _begin_tail(self, utterance: Utterance, now: float) -> None:
        self._last_delivered = utterance
        self._tail_since = self._tail_until = now

    def _tail(self, now: float) -> list[EarEvent]:
        """Zeros on the clock. The model's detection has no clock of its own: without sound time stands still for it."""
        if self._answer_due is not None and now >= self._answer_due and not self.is_replying:
            self._answer_due = None
        if self._tail_since is None:
            return []
        size_bytes = pcm_bytes((now - self._tail_until) * 1000, self._rate_hz)
        self._tail_until = now
        tail_ms = (now - self._tail_since) * 1000
        if tail_ms >= (TAIL_MS if self._is_end_noticed else TAIL_LIMIT_MS):
            self._tail_since = None
            if self._last_delivered is not None:
                self._last_delivered.audio = bytearray()
            if not self._is_end_noticed:
                self._answer_due = now + ANSWER_DUE_S
        return [ToModel(AppendAudio(zeros)) for zeros in _pieces(bytes(size_bytes), self._rate_hz)]


def _pieces(pcm: bytes, rate_hz: int) -> list[bytes]:
    """Frames of 20 ms, the last one shorter."""
    frame_bytes = pcm_bytes(FRAME_MS, rate_hz)
    return [pcm[at : at + frame_bytes] for at in range(0, len(pcm), frame_bytes)]
