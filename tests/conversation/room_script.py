"""A room on paper: a conversation driven by hand, 20 ms at a time, with numbers as time.

Every member speaks a constant sample value of their own, so that a test can tell whose sound any byte is.
"""

from __future__ import annotations

import struct
from typing import TypeVar

from bot.audio.frame import FRAME_BYTES, pcm_bytes
from bot.conversation.core import Conversation
from bot.conversation.events import (
    Caption,
    CaptionKind,
    Command,
    Event,
    Member,
    MemberPresent,
    Play,
    PlayoutDrained,
    PlayoutStarted,
    PlayoutStopped,
    StopPlayout,
    TextSaid,
    Tick,
    ToModel,
)
from bot.realtime.events import (
    AddText,
    AppendAudio,
    CommitUtterance,
    DiscardAudio,
    HeardItem,
    ModelCommand,
    ModelReady,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    Respond,
    SessionConfig,
    TurnMode,
)
from bot.voice.events import SpeakerFrame, SpeakerPaused

ALICE, BOB, CAROL = 1, 2, 3
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carol"}
VALUES = {ALICE: 3_000, BOB: 4_000, CAROL: 5_000}

Kind = TypeVar("Kind")
ModelKind = TypeVar("ModelKind", bound=ModelCommand)


def voice(user_id: int, size_bytes: int = FRAME_BYTES) -> bytes:
    """Sound of a member: one value, again and again."""
    return struct.pack("<h", VALUES[user_id]) * (size_bytes // 2)


def values(pcm: bytes) -> set[int]:
    """The sample values in a stretch of sound, silence apart."""
    return set(struct.unpack(f"<{len(pcm) // 2}h", pcm)) - {0}


class Room:
    """A conversation and its clock. `log` holds every command with its time."""

    def __init__(self, *, mode: TurnMode = TurnMode.MANUAL, alone_s: float = 60.0) -> None:
        self.conversation = Conversation(
            SessionConfig("Be Kith.", turn_mode=mode), "Kith", greeting_hint="Be warm.", alone_s=alone_s
        )
        self.now = 1_000.0
        self.log: list[tuple[float, Command]] = []
        self.mode = mode

    # ------------------------------------------------------------------------ what happens

    def feed(self, event: Event) -> list[Command]:
        out = self.conversation.handle(event, self.now)
        self.log += [(self.now, command) for command in out]
        return out

    def enter(self, *user_ids: int, may_hear: bool = True) -> None:
        for user_id in user_ids:
            self.feed(MemberPresent(Member(user_id, NAMES[user_id], may_hear)))

    def open(self) -> None:
        """The model is ready and has greeted."""
        self.feed(ModelReady("s1", self.mode))
        if self.conversation.state == "thinking":
            self.reply("greeting", "Hello there.", 400)
            self.play_out("greeting", 400)
        self.log.clear()

    def step(self, *speakers: int) -> None:
        """20 ms in which `speakers` speak."""
        self.now = round(self.now + 0.02, 4)
        for user_id in speakers:
            self.feed(SpeakerFrame(user_id, voice(user_id)))
        self.feed(Tick())

    def speak(self, *speakers: int, ms: int) -> None:
        for _ in range(ms // 20):
            self.step(*speakers)

    def pause(self, *speakers: int) -> None:
        for user_id in speakers:
            self.feed(SpeakerPaused(user_id))

    def wait(self, ms: int) -> None:
        self.speak(ms=ms)

    def say(self, user_id: int, ms: int = 600) -> None:
        """A whole utterance with its end."""
        self.speak(user_id, ms=ms)
        self.pause(user_id)
        self.wait(1_000)

    def write(self, user_id: int, text: str, name: str = "") -> None:
        self.feed(TextSaid(user_id, text, name))

    def reply(self, response_id: str, text: str, ms: int, *, is_done: bool = True, is_announced: bool = True) -> None:
        """A reply comes, all at once."""
        item_id = f"{response_id}.item"
        if is_announced:
            self.feed(ReplyStarted(response_id))
        self.feed(ReplyWords(response_id, item_id, text))
        self.feed(ReplyAudio(response_id, item_id, bytes(pcm_bytes(ms))))
        if is_done:
            self.feed(ReplyDone(response_id, "completed"))

    def begin_playing(self, response_id: str) -> None:
        self.feed(PlayoutStarted(response_id))

    def play_out(self, response_id: str, ms: int) -> None:
        self.begin_playing(response_id)
        self.wait(ms)
        self.feed_drained(response_id, ms)

    def feed_drained(self, response_id: str, ms: float) -> None:
        self.feed(PlayoutDrained((HeardItem(f"{response_id}.item", ms, ms, ""),)))

    def stop_playing(self, response_id: str, heard_ms: float, total_ms: float) -> None:
        self.feed(PlayoutStopped((HeardItem(f"{response_id}.item", heard_ms, total_ms, ""),)))

    # ------------------------------------------------------------------------ what came of it

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [command for _, command in self.log if isinstance(command, kind)]

    def told(self, kind: type[ModelKind]) -> list[ModelKind]:
        return [told.command for told in self.all(ToModel) if isinstance(told.command, kind)]

    def texts(self) -> list[str]:
        return [text.text for text in self.told(AddText)]

    def captions(self, kind: CaptionKind) -> list[Caption]:
        return [caption for caption in self.all(Caption) if caption.kind is kind]

    def is_stopped(self) -> bool:
        return bool(self.all(StopPlayout))

    def played(self) -> bytes:
        return b"".join(play.pcm for play in self.all(Play))

    def replies_asked(self) -> int:
        return len(self.told(Respond))

    def utterances(self) -> list[tuple[str, bytes]]:
        """What the model was told: each committed utterance with its speaker and its sound."""
        found: list[tuple[str, bytes]] = []
        buffer = b""
        for told in self.all(ToModel):
            match told.command:
                case AppendAudio(pcm):
                    buffer += pcm
                case DiscardAudio():
                    buffer = b""
                case CommitUtterance(speaker):
                    found.append((speaker, buffer))
                    buffer = b""
                case _:
                    pass
        return found
