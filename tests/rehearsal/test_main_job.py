"""The whole bot on real sockets against the strict StepFun: the demo's scene in both turn modes."""

from pathlib import Path

import pytest
from stepfun_talk import Understanding, answer_by_name

from bot.conversation.events import CaptionKind
from bot.rehearsal.house import House
from bot.rehearsal.scene import load_scene
from bot.rehearsal.stage import Stage
from bot.rehearsal.stepfun import FakeStepFun

pytestmark = pytest.mark.rehearsal


@pytest.mark.parametrize("turn_mode", ["manual", "server_vad"])
async def test_the_demo_scene_holds_in_both_turn_modes(turn_mode: str, tmp_path: Path) -> None:
    scene = load_scene(Path("demo"))
    told: list[str] = []
    async with (
        FakeStepFun(reply=answer_by_name, transcribe=Understanding(scene)) as fake,
        House(
            scene,
            "stepfun",
            stepfun_url=fake.url,
            stepfun_api_key=fake.key,
            kith_turn_mode=turn_mode,
            kith_responses_per_minute=100,
        ) as house,
    ):
        report = await Stage(scene, house, told.append).play()
    assert [check for check in report.checks if not check.held] == [], "\n".join(told)
    heard = [caption for caption in report.captions if caption.kind is CaptionKind.HEARD]
    assert any(caption.is_cut and "once upon" in caption.text and "nobody" not in caption.text for caption in heard)
    assert {caption.speaker for caption in heard} == {"Xiao Yue", "Quill"}
    assert not [error for talk in fake.talks for error in talk.errors]
    assert not house.discord.rest.unknown_routes
    commits = [kind for talk in fake.talks for kind in talk.types if kind == "input_audio_buffer.commit"]
    assert bool(commits) == (turn_mode == "manual")
    detection = '"turn_detection":null' if turn_mode == "manual" else '"type":"server_vad"'
    assert detection in fake.talks[0].raw[0]
    report.write(tmp_path)
    assert (tmp_path / "timeline.png").stat().st_size > 10_000
    assert "<v Alice>" in (tmp_path / "captions.vtt").read_text(encoding="utf-8")
