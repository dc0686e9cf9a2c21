"""One session with a speech model, sans I/O: commands and server events in, client events and model events out.

The opening: `SessionCreated` → `Configure` → `SessionUpdated` → ready; commands that come earlier are kept, bounded, and obeyed then.
A manual turn: `Clear`, `Append`*, the item that names the speaker, `Commit`, `CreateResponse`. With the server's own detection on, sound is
appended and nothing committed; responses that nobody requested are adopted. Which of the two it is can change at run time, by
`Reconfigure` or because the server shows that it detects speech although it was told not to.

An interruption cancels, waits for the end of the cancelled response, then corrects the server's memory (`heard.py`); what joins the
conversation meanwhile is held back, so that the order stays true. Nothing here knows a vendor.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, assert_never

from bot.errors import ModelFault
from bot.realtime.backlog import Backlog
from bot.realtime.configuration import Configuration
from bot.realtime.dialect import Capabilities
from bot.realtime.early import MAX_KEPT_AUDIO, MAX_KEPT_COMMANDS, Early
from bot.realtime.events import (
    AddText,
    AnswerTool,
    Append,
    AppendAudio,
    Attribution,
    AudioDelta,
    Clear,
    ClientEvent,
    Commit,
    Committed,
    CommitUtterance,
    Configure,
    CreateItem,
    CreateToolOutput,
    DiscardAudio,
    ErrorKind,
    FunctionCalled,
    InputTranscript,
    Interrupt,
    Item,
    ItemCreated,
    ItemTruncated,
    Malformed,
    ModelCommand,
    ModelHearsSilence,
    ModelHearsSpeech,
    ModelReady,
    ProviderError,
    Reconfigure,
    ReplyDone,
    Respond,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    TranscriptDelta,
    TranscriptDone,
    TurnMode,
    TurnModeChanged,
    Unheard,
    UtteranceTranscribed,
)
from bot.realtime.heard import Heard
from bot.realtime.input_buffer import InputBuffer
from bot.realtime.outcome import Outcome
from bot.realtime.replies import Replies
from bot.realtime.speakers import Speakers

SPEAKS: Final = "[{speaker}] speaks:"
TYPES: Final = "[{speaker}] types: {text}"
CONVERSATION_BEGINS: Final = "The conversation begins."

OPENING_LIMIT_S: Final = 15.0
AUTO_RESPONSE_S: Final = 3.0
"""After `speech_stopped` the server is about to create a response; ours would collide with it."""

RENEWAL_MARGIN_S: Final = 120.0
"""So long before a session's limit the first pause is used for a fresh one."""

PAUSE_S: Final = 1.0
MAX_TOOL_OUTPUTS: Final = 64


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The operator's choices. `responses_per_minute` caps what the host requests and counts what the server starts by itself."""

    attribution: Attribution = Attribution.ITEM
    unheard: Unheard = Unheard.RECREATE
    responses_per_minute: int = 10


class Session:
    """A speech session of one room. It outlives connections: after `lost` it opens again with the next `SessionCreated`."""

    def __init__(self, capabilities: Capabilities, config: SessionConfig, options: SessionOptions) -> None:
        self._capabilities = capabilities
        self._names_in_items = options.attribution is Attribution.ITEM and capabilities.text_input
        self._configuration = Configuration(capabilities, config, options.attribution)
        self._replies = Replies(options.responses_per_minute)
        self._heard = Heard(capabilities.truncation, options.unheard)
        self._early = Early()
        self._held: Backlog[ClientEvent] = Backlog(Append, Commit, MAX_KEPT_AUDIO, MAX_KEPT_COMMANDS)
        self._errors: Counter[str] = Counter()
        self._out = Outcome()
        self._forget()

    def _forget(self) -> None:
        """What belongs to one connection."""
        self._session_id: str | None = None
        self._is_ready = False
        self._opening_since: float | None = None
        self._ready_at = 0.0
        self._buffer = InputBuffer()
        self._is_unanswered = False  # something was said or typed that no response was asked for yet
        self._is_text_unanswered = False
        self._is_commit_void = False
        self._tool_outputs: list[CreateToolOutput] = []
        self._speakers = Speakers()
        self._configuration.reset()
        self._held.clear()
        self._heard.reset()
        self._replies.reset()

    # ------------------------------------------------------------------------ the seam

    @property
    def turn_mode(self) -> TurnMode:
        return self._configuration.mode

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    def counts(self) -> dict[str, int]:
        """What was counted instead of raised: errors by kind, malformed messages, dropped sound and late deltas."""
        dropped = self._early.dropped + self._held.dropped
        return {**self._errors, "late_deltas": self._replies.late_deltas, "dropped_audio": dropped}

    def command(self, command: ModelCommand, now: float) -> Outcome:
        out = self._out = Outcome()
        if self._is_ready:
            self._obey(command, now)
            self._settle(now)
        else:
            self._keep(command, now)
        return out

    def receive(self, event: ServerEvent, now: float) -> Outcome:
        out = self._out = Outcome()
        if self._is_ready:
            self._hear(event, now)
            self._settle(now)
        else:
            self._open(event, now)
        return out

    def tick(self, now: float) -> Outcome:
        out = self._out = Outcome()
        if not self._is_ready:
            self._opening_since = now if self._opening_since is None else self._opening_since
            if now - self._opening_since >= OPENING_LIMIT_S:
                out.fault = ModelFault.UNREACHABLE
            return out
        self._replies.tick(now, out)
        self._settle(now)
        if self._is_to_be_renewed(now):
            self._restart()
        return out

    def lost(self, now: float) -> Outcome:
        """The socket is gone. The reply in flight ends; the model remembers nothing of this session."""
        out = self._out = Outcome()
        self._replies.give_up("failed", "connection lost", out)
        self._forget()
        return out

    # ------------------------------------------------------------------------ the opening

    def _open(self, event: ServerEvent, now: float) -> None:
        match event:
            case SessionCreated(session_id) if self._session_id is None:
                self._session_id = session_id
                self._configure(now)
            case SessionUpdated() | SessionCreated() if self._session_id is not None:
                # The vendor's sample of `session.updated` is labelled `session.created`.
                if self._configuration.confirmed():
                    self._become_ready(event.turn_detection_on if isinstance(event, SessionUpdated) else None, now)
            case ProviderError():
                self._errors[f"error.{event.kind}"] += 1
                self._opening_refused(event, now)
            case Malformed():
                self._errors["malformed"] += 1
            case _:
                pass

    def _opening_refused(self, error: ProviderError, now: float) -> None:
        is_configuring = self._session_id is not None
        if error.kind is ErrorKind.FATAL:
            self._out.fault = error.fault or ModelFault.BAD_REQUEST
        elif error.kind is ErrorKind.RATE_LIMITED:
            self._out.fault = ModelFault.RATE_LIMITED
        elif error.kind is ErrorKind.TRANSIENT:
            self._out.fault = ModelFault.OVERLOADED
        elif is_configuring and self._leave_out(error.kind):
            self._configure(now)
        elif is_configuring and error.kind in {ErrorKind.VOICE_REFUSED, ErrorKind.UNSUPPORTED}:
            self._out.fault = ModelFault.BAD_REQUEST

    def _leave_out(self, refused: ErrorKind) -> bool:
        """Whether there is less to be told than what was refused."""
        is_voice = refused is ErrorKind.VOICE_REFUSED
        return (is_voice and self._configuration.leave_out_voice()) or self._configuration.leave_out_more()

    def _become_ready(self, is_detection_on: bool | None, now: float) -> None:
        self._is_ready = True
        self._ready_at = self._buffer.appended_at = now
        insists = is_detection_on is True and self.turn_mode is TurnMode.MANUAL
        mode = TurnMode.SERVER_VAD if insists else self.turn_mode
        self._out.events.append(ModelReady(self._session_id or "", mode))
        if insists:
            self._yield_turns(now)
        for command in self._early.take_all():
            self._obey(command, now)
        self._settle(now)

    def _keep(self, command: ModelCommand, now: float) -> None:
        if isinstance(command, Reconfigure):
            self._configuration.adopt(command.config)
            if self._session_id is not None:
                self._configure(now)
        elif not self._early.keep(command):
            self._errors["overfull"] += 1
            self._out.fault = ModelFault.OVERLOADED

    # ------------------------------------------------------------------------ what the room asks

    def _obey(self, command: ModelCommand, now: float) -> None:
        match command:
            case AppendAudio(pcm, speaker):
                self._append(pcm, speaker, now)
            case DiscardAudio():
                # A speaker's committed utterances have left already: the outbox holds nothing for longer than the socket takes.
                self._discard()
            case CommitUtterance(speaker):
                self._commit(speaker, now)
            case AddText(text, speaker):
                self._add_text(text, speaker)
            case Respond():
                self._respond()
            case Interrupt(heard):
                self._replies.cancel(now, self._out)
                cancelled = self._replies.current
                self._heard.cut(heard, cancelled.items if cancelled else ())
            case Reconfigure(config):
                self._reconfigure(config, now)
            case AnswerTool(call_id, output):
                self._tool_outputs = [*self._tool_outputs[-MAX_TOOL_OUTPUTS:], CreateToolOutput(call_id, output)]
                self._is_unanswered = self._is_text_unanswered = True
            case _:
                assert_never(command)

    def _append(self, pcm: bytes, speaker: str | None, now: float) -> None:
        is_manual = self.turn_mode is TurnMode.MANUAL
        if not is_manual and speaker is not None and speaker != self._speakers.now:
            self._attribute(speaker, now)
        for event in self._buffer.append(pcm, now, is_manual=is_manual):
            self._send(event)

    def _discard(self) -> None:
        self._held.drop_open_utterance()
        self._send(self._buffer.clear())

    def _commit(self, speaker: str, now: float) -> None:
        if self.turn_mode is TurnMode.SERVER_VAD:
            # "commit when server vad" is an error; the name still counts.
            if speaker != self._speakers.now:
                self._attribute(speaker, now)
            return
        if not self._buffer.has_sound:
            self._is_commit_void = True
            return
        for event in self._buffer.fill_up(self._configuration.config.input_rate_hz):
            self._send(event)
        self._attribute(speaker, now)
        self._send(Commit())
        self._speakers.commit(speaker)
        self._is_commit_void = False
        self._is_unanswered = True

    def _attribute(self, speaker: str, now: float) -> None:
        """Say who speaks: in the conversation, or in the instructions."""
        is_new = speaker != self._speakers.now
        self._speakers.now = speaker
        if self._names_in_items:
            self._send(CreateItem(Item("user", SPEAKS.format(speaker=speaker))))
        elif is_new:
            self._configure(now)

    def _add_text(self, text: str, speaker: str | None) -> None:
        if not self._capabilities.text_input:
            self._errors["unsupported_text"] += 1
            return
        said = text if speaker is None else TYPES.format(speaker=speaker, text=text)
        self._send(CreateItem(Item("system" if speaker is None else "user", said)))
        self._is_unanswered = self._is_text_unanswered = True

    def _respond(self) -> None:
        if self.turn_mode is TurnMode.SERVER_VAD and not self._is_text_unanswered:
            return  # the server answers speech by itself
        if self._is_commit_void and not self._is_unanswered:
            self._is_commit_void = False
            self._out.events.append(ReplyDone("", "cancelled", {}, "nothing was said"))
            return
        self._is_unanswered = self._is_text_unanswered = self._is_commit_void = False
        self._replies.is_wanted = True

    def _reconfigure(self, config: SessionConfig, now: float) -> None:
        is_other_voice = config.voice != self._configuration.config.voice
        before = self.turn_mode
        self._configuration.adopt(config)
        if is_other_voice and self._capabilities.voice_locks and self._replies.has_spoken:
            # "Any field may be updated at any time except voice", once the session has spoken.
            self._restart()
            return
        if self.turn_mode is not before:
            self._buffer.forget()
            self._speakers.forget_commits()
        if self.turn_mode is not before or self.turn_mode is not config.turn_mode:
            self._out.events.append(TurnModeChanged(self.turn_mode))
        self._configure(now)

    # ------------------------------------------------------------------------ what the server says

    def _hear(self, event: ServerEvent, now: float) -> None:
        match event:
            case SpeechStarted() | SpeechStopped() | Committed() | InputTranscript():
                self._hear_input(event, now)
            case SessionUpdated(is_detection_on):
                self._updated(is_detection_on, now)
            case ProviderError():
                self._errors[f"error.{event.kind}"] += 1
                self._wrong(event, now)
            case Malformed():
                self._errors["malformed"] += 1
            case _:
                self._replies.alive(now)
                self._hear_reply(event, now)

    def _hear_reply(self, event: ServerEvent, now: float) -> None:
        match event:
            case AudioDelta():
                self._heard.know(event.item_id)
                self._replies.audio(event, now, self._out)
            case TranscriptDelta() | TranscriptDone():
                # What is written where sound was asked for is heard by nobody.
                if self._configuration.config.is_text_only or not event.is_written:
                    self._replies.words(event, now, self._out)
            case ResponseCreated(response_id):
                self._replies.created(response_id, now, self._out)
            case ResponseDone():
                self._replies.done(event, now, self._out)
            case FunctionCalled(call_id, name, arguments):
                self._tool_called(ToolCalled(call_id, name, arguments))
            case ItemCreated(item_id, kind, role):
                if kind == "message" and role == "assistant" and self._replies.current is not None:
                    self._heard.know(item_id)
                    self._replies.item(item_id)
            case ItemTruncated(item_id):
                self._heard.truncated(item_id)
            case _:
                pass

    def _hear_input(self, event: SpeechStarted | SpeechStopped | Committed | InputTranscript, now: float) -> None:
        match event:
            case SpeechStarted(item_id):
                self._yield_turns_if_manual(now)
                if self.turn_mode is TurnMode.SERVER_VAD:
                    self._speakers.bind(item_id, self._speakers.now)
                    self._out.events.append(ModelHearsSpeech())
            case SpeechStopped():
                if self.turn_mode is TurnMode.SERVER_VAD:
                    self._replies.wait(now + AUTO_RESPONSE_S)
                    self._out.events.append(ModelHearsSilence())
            case Committed(item_id):
                if not self._speakers.is_commit_expected:
                    self._yield_turns_if_manual(now)
                self._speakers.committed(item_id)
            case InputTranscript(item_id, text, is_final):
                if is_final and self._speakers.is_first_transcript(item_id):
                    speaker = self._speakers.of(item_id)
                    self._out.events.append(UtteranceTranscribed(item_id, text, speaker))

    def _updated(self, is_detection_on: bool | None, now: float) -> None:
        if self._configuration.confirmed() and is_detection_on:
            self._yield_turns(now)

    def _yield_turns_if_manual(self, now: float) -> None:
        """The server detects speech although it was told not to, unless it was told only just now."""
        if self.turn_mode is TurnMode.MANUAL and self._configuration.is_settled(now):
            self._yield_turns(now)

    def _yield_turns(self, now: float) -> None:
        """The server decides turns, whatever it was told: from now on so do we say, with values of our own for its detection."""
        if self.turn_mode is TurnMode.SERVER_VAD:
            return
        self._configuration.insist_on_vad()
        self._speakers.forget_commits()
        self._configure(now)
        self._out.events.append(TurnModeChanged(TurnMode.SERVER_VAD))

    def _tool_called(self, call: ToolCalled) -> None:
        if not self._replies.is_cancelling:
            self._replies.called()
            self._out.events.append(call)

    # ------------------------------------------------------------------------ what goes wrong

    def _wrong(self, error: ProviderError, now: float) -> None:
        match error.kind:
            case ErrorKind.BUSY:
                self._replies.busy(now, self._out)
            case ErrorKind.NOTHING_TO_CANCEL:
                self._replies.nothing_to_cancel(self._out)
            case ErrorKind.RATE_LIMITED:
                self._replies.rate_limited(now, self._out)
            case ErrorKind.TRANSIENT:
                self._replies.transient(now, self._out)
            case ErrorKind.EMPTY_CONVERSATION:
                if self._replies.empty_conversation(self._out):
                    self._send(CreateItem(Item("system", CONVERSATION_BEGINS)))
            case ErrorKind.FATAL:
                self._out.fault = error.fault or ModelFault.BAD_REQUEST
            case _:
                self._wrong_input(error, now)

    def _wrong_input(self, error: ProviderError, now: float) -> None:
        match error.kind:
            case ErrorKind.SERVER_VAD_ON:
                # The response that was requested for the refused commit would answer nothing.
                if self._replies.is_requested:
                    self._replies.cancel(now, self._out)
                self._replies.is_wanted = False
                self._yield_turns(now)
            case ErrorKind.NOTHING_TO_COMMIT:
                self._speakers.forget_commit()
            case ErrorKind.VOICE_REFUSED if self._configuration.leave_out_voice():
                self._configure(now)
            case ErrorKind.UNSUPPORTED:
                for event in self._heard.truncation_is_unknown():
                    self._send(event)
            case _:
                pass

    # ------------------------------------------------------------------------ inside

    def _settle(self, now: float) -> None:
        """After everything that happened: correct the server's memory, let go what waited, ask for the response that is wanted."""
        for reply in self._replies.take_ended():
            if reply.is_cancelled:
                self._heard.never_heard(reply.items)
            elif self._heard.has_recreated and reply.is_mute:
                # Assistant text that we wrote made the model answer in text; from now on a note has to do.
                self._heard.unheard = Unheard.NOTE
                self._errors["mute_replies"] += 1
        if not self._replies.is_cancelling:
            self._out.send += self._heard.corrections() if self._heard.is_waiting else ()
            self._out.send += self._held.take_all() if self._held else ()
        if self._tool_outputs and self._replies.current is None:
            # An output sent before the end of the response that asked for it is refused.
            outputs, self._tool_outputs = self._tool_outputs, []
            self._out.send += outputs
        if self._replies.is_wanted:
            self._replies.pump(now, self._out)
        if self._held.is_overfull:
            self._out.fault = ModelFault.OVERLOADED

    def _send(self, event: ClientEvent) -> None:
        """To the server, unless a cancelled response is still ending: then what joins the conversation waits for that."""
        if isinstance(event, Configure) or not (self._replies.is_cancelling or self._held or self._heard.is_waiting):
            self._out.send.append(event)
        elif not self._held and isinstance(event, (Append, Clear)):
            self._out.send.append(event)  # goes into the buffer, not into the conversation
        else:
            self._held.put(event)

    def _configure(self, now: float) -> None:
        self._send(self._configuration.tell(self._speakers.now, now))

    def _is_to_be_renewed(self, now: float) -> bool:
        limit_s = self._capabilities.session_s
        if limit_s is None or now - self._ready_at < limit_s - RENEWAL_MARGIN_S:
            return False
        is_open = self.turn_mode is TurnMode.MANUAL and self._buffer.has_sound
        return now - self._buffer.appended_at >= PAUSE_S and not is_open and self._replies.is_idle and not self._held

    def _restart(self) -> None:
        self._is_ready = False
        self._session_id = None
        self._out.restart = True
