"""What the host still has to tell the model, and whether a reply is owed: greeting, another persona, typed text, who is here, goodbye.

Nothing of it is urgent: it waits until nobody speaks and nothing sounds, and then one reply serves all of it. Only a goodbye does not
wait for people to fall silent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from bot.conversation import notes
from bot.plain_text import visible
from bot.realtime.events import AddText, ModelCommand, Respond

TEXT_CHARS: Final = 1_000
"""What a member types is cut to this."""

TEXTS_WAITING: Final = 8
"""Typed before there is a model; the oldest goes."""

GOODBYE_S: Final = 6.0
"""So long may the first word of a goodbye take, and so long the goodbye itself."""


@dataclass(slots=True)
class Parting:
    """The call is to end."""

    reason: str
    deadline: float
    has_spoken: bool = False


class Agenda:
    """The host's own wishes in one call."""

    def __init__(self, greeting_hint: str) -> None:
        self.owes_answer = False
        self.has_greeted = False
        self.parting: Parting | None = None
        self._greeting_hint = greeting_hint
        self._note: str | None = None
        self._reminder = ""
        self._texts: deque[tuple[str, str]] = deque(maxlen=TEXTS_WAITING)
        self._told_names: tuple[str, ...] = ()
        self._has_told_texts = False
        self.is_wish_asked = False
        """The last request was for more than an answer to what was said aloud: a greeting, a goodbye, an answer to typed text."""

    @property
    def is_waiting(self) -> bool:
        return self.owes_answer or self._note is not None or self.parting is not None

    @property
    def has_wish(self) -> bool:
        """There is something to say that nobody asked for: a greeting, a note, a goodbye."""
        return self._note is not None

    # ------------------------------------------------------------------------ wishes

    def greet(self, names: tuple[str, ...], *, is_anyone_speaking: bool) -> None:
        """Once in a call. Who speaks already is answered, which is greeting enough."""
        self.has_greeted = True
        self._told_names = names
        if not is_anyone_speaking:
            self._note = notes.greet(names, self._greeting_hint)

    def take_over(self, name: str, greeting_hint: str) -> None:
        """Someone else speaks from now on; without a first greeting yet, they give that."""
        self._greeting_hint = greeting_hint
        if self.has_greeted:
            self._note = notes.take_over(name, greeting_hint)

    def remind(self, text: str) -> None:
        """What the model is told before the next reply; the newest counts."""
        self._reminder = text

    def announce(self, text: str) -> None:
        """Something to be said for the host, in the persona's own way. It joins what waits to be said already."""
        if self.parting is None:
            self._note = f"{self._note}\n{text}" if self._note is not None else text

    def write(self, speaker: str, text: str) -> None:
        self._texts.append((speaker, text))

    def part(self, reason: str, now: float) -> None:
        self.parting = Parting(reason, now + GOODBYE_S)
        self.owes_answer, self._note = False, notes.GOODBYE

    def reply_sounds(self, now: float) -> None:
        """If it is the goodbye, it may be finished."""
        if self.parting is not None and not self.parting.has_spoken:
            self.parting.has_spoken, self.parting.deadline = True, now + GOODBYE_S

    def session_is_new(self) -> None:
        """The model knows nobody any more."""
        self._told_names = ()

    def drop(self, *, keeps_note: bool = False) -> None:
        """There is nobody left to say it to. `keeps_note`: somebody is, but the session that knew the talk is gone."""
        self.owes_answer, self._note = False, self._note if keeps_note else None

    # ------------------------------------------------------------------------ their time has come

    def tell(self, names: tuple[str, ...], *, is_pause: bool) -> list[ModelCommand]:
        """What the model may learn now: who may be heard, in a pause, if that has changed; what was typed, at any time."""
        out: list[ModelCommand] = []
        if is_pause and names and names != self._told_names:
            self._told_names = names
            out.append(AddText(notes.listening(names)))
        while self._texts:
            speaker, text = self._texts.popleft()
            out.append(AddText(text, speaker))
            self.owes_answer = self._has_told_texts = True
        return out

    def reminders(self) -> list[ModelCommand]:
        """Who the model is, where it forgot; told once."""
        reminder, self._reminder = self._reminder, ""
        return [AddText(reminder)] if reminder else []

    def ask(self) -> list[ModelCommand]:
        """One request for everything that is owed; nothing when nothing is."""
        if not self.owes_answer and self._note is None:
            return []
        self.is_wish_asked = self._note is not None or self._has_told_texts
        self._has_told_texts = False
        out = self.reminders()
        if self._note is not None:
            out.append(AddText(self._note))
        self.owes_answer, self._note = False, None
        return [*out, Respond()]


def one_line(text: str) -> str:
    """Typed text as it can be seen, on one line, capped."""
    return visible(text[: TEXT_CHARS * 4])[:TEXT_CHARS]
