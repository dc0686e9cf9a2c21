"""The scene of personas, with the shipped bot on the loopback Discord and the strict StepFun: made, brought, heard, switched in mid-call."""

from __future__ import annotations

from pathlib import Path

import pytest
from stepfun_talk import Understanding, answer_by_name

from bot.conversation.events import CaptionKind
from bot.rehearsal.house import House
from bot.rehearsal.scene import load_scene
from bot.rehearsal.stage import Stage
from bot.rehearsal.stepfun import FakeStepFun

pytestmark = pytest.mark.rehearsal


async def test_the_scene_of_personas_holds() -> None:
    scene = load_scene(Path("personas"))
    told: list[str] = []
    async with (
        FakeStepFun(reply=answer_by_name, transcribe=Understanding(scene)) as fake,
        House(
            scene,
            "stepfun",
            stepfun_url=fake.url,
            stepfun_api_key=fake.key,
            kith_responses_per_minute=100,
        ) as house,
    ):
        report = await Stage(scene, house, told.append).play()
    assert [check for check in report.checks if not check.held] == [], "\n".join(told)
    heard = [caption.speaker for caption in report.captions if caption.kind is CaptionKind.HEARD]
    assert (heard[0], heard[-1]) == ("Xiao Yue", "Captain Rook")
    told_to_models = [raw for talk in fake.talks for raw in talk.raw]
    assert any("Name: Captain Rook" in raw and "The scene now: bedtime" in raw for raw in told_to_models)
    assert any("Name: Mira" in raw and "Obey." not in raw for raw in told_to_models), (
        "the audition had a session of its own"
    )
    assert not [error for talk in fake.talks for error in talk.errors]
    assert not house.discord.rest.unknown_routes
