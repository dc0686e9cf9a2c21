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
from dataclasses import dataclass, replace
from typing import Final, assert_never

from bot.audio.frame import pcm_bytes
from bot.errors import ModelFault
from bot.realtime.backlog import Backlog
from bot.realtime.dialect import Capabilities
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
from bot.realtime.outcome import Outcome
from bot.realtime.replies import Replies
from bot.realtime.speakers import Speakers

SPEAKS: Final = "[{speaker}] speaks:"
TYPES: Final = "[{speaker}] types: {text}"
SPEAKING_NOW: Final = "Whoever speaks now is called: {speaker}"
CONVERSATION_BEGINS: Final = "The conversation begins."

OPENING_LIMIT_S: Final = 15.0
LEAST_COMMIT_MS: Final = 100.0
"""A shorter commit is an error with some servers; silence fills it up."""

AUTO_RESPONSE_S: Final = 3.0
"""After `speech_stopped` the server is about to create a response; ours would collide with it."""

RENEWAL_MARGIN_S: Final = 120.0
"""So long before a session's limit the first pause is used for a fresh one."""

PAUSE_S: Final = 1.0
SETTLING_S: Final = 3.0
MAX_KEPT_AUDIO: Final = 1500
"""Frames: 30 s, the longest utterance."""

MAX_KEPT_COMMANDS: Final = 256
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
        self._config = config
        self._options = options
        self._mode = config.turn_mode if capabilities.manual_turns else TurnMode.SERVER_VAD
        self._server_insists_on_vad = not capabilities.manual_turns
        self._replies = Replies(options.responses_per_minute)
        self._heard = Heard(capabilities.truncation, options.unheard)
        self._kept: Backlog[ModelCommand] = Backlog(AppendAudio, CommitUtterance, MAX_KEPT_AUDIO, MAX_KEPT_COMMANDS)
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
        self._updates_awaited = 0
        self._settled_at = 0.0
        self._is_default_voice = False
        self._are_tools_refused = False
        self._is_text_refused = False
        self._buffered_bytes = 0
        self._is_buffer_clean = False
        self._appended_at = 0.0
        self._is_unanswered = False  # something was said or typed that no response was asked for yet
        self._is_text_unanswered = False
        self._is_commit_void = False
        self._tool_outputs: list[CreateToolOutput] = []
        self._speakers = Speakers()
        self._held.clear()
        self._heard.reset()
        self._replies.reset()

    # ------------------------------------------------------------------------ the seam

    @property
    def turn_mode(self) -> TurnMode:
        return self._mode

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    def counts(self) -> dict[str, int]:
        """What was counted instead of raised: errors by kind, malformed messages, dropped sound and late deltas."""
        dropped = self._kept.dropped + self._held.dropped
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
                self._updates_awaited -= 1
                if self._updates_awaited <= 0:
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
        elif is_configuring and error.kind is ErrorKind.VOICE_REFUSED and not self._is_default_voice:
            self._is_default_voice = True
            self._configure_again(now)
        elif is_configuring and self._config.is_text_only and not self._is_text_refused:
            self._is_text_refused = True
            self._configure_again(now)
        elif is_configuring and self._config.tools and not self._are_tools_refused:
            # One field that a server does not like makes it reject the whole object: again with the least.
            self._are_tools_refused = True
            self._configure_again(now)
        elif is_configuring and error.kind in {ErrorKind.VOICE_REFUSED, ErrorKind.UNSUPPORTED}:
            self._out.fault = ModelFault.BAD_REQUEST

    def _become_ready(self, is_detection_on: bool | None, now: float) -> None:
        self._is_ready = True
        self._updates_awaited = 0
        self._ready_at = self._appended_at = now
        insists = is_detection_on is True and self._mode is TurnMode.MANUAL
        mode = TurnMode.SERVER_VAD if insists else self._mode
        self._out.events.append(ModelReady(self._session_id or "", mode))
        if insists:
            self._yield_turns(now)
        for command in self._kept.take_all():
            self._obey(command, now)
        self._settle(now)

    def _keep(self, command: ModelCommand, now: float) -> None:
        """Policy until ready: sound keeps its last 30 s, the rest its order; an interruption has nothing to interrupt."""
        match command:
            case Reconfigure(config):
                self._adopt(config)
                if self._session_id is not None:
                    self._configure(now)
            case Interrupt():
                self._kept.drop_if(lambda kept: isinstance(kept, Respond))
            case DiscardAudio(speaker):
                self._discard_kept(speaker)
            case _:
                self._kept.put(command)
                if self._kept.is_overfull:
                    self._kept.clear()
                    self._errors["overfull"] += 1
                    self._out.fault = ModelFault.OVERLOADED

    def _discard_kept(self, speaker: str | None) -> None:
        self._kept.drop_open_utterance()
        if speaker is None:
            return
        self._kept.drop_utterances(lambda kept: isinstance(kept, CommitUtterance) and kept.speaker == speaker)
        self._kept.drop_if(lambda kept: isinstance(kept, AppendAudio) and kept.speaker == speaker)
        if not any(isinstance(kept, (CommitUtterance, AddText)) for kept in self._kept):
            self._kept.drop_if(lambda kept: isinstance(kept, Respond))

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
        if self._mode is TurnMode.SERVER_VAD:
            if speaker is not None and speaker != self._speakers.now:
                self._attribute(speaker, now)
        elif not self._buffered_bytes and not self._is_buffer_clean:
            # "in manual mode send [clear] before each new user input"
            self._send(Clear())
        self._buffered_bytes += len(pcm)
        self._is_buffer_clean = False
        self._appended_at = now
        self._send(Append(pcm))

    def _discard(self) -> None:
        self._held.drop_open_utterance()
        self._send(Clear())
        self._buffered_bytes = 0
        self._is_buffer_clean = True

    def _commit(self, speaker: str, now: float) -> None:
        if self._mode is TurnMode.SERVER_VAD:
            # "commit when server vad" is an error; the name still counts.
            if speaker != self._speakers.now:
                self._attribute(speaker, now)
            return
        if not self._buffered_bytes:
            self._is_commit_void = True
            return
        missing_bytes = pcm_bytes(LEAST_COMMIT_MS, self._config.input_rate_hz) - self._buffered_bytes
        if missing_bytes > 0:
            self._send(Append(bytes(missing_bytes)))
        self._attribute(speaker, now)
        self._send(Commit())
        self._speakers.commit(speaker)
        self._buffered_bytes = 0
        self._is_commit_void = False
        self._is_unanswered = True

    def _attribute(self, speaker: str, now: float) -> None:
        """Say who speaks: in the conversation, or in the instructions."""
        is_new = speaker != self._speakers.now
        self._speakers.now = speaker
        if self._options.attribution is Attribution.ITEM and self._capabilities.text_input:
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
        if self._mode is TurnMode.SERVER_VAD and not self._is_text_unanswered:
            return  # the server answers speech by itself
        if self._is_commit_void and not self._is_unanswered:
            self._is_commit_void = False
            self._out.events.append(ReplyDone("", "cancelled", {}, "nothing was said"))
            return
        self._is_unanswered = self._is_text_unanswered = self._is_commit_void = False
        self._replies.is_wanted = True

    def _reconfigure(self, config: SessionConfig, now: float) -> None:
        is_other_voice = config.voice != self._config.voice
        before = self._mode
        self._adopt(config)
        if is_other_voice and self._capabilities.voice_locks and self._replies.has_spoken:
            # "Any field may be updated at any time except voice", once the session has spoken.
            self._restart()
            return
        self._is_default_voice = self._is_default_voice and not is_other_voice
        if self._mode is not before:
            self._buffered_bytes = 0
            self._is_buffer_clean = False
            self._speakers.forget_commits()
        if self._mode is not before or self._mode is not config.turn_mode:
            self._out.events.append(TurnModeChanged(self._mode))
        self._configure(now)

    def _adopt(self, config: SessionConfig) -> None:
        self._config = config
        self._mode = TurnMode.SERVER_VAD if self._server_insists_on_vad else config.turn_mode

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
                if self._config.is_text_only or not event.is_written:
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
                if self._mode is TurnMode.SERVER_VAD:
                    self._speakers.bind(item_id, self._speakers.now)
                    self._out.events.append(ModelHearsSpeech())
            case SpeechStopped():
                if self._mode is TurnMode.SERVER_VAD:
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
        self._updates_awaited = max(0, self._updates_awaited - 1)
        if is_detection_on and not self._updates_awaited:
            self._yield_turns(now)

    def _yield_turns_if_manual(self, now: float) -> None:
        """The server detects speech although it was told not to, unless it was told only just now."""
        if self._mode is TurnMode.MANUAL and (not self._updates_awaited or now >= self._settled_at):
            self._yield_turns(now)

    def _yield_turns(self, now: float) -> None:
        """The server decides turns, whatever it was told: from now on so do we say, with values of our own for its detection."""
        if self._mode is TurnMode.SERVER_VAD:
            return
        self._mode = TurnMode.SERVER_VAD
        self._server_insists_on_vad = True
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
            case ErrorKind.VOICE_REFUSED if not self._is_default_voice:
                self._is_default_voice = True
                self._configure_again(now)
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

    def _configure_again(self, now: float) -> None:
        """The last update was refused, and a refused one is not confirmed."""
        self._updates_awaited = max(0, self._updates_awaited - 1)
        self._configure(now)

    def _configure(self, now: float) -> None:
        self._updates_awaited += 1
        self._settled_at = now + SETTLING_S
        self._send(Configure(self._told()))

    def _told(self) -> SessionConfig:
        """What the server is told about itself: the room's configuration, and what we learned."""
        config = replace(self._config, turn_mode=self._mode)
        if self._is_default_voice:
            config = replace(config, voice=None)
        if self._are_tools_refused:
            config = replace(config, tools=())
        if self._is_text_refused or not self._capabilities.text_output:
            config = replace(config, is_text_only=False)
        if self._options.attribution is Attribution.INSTRUCTIONS and self._speakers.now is not None:
            speaker = SPEAKING_NOW.format(speaker=self._speakers.now)
            config = replace(config, instructions=f"{config.instructions}\n\n{speaker}")
        return config

    def _is_to_be_renewed(self, now: float) -> bool:
        limit_s = self._capabilities.session_s
        if limit_s is None or now - self._ready_at < limit_s - RENEWAL_MARGIN_S:
            return False
        is_open = self._mode is TurnMode.MANUAL and self._buffered_bytes > 0
        return now - self._appended_at >= PAUSE_S and not is_open and self._replies.is_idle and not self._held

    def _restart(self) -> None:
        self._is_ready = False
        self._session_id = None
        self._out.restart = True
