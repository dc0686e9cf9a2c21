"""The mouth of a call: playout, sender and pacer joined. It holds one rule, when a grid of frames runs.

A grid begins when there is something to say and the media are ready, and ends when the speaking flag went off. While the media
are not ready, or no encrypted group holds us, the playout waits untouched: what was to be said before a recovery or a move is said
after it.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.voice.pacer import Pacer, PacerHandle
from bot.voice.playout import Playout, PlayoutEvent
from bot.voice.sender import Sender


class Talker:
    """Sends what the playout holds, 20 ms at a time.

    Args:
        can_send: whether a frame read now would leave; once it would not, `set_ready(True)` says when it does again.
        transmit: sends one datagram now.
        announce: tells the voice server whether we speak; called before the first datagram and after the last.
        tell: gets what began and ended to be heard.
    """

    def __init__(
        self,
        playout: Playout,
        sender: Sender,
        pacer: Pacer,
        *,
        can_send: Callable[[], bool],
        transmit: Callable[[bytes], None],
        announce: Callable[[bool], None],
        tell: Callable[[PlayoutEvent], None],
    ) -> None:
        self._playout = playout
        self._sender = sender
        self._pacer = pacer
        self._can_send = can_send
        self._transmit = transmit
        self._announce = announce
        self._tell = tell
        self._grid: PacerHandle | None = None
        self._is_ready = False
        self._is_announced = False
        self.missed_frames = 0

    def set_ready(self, is_ready: bool) -> None:
        """Whether media can flow. Losing it (a frame finds out) cuts the grid, and takes the speaking flag back."""
        self._is_ready = is_ready
        if is_ready:
            self.wake()
        else:
            self._stop()
            self._show(False)

    def wake(self) -> None:
        """There is something to say, or an end to be told."""
        is_running = self._grid is not None and self._grid.is_active  # the pacer ends the grid of a frame that raised
        if not is_running and self._is_ready and not self._playout.is_finished:
            self._grid = self._pacer.add(self._send_frame)

    def close(self) -> None:
        self._is_ready = False
        self._stop()

    def _show(self, is_speaking: bool) -> None:
        if is_speaking is not self._is_announced:
            self._is_announced = is_speaking
            self._announce(is_speaking)

    def _stop(self) -> None:
        if self._grid is not None:
            self._grid.cancel()
            self._leave_grid()

    def _leave_grid(self) -> None:
        if self._grid is not None:
            self.missed_frames += self._grid.missed
        self._grid = None

    def _send_frame(self) -> bool:
        grid = self._grid
        assert grid is not None
        if not self._can_send():
            self.set_ready(False)
            return False
        frame = self._playout.read()
        datagram = self._sender.next(frame, grid.due_at, is_finished=self._playout.is_finished)
        is_speaking = self._sender.is_speaking
        self._show(is_speaking)
        if datagram is not None:
            self._transmit(datagram)
        for event in self._playout.events():
            self._tell(event)
        if self._grid is not grid:
            return False  # whoever was told has ended it
        if is_speaking or not self._playout.is_empty:
            return True
        self._leave_grid()
        return False
