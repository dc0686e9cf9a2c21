"""The host of a call: greets people, sees to what the room is owed besides a talk, keeps to the budget, and ends the call.

What it wants said waits for a pause, and the persona says it in their own way (`Agenda`); what people must know at once stands in the room's
chat as well. Whatever ends a call ends it here.
"""

from __future__ import annotations

from typing import Final

from bot.conversation.agenda import Agenda
from bot.conversation.budget import WINDING_DOWN, Verdict
from bot.conversation.care import Care
from bot.conversation.crisis import AGAIN_S
from bot.conversation.events import Caption, Command, Leave, TellRoom
from bot.conversation.meter import Meter
from bot.conversation.model import Model
from bot.conversation.roster import Roster
from bot.conversation.talk import Talk
from bot.conversation.turns import State
from bot.personas.ladder import Step

BOUNDARY: Final = "boundary"
"""Why it left: somebody went too far for the last time."""


class Host:
    """One per call. `alone_s`: seconds without any person in the channel before leaving."""

    def __init__(
        self, roster: Roster, model: Model, meter: Meter, care: Care, agenda: Agenda, talk: Talk, alone_s: float
    ) -> None:
        self.is_over = False
        self._roster = roster
        self._model = model
        self._meter = meter
        self._care = care
        self._agenda = agenda
        self._talk = talk
        self._alone_s = alone_s
        self._alone_since: float | None = None

    # ------------------------------------------------------------------------ what is owed to the room

    def greet(self) -> None:
        """Once in a call, when there is a model to do it and somebody whom it may know."""
        if self._model.is_ready and self._roster.heard and not (self._agenda.has_greeted or self._agenda.parting):
            self._agenda.greet(self._roster.names, is_anyone_speaking=self._talk.ear.is_anyone_speaking)

    def announce(self, note: str, sentence: TellRoom) -> list[Command]:
        """Said by the companion in the next pause, and told in the chat at once."""
        self._agenda.announce(note)
        return [sentence]

    def hear(self, line: Caption, now: float) -> list[Command]:
        """What was said, with the persona's eyes, and with those of whoever looks after people."""
        out: list[Command] = []
        danger = self._care.hear(line, now)
        if danger is not None:
            self._talk.be_serious(now + AGAIN_S)
            out += [*self._talk.cut(), *self.announce(*danger)]
        if self._talk.judge(line, now) is Step.LEAVE_CHANNEL:
            out += self.say_goodbye(BOUNDARY, now)
        return out

    # ------------------------------------------------------------------------ what it costs

    def afford(self, verdict: Verdict) -> list[Command]:
        """Near the end of the day's budget it winds down, at its end it goes."""
        match verdict:
            case Verdict.GO:
                return []
            case Verdict.WIND_DOWN:
                return self.announce(WINDING_DOWN, self._meter.tell(verdict))
            case Verdict.STOP:
                return [self._meter.tell(verdict), *self.leave("budget")]

    def stop_if_spent(self, now: float) -> list[Command]:
        """Nothing is left of the day: the call ends as soon as the last reply has been heard."""
        if self.is_over or self._talk.mouth.is_replying or not self._meter.is_spent(now):
            return []
        return self.afford(Verdict.STOP)

    # ------------------------------------------------------------------------ the end

    def say_goodbye(self, reason: str, now: float) -> list[Command]:
        if self._agenda.parting is not None:
            return []
        if not self._model.is_ready or not self._roster.heard:
            return self.leave(reason)
        out = self._talk.finish_all(now)
        self._agenda.part(reason, now)
        return out + self._talk.cut()

    def leave(self, reason: str) -> list[Command]:
        self.is_over = True
        return [Leave(reason)]

    def leave_unsaid(self) -> list[Command]:
        """A goodbye for which there is nobody any more, or no model, is none."""
        parting = self._agenda.parting
        return [] if parting is None or self.is_over else self.leave(parting.reason)

    def leave_if_said(self) -> list[Command]:
        """The goodbye has been heard."""
        parting = self._agenda.parting
        if parting is None or not parting.has_spoken or self._talk.mouth.state is not State.IDLE:
            return []
        return self.leave(parting.reason)

    def tick(self, now: float) -> list[Command]:
        disclosure = self._care.tick(now)
        out = self.announce(*disclosure) if disclosure is not None else []
        self._alone_since = None if len(self._roster) else now if self._alone_since is None else self._alone_since
        if self._alone_since is not None and now - self._alone_since >= self._alone_s:
            return [*out, *self.leave("alone")]
        parting = self._agenda.parting
        if parting is not None and now >= parting.deadline:
            return out + self._talk.cut() + self.leave(parting.reason)
        return out
