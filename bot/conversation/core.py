"""The mind of one room, sans I/O: everything that happens goes in, what is to be done about it comes out.

    events ─▶ Conversation (people, channel, the model's sessions)
                   ├▶ Host (greeting, care, budget, goodbye)
                   ├▶ Model (is it there? what was it told?)
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
from bot.conversation.budget import Budget, Verdict
from bot.conversation.care import Care, Sentence
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    ConsentWithdrawn,
    Event,
    Goodbye,
    HostNote,
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
from bot.conversation.host import Host
from bot.conversation.meter import Meter
from bot.conversation.model import Model
from bot.conversation.roster import Roster
from bot.conversation.talk import Talk
from bot.conversation.transcript import Transcript
from bot.conversation.turns import State
from bot.conversation.witnesses import Witnesses
from bot.errors import ModelFault, VoiceFault
from bot.personas.character import Character
from bot.realtime.events import (
    AddText,
    ModelFailed,
    ModelHearsSilence,
    ModelHearsSpeech,
    ModelLost,
    ModelReady,
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
        self.roster = Roster()
        self.transcript = Transcript()
        self._witnesses = Witnesses()
        self._model = Model(config)
        self._meter = Meter(budget, config.output_rate_hz, self.roster)
        self._agenda = Agenda(greeting_hint)
        self._talk = Talk(self.roster, config, speaker, self._agenda, character)
        self._ear, self._mouth = self._talk.ear, self._talk.mouth
        self._host = Host(self.roster, self._model, self._meter, Care(help_line), self._agenda, self._talk, alone_s)
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
    def character(self) -> Character | None:
        """What the host enforces of the persona."""
        return self._talk.character

    @property
    def config(self) -> SessionConfig:
        """What a session of the model that begins now is told."""
        return self._model.config

    @property
    def is_model_ready(self) -> bool:
        return self._model.is_ready

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
        return self._host.is_over

    @property
    def is_parting(self) -> bool:
        """It says goodbye; nothing new is begun."""
        return self._agenda.parting is not None

    @property
    def wants_model(self) -> bool:
        """A session with the model is to be open: someone is here who may be heard, and it has not failed for good."""
        return not self._host.is_over and self._model.is_possible and bool(self.roster.heard)

    @property
    def is_busy(self) -> bool:
        """Something is going on: ticks every 20 ms."""
        return self._ear.is_busy or self._mouth.state is not State.IDLE or self._agenda.is_waiting

    # ------------------------------------------------------------------------ the seam

    def handle(self, event: Event, now: float) -> list[Command]:
        """What to do about `event`, in order."""
        if self.is_over:
            return []
        had_model = self.wants_model
        out = self._dispatch(event, now)
        if had_model and not self.wants_model:
            out += self._close_model(now)
        out = self._said(out, now)  # first: what was just said may change what the model is told
        self._meter.commanded(out)
        out += self._said(self._settle(now), now)
        self._meter.heard(self._ear.take_sent_ms())
        if self._host.is_over:
            self._meter.over(now)
        return out

    def _dispatch(self, event: Event, now: float) -> list[Command]:  # noqa: C901 -- one row an event
        self._talk.begin()
        match event:
            case SpeakerFrame(user_id) if not self._meter.may_hear(user_id, now):
                # What they had said until here was said; an open microphone would otherwise go on for ever.
                return self._meter.tell_silenced() + self._talk.follow(self._ear.gone(user_id, now), now)
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
                return self._recall(event, now)
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
                return self._host.say_goodbye(reason, now)
            case ReplyStarted() | ReplyAudio() | ReplyWords() | ReplyDone() | ToolCalled():
                verdict = self._meter.reply(event, self._talk.next_by, now)
                return self._host.afford(verdict) + self._talk.reply(event, now)
            case ModelReady() | ModelLost() | ModelFailed() | TurnModeChanged():
                return self._session(event, now)
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

    def _tick(self, now: float) -> list[Command]:
        self._model.tick()
        out = self._talk.tick(now) + self._host.tick(now)
        if self._model.is_ready and self._talk.wants_new_session:
            self._model.renew(self.config)
        return out

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
        self._host.greet()
        return []

    def _forget(self, user_id: int, now: float) -> list[Command]:
        self.transcript.forget(user_id)
        if self._talk.answers in (user_id, None):  # `None`: several, who may be among them
            self.transcript.refuse_replies(now)
        return self._talk.forget(user_id, now)

    def _typed(self, event: TextSaid, now: float) -> list[Command]:
        text = one_line(event.text)
        if not text or self._agenda.parting is not None:
            return []
        name = self.roster.name_of_guest(event.user_id, event.name)
        if self._meter.is_member_spent(event.user_id):
            return [self._meter.refusal(name)]
        self.decisions.append(Decision(True, Reason.TYPED, event.user_id, now))
        self._agenda.write(name, text)
        self._talk.typed(event.user_id)
        return [Caption(CaptionKind.TYPED, name, text, now, now, user_id=event.user_id)]

    # ------------------------------------------------------------------------ who it is, and what it knows

    def _change_persona(self, event: PersonaChosen) -> list[Command]:
        if self._agenda.parting is not None:
            return []
        self._mouth.speaker, self._talk.character = event.name, event.character
        self._agenda.take_over(event.name, event.greeting_hint)
        config = self._config(event.instructions)
        out = self._model.tell(replace(config, voice=event.voice, tools=event.tools))
        return out + self._talk.cut() if self._model.is_ready else out

    def _change_scene(self, event: SceneSet) -> list[Command]:
        """Told in the next pause: nobody is cut off for it."""
        if self.character is not None:
            self.character.set_scene(event.scene)
        return self._model.tell(self._config(event.instructions))

    def _recall(self, event: Recalled, now: float) -> list[Command]:
        """Other memories fit the room. What is not for somebody who has come is taken back with the session that knew it."""
        config = self._config(event.instructions)
        if not event.is_withdrawn:
            return self._model.tell(config)
        self.transcript.clear(now)
        self._model.renew(config)
        return []

    def _config(self, instructions: str) -> SessionConfig:
        """As before, with turns decided as they are by now."""
        return replace(self.config, instructions=instructions, turn_mode=self._ear.mode)

    # ------------------------------------------------------------------------ the model

    def _session(self, event: ModelReady | ModelLost | ModelFailed | TurnModeChanged, now: float) -> list[Command]:
        match event:
            case ModelReady():
                return self._ready(event, now)
            case ModelLost(fault):
                return self._lost(fault, now)
            case ModelFailed(fault):
                return [*self._model.failed(fault), *self._host.leave("model-failed")]
            case TurnModeChanged(turn_mode):
                self._model.config = replace(self.config, turn_mode=turn_mode)
                return self._talk.switch(turn_mode, now)

    def _ready(self, event: ModelReady, now: float) -> list[Command]:
        has_forgotten = self._model.ready(is_new=event.is_new)
        if event.is_new:
            self._agenda.session_is_new()
            self._meter.session_is_new()
        recap = self.transcript.recap() if has_forgotten else ""
        out: list[Command] = [ToModel(AddText(recap))] if recap else []
        if recap:
            self._talk.recapped(self.transcript.members)
        self._host.greet()
        out += self._talk.switch(event.turn_mode, now)
        return out + self._talk.follow(self._ear.listen(now), now)

    def _lost(self, fault: ModelFault, now: float) -> list[Command]:
        self._meter.over(now)
        if self._talk.lost(now):
            self._agenda.owes_answer = len(self.transcript) > 0  # the next session is told the talk, and answers it
        return self._mouth.lost(now) + self._model.lost(fault) + self._host.leave_unsaid()

    def _close_model(self, now: float) -> list[Command]:
        """Nobody is left who may be heard, or the session is to be another: it is closed at once, and with it what it was about to say."""
        self._model.closed()
        self._talk.drop_session()
        self._agenda.drop(keeps_note=bool(self.roster.heard))
        self._meter.over(now)
        return self._talk.cut() + self._mouth.lost(now) + self._host.leave_unsaid()

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
                return told + self._host.leave(f"voice-{fault}")
            case _:
                return []

    def _move(self, now: float) -> list[Command]:
        """A moderator moved us. Other people: what was said among the others is neither told nor remembered here."""
        out = self._talk.finish_all(now)
        self.transcript.clear(now)
        self._agenda.has_greeted = False
        self._model.renew(self.config)
        return out

    # ------------------------------------------------------------------------ what follows from it all

    def _said(self, commands: list[Command], now: float) -> list[Command]:
        """Captions get their witnesses, and are followed up. Almost no event has one: most are frames."""
        if not commands or not any(isinstance(command, Caption) for command in commands):
            return commands
        known = [self._witnesses.attest(each) if isinstance(each, Caption) else each for each in commands]
        lines = [each for each in known if isinstance(each, Caption)]
        for line in lines:
            self.transcript.add(line)
            known += self._host.hear(line, now)
        return known

    def _settle(self, now: float) -> list[Command]:
        """After every event: who fell silent, what can be told to the model now, what is owed."""
        out = self._talk.settle(now)
        out += self._host.stop_if_spent(now)
        if self._host.is_over or not self._model.is_ready or self._mouth.state is State.STOPPING:
            return out
        out += self._reconfigure(now)
        left = self._host.leave_if_said()
        if left:
            return out + left
        is_pause = not self.is_parting and self._talk.is_pause
        out += map(ToModel, self._agenda.tell(self.roster.names, is_pause=is_pause))
        out += self._talk.remind(now)
        if is_pause and self._agenda.is_waiting:
            verdict = self._meter.ask(self._talk.next_by, now)
            if verdict is Verdict.STOP:
                return out
            out += self._host.afford(verdict)
        return out + self._talk.ask(now)

    def _reconfigure(self, now: float) -> list[Command]:
        if not self._model.has_untold or self._mouth.is_replying:
            return []
        # Another voice may mean another session: what the floor's holder has said so far is told again.
        again = self._ear.say_again()
        return [*again, *self._model.take_untold(), *self._talk.follow(self._ear.listen(now), now)]
