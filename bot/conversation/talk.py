"""Turn-taking: what is said in the room against what the companion says.

Ear and mouth know nothing of each other; here is where they meet. An utterance is answered once it is with the model, a reply is ducked for
who speaks over it and cut for who means it, and the words that come later settle what the length of speech could not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from bot.conversation.agenda import Agenda
from bot.conversation.answering import Decision, Reason, should_answer
from bot.conversation.asking import Asking
from bot.conversation.barge_in import CONFIRM_MS, is_backchannel, is_interruption, is_stop
from bot.conversation.ear import Delivered, Ear, EarEvent, Hushed, Onset
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    SpeechJudged,
    ToModel,
    ToolAnswered,
)
from bot.conversation.floor import Utterance
from bot.conversation.mouth import Asked, Mouth
from bot.conversation.roster import Roster
from bot.conversation.tool_calls import ToolCalls
from bot.conversation.turns import Signal, State
from bot.personas.character import Character
from bot.personas.ladder import Step
from bot.realtime.events import (
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    SessionConfig,
    ToolCalled,
    TurnMode,
    UtteranceTranscribed,
)
from bot.voice.events import SpeakerFrame, SpeakerPaused

THINKING_LIMIT_S: Final = 75.0
"""Longer than a session's own watchdog and than a minute's cap of responses."""

SERVER_THINKING_LIMIT_S: Final = 10.0
"""A model that answers by itself and did not begin until now took it for no question."""

UNANSWERED_S: Final = 1.0
"""A reply that failed so shortly before the model was lost failed for that."""

DECISIONS: Final = 10


class Talk:
    """Ear, mouth and the agenda of one room, and the decisions between them."""

    def __init__(
        self, roster: Roster, config: SessionConfig, speaker: str, agenda: Agenda, character: Character | None
    ) -> None:
        self.ear = Ear(roster, config.input_rate_hz, config.turn_mode)
        self.mouth = Mouth(config.output_rate_hz, speaker)
        self.character = character
        self.decisions: deque[Decision] = deque(maxlen=DECISIONS)
        self._roster = roster
        self._agenda = agenda
        self._thinking_since: float | None = None
        self._unanswered_at = float("-inf")  # a reply failed before it had a sound
        self._wish_asked_at = float("-inf")  # the reply in flight is more than an answer to what was said aloud
        self._asking = Asking()
        self._heard: set[int] = set()  # whose words this session of the model knows; bounded by who is in the call
        self._serious_until = float("-inf")
        self._must_unlearn = False  # it knows words that were taken back
        self._tool_calls = ToolCalls(agenda)
        self._overlap_from_ms: dict[int, float] = {}  # of those who speak over a reply: speech before it counted

    # ------------------------------------------------------------------------ speech

    def hear(self, event: SpeakerFrame | SpeakerPaused | SpeechJudged, now: float) -> list[Command]:
        if self._agenda.parting is not None:
            return []  # the talk is over; what is said now is said among people
        match event:
            case SpeakerFrame(user_id):
                heard = self.ear.hear(event, now)
            case SpeakerPaused(user_id):
                heard = self.ear.gate_closed(user_id, now)
            case SpeechJudged(user_id, probability):
                heard = self.ear.judged(user_id, probability, now)
        return self.follow(heard, now) + self._confirm(user_id)

    def follow(self, heard: list[EarEvent], now: float) -> list[Command]:
        """What the ear found, as decisions."""
        out: list[Command] = []
        for event in heard:
            match event:
                case Onset(utterance):
                    self._overlap_from_ms[utterance.user_id] = 0.0
                    out += self.mouth.signal(Signal.ONSET)
                case Hushed(utterance, is_utterance):
                    self._overlap_from_ms.pop(utterance.user_id, None)
                    if is_utterance:
                        self._decide(utterance, now)
                case Delivered(utterance, at):
                    self._heard.add(utterance.user_id)
                    self.mouth.answers(Asked(self._roster.name(utterance.user_id), utterance.ended_at, at))
                    if utterance.is_owed or self.ear.mode is TurnMode.SERVER_VAD:
                        self._asking.said(utterance.user_id)
                    if utterance.is_owed and self.ear.mode is TurnMode.MANUAL:
                        self._agenda.owes_answer = True
                case _:
                    out.append(event)
        return out

    def _decide(self, utterance: Utterance, now: float) -> None:
        decision = should_answer(utterance, is_model_deciding=self.ear.mode is TurnMode.SERVER_VAD, now=now)
        self.decisions.append(decision)
        utterance.is_owed = decision.will_answer

    def _confirm(self, user_id: int) -> list[Command]:
        """Someone speaks over a reply: is it long enough to be meant?"""
        if self.mouth.state not in (State.DUCKED, State.HOLDING):
            return []
        utterance = self.ear.speaking(user_id)
        over_ms = self.ear.speech_ms(user_id) - self._overlap_from_ms.get(user_id, 0.0)
        if utterance is None or not is_interruption(over_ms, self._patience_ms):
            return []
        utterance.did_interrupt = True
        return self.mouth.signal(Signal.CUT)

    @property
    def _patience_ms(self) -> float:
        """Speech over a reply that lasts so long is meant."""
        return self.character.patience_ms if self.character is not None else CONFIRM_MS

    def transcribed(self, event: UtteranceTranscribed, now: float) -> list[Command]:
        """The words of an utterance: they settle what its length could not."""
        utterance = self.ear.transcribed(event.speaker)
        text = event.text.strip()
        if not text:
            return []
        if utterance is None:  # the model parts speech as it likes: a known voice, but no utterance that we found
            member = next((member for member in self._roster.heard if member.name == event.speaker), None)
            return [Caption(CaptionKind.SAID, member.name, text, now, now, user_id=member.user_id)] if member else []
        name = self._roster.name(utterance.user_id)
        out: list[Command] = [
            Caption(CaptionKind.SAID, name, text, utterance.started_at, utterance.ended_at, user_id=utterance.user_id)
        ]
        if is_stop(text) and (utterance.is_over_reply or self.mouth.state in (State.SPEAKING, State.DUCKED)):
            self.decisions.append(Decision(False, Reason.STOP, utterance.user_id, now))
            self._agenda.owes_answer = False
            return out if self._wish_asked_at > utterance.ended_at else out + self.mouth.signal(Signal.CUT)
        is_unanswered = (
            utterance.is_over_reply and not utterance.did_interrupt and not is_interruption(utterance.speech_ms)
        )
        if is_unanswered and not is_backchannel(text) and self.ear.mode is TurnMode.MANUAL:
            self.decisions.append(Decision(True, Reason.QUESTION, utterance.user_id, now))
            self._asking.said(utterance.user_id)
            self._agenda.owes_answer = True
        return out

    # ------------------------------------------------------------------------ replies

    def reply(
        self, event: ReplyStarted | ReplyAudio | ReplyWords | ReplyDone | ToolCalled, now: float
    ) -> list[Command]:
        match event:
            case ReplyAudio():
                return self._reply_audio(event, now)
            case ReplyWords():
                self.mouth.words(event)
            case ReplyStarted(response_id):
                if self.ear.mode is TurnMode.SERVER_VAD:  # of its own accord: nothing was asked for
                    self._asked(is_wish=False)
                self.mouth.reply_started(response_id)
            case ReplyDone(status=status):
                if status == "failed" and self.mouth.state in (State.THINKING, State.HOLDING):
                    self._unanswered_at = now
                return self.mouth.reply_done(event, now)
            case ToolCalled():
                return self._tool_called(event)
        return []

    def _tool_called(self, call: ToolCalled) -> list[Command]:
        present = frozenset(member.user_id for member in self._roster.members)
        return self._tool_calls.called(call, self._asking.by, present)

    def tool_answered(self, answer: ToolAnswered) -> list[Command]:
        return self._tool_calls.answered(answer)

    def recapped(self, user_ids: Iterable[int]) -> None:
        """This session is told what was said before it."""
        self._heard.update(user_ids)

    def typed(self, user_id: int) -> None:
        """A member typed: the next reply is about that."""
        self._heard.add(user_id)
        self._asking.said(user_id)

    def _reply_audio(self, event: ReplyAudio, now: float) -> list[Command]:
        was_listening = self.mouth.state is State.LISTENING
        self._tool_calls.spoken()
        out = self.mouth.audio(event, now)
        if was_listening:  # the model answers while someone speaks: only what they say from now on is over the reply
            speaking = [member.user_id for member in self._roster.heard if self.ear.speaking(member.user_id)]
            self._overlap_from_ms = {user_id: self.ear.speech_ms(user_id) for user_id in speaking}
        self._agenda.reply_sounds(now)
        return out

    def model_hears_speech(self) -> list[Command]:
        """The model's own detection cancels its reply. Noise from nobody is left alone: without speech of ours it sounds on."""
        if self.mouth.state not in (State.DUCKED, State.HOLDING):
            return []
        for member in self._roster.heard:
            utterance = self.ear.speaking(member.user_id)
            if utterance is not None:
                utterance.did_interrupt = True
        return self.mouth.signal(Signal.CUT)

    def model_hears_silence(self, now: float) -> list[Command]:
        if self.ear.mode is not TurnMode.SERVER_VAD:
            return []
        out = self.follow(self.ear.model_hears_silence(now), now)
        return out if self.ear.is_anyone_speaking else out + self.hush() + self.mouth.signal(Signal.ASKED)

    # ------------------------------------------------------------------------ what concerns both

    def begin(self) -> None:
        """Before every event: the ear knows whether a reply is due or sounds."""
        self.ear.is_replying = self.mouth.is_replying

    def settle(self, now: float) -> list[Command]:
        """After every event: who fell silent, who speaks on, who is next."""
        out = self.hush()
        if self.mouth.state is State.IDLE and self.ear.is_anyone_speaking:
            out += self.mouth.signal(Signal.ONSET)  # who interrupted speaks on
        if self.ear.is_replying and not self.mouth.is_replying:
            self.ear.is_replying = False
            out += self.follow(self.ear.reply_is_over(now), now)
        return out

    def forget(self, user_id: int, now: float) -> list[Command]:
        """The member is not to be heard any more, nor answered, and the session that knows their words is to end."""
        is_theirs = self._asking.by == user_id
        self._must_unlearn |= user_id in self._heard
        self._asking.forget(user_id)
        self._overlap_from_ms.pop(user_id, None)
        return self.follow(self.ear.forget(user_id, now), now) + (self.cut() if is_theirs else [])

    @property
    def wants_new_session(self) -> bool:
        """A model cannot unlearn. What is being said to others is said to its end first."""
        return self._must_unlearn and self.is_pause

    def finish_all(self, now: float) -> list[Command]:
        """Whatever is being said is over."""
        return self.follow(self.ear.finish_all(now), now) + self.hush()

    def cut(self) -> list[Command]:
        """No more of the reply that is due or sounds."""
        return self.mouth.signal(Signal.CUT)

    def switch(self, mode: TurnMode, now: float) -> list[Command]:
        """Turns are decided differently from now on."""
        heard = self.ear.set_mode(mode, now)
        if mode is TurnMode.MANUAL:  # what the model was about to answer by itself is owed by us
            for event in heard:
                if isinstance(event, Delivered):
                    event.utterance.is_owed = True
        return self.follow(heard, now)

    def lost(self, now: float) -> bool:
        """No model listens any more. True: an answer was due that will not come."""
        self.drop_session()
        return self.mouth.state in (State.THINKING, State.HOLDING) or now - self._unanswered_at < UNANSWERED_S

    def drop_session(self) -> None:
        """Nobody listens, and nobody waits for an answer of a tool."""
        self._tool_calls.drop_session()
        self._heard.clear()
        self._must_unlearn = False
        self.ear.stop_listening()

    def judge(self, line: Caption, now: float) -> Step | None:
        """What was said, with the persona's eyes; what they make of it is told before the next reply."""
        if self.character is None:
            return None
        if line.kind is CaptionKind.HEARD and now >= self._serious_until:
            self.character.said(line.text)
        elif line.user_id is not None:
            return self.character.heard(line.user_id, line.speaker, line.text, now)
        return None

    def be_serious(self, until: float) -> None:
        """Somebody is in danger: nothing is held to the role, nor called back to it, for a while."""
        self._serious_until = until

    def remind(self, now: float) -> list[Command]:
        """Who the model is, where it forgot: with the next request, or at once where it answers by itself and no request would carry it."""
        is_by_itself = self.ear.mode is TurnMode.SERVER_VAD
        if self.character is None or not self.is_pause or not (is_by_itself or self._agenda.is_waiting):
            return []
        self._agenda.remind(self.character.note(is_in_role=now >= self._serious_until))
        return [ToModel(each) for each in self._agenda.reminders()] if is_by_itself else []

    def ask(self, now: float) -> list[Command]:
        """A reply is asked for when one is owed and nobody has more to say."""
        if not self.is_pause:
            return []
        is_wish = self._agenda.has_wish
        asked = self._agenda.ask()
        if asked:
            self._asked(is_wish=is_wish)
            # Nobody can have meant this reply with a "stop" whose words come late.
            self._wish_asked_at = now if self._agenda.is_wish_asked else float("-inf")
        return [*map(ToModel, asked), *(self.mouth.signal(Signal.ASKED) if asked else [])]

    def _asked(self, *, is_wish: bool) -> None:
        """A response is asked for, or begins by itself."""
        if is_wish or self._asking.is_news:
            self._tool_calls.asked_anew()
        self._asking.asked(is_wish=is_wish)

    @property
    def next_by(self) -> int | None:
        """Whose words the next reply would answer."""
        return self._asking.next_by(is_wish=self._agenda.has_wish)

    @property
    def answers(self) -> int | None:
        """Whose words the reply in flight answers."""
        return self._asking.by

    @property
    def is_pause(self) -> bool:
        """Nothing sounds and nobody speaks. For a goodbye people need not be silent."""
        return self.mouth.may_ask and (self.ear.is_quiet or self._agenda.parting is not None)

    def tick(self, now: float) -> list[Command]:
        return self.follow(self.ear.tick(now), now) + self.mouth.tick(now) + self._give_up_thinking(now)

    def hush(self) -> list[Command]:
        is_speech_open = self.mouth.state in (State.LISTENING, State.HOLDING, State.DUCKED)
        return self.mouth.signal(Signal.HUSH) if is_speech_open and not self.ear.is_anyone_speaking else []

    def _give_up_thinking(self, now: float) -> list[Command]:
        if self.mouth.state is not State.THINKING:
            self._thinking_since = None
            return []
        self._thinking_since = now if self._thinking_since is None else self._thinking_since
        limit_s = THINKING_LIMIT_S if self.ear.mode is TurnMode.MANUAL else SERVER_THINKING_LIMIT_S
        return self.mouth.signal(Signal.OVER) if now - self._thinking_since >= limit_s else []
