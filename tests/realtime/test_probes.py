"""The open questions get honest answers: of a server that behaves, and of one that does not."""

from __future__ import annotations

import pytest

from bot.errors import ModelError, ModelFault
from bot.realtime.dialect import ConnectOptions
from bot.realtime.dialects import load
from bot.realtime.probes import ProbeAnswer, SpokenClip, Verdict, probe
from bot.rehearsal.stepfun import FakeStepFun, Misbehaviour, SpokenReply, tone

pytestmark = pytest.mark.shell

SENTENCE = "The weather is fine today"
CLIP = SpokenClip(SENTENCE, tone(500, 200))


async def answers(server: FakeStepFun, clip: SpokenClip | None = None, haste: float = 5.0) -> dict[str, ProbeAnswer]:
    async with server:
        told = await probe(load("stepfun"), ConnectOptions(server.url, "", server.key), clip, haste=haste)
    return {answer.question: answer for answer in told}


def verdicts(told: dict[str, ProbeAnswer], *words: str) -> list[Verdict]:
    return [next(answer.verdict for question, answer in told.items() if word in question) for word in words]


async def test_a_server_that_behaves() -> None:
    told = await answers(FakeStepFun(reply=lambda _: SpokenReply("one two", tone(3000))))
    assert verdicts(told, "open", "manual", "24 kHz", "truncated", "replaced", "cancelled") == [
        Verdict.YES,
        Verdict.YES,
        Verdict.YES,
        Verdict.NO,
        Verdict.YES,
        Verdict.YES,
    ]
    assert verdicts(told, "used", "its own response") == [Verdict.NO, Verdict.NO]


async def test_a_server_that_detects_although_told_not_to_and_stops_itself() -> None:
    stubborn = Misbehaviour(insists_on_detection=True, cancels_itself=True)
    told = await answers(FakeStepFun(misbehaviour=stubborn, reply=lambda _: SpokenReply("one", tone(9000))))
    assert verdicts(told, "manual", "its own response") == [Verdict.NO, Verdict.YES]


async def test_a_server_that_takes_the_sound_for_16_khz_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # The fake's clock runs as if every second held 16 000 samples.
    monkeypatch.setattr("bot.rehearsal.stepfun.detection.pcm_ms", lambda size_bytes: size_bytes / 32)
    assert verdicts(await answers(FakeStepFun()), "24 kHz") == [Verdict.NO]


@pytest.mark.parametrize(("understood_bytes", "verdict"), [(24_000, Verdict.YES), (16_000, Verdict.NO)])
async def test_the_rate_at_which_a_sentence_is_understood_is_the_rate(understood_bytes: int, verdict: Verdict) -> None:
    def transcribe(pcm: bytes) -> str:
        return SENTENCE.upper() + "." if abs(len(pcm) - understood_bytes) < 200 else "hm"

    told = await answers(FakeStepFun(transcribe=transcribe), CLIP)
    assert verdicts(told, "understood at 24 kHz") == [verdict]


async def test_what_gets_no_answer_is_unclear_and_stops_nothing() -> None:
    told = await answers(FakeStepFun(misbehaviour=Misbehaviour(stalls=True)), haste=20.0)
    assert verdicts(told, "open", "used", "cancelled") == [Verdict.YES, Verdict.UNCLEAR, Verdict.UNCLEAR]


async def test_a_server_that_closes_in_mid_reply_is_reported() -> None:
    told = await answers(FakeStepFun(misbehaviour=Misbehaviour(close_in_reply=100)), haste=20.0)
    assert verdicts(told, "used") == [Verdict.UNCLEAR]
    assert len(told) == 8


async def test_no_evidence_quotes_what_was_said() -> None:
    told = await answers(FakeStepFun(transcribe=lambda _: "a private sentence"), CLIP)
    evidence = " ".join(answer.evidence for answer in told.values())
    assert "private" not in evidence
    assert "I heard" not in evidence
    assert "test-key" not in evidence


async def test_a_wrong_key_is_an_error_of_its_own() -> None:
    async with FakeStepFun() as server:
        with pytest.raises(ModelError) as caught:
            await probe(load("stepfun"), ConnectOptions(server.url, "", "wrong"))
    assert caught.value.fault is ModelFault.KEY_REFUSED
