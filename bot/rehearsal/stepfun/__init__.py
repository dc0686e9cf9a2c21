"""A StepFun that fits in one process: the realtime service as its pages and its observed behaviour describe it, and strict about it.

It listens on 127.0.0.1, assigns its own ids and echoes none, refuses what the service refuses with the service's words, and records all
that reaches it. Both turn modes: manual (`clear`, `append`*, `commit`, `response.create`) and an energy detection on the audio clock that
needs trailing silence in the stream. What it says is injected: `reply` from the history, `transcribe` from the sound. `Misbehaviour` makes
it do what services do on a bad day. It is not a model, and where the vendor's pages are silent it takes the harder way.

    FakeStepFun (the socket) ─▶ Line (one connection) ├▶ rules (what is taken, what refused)
                                                      ├▶ Detection (speech and silence)
                                                      └▶ Responses (what it says) ─▶ Wire
"""

from bot.rehearsal.stepfun.script import HistoryItem, Misbehaviour, SpokenReply, ToolUse, tone
from bot.rehearsal.stepfun.server import FakeStepFun

__all__ = ["FakeStepFun", "HistoryItem", "Misbehaviour", "SpokenReply", "ToolUse", "tone"]
