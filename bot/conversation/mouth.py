"""The speaking half of a room's mind, sans I/O: what the companion is saying, and how much of it the room heard.

Replies come faster than they are spoken and in pieces: audio, words, the end. This module keeps them by item, holds them back while it is
not clear whether someone wants to speak, ducks, stops, and turns what was played into what was said. The states are those of `turns.py`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bot.audio.frame import pcm_ms
from bot.conversation.barge_in import DUCKED_GAIN
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    FinishPlay,
    Play,
    SetGain,
    StopPlayout,
    ToModel,
    TurnMeasured,
)
from bot.conversation.heard import heard_text
from bot.conversation.turns import Signal, State, follow
from bot.realtime.events import HeardItem, Interrupt, ReplyAudio, ReplyDone, ReplyWords

HELD_LIMIT_MS: Final = 60_000.0
"""More than this of a reply is not held back: it sounds, ducked."""

DRAIN_MARGIN_S: Final = 5.0
"""A playout that has not reported the end of a reply so long after it was due will not."""

CUT_IDS: Final = 32
WHOLE_MS: Final = 40.0


@dataclass(slots=True)
class SaidItem:
    """One item of a reply: its words so far, its audio so far, and what of it was played."""

    item_id: str
    response_id: str
    text: str = ""
    audio_ms: float = 0.0
    heard_ms: float = 0.0


@dataclass(slots=True)
class Reply:
    response_id: str
    speaker: str
    first_audio_at: float | None = None
    started_at: float | None = None
    is_done: bool = False
    is_cut_off: bool = False  # the model did not come to its end
    items: dict[str, SaidItem] = field(default_factory=dict)

    @property
    def audio_ms(self) -> float:
        return sum(item.audio_ms for item in self.items.values())


@dataclass(frozen=True, slots=True)
class Asked:
    """What is being answered, for the latency of the turn. Monotonic seconds."""

    speaker: str
    ended_at: float
    delivered_at: float


class Mouth:
    """Replies and the state of turn-taking. Audio is s16le mono at `rate_hz`."""

    def __init__(self, rate_hz: int, speaker: str) -> None:
        self._rate_hz = rate_hz
        self._replies: dict[str, Reply] = {}  # in flight or sounding: one, or two where the model answers by itself
        self._held: list[Play] = []  # bounded: HELD_LIMIT_MS
        self._held_ms = 0.0
        self._cut_ids: deque[str] = deque(maxlen=CUT_IDS)
        self._is_ducked = False
        self._asked: Asked | None = None
        self.speaker = speaker
        self.state = State.IDLE

    @property
    def is_replying(self) -> bool:
        """A reply is due, sounding or stopping."""
        return self.state not in (State.IDLE, State.LISTENING)

    @property
    def may_ask(self) -> bool:
        return self.state is State.IDLE

    def answers(self, asked: Asked | None) -> None:
        """The next reply answers this."""
        self._asked = asked

    # ------------------------------------------------------------------------ signals

    def signal(self, signal: Signal) -> list[Command]:
        """Follow the table, and do what entering or leaving a state asks for."""
        before, self.state = self.state, follow(self.state, signal)
        out: list[Command] = []
        if signal is Signal.CUT and before is not self.state:
            self._cut_ids.extend(self._replies)
            if self.state is State.STOPPING:
                out.append(StopPlayout())
            else:  # nothing of it was heard
                out.append(
                    ToModel(Interrupt(tuple(HeardItem(item.item_id, 0.0, item.audio_ms, "") for item in self._items())))
                )
                self._forget()
        if before is State.HOLDING and self.state is State.THINKING:
            out += self._release()
        return out + self._gain()

    def _gain(self) -> list[Command]:
        is_ducked = self.state is State.DUCKED
        if is_ducked is self._is_ducked or self.state is State.STOPPING:
            return []
        self._is_ducked = is_ducked
        return [SetGain(DUCKED_GAIN if is_ducked else 1.0)]

    # ------------------------------------------------------------------------ what the model says

    def reply_started(self, response_id: str) -> None:
        if response_id not in self._cut_ids:
            self._replies.setdefault(response_id, Reply(response_id, self.speaker))

    def audio(self, event: ReplyAudio, now: float) -> list[Command]:
        reply = self._reply(event.response_id)
        if reply is None or self.state is State.STOPPING:
            return []
        item = self._item(reply, event.item_id)
        item.audio_ms += pcm_ms(len(event.pcm), self._rate_hz)
        reply.first_audio_at = now if reply.first_audio_at is None else reply.first_audio_at
        play = Play(event.response_id, event.item_id, event.pcm)
        out = self.signal(Signal.ASKED) if self.state is State.LISTENING else []
        if self.state is State.HOLDING and self._held_ms < HELD_LIMIT_MS:
            self._held.append(play)
            self._held_ms += pcm_ms(len(event.pcm), self._rate_hz)
            return out
        if self.state is State.HOLDING:
            out += self._release() + self.signal(Signal.ONSET)
        return [*out, *self.signal(Signal.SOUND), play]

    def words(self, event: ReplyWords) -> None:
        reply = self._reply(event.response_id)
        if reply is not None:
            self._item(reply, event.item_id).text += event.text

    def reply_done(self, event: ReplyDone, now: float) -> list[Command]:
        """The model has said all of it; or there will be none (`response_id` may be empty then)."""
        reply = self._replies.get(event.response_id)
        if reply is None:
            is_over = event.response_id not in self._cut_ids and not self._replies
            return self.signal(Signal.OVER) if is_over else []
        reply.is_done = True
        reply.is_cut_off = event.status != "completed"
        if not reply.audio_ms:
            return self._over(reply, now)
        return [] if self._held else [FinishPlay(reply.response_id)]

    def lost(self, now: float) -> list[Command]:
        """The model is gone. What it has said already is heard to its end; what it had not begun will not come."""
        out: list[Command] = []
        self._held, self._held_ms = [], 0.0
        for reply in list(self._replies.values()):
            was_done, reply.is_done = reply.is_done, True
            reply.is_cut_off = reply.is_cut_off or not was_done
            if self.state in (State.SPEAKING, State.DUCKED) and reply.audio_ms:
                out += [] if was_done else [FinishPlay(reply.response_id)]
            elif self.state is not State.STOPPING:
                del self._replies[reply.response_id]
        return out if self._replies else out + self.signal(Signal.OVER)

    # ------------------------------------------------------------------------ what the room heard

    def playout_started(self, response_id: str, now: float) -> list[Command]:
        reply = self._replies.get(response_id)
        if reply is None or reply.started_at is not None:
            return []
        reply.started_at = now
        asked, self._asked = self._asked, None
        if asked is None or reply.first_audio_at is None:
            return []
        return [
            TurnMeasured(
                asked.speaker,
                endpoint_ms=max(0.0, asked.delivered_at - asked.ended_at) * 1000,
                model_ms=max(0.0, reply.first_audio_at - asked.delivered_at) * 1000,
                playout_ms=(now - reply.first_audio_at) * 1000,
            )
        ]

    def drained(self, heard: tuple[HeardItem, ...], now: float) -> list[Command]:
        self._hear(heard)
        out: list[Command] = []
        for reply in list(self._replies.values()):
            if reply.is_done and all(item.heard_ms >= item.audio_ms - WHOLE_MS for item in reply.items.values()):
                out += self._over(reply, now)
        return out

    def stopped(self, heard: tuple[HeardItem, ...], now: float) -> list[Command]:
        """The playout is silent. What was not heard was not said: neither to the model nor in the captions."""
        self._hear(heard)
        kept = tuple(
            HeardItem(item.item_id, item.heard_ms, item.audio_ms, self._heard_text(item)) for item in self._items()
        )
        out: list[Command] = [ToModel(Interrupt(kept))]
        for reply in self._replies.values():
            out += self._caption(reply, now, is_cut=True)
        self._forget()
        return out + self.signal(Signal.STOPPED)

    def tick(self, now: float) -> list[Command]:
        """A reply whose end was never reported is over all the same."""
        out: list[Command] = []
        for reply in list(self._replies.values()):
            since = reply.started_at or reply.first_audio_at
            is_due = since is not None and now > since + reply.audio_ms / 1000 + DRAIN_MARGIN_S
            if reply.is_done and is_due and not self._held and self.state is not State.STOPPING:
                for item in reply.items.values():
                    item.heard_ms = item.audio_ms if reply.started_at is not None else 0.0
                out += self._over(reply, now)
        return out

    # ------------------------------------------------------------------------ inside

    def _release(self) -> list[Command]:
        """Nobody meant it: what was held back sounds."""
        held, self._held, self._held_ms = self._held, [], 0.0
        if not held:
            return []
        done = [FinishPlay(reply.response_id) for reply in self._replies.values() if reply.is_done]
        return [*self.signal(Signal.SOUND), *held, *done]

    def _over(self, reply: Reply, now: float) -> list[Command]:
        del self._replies[reply.response_id]
        out = self._caption(reply, now, is_cut=reply.is_cut_off)
        return out if self._replies else out + self.signal(Signal.OVER)

    def _caption(self, reply: Reply, now: float, *, is_cut: bool) -> list[Command]:
        text = " ".join(filter(None, (self._heard_text(item).strip() for item in reply.items.values())))
        if not text or reply.started_at is None:
            return []
        return [Caption(CaptionKind.HEARD, reply.speaker, text, reply.started_at, now, is_cut=is_cut)]

    def _heard_text(self, item: SaidItem) -> str:
        reply = self._replies.get(item.response_id)
        is_complete = reply is None or (reply.is_done and not reply.is_cut_off)
        is_whole = item.heard_ms >= item.audio_ms - WHOLE_MS
        return heard_text(
            item.text, item.audio_ms if is_whole else item.heard_ms, item.audio_ms, is_complete=is_complete
        )

    def _hear(self, heard: tuple[HeardItem, ...]) -> None:
        items = {item.item_id: item for item in self._items()}
        for played in heard:
            if played.item_id in items:
                items[played.item_id].heard_ms = played.heard_ms

    def _items(self) -> list[SaidItem]:
        return [item for reply in self._replies.values() for item in reply.items.values()]

    def _reply(self, response_id: str) -> Reply | None:
        """The reply, also one whose beginning was not announced; `None`: it is not wanted any more."""
        self.reply_started(response_id)
        return self._replies.get(response_id)

    @staticmethod
    def _item(reply: Reply, item_id: str) -> SaidItem:
        return reply.items.setdefault(item_id, SaidItem(item_id, reply.response_id))

    def _forget(self) -> None:
        self._replies.clear()
        self._held, self._held_ms = [], 0.0
        self._asked = None
