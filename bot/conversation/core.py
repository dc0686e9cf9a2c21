"""The mind of one room, sans I/O: everything that happens goes in, what is to be done about it comes out.

    events ─▶ Conversation (people, channel, model, persona, time)
                   └▶ Talk (is it answered? does it interrupt?)
                        ├▶ Ear (who says what)
                        └▶ Mouth (what is being said, what of it was heard)

An utterance is answered when nobody speaks and nothing waits: two people who talk at once get one reply to both. Time is an argument,
in monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, assert_never

from bot.conversation.agenda import Agenda, one_line
from bot.conversation.answering import Decision, Reason
from bot.conversation.barge_in import CONFIRM_MS
from bot.conversation.budget import WINDING_DOWN, Budget, Verdict
from bot.conversation.care import Care, Sentence
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    ConsentWithdrawn,
    Event,
    Goodbye,
    HostNote,
    Leave,
    Member,
    MemberGone,
    MemberPresent,
    PersonaChosen,
    PlayoutDrained,
    PlayoutStarted,
    PlayoutStopped,
    Recalled,
    SceneSet,
    SpeechJudged,
    TellRoom,
    TextSaid,
    Tick,
    ToModel,
    ToolAnswered,
)
from bot.conversation.meter import Meter
from bot.conversation.roster import Roster
from bot.conversation.talk import Talk
from bot.conversation.transcript import Transcript
from bot.conversation.turns import State
from bot.conversation.witnesses import Witnesses
from bot.errors import ModelFault, VoiceFault
from bot.personas.character import Character
from bot.personas.ladder import Step
from bot.realtime.events import (
    AddText,
    Interrupt,
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
    SessionConfig,
    ToolCalled,
    TurnMode,
    TurnModeChanged,
    UtteranceTranscribed,
)
from bot.voice.events import (
    EncryptionMissing,
    MemberArrived,
    MemberLeft,
    MemberUnheard,
    SpeakerFrame,
    SpeakerPaused,
    StageSilent,
    UnexpectedParticipant,
    VoiceClosed,
    VoiceEvent,
    VoiceInterrupted,
    VoiceReady,
)

NO_HELP_LINE: Final[Sentence] = ("room-crisis-nowhere", {})

BOUNDARY: Final = "boundary"
"""Why it left: somebody went too far for the last time."""


class Conversation:
    """One room and its talk.

    Args:
        config: what the model's session is told at first; its rates are the rates of all PCM here.
        speaker: the persona's name, for captions.
        greeting_hint: what the persona's first words should be like.
        alone_s: seconds without any person in the channel before leaving.
        character: what the host enforces of the persona; `None`: nothing.
        budget: what the call may use; `None`: as much as it likes.
        help_line: what the room reads when somebody is in danger: key and values.
    """

    def __init__(
        self,
        config: SessionConfig,
        speaker: str,
        *,
        greeting_hint: str = "",
        alone_s: float = 60.0,
        character: Character | None = None,
        budget: Budget | None = None,
        help_line: Sentence = NO_HELP_LINE,
    ) -> None:
        self.config = config
        self.roster = Roster()
        self.transcript = Transcript()
        self._witnesses = Witnesses()
        self._meter = Meter(budget, config.output_rate_hz)
        self._care = Care(help_line)
        self.is_model_ready = False
        self._agenda = Agenda(greeting_hint)
        self._talk = Talk(self.roster, config, speaker, self._agenda)
        self._ear, self._mouth = self._talk.ear, self._talk.mouth
        self.character = character
        self._talk.patience_ms = character.patience_ms if character is not None else CONFIRM_MS
        self._alone_s = alone_s
        self._alone_since: float | None = None
        self._new_config: SessionConfig | None = None
        self._had_session = False
        self._is_outage_told = False
        self._is_failed = False
        self._is_over = False
        self._is_renewing = False  # the session is closed, to be opened afresh with the next tick
        self._channel_id: int | None = None

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
    def decisions(self) -> deque[Decision]:
        """Why it answered or did not, the last few."""
        return self._talk.decisions

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
    def is_over(self) -> bool:
        """It has decided to leave."""
        return self._is_over

    @property
    def is_parting(self) -> bool:
        """It says goodbye; nothing new is begun."""
        return self._agenda.parting is not None

    @property
    def wants_model(self) -> bool:
        """A session with the model is to be open: someone is here who may be heard, and it has not failed for good."""
        is_possible = not self._is_failed and not self._is_over and not self._is_renewing
        return is_possible and bool(self.roster.heard)

    @property
    def is_busy(self) -> bool:
        """Something is going on: ticks every 20 ms."""
        return self._ear.is_busy or self._mouth.state is not State.IDLE or self._agenda.is_waiting

    # ------------------------------------------------------------------------ the seam

    def handle(self, event: Event, now: float) -> list[Command]:
        """What to do about `event`, in order."""
        if self._is_over:
            return []
        had_model = self.wants_model
        out = self._dispatch(event, now)
        if any(isinstance(command, ToModel) and isinstance(command.command, Interrupt) for command in out):
            self._meter.taken_back()
        if had_model and not self.wants_model:
            out += self._close_model(now)
            self._meter.over(now)
            if self._agenda.parting is not None and not self._is_over:
                out += self._leave(self._agenda.parting.reason)  # nobody is left to say goodbye to
        out = self._said(out, now)  # first: what was just said may change what the model is told
        out += self._said(self._settle(now), now)
        self._meter.heard(self._ear.take_sent_ms())
        if self.is_over:
            self._meter.over(now)
        return out

    def _said(self, commands: list[Command], now: float) -> list[Command]:
        """Captions get their witnesses, and are followed up. Almost no event has one: most are frames."""
        if not any(isinstance(command, Caption) for command in commands):
            return commands
        known = [
            replace(command, heard_by=self._heard(command) | _own(command)) if isinstance(command, Caption) else command
            for command in commands
        ]
        return known + self._follow_captions(known, now)

    def _heard(self, caption: Caption) -> frozenset[int]:
        """What is typed, nobody but the companion reads."""
        is_typed = caption.kind is CaptionKind.TYPED
        return frozenset() if is_typed else self._witnesses.of(caption.started_at, caption.ended_at)

    def _follow_captions(self, commands: list[Command], now: float) -> list[Command]:
        """What was said stands in the transcript, and is seen with the persona's eyes."""
        out: list[Command] = []
        for caption in [command for command in commands if isinstance(command, Caption)]:
            self.transcript.add(caption)
            danger = self._care.hear(caption, now)
            if danger is not None:
                out += [*self._talk.cut(), *self._announce(*danger)]
            if self._check_character(caption, now) is Step.LEAVE_CHANNEL:
                out += self._say_goodbye(BOUNDARY, now)
        return out

    def _check_character(self, caption: Caption, now: float) -> Step | None:
        """What the character notes is told before the next reply."""
        character, step = self.character, None
        if character is None:
            return None
        if caption.kind is CaptionKind.HEARD:
            character.said(caption.text)
        elif caption.user_id is not None:
            step = character.heard(caption.user_id, caption.speaker, caption.text, now)
        return step

    def _dispatch(self, event: Event, now: float) -> list[Command]:  # noqa: C901 -- one row an event
        self._talk.begin()
        match event:
            case SpeakerFrame(user_id) if not self._may_listen(user_id, now):
                return self._refuse(user_id, now)
            case SpeakerFrame() | SpeakerPaused() | SpeechJudged():
                return self._talk.hear(event, now)
            case Tick():
                return self._tick(now)
            case MemberPresent() | MemberGone() | ConsentWithdrawn():
                return self._people(event, now)
            case TextSaid():
                return self._typed(event, now)
            case PersonaChosen():
                return self._change_persona(event)
            case SceneSet():
                return self._change_scene(event)
            case Recalled():
                return self._recall(event)
            case ToolAnswered():
                return self._talk.tool_answered(event)
            case HostNote(text):
                self._agenda.announce(text)
                return []
            case PlayoutStarted(response_id):
                return self._mouth.playout_started(response_id, now)
            case PlayoutDrained(heard):
                return self._mouth.drained(heard, now)
            case PlayoutStopped(heard):
                return self._mouth.stopped(heard, now)
            case Goodbye(reason):
                return self._say_goodbye(reason, now)
            case ReplyStarted() | ReplyAudio() | ReplyWords() | ReplyDone() | ToolCalled():
                return self._pay(event, now) + self._talk.reply(event, now)
            case ModelReady() | ModelLost() | ModelFailed() | TurnModeChanged():
                return self._model(event, now)
            case ModelHearsSpeech():
                return self._talk.model_hears_speech()
            case ModelHearsSilence():
                return self._talk.model_hears_silence(now)
            case UtteranceTranscribed():
                return self._talk.transcribed(event, now)
            case (
                VoiceReady()
                | VoiceInterrupted()
                | VoiceClosed()
                | UnexpectedParticipant()
                | MemberUnheard()
                | EncryptionMissing()
                | StageSilent()
                | MemberArrived()
                | MemberLeft()
            ):
                return self._voice(event, now)
            case _:
                assert_never(event)

    # ------------------------------------------------------------------------ what it costs

    def _may_listen(self, user_id: int, now: float) -> bool:
        """Who has not agreed is refused by the ear."""
        return not self.roster.may_hear(user_id) or self._meter.may_hear(user_id, now)

    def _refuse(self, user_id: int, now: float) -> list[Command]:
        """Their day is used up. What they had said until here was said; an open microphone would otherwise go on for ever."""
        out: list[Command] = [self._meter.tell_silenced(self.roster.name(each)) for each in self._meter.take_silenced()]
        return out + self._talk.follow(self._ear.gone(user_id, now), now)

    def _spent(self, now: float) -> list[Command]:
        """Nothing is left of the day: the call ends as soon as the last reply has been heard."""
        if self._is_over or self._mouth.is_replying or not self._meter.is_spent(now):
            return []
        return self._afford(Verdict.STOP)

    def _pay(self, event: ReplyStarted | ReplyAudio | ReplyWords | ReplyDone | ToolCalled, now: float) -> list[Command]:
        match event:
            case ReplyStarted():  # of the model's own accord, if nothing was asked for
                return self._afford(self._meter.begins(self._talk.next_by, now))
            case ReplyAudio():
                self._meter.sounds(event)
            case ReplyDone():
                self._meter.done(event, now)
        return []

    def _afford(self, verdict: Verdict) -> list[Command]:
        """Near the end of the day's budget it winds down, at its end it goes."""
        match verdict:
            case Verdict.GO:
                return []
            case Verdict.WIND_DOWN:
                return self._announce(WINDING_DOWN, self._meter.tell(verdict))
            case Verdict.STOP:
                return [self._meter.tell(verdict), *self._leave("budget")]

    # ------------------------------------------------------------------------ people

    def _people(self, event: MemberPresent | MemberGone | ConsentWithdrawn, now: float) -> list[Command]:
        match event:
            case MemberPresent(member):
                return self._present(member, now)
            case MemberGone(user_id):
                out = self._talk.follow(self._ear.gone(user_id, now), now)
                self.roster.remove(user_id)
                self._witnesses.left(user_id, now)
                return out
            case ConsentWithdrawn(user_id):
                self.roster.deny(user_id)
                return self._forget(user_id, now)

    def _present(self, member: Member, now: float) -> list[Command]:
        self._witnesses.came(member.user_id, now)
        was_heard = self.roster.may_hear(member.user_id)
        self.roster.put(member)
        if was_heard and not member.may_hear:
            return self._forget(member.user_id, now)
        return self._greet()

    def _forget(self, user_id: int, now: float) -> list[Command]:
        self.transcript.forget(user_id)
        return self._talk.forget(user_id, now)

    def _typed(self, event: TextSaid, now: float) -> list[Command]:
        text = one_line(event.text)
        if not text or self._agenda.parting is not None:
            return []
        name = self.roster.name_of_guest(event.user_id, event.name)
        if self._meter.is_member_spent(event.user_id):
            return [self._meter.tell_silenced(name)]
        self.decisions.append(Decision(True, Reason.TYPED, event.user_id, now))
        self._agenda.write(name, text)
        self._talk.typed(event.user_id)
        return [Caption(CaptionKind.TYPED, name, text, now, now, user_id=event.user_id)]

    # ------------------------------------------------------------------------ the host's own wishes

    def _announce(self, note: str, sentence: TellRoom) -> list[Command]:
        """Said by the companion in the next pause, and told in the chat at once."""
        self._agenda.announce(note)
        return [sentence]

    def _greet(self) -> list[Command]:
        names = self._names()
        if self.is_model_ready and names and not self._agenda.has_greeted and self._agenda.parting is None:
            self._agenda.greet(names, is_anyone_speaking=self._ear.is_anyone_speaking)
        return []

    def _change_persona(self, event: PersonaChosen) -> list[Command]:
        self.config = replace(
            self.config,
            instructions=event.instructions,
            voice=event.voice,
            tools=event.tools,
            turn_mode=self._ear.mode,
        )
        if self._agenda.parting is not None:
            return []
        self._mouth.speaker = event.name
        self._set_character(event.character)
        self._agenda.take_over(event.name, event.greeting_hint)
        if not self.is_model_ready:
            return [ToModel(Reconfigure(self.config))]
        self._new_config = self.config
        return self._talk.cut()

    def _set_character(self, character: Character | None) -> None:
        self.character = character
        self._talk.patience_ms = character.patience_ms if character is not None else CONFIRM_MS

    def _change_scene(self, event: SceneSet) -> list[Command]:
        """Told in the next pause: nobody is cut off for it."""
        self.config = replace(self.config, instructions=event.instructions, turn_mode=self._ear.mode)
        if self.character is not None:
            self.character.set_scene(event.scene)
            self._talk.patience_ms = self.character.patience_ms
        if not self.is_model_ready:
            return [ToModel(Reconfigure(self.config))]
        self._new_config = self.config
        return []

    def _recall(self, event: Recalled) -> list[Command]:
        """Other memories fit the room. What is not for somebody who has come is taken back with the session that knew it."""
        self.config = replace(self.config, instructions=event.instructions, turn_mode=self._ear.mode)
        if event.is_withdrawn:
            self.transcript.clear()
            self._is_renewing = True
            return []
        if not self.is_model_ready:
            return [ToModel(Reconfigure(self.config))]
        self._new_config = self.config
        return []

    def _say_goodbye(self, reason: str, now: float) -> list[Command]:
        if self._agenda.parting is not None:
            return []
        if not self.is_model_ready or not self.roster.heard:
            return self._leave(reason)
        out = self._talk.finish_all(now)
        self._agenda.part(reason, now)
        return out + self._talk.cut()

    def _leave(self, reason: str) -> list[Command]:
        self._is_over = True
        return [Leave(reason)]

    # ------------------------------------------------------------------------ the model

    def _model(self, event: ModelReady | ModelLost | ModelFailed | TurnModeChanged, now: float) -> list[Command]:
        match event:
            case ModelReady():
                return self._ready(event, now)
            case ModelLost(fault):
                return self._lost(fault, now)
            case TurnModeChanged(turn_mode):
                self.config = replace(self.config, turn_mode=turn_mode)
                return self._talk.switch(turn_mode, now)
            case ModelFailed(fault):
                self._is_failed = True
                return [TellRoom(f"error-model-{fault}"), *self._leave("model-failed")]

    def _ready(self, event: ModelReady, now: float) -> list[Command]:
        self.is_model_ready = True
        self._is_outage_told = False
        out: list[Command] = []
        if event.is_new:
            self._agenda.session_is_new()
            self._meter.session_is_new()
        recap = self.transcript.recap() if event.is_new and self._had_session else ""
        if recap:
            out.append(ToModel(AddText(recap)))
        self._had_session = True
        self._greet()
        out += self._talk.switch(event.turn_mode, now)
        return out + self._talk.follow(self._ear.listen(now), now)

    def _lost(self, fault: ModelFault, now: float) -> list[Command]:
        self.is_model_ready = False
        self._meter.over(now)
        untold, self._new_config = self._new_config, None
        if self._talk.lost(now):
            self._agenda.owes_answer = len(self.transcript) > 0  # the next session is told the talk, and answers it
        out: list[Command] = [ToModel(Reconfigure(untold))] if untold is not None else []
        out += self._mouth.lost(now)
        if not self._is_outage_told:
            self._is_outage_told = True
            out.append(TellRoom(f"error-model-{fault}"))
        parting = self._agenda.parting
        return out if parting is None else out + self._leave(parting.reason)

    def _close_model(self, now: float) -> list[Command]:
        """Nobody is left who may be heard, or the session is to be another: it is closed at once, and with it what it was about to say."""
        self.is_model_ready = False
        self._talk.drop_session()
        self._new_config = None
        self._agenda.drop(keeps_note=bool(self.roster.heard))
        return self._talk.cut() + self._mouth.lost(now)

    # ------------------------------------------------------------------------ the channel

    def _voice(self, event: VoiceEvent, now: float) -> list[Command]:
        match event:
            case MemberLeft(user_id):
                return self._people(MemberGone(user_id), now)
            case VoiceInterrupted():
                return self._talk.finish_all(now)
            case VoiceReady(channel_id):
                has_moved = self._channel_id not in (None, channel_id)
                self._channel_id = channel_id
                return self._move(now) if has_moved else []
            case UnexpectedParticipant():
                return [TellRoom(f"error-voice-{VoiceFault.UNEXPECTED_PARTICIPANT}")]
            case MemberUnheard(user_id):
                return [TellRoom("room-member-unheard", (("name", self.roster.name(user_id)),))]
            case EncryptionMissing():
                return [TellRoom("room-encryption-missing")]
            case StageSilent(has_asked):
                return [TellRoom("room-stage-asked" if has_asked else "room-stage-silent")]
            case VoiceClosed(fault):
                told: list[Command] = [] if fault is VoiceFault.CLOSED else [TellRoom(f"error-voice-{fault}")]
                return told + self._leave(f"voice-{fault}")
            case _:
                return []

    def _move(self, now: float) -> list[Command]:
        """A moderator moved us. Other people: what was said among the others is neither told nor remembered here."""
        out = self._talk.finish_all(now)
        self.transcript.clear()
        self._agenda.has_greeted = False
        self._is_renewing = True
        return out

    # ------------------------------------------------------------------------ time

    def _tick(self, now: float) -> list[Command]:
        self._is_renewing = False
        out = self._talk.tick(now)
        disclosure = self._care.tick(now)
        if disclosure is not None:
            out += self._announce(*disclosure)
        self._alone_since = None if len(self.roster) else now if self._alone_since is None else self._alone_since
        if self._alone_since is not None and now - self._alone_since >= self._alone_s:
            return [*out, *self._leave("alone")]
        parting = self._agenda.parting
        if parting is not None and now >= parting.deadline:
            return out + self._talk.cut() + self._leave(parting.reason)
        return out

    # ------------------------------------------------------------------------ what follows from it all

    def _settle(self, now: float) -> list[Command]:
        """After every event: who fell silent, what can be told to the model now, what is owed."""
        out = self._talk.settle(now)
        out += self._spent(now)
        if self._is_over or not self.is_model_ready or self._mouth.state is State.STOPPING:
            return out
        out += self._reconfigure(now)
        parting = self._agenda.parting
        if parting is not None and parting.has_spoken and self._mouth.state is State.IDLE:
            return out + self._leave(parting.reason)
        out += map(ToModel, self._agenda.tell(self._names(), is_pause=parting is None and self._talk.is_pause()))
        if self.character is not None and self._talk.is_pause(is_parting=parting is not None):
            if self._ear.mode is TurnMode.SERVER_VAD:  # it answers by itself: no request carries the reminder
                self._agenda.remind(self.character.note())
                out += map(ToModel, self._agenda.reminders())
            elif self._agenda.is_waiting:
                self._agenda.remind(self.character.note())
        if parting is None and self._agenda.is_waiting and self._talk.is_pause():
            verdict = self._meter.ask(self._talk.next_by, now)
            if verdict is Verdict.STOP:
                return out
            out += self._afford(verdict)
        return out + self._talk.ask(now, is_parting=parting is not None)

    def _names(self) -> tuple[str, ...]:
        """Whom the model may know of."""
        return tuple(member.name for member in self.roster.heard)

    def _reconfigure(self, now: float) -> list[Command]:
        if self._new_config is None or self._mouth.is_replying:
            return []
        config, self._new_config = self._new_config, None
        # Another voice may mean another session: what the floor's holder has said so far is told again.
        again = self._ear.say_again()
        return [*again, ToModel(Reconfigure(config)), *self._talk.follow(self._ear.listen(now), now)]


def _own(caption: Caption) -> frozenset[int]:
    """Whoever says something hears it, also one who left with the last word."""
    return frozenset() if caption.user_id is None else frozenset({caption.user_id})
