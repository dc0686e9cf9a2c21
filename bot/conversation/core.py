"""The mind of one room, sans I/O: everything that happens goes in, what is to be done about it comes out.

    events ─▶ Ear (who says what) ─▶ Conversation (is it answered? does it interrupt?) ─▶ commands
    events ─▶ Mouth (what is being said, what of it was heard) ─▲

The ear and the mouth know nothing of each other; whatever concerns both is decided here. An utterance is answered when nobody speaks and
nothing waits: two people who talk at once get one reply to both. Time is an argument, in monotonic seconds.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass, replace
from typing import Final, assert_never

from bot.conversation import notes
from bot.conversation.answering import Decision, Reason, should_answer
from bot.conversation.barge_in import is_backchannel, is_interruption, is_stop
from bot.conversation.ear import Delivered, Ear, EarEvent, Hushed, Onset
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    ConsentWithdrawn,
    Event,
    Goodbye,
    Leave,
    Member,
    MemberGone,
    MemberPresent,
    PersonaChosen,
    PlayoutDrained,
    PlayoutStarted,
    PlayoutStopped,
    SpeechJudged,
    TellRoom,
    TextSaid,
    Tick,
    ToModel,
)
from bot.conversation.floor import Utterance
from bot.conversation.mouth import Asked, Mouth
from bot.conversation.roster import Roster
from bot.conversation.transcript import Transcript
from bot.conversation.turns import Signal, State
from bot.errors import ModelFault, VoiceFault
from bot.realtime.events import (
    AddText,
    ModelFailed,
    ModelHearsSilence,
    ModelHearsSpeech,
    ModelLost,
    ModelReady,
    Reconfigure,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    SessionConfig,
    ToolCalled,
    TurnMode,
    TurnModeChanged,
    UtteranceTranscribed,
)
from bot.voice.events import (
    MemberArrived,
    MemberLeft,
    SpeakerFrame,
    SpeakerPaused,
    UnexpectedParticipant,
    VoiceClosed,
    VoiceEvent,
    VoiceInterrupted,
    VoiceReady,
)

TEXT_CHARS: Final = 1_000
"""What a member types is cut to this."""

TEXTS_WAITING: Final = 8
"""Typed before there is a model; the oldest goes."""

GOODBYE_S: Final = 6.0
"""So long may the first word of a goodbye take, and so long the goodbye itself."""

THINKING_LIMIT_S: Final = 75.0
"""Longer than a session's own watchdog and than a minute's cap of responses."""

SERVER_THINKING_LIMIT_S: Final = 10.0
"""A model that answers by itself and did not begin until now took it for no question."""

UNANSWERED_S: Final = 1.0
"""A reply that failed so shortly before the model was lost failed for that."""

DECISIONS: Final = 10


@dataclass(slots=True)
class Parting:
    reason: str
    deadline: float
    has_spoken: bool = False


class Conversation:
    """One room and its talk.

    Args:
        config: what the model's session is told at first; its rates are the rates of all PCM here.
        speaker: the persona's name, for captions.
        greeting_hint: what the persona's first words should be like.
        alone_s: seconds without any person in the channel before leaving.
    """

    def __init__(self, config: SessionConfig, speaker: str, *, greeting_hint: str = "", alone_s: float = 60.0) -> None:
        self.config = config
        self.roster = Roster()
        self.transcript = Transcript()
        self.decisions: deque[Decision] = deque(maxlen=DECISIONS)
        self.is_model_ready = False
        self._ear = Ear(self.roster, config.input_rate_hz, config.turn_mode)
        self._mouth = Mouth(config.output_rate_hz, speaker)
        self._greeting_hint = greeting_hint
        self._alone_s = alone_s
        self._alone_since: float | None = None
        self._owes_answer = False
        self._note: str | None = None  # what the host wants said next
        self._new_config: SessionConfig | None = None
        self._texts: deque[tuple[str, str]] = deque(maxlen=TEXTS_WAITING)
        self._has_greeted = False
        self._had_session = False
        self._is_outage_told = False
        self._is_failed = False
        self._is_over = False
        self._parting: Parting | None = None
        self._channel_id: int | None = None
        self._thinking_since: float | None = None
        self._unanswered_at = float("-inf")  # a reply failed before it had a sound
        self._told_names: tuple[str, ...] = ()
        self._overlap_from_ms: dict[int, float] = {}  # of those who speak over a reply: speech before it counted

    # ------------------------------------------------------------------------ what the shell may ask

    @property
    def state(self) -> State:
        return self._mouth.state

    @property
    def holder(self) -> int | None:
        """Who has the floor."""
        return self._ear.holder

    @property
    def speaker(self) -> str:
        """The persona's name."""
        return self._mouth.speaker

    @property
    def turn_mode(self) -> TurnMode:
        return self._ear.mode

    @property
    def dropped_ms(self) -> float:
        return self._ear.dropped_ms

    @property
    def frames_refused(self) -> int:
        return self._ear.frames_refused

    @property
    def wants_model(self) -> bool:
        """A session with the model is to be open: someone is here who may be heard, and it has not failed for good."""
        return bool(self.roster.heard) and not self._is_failed and not self._is_over

    @property
    def is_busy(self) -> bool:
        """Something is going on: ticks every 20 ms."""
        return (
            self._ear.is_busy or self._mouth.state is not State.IDLE or self._owes_answer or self._parting is not None
        )

    # ------------------------------------------------------------------------ the seam

    def handle(self, event: Event, now: float) -> list[Command]:
        """What to do about `event`, in order."""
        if self._is_over:
            return []
        had_model = self.wants_model
        out = self._dispatch(event, now)
        if had_model and not self.wants_model:
            out += self._close_model(now)
        out += self._settle(now)
        for command in out:
            if isinstance(command, Caption):
                self.transcript.add(command)
        return out

    def _dispatch(self, event: Event, now: float) -> list[Command]:  # noqa: C901 -- one row an event
        self._ear.is_replying = self._mouth.is_replying
        match event:
            case SpeakerFrame() | SpeakerPaused() | SpeechJudged():
                return self._hear(event, now)
            case Tick():
                return self._tick(now)
            case MemberPresent() | MemberGone() | ConsentWithdrawn():
                return self._people(event, now)
            case TextSaid():
                return self._typed(event, now)
            case PersonaChosen():
                return self._change_persona(event, now)
            case PlayoutStarted(response_id):
                return self._mouth.playout_started(response_id, now)
            case PlayoutDrained(heard):
                return self._mouth.drained(heard, now)
            case PlayoutStopped(heard):
                return self._mouth.stopped(heard, now)
            case Goodbye(reason):
                return self._say_goodbye(reason, now)
            case ReplyStarted() | ReplyAudio() | ReplyWords() | ReplyDone() | ToolCalled():
                return self._reply(event, now)
            case ModelReady() | ModelLost() | ModelFailed() | TurnModeChanged():
                return self._model(event, now)
            case ModelHearsSpeech():
                return self._model_hears_speech()
            case ModelHearsSilence():
                return self._model_hears_silence(now)
            case UtteranceTranscribed():
                return self._transcribed(event, now)
            case (
                VoiceReady()
                | VoiceInterrupted()
                | VoiceClosed()
                | UnexpectedParticipant()
                | MemberArrived()
                | MemberLeft()
            ):
                return self._voice(event, now)
            case _:
                assert_never(event)

    # ------------------------------------------------------------------------ speech

    def _hear(self, event: SpeakerFrame | SpeakerPaused | SpeechJudged, now: float) -> list[Command]:
        if self._parting is not None:
            return []  # the talk is over; what is said now is said among people
        match event:
            case SpeakerFrame(user_id):
                heard = self._ear.hear(event, now)
            case SpeakerPaused(user_id):
                heard = self._ear.gate_closed(user_id, now)
            case SpeechJudged(user_id, probability):
                heard = self._ear.judged(user_id, probability, now)
        return self._follow(heard, now) + self._confirm(user_id)

    def _follow(self, heard: list[EarEvent], now: float) -> list[Command]:
        """What the ear found, as decisions."""
        out: list[Command] = []
        for event in heard:
            match event:
                case Onset(utterance):
                    self._overlap_from_ms[utterance.user_id] = 0.0
                    out += self._mouth.signal(Signal.ONSET)
                case Hushed(utterance, is_utterance):
                    self._overlap_from_ms.pop(utterance.user_id, None)
                    if is_utterance:
                        self._decide(utterance, now)
                case Delivered(utterance, at):
                    self._mouth.answers(Asked(self.roster.name(utterance.user_id), utterance.ended_at, at))
                case _:
                    out.append(event)
        return out

    def _decide(self, utterance: Utterance, now: float) -> None:
        decision = should_answer(utterance, is_model_deciding=self._ear.mode is TurnMode.SERVER_VAD, now=now)
        self.decisions.append(decision)
        self._owes_answer = self._owes_answer or decision.will_answer

    def _confirm(self, user_id: int) -> list[Command]:
        """Someone speaks over a reply: is it long enough to be meant?"""
        if self._mouth.state not in (State.DUCKED, State.HOLDING):
            return []
        utterance = self._ear.speaking(user_id)
        over_ms = self._ear.speech_ms(user_id) - self._overlap_from_ms.get(user_id, 0.0)
        if utterance is None or not is_interruption(over_ms):
            return []
        utterance.did_interrupt = True
        return self._mouth.signal(Signal.CUT)

    def _transcribed(self, event: UtteranceTranscribed, now: float) -> list[Command]:
        """The words of an utterance: they settle what its length could not."""
        utterance = self._ear.transcribed(event.speaker)
        text = event.text.strip()
        if not text:
            return []
        if (
            utterance is None
        ):  # the model parts speech as it likes: words of a known voice, of no utterance that we found
            member = next((member for member in self.roster.heard if member.name == event.speaker), None)
            return [Caption(CaptionKind.SAID, member.name, text, now, now, user_id=member.user_id)] if member else []
        name = self.roster.name(utterance.user_id)
        out: list[Command] = [
            Caption(CaptionKind.SAID, name, text, utterance.started_at, utterance.ended_at, user_id=utterance.user_id)
        ]
        if is_stop(text) and (utterance.is_over_reply or self._mouth.state in (State.SPEAKING, State.DUCKED)):
            self.decisions.append(Decision(False, Reason.STOP, utterance.user_id, now))
            self._owes_answer = False
            return out + self._mouth.signal(Signal.CUT)
        is_unanswered = (
            utterance.is_over_reply and not utterance.did_interrupt and not is_interruption(utterance.speech_ms)
        )
        if is_unanswered and not is_backchannel(text) and self._ear.mode is TurnMode.MANUAL:
            self.decisions.append(Decision(True, Reason.QUESTION, utterance.user_id, now))
            self._owes_answer = True
        return out

    # ------------------------------------------------------------------------ people

    def _people(self, event: MemberPresent | MemberGone | ConsentWithdrawn, now: float) -> list[Command]:
        match event:
            case MemberPresent(member):
                return self._present(member, now)
            case MemberGone(user_id):
                out = self._follow(self._ear.gone(user_id, now), now)
                self.roster.remove(user_id)
                return out
            case ConsentWithdrawn(user_id):
                self.roster.deny(user_id)
                return self._forget(user_id, now)

    def _present(self, member: Member, now: float) -> list[Command]:
        was_heard = self.roster.may_hear(member.user_id)
        self.roster.put(member)
        if was_heard and not member.may_hear:
            return self._forget(member.user_id, now)
        return self._greet()

    def _forget(self, user_id: int, now: float) -> list[Command]:
        self._overlap_from_ms.pop(user_id, None)
        self.transcript.forget(user_id)
        return self._follow(self._ear.forget(user_id, now), now)

    def _typed(self, event: TextSaid, now: float) -> list[Command]:
        text = _one_line(event.text)
        if not text or self._parting is not None:
            return []
        name = self.roster.name_of_guest(event.user_id, event.name)
        self.decisions.append(Decision(True, Reason.TYPED, event.user_id, now))
        self._texts.append((name, text))
        return [Caption(CaptionKind.TYPED, name, text, now, now, user_id=event.user_id)]

    # ------------------------------------------------------------------------ the host's own wishes

    def _greet(self) -> list[Command]:
        if self.is_model_ready and self.roster.heard and not self._has_greeted and self._parting is None:
            self._has_greeted = True
            self._told_names = tuple(member.name for member in self.roster.heard)
            if not self._ear.is_anyone_speaking:  # who speaks already is answered, which is greeting enough
                self._note = notes.greet(self._told_names, self._greeting_hint)
        return []

    def _change_persona(self, event: PersonaChosen, now: float) -> list[Command]:
        self.config = replace(self.config, instructions=event.instructions, voice=event.voice, turn_mode=self._ear.mode)
        self._greeting_hint = event.greeting_hint
        self._mouth.speaker = event.name
        if not self.is_model_ready:
            return [ToModel(Reconfigure(self.config))]
        self._new_config = self.config
        self._has_greeted = True
        self._note = notes.take_over(event.name, event.greeting_hint)
        return self._mouth.signal(Signal.CUT)

    def _say_goodbye(self, reason: str, now: float) -> list[Command]:
        if self._parting is not None:
            return []
        if not self.is_model_ready or not self.roster.heard:
            return self._leave(reason)
        out = self._follow(self._ear.finish_all(now), now) + self._hush()
        self._parting = Parting(reason, now + GOODBYE_S)
        self._owes_answer = False
        self._note = notes.GOODBYE
        return out + self._mouth.signal(Signal.CUT)

    def _leave(self, reason: str) -> list[Command]:
        self._is_over = True
        return [Leave(reason)]

    # ------------------------------------------------------------------------ the model

    def _reply(
        self, event: ReplyStarted | ReplyAudio | ReplyWords | ReplyDone | ToolCalled, now: float
    ) -> list[Command]:
        match event:
            case ReplyAudio():
                return self._reply_audio(event, now)
            case ReplyWords():
                self._mouth.words(event)
            case ReplyStarted(response_id):
                self._mouth.reply_started(response_id)
            case ReplyDone(status=status):
                if status == "failed" and self._mouth.state in (State.THINKING, State.HOLDING):
                    self._unanswered_at = now
                return self._mouth.reply_done(event, now)
            case ToolCalled():
                pass  # no tools are offered yet
        return []

    def _model(self, event: ModelReady | ModelLost | ModelFailed | TurnModeChanged, now: float) -> list[Command]:
        match event:
            case ModelReady():
                return self._ready(event, now)
            case ModelLost(fault):
                return self._lost(fault, now)
            case TurnModeChanged(turn_mode):
                self.config = replace(self.config, turn_mode=turn_mode)
                return self._switch(turn_mode, now)
            case ModelFailed(fault):
                self._is_failed = True
                return [TellRoom(f"error-model-{fault}"), *self._leave("model-failed")]

    def _switch(self, mode: TurnMode, now: float) -> list[Command]:
        heard = self._ear.set_mode(mode, now)
        if mode is TurnMode.MANUAL and any(isinstance(event, Delivered) for event in heard):
            self._owes_answer = True  # the model was about to notice the end of it, and will not
        return self._follow(heard, now)

    def _reply_audio(self, event: ReplyAudio, now: float) -> list[Command]:
        was_listening = self._mouth.state is State.LISTENING
        out = self._mouth.audio(event, now)
        if was_listening:  # the model answers while someone speaks: only what they say from now on is over the reply
            speaking = [member.user_id for member in self.roster.heard if self._ear.speaking(member.user_id)]
            self._overlap_from_ms = {user_id: self._ear.speech_ms(user_id) for user_id in speaking}
        if self._parting is not None and not self._parting.has_spoken:
            self._parting.has_spoken = True
            self._parting.deadline = now + GOODBYE_S
        return out

    def _model_hears_speech(self) -> list[Command]:
        """The model's own detection cancels its reply. Noise from nobody is left alone: without speech of ours it sounds on."""
        if self._mouth.state not in (State.DUCKED, State.HOLDING):
            return []
        for member in self.roster.heard:
            utterance = self._ear.speaking(member.user_id)
            if utterance is not None:
                utterance.did_interrupt = True
        return self._mouth.signal(Signal.CUT)

    def _model_hears_silence(self, now: float) -> list[Command]:
        if self._ear.mode is not TurnMode.SERVER_VAD:
            return []
        out = self._follow(self._ear.model_hears_silence(now), now)
        return out if self._ear.is_anyone_speaking else out + self._hush() + self._mouth.signal(Signal.ASKED)

    def _ready(self, event: ModelReady, now: float) -> list[Command]:
        self.is_model_ready = True
        self._is_outage_told = False
        out: list[Command] = []
        self._told_names = () if event.is_new else self._told_names
        recap = self.transcript.recap() if event.is_new and self._had_session else ""
        if recap:
            out.append(ToModel(AddText(recap)))
        self._had_session = True
        self._greet()
        out += self._switch(event.turn_mode, now)
        return out + self._follow(self._ear.listen(now), now)

    def _lost(self, fault: ModelFault, now: float) -> list[Command]:
        self.is_model_ready = False
        self._new_config = None  # the link opens the next session with the latest
        self._ear.stop_listening()
        if self._mouth.state in (State.THINKING, State.HOLDING) or now - self._unanswered_at < UNANSWERED_S:
            self._owes_answer = len(self.transcript) > 0  # the next session is told the talk, and answers it
        out = self._mouth.lost(now)
        if not self._is_outage_told:
            self._is_outage_told = True
            out.append(TellRoom(f"error-model-{fault}"))
        return out if self._parting is None else out + self._leave(self._parting.reason)

    def _close_model(self, now: float) -> list[Command]:
        """Nobody is left who may be heard: the session is closed at once, and with it what it was about to say."""
        self.is_model_ready = False
        self._ear.stop_listening()
        self._owes_answer, self._note, self._new_config = False, None, None
        return self._mouth.signal(Signal.CUT) + self._mouth.lost(now)

    # ------------------------------------------------------------------------ the channel

    def _voice(self, event: VoiceEvent, now: float) -> list[Command]:
        match event:
            case MemberLeft(user_id):
                return self._people(MemberGone(user_id), now)
            case VoiceInterrupted():
                return self._follow(self._ear.finish_all(now), now)
            case VoiceReady(channel_id):
                if self._channel_id not in (None, channel_id):
                    self._has_greeted = False  # a moderator moved us: other people
                self._channel_id = channel_id
                return []
            case UnexpectedParticipant():
                return [TellRoom(f"error-voice-{VoiceFault.UNEXPECTED_PARTICIPANT}")]
            case VoiceClosed(fault):
                told: list[Command] = [] if fault is VoiceFault.CLOSED else [TellRoom(f"error-voice-{fault}")]
                return told + self._leave(f"voice-{fault}")
            case _:
                return []

    # ------------------------------------------------------------------------ time

    def _tick(self, now: float) -> list[Command]:
        out = self._follow(self._ear.tick(now), now) + self._mouth.tick(now)
        self._alone_since = None if len(self.roster) else now if self._alone_since is None else self._alone_since
        if self._alone_since is not None and now - self._alone_since >= self._alone_s:
            return [*out, *self._leave("alone")]
        if self._parting is not None and now >= self._parting.deadline:
            return out + self._mouth.signal(Signal.CUT) + self._leave(self._parting.reason)
        return out + self._give_up_thinking(now)

    def _give_up_thinking(self, now: float) -> list[Command]:
        if self._mouth.state is not State.THINKING:
            self._thinking_since = None
            return []
        self._thinking_since = now if self._thinking_since is None else self._thinking_since
        limit_s = THINKING_LIMIT_S if self._ear.mode is TurnMode.MANUAL else SERVER_THINKING_LIMIT_S
        return self._mouth.signal(Signal.OVER) if now - self._thinking_since >= limit_s else []

    # ------------------------------------------------------------------------ what follows from it all

    def _settle(self, now: float) -> list[Command]:
        """After every event: who fell silent, what can be told to the model now, what is owed."""
        out = self._hush()
        if self._mouth.state is State.IDLE and self._ear.is_anyone_speaking:
            out += self._mouth.signal(Signal.ONSET)  # who interrupted speaks on
        if self._ear.is_replying and not self._mouth.is_replying:
            self._ear.is_replying = False
            out += self._follow(self._ear.reply_is_over(now), now)
        if self._is_over or not self.is_model_ready or self._mouth.state is State.STOPPING:
            return out
        out += self._reconfigure(now)
        if self._parting is not None and self._parting.has_spoken and self._mouth.state is State.IDLE:
            return out + self._leave(self._parting.reason)
        out += self._tell_roster()
        while self._texts:
            name, text = self._texts.popleft()
            out.append(ToModel(AddText(text, name)))
            self._owes_answer = True
        return out + self._ask(now)

    def _tell_roster(self) -> list[Command]:
        """Who may be heard has changed since the model was told."""
        names = tuple(member.name for member in self.roster.heard)
        is_pause = self._mouth.may_ask and self._ear.is_quiet
        if names == self._told_names or not names or not is_pause:
            return []
        self._told_names = names
        return [ToModel(AddText(notes.listening(names)))]

    def _hush(self) -> list[Command]:
        is_speech_open = self._mouth.state in (State.LISTENING, State.HOLDING, State.DUCKED)
        return self._mouth.signal(Signal.HUSH) if is_speech_open and not self._ear.is_anyone_speaking else []

    def _reconfigure(self, now: float) -> list[Command]:
        if self._new_config is None:
            return []
        config, self._new_config = self._new_config, None
        # Another voice may mean another session: what the floor's holder has said so far is told again.
        again = self._ear.say_again()
        return [*again, ToModel(Reconfigure(config)), *self._follow(self._ear.listen(now), now)]

    def _ask(self, now: float) -> list[Command]:
        """A reply is asked for when one is owed and nobody has more to say."""
        is_free = self._mouth.may_ask and (self._ear.is_quiet or self._parting is not None)
        if not is_free or not (self._owes_answer or self._note is not None):
            return []
        out: list[Command] = []
        if self._note is not None:
            out.append(ToModel(AddText(self._note)))
        self._owes_answer, self._note = False, None
        return [*out, ToModel(Respond()), *self._mouth.signal(Signal.ASKED)]


def _one_line(text: str) -> str:
    visible = "".join(" " if char.isspace() else char for char in text[: TEXT_CHARS * 4])
    visible = "".join(char for char in visible if unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cn"})
    return " ".join(visible.split())[:TEXT_CHARS]
