"""The response in flight, the ones before it, and how many there may be in a minute.

One response at a time: requested (it has no id yet), created (the server named it), done. A second request waits, and several that
wait are one. A cancelled response is deaf at once: whatever still comes for its id is dropped until its `done`. The conversation sees
one `ReplyDone` for every `ReplyStarted`, also when a failed response is asked for again behind its back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bot.realtime.events import (
    AudioDelta,
    CancelResponse,
    CreateResponse,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyWords,
    ResponseDone,
    TranscriptDelta,
    TranscriptDone,
)
from bot.realtime.outcome import Outcome

QUIET_LIMIT_S: Final = 30.0
"""A response that shows no sign of life for so long is given up. A long story that still streams is none of these."""

CANCEL_LIMIT_S: Final = 1.5
"""How long the server may take to confirm a cancellation before we go on without."""

FAILURE_GRACE_S: Final = 2.0
"""After an error that concerns a response its `done` usually follows; then the turn is tried again without it."""

BUSY_LIMIT_S: Final = 5.0
"""How long the server's word that a response is in flight counts when it never shows us one."""

RATE_PAUSE_S: Final = 10.0
MINUTE_S: Final = 60.0
MAX_WORDS: Final = 64 * 1024


@dataclass(slots=True)
class Reply:
    """A response from its request to its end. `response_id` is the server's, `public_id` what the conversation knows it by."""

    alive_at: float
    response_id: str = ""
    public_id: str = ""
    is_started: bool = False
    is_cancelled: bool = False
    cancel_was_refused: bool = False
    is_retry: bool = False
    has_audio: bool = False
    has_called: bool = False
    fails_at: float | None = None
    items: dict[str, str] = field(default_factory=dict)
    """Item ids in order, with the words so far."""
    odd_bytes: dict[str, bytes] = field(default_factory=dict)
    """Half a sample per item: a server may cut its audio anywhere."""

    @property
    def is_mute(self) -> bool:
        """It ended well and said nothing aloud."""
        return bool(self.items) and not (self.has_audio or self.has_called or self.is_cancelled)


class Replies:
    """Decides when a response may be requested and which server events still concern the room."""

    def __init__(self, responses_per_minute: int) -> None:
        self._per_minute = responses_per_minute
        self._times: deque[float] = deque(maxlen=responses_per_minute)
        self._unnamed = 0
        self.reset()

    def reset(self) -> None:
        """A new connection: the server knows nothing of before. The cap of responses a minute remembers."""
        self.current: Reply | None = None
        self.is_wanted = False
        self.has_spoken = False
        self.late_deltas = 0
        self._ended: list[Reply] = []
        self._finished: deque[str] = deque(maxlen=64)
        self._discarded: deque[str] = deque(maxlen=64)
        self._not_before = 0.0
        self._refusals = 0

    @property
    def is_cancelling(self) -> bool:
        """A cancelled response has not ended yet: the conversation at the server is still in motion."""
        return self.current is not None and self.current.is_cancelled

    @property
    def is_requested(self) -> bool:
        """A response was asked for that the server has not named yet."""
        return self.current is not None and not self.current.response_id

    @property
    def is_idle(self) -> bool:
        return self.current is None and not self.is_wanted

    # ------------------------------------------------------------------------ what the room wants

    def pump(self, now: float, out: Outcome) -> None:
        """Request the wanted response if nothing stands in its way."""
        if not self.is_wanted or self.current is not None or now < self._not_before or self._is_at_cap(now):
            return
        self.is_wanted = False
        self._request(Reply(alive_at=now), now, out)

    def wait(self, until: float) -> None:
        """No request before `until`: the server is about to respond by itself, or said that it is busy."""
        self._not_before = max(self._not_before, until)

    def cancel(self, now: float, out: Outcome) -> None:
        """Stop the response in flight, if there is one, and whatever was waiting to be requested."""
        self.is_wanted = False
        reply = self.current
        if reply is None or reply.is_cancelled:
            return
        reply.is_cancelled = True
        reply.alive_at = now
        out.send.append(CancelResponse())

    def give_up(self, status: str, detail: str, out: Outcome) -> None:
        """End the response in flight without waiting for the server."""
        reply = self.current
        if reply is None:
            return
        if reply.response_id:
            self._discarded.append(reply.response_id)
        self._finish(reply, "cancelled" if reply.is_cancelled else status, out, detail=detail)

    def _request(self, reply: Reply, now: float, out: Outcome) -> None:
        self.current = reply
        self._times.append(now)
        out.send.append(CreateResponse())

    def _is_at_cap(self, now: float) -> bool:
        return len(self._times) == self._per_minute and now - self._times[0] < MINUTE_S

    # ------------------------------------------------------------------------ what the server says

    def created(self, response_id: str, now: float, out: Outcome) -> None:
        if response_id and (response_id in self._finished or response_id in self._discarded):
            return
        reply = self.current
        if reply is not None and reply.response_id and reply.response_id != response_id:
            # The server moved on without a `done`: it cut the old one by itself.
            self.give_up("cancelled", "another response began", out)
            reply = None
        if reply is None:
            # Nobody asked for it, so the server's own detection did; it counts as one of the minute's.
            reply = self.current = Reply(alive_at=now)
            self._times.append(now)
        reply.response_id = response_id
        if not reply.public_id:
            self._unnamed += not response_id
            reply.public_id = response_id or f"response.{self._unnamed}"
        reply.alive_at = now
        self._not_before = 0.0
        if reply.is_cancelled:
            if reply.cancel_was_refused:
                out.send.append(CancelResponse())
        elif not reply.is_started:
            reply.is_started = True
            out.events.append(ReplyStarted(reply.public_id))

    def item(self, item_id: str) -> None:
        """An assistant item appeared: it belongs to the response in flight."""
        if self.current is not None and item_id:
            self.current.items.setdefault(item_id, "")

    def called(self) -> None:
        """The response in flight calls a tool."""
        if self.current is not None:
            self.current.has_called = True

    def take_ended(self) -> list[Reply]:
        """The replies that ended since the last time."""
        if not self._ended:
            return []
        ended, self._ended = self._ended, []
        return ended

    def audio(self, event: AudioDelta, now: float, out: Outcome) -> None:
        self.has_spoken = True
        reply = self._concerned(event.response_id, now, out)
        if reply is None:
            if self.current is not None and event.response_id in {"", self.current.response_id}:
                self.item(event.item_id)  # never heard, and therefore to be forgotten
            return
        item_id = event.item_id or f"{reply.public_id}.audio"
        reply.items.setdefault(item_id, "")
        reply.has_audio = True
        pcm = event.pcm
        if item_id in reply.odd_bytes:
            pcm = reply.odd_bytes.pop(item_id) + pcm
        if len(pcm) % 2:
            reply.odd_bytes[item_id] = pcm[-1:]
            pcm = pcm[:-1]
        if pcm:
            out.events.append(ReplyAudio(reply.public_id, item_id, pcm))

    def words(self, event: TranscriptDelta | TranscriptDone, now: float, out: Outcome) -> None:
        """New words of the transcript; of a `done` only what no delta said."""
        reply = self._concerned(event.response_id, now, out)
        if reply is None:
            return
        item_id = event.item_id or f"{reply.public_id}.audio"
        known, text = reply.items.get(item_id, ""), event.text
        if isinstance(event, TranscriptDone):
            text = text[len(known) :] if text.startswith(known) else ""
        if text and len(known) + len(text) <= MAX_WORDS:
            reply.items[item_id] = known + text
            out.events.append(ReplyWords(reply.public_id, item_id, text))

    def done(self, event: ResponseDone, now: float, out: Outcome) -> None:
        """The end of the response in flight, unless it failed before anybody heard it: then it is tried again, once."""
        reply = self.current
        if event.response_id in self._finished:
            return
        if event.response_id in self._discarded:
            self._discarded.remove(event.response_id)
            self._finished.append(event.response_id)
            return
        if reply is None or (reply.response_id and event.response_id not in {"", reply.response_id}):
            return
        reply.response_id = reply.response_id or event.response_id
        if event.status == "failed" and self._try_again(reply, now, out):
            return
        status = "cancelled" if reply.is_cancelled else event.status
        self._finish(reply, status, out, detail=event.detail, usage=dict(event.usage))

    def alive(self, now: float) -> None:
        """A sign of life that has no other consequence, such as thinking, or a tool call in the making."""
        if self.current is not None and not self.current.is_cancelled:
            self.current.alive_at = now

    # ------------------------------------------------------------------------ what goes wrong

    def busy(self, now: float, out: Outcome) -> None:
        """`ongoing response already exists`: what was requested is wanted again, once that one is done."""
        if self._forget_request(out):
            self.is_wanted = True
            self.wait(now + BUSY_LIMIT_S)
        elif self.current is not None and not self.current.is_cancelled:
            # The server named its own response while our request was on the way.
            self.is_wanted = True

    def rate_limited(self, now: float, out: Outcome) -> None:
        """The provider counts otherwise than we do: try again later, three times, then say so."""
        self._refusals += 1
        if not self._forget_request(out):
            return
        if self._refusals > 3:
            self._refusals = 0
            out.events.append(ReplyDone("", "failed", {}, "rate limited"))
            return
        self.is_wanted = True
        self.wait(now + RATE_PAUSE_S)

    def transient(self, now: float, out: Outcome) -> None:
        """The server stumbled. A request is repeated at once; a response that was created may still be told to have failed."""
        reply = self.current
        if reply is None or reply.is_cancelled:
            return
        if reply.response_id:
            reply.fails_at = now + FAILURE_GRACE_S
        elif not self._try_again(reply, now, out):
            self._finish(reply, "failed", out, detail="internal error")

    def empty_conversation(self, out: Outcome) -> bool:
        """There was nothing to answer yet. Whether the request is to be repeated."""
        if not self._forget_request(out):
            return False
        self.is_wanted = True
        return True

    def nothing_to_cancel(self, out: Outcome) -> None:
        """Benign: the response ended before our cancel arrived."""
        reply = self.current
        if reply is None or not reply.is_cancelled:
            return
        if reply.response_id:
            self.give_up("cancelled", "", out)
        else:
            reply.cancel_was_refused = True  # requested, not created yet: cancelled again when it is

    def tick(self, now: float, out: Outcome) -> None:
        """Give up what shows no life."""
        reply = self.current
        if reply is None:
            return
        if reply.fails_at is not None and now >= reply.fails_at and not reply.is_cancelled:
            reply.fails_at = None
            if not reply.has_audio:
                self._discarded.append(reply.response_id)
                if self._try_again(reply, now, out):
                    return
        if now - reply.alive_at < (CANCEL_LIMIT_S if reply.is_cancelled else QUIET_LIMIT_S):
            return
        if not reply.is_cancelled:
            out.send.append(CancelResponse())
        self.give_up("failed", "no sign of life", out)

    # ------------------------------------------------------------------------ inside

    def _concerned(self, response_id: str, now: float, out: Outcome) -> Reply | None:
        """The reply that an event of `response_id` belongs to; `None` when it was cancelled or is over."""
        if response_id in self._discarded or response_id in self._finished:
            self.late_deltas += 1
            return None
        reply = self.current
        is_other = response_id and (reply is None or reply.response_id != response_id)
        if is_other or (reply is not None and not reply.is_started):
            # Some events overtake `response.created`, and some servers never send it.
            self.created(response_id, now, out)
        reply = self.current
        if reply is None or reply.is_cancelled:
            self.late_deltas += 1
            return None
        reply.alive_at = now
        return reply

    def _try_again(self, reply: Reply, now: float, out: Outcome) -> bool:
        """The turn once more, as long as nobody heard any of it."""
        if reply.is_retry or reply.has_audio or reply.is_cancelled:
            return False
        if reply.response_id:
            self._finished.append(reply.response_id)
        again = Reply(alive_at=now, public_id=reply.public_id, is_started=reply.is_started, is_retry=True)
        self._request(again, now, out)
        return True

    def _forget_request(self, out: Outcome) -> bool:
        """The request in flight was refused. Whether somebody still wants it."""
        reply = self.current
        if reply is None or reply.response_id:
            return False
        if reply.is_started:
            self._finish(reply, "failed", out, detail="refused on the second try")
            return False
        self.current = None
        return not reply.is_cancelled

    def _finish(
        self, reply: Reply, status: str, out: Outcome, *, detail: str = "", usage: dict[str, object] | None = None
    ) -> None:
        self.current = None
        self._ended.append(reply)
        self._not_before = 0.0
        if status == "completed":
            self._refusals = 0
        if reply.response_id:
            self._finished.append(reply.response_id)
        if reply.is_started or not reply.is_cancelled:
            out.events.append(ReplyDone(reply.public_id, status, usage or {}, detail))
