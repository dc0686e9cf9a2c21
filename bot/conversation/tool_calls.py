"""The tools that the model calls in a talk: which answers it waits for, and when it has called enough."""

from __future__ import annotations

from typing import Final

from bot.conversation import notes
from bot.conversation.agenda import Agenda
from bot.conversation.events import CallTool, Command, ToModel, ToolAnswered
from bot.realtime.events import AddText, AnswerTool, ToolCalled

TOOLS_IN_A_ROW: Final = 4
"""Calls without a spoken word between them; then the model is told to do without."""

TOOLS_A_QUESTION: Final = 12
"""Calls about one thing that somebody said, spoken words between them or not: a model that talked and called in turns would never end."""

ENOUGH: Final = '{"error": "no more tools now: answer with what you know"}'


class ToolCalls:
    """One per talk. That an answer wants a reply, the agenda is told."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._open: set[str] = (
            set()
        )  # what this session of the model waits for; bounded: every call is answered in time
        self._in_a_row = 0
        self._about_this = 0
        self._owes_reply = False

    def called(self, call: ToolCalled, asked_by: int | None, present: frozenset[int]) -> list[Command]:
        if call.call_id in self._open:
            return []  # told twice
        self._in_a_row += 1
        self._about_this += 1
        if self._in_a_row > TOOLS_IN_A_ROW or self._about_this > TOOLS_A_QUESTION:
            return self._refuse(call)
        self._open.add(call.call_id)
        return [CallTool(call.call_id, call.name, call.arguments, asked_by, present)]

    def _refuse(self, call: ToolCalled) -> list[Command]:
        """The first time, with one more reply to answer in."""
        is_first = self._in_a_row == TOOLS_IN_A_ROW + 1 and self._about_this <= TOOLS_A_QUESTION
        self._agenda.owes_answer |= is_first or self._about_this == TOOLS_A_QUESTION + 1
        return [ToModel(AnswerTool(call.call_id, ENOUGH))]

    def answered(self, answer: ToolAnswered) -> list[Command]:
        """The last answer that is waited for is followed by a reply. A session that is gone waits for nothing: a new one is told the outcome as a note."""
        is_expected = answer.call_id in self._open
        self._open.discard(answer.call_id)
        self._owes_reply |= answer.wants_reply
        if not self._open and self._agenda.parting is None:
            self._agenda.owes_answer |= self._owes_reply
            self._owes_reply = False
        told = AnswerTool(answer.call_id, answer.output) if is_expected else AddText(notes.tool_answer(answer.output))
        return [ToModel(told)]

    def spoken(self) -> None:
        """A word between them."""
        self._in_a_row = 0

    def asked_anew(self) -> None:
        """The next reply is about something new: tools may be called again, however many were called before."""
        self._in_a_row = self._about_this = 0

    def drop_session(self) -> None:
        """Nobody waits for an answer."""
        self._open.clear()
        self.asked_anew()
