"""kill -9 in the middle of writing: nothing that was acknowledged is lost, and the file is whole. `make soak` kills a thousand times."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from killing import kill_again_and_again

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows"),
]

KILLS = int(os.environ.get("KITH_KILLS", "50"))


def test_a_process_killed_while_it_writes_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    outcome = kill_again_and_again(tmp_path, KILLS)
    lost, faults = len(outcome.lost), len(outcome.faults)
    print(
        f"{outcome.kills} kills, {outcome.acknowledged} acknowledged writes, {lost} lost, {faults} faults of integrity"
    )
    assert outcome.lost == ()
    assert outcome.faults == ()
    assert outcome.acknowledged > KILLS
