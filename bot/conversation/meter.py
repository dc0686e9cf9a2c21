"""What a talk uses, against what it may: the budget, fed with what happens in the room.

A response is reserved before it is asked for and reconciled when it is over; where the model answers by itself, when it begins. Without a budget everything is allowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from bot.audio.frame import pcm_ms
from bot.conversation.budget import IN_FLIGHT, TELL_MEMBER_SPENT, TELL_SPENT, TELL_WINDING_DOWN, Budget, Verdict
from bot.conversation.events import Command, TellRoom, ToModel
from bot.conversation.roster import Roster
from bot.realtime.events import Interrupt, ReplyAudio, ReplyDone, ReplyStarted, ReplyWords, ToolCalled


class Meter:
    """One per call. `rate_hz`: of the replies' PCM."""

    def __init__(self, budget: Budget | None, rate_hz: int, roster: Roster) -> None:
        self._budget = budget
        self._rate_hz = rate_hz
        self._roster = roster
        self._spoken_ms = 0.0
        self._asked_by: deque[int | None] = deque(maxlen=IN_FLIGHT)  # whom the responses answer that have not ended
        self._is_requested = False  # the last of them has not begun

    def heard(self, sent_ms: Mapping[int, float]) -> None:
        """So much of each member's sound went to the model."""
        if self._budget is not None:
            for user_id, ms in sent_ms.items():
                self._budget.heard(user_id, ms)

    def may_hear(self, user_id: int, now: float) -> bool:
        """Who has not agreed is refused by the ear."""
        budget = self._budget
        return budget is None or not self._roster.may_hear(user_id) or budget.may_hear(user_id, now)

    def is_spent(self, now: float) -> bool:
        """Nothing is left of the room's day."""
        return self._budget is not None and self._budget.is_spent(now)

    def is_member_spent(self, user_id: int) -> bool:
        return self._budget is not None and self._budget.is_member_spent(user_id)

    def session_is_new(self) -> None:
        if self._budget is not None:
            self._budget.begin_session()

    # ------------------------------------------------------------------------ responses

    def ask(self, user_id: int | None, now: float) -> Verdict:
        """A response is about to be asked for. `STOP` while the day is not spent: not before the one that was interrupted has ended."""
        if self._budget is None:
            return Verdict.GO
        verdict = self._budget.reserve(now)
        if verdict is not Verdict.STOP:
            self._asked_by.append(user_id)
            self._is_requested = True
        return verdict

    def reply(
        self, event: ReplyStarted | ReplyAudio | ReplyWords | ReplyDone | ToolCalled, user_id: int | None, now: float
    ) -> Verdict:
        """What a response costs. `user_id`: whose words the next one answers; of the model's own accord, if nothing was asked for."""
        match event:
            case ReplyStarted():
                return self._begins(user_id, now)
            case ReplyAudio(pcm=pcm):
                self._spoken_ms += pcm_ms(len(pcm), self._rate_hz)
            case ReplyDone():
                self._done(event, now)
        return Verdict.GO

    def _begins(self, user_id: int | None, now: float) -> Verdict:
        """A response begins; nobody asked for it where the model answers by itself."""
        verdict = Verdict.GO if self._is_requested else self.ask(user_id, now)
        self._is_requested = False
        return verdict

    def commanded(self, commands: list[Command]) -> None:
        """The model may have been told to stop. If what was asked for has not begun, it will not, and nothing will be told of it."""
        if self._budget is None or not self._is_requested:
            return
        if any(isinstance(command, ToModel) and isinstance(command.command, Interrupt) for command in commands):
            self._is_requested = False
            self._asked_by.pop()
            self._budget.release()

    def _done(self, event: ReplyDone, now: float) -> None:
        """The response is over, whatever became of it: what it generated is paid for. One that failed without a sound is not."""
        if self._budget is not None and (self._asked_by or self._spoken_ms):
            user_id = self._asked_by.popleft() if self._asked_by else None
            if event.status == "failed" and not self._spoken_ms and not event.usage:
                self._budget.release()
            else:
                self._budget.reconcile(user_id, self._spoken_ms, event.usage, now)
        self._spoken_ms, self._is_requested = 0.0, False

    def over(self, now: float) -> None:
        """The model is gone, or the call is over, and with it the response in flight; what it had spoken is paid for."""
        if self._budget is not None:
            if self._spoken_ms:
                self._budget.reconcile(self._asked_by[0] if self._asked_by else None, self._spoken_ms, {}, now)
            self._budget.release_all()
        self._asked_by.clear()
        self._spoken_ms, self._is_requested = 0.0, False

    # ------------------------------------------------------------------------ words

    def tell(self, verdict: Verdict) -> TellRoom:
        assert self._budget is not None
        return TellRoom(TELL_SPENT if verdict is Verdict.STOP else TELL_WINDING_DOWN, self._budget.told())

    def tell_silenced(self) -> list[Command]:
        """Members whose day is used up, each once."""
        silenced = self._budget.take_silenced() if self._budget is not None else ()
        return [self.refusal(self._roster.name(user_id)) for user_id in silenced]

    def refusal(self, name: str) -> TellRoom:
        """To one member alone: nothing is left of their day."""
        assert self._budget is not None
        return TellRoom(TELL_MEMBER_SPENT, (("name", name), *self._budget.told()))
