"""What a talk uses, against what it may: the budget, fed with what happens in the room.

A response is reserved before it is asked for and reconciled when it is over; where the model answers by itself, when it begins. Without a budget everything is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.audio.frame import pcm_ms
from bot.conversation.budget import TELL_MEMBER_SPENT, TELL_SPENT, TELL_WINDING_DOWN, Budget, Verdict
from bot.conversation.events import TellRoom
from bot.realtime.events import ReplyAudio, ReplyDone


class Meter:
    """One per call. `rate_hz`: of the replies' PCM."""

    def __init__(self, budget: Budget | None, rate_hz: int) -> None:
        self._budget = budget
        self._rate_hz = rate_hz
        self._spoken_ms = 0.0
        self._reserved = 0  # responses that have not ended

    def heard(self, sent_ms: Mapping[int, float]) -> None:
        """So much of each member's sound went to the model."""
        if self._budget is not None:
            for user_id, ms in sent_ms.items():
                self._budget.heard(user_id, ms)

    def may_hear(self, user_id: int, now: float) -> bool:
        return self._budget is None or self._budget.may_hear(user_id, now)

    def take_silenced(self) -> tuple[int, ...]:
        """Members whose day is used up, each once."""
        return self._budget.take_silenced() if self._budget is not None else ()

    def session_is_new(self) -> None:
        if self._budget is not None:
            self._budget.begin_session()

    # ------------------------------------------------------------------------ responses

    def ask(self, user_id: int | None, now: float) -> Verdict:
        """A response is about to be asked for."""
        if self._budget is None:
            return Verdict.GO
        verdict = self._budget.reserve(user_id, now)
        self._reserved += verdict is not Verdict.STOP
        return verdict

    def begins(self, user_id: int | None, now: float) -> Verdict:
        """A response begins; nobody asked for it where the model answers by itself."""
        return Verdict.GO if self._reserved else self.ask(user_id, now)

    def sounds(self, event: ReplyAudio) -> None:
        self._spoken_ms += pcm_ms(len(event.pcm), self._rate_hz)

    def done(self, event: ReplyDone, user_id: int | None, now: float) -> None:
        """The response is over, whatever became of it: what it generated is paid for."""
        if self._budget is not None:
            self._budget.reconcile(user_id, self._spoken_ms, event.usage, now)
        self._spoken_ms, self._reserved = 0.0, max(0, self._reserved - 1)

    def lost(self, user_id: int | None, now: float) -> None:
        """The model is gone, and with it the response in flight; what it had spoken is paid for."""
        if self._budget is not None:
            if self._spoken_ms:
                self._budget.reconcile(user_id, self._spoken_ms, {}, now)
            self._budget.release_all()
        self._spoken_ms, self._reserved = 0.0, 0

    # ------------------------------------------------------------------------ words

    def tell(self, verdict: Verdict) -> TellRoom:
        assert self._budget is not None
        return TellRoom(TELL_SPENT if verdict is Verdict.STOP else TELL_WINDING_DOWN, self._budget.told())

    def tell_silenced(self, name: str) -> TellRoom:
        assert self._budget is not None
        return TellRoom(TELL_MEMBER_SPENT, (("name", name), *self._budget.told()))
