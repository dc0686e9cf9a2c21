"""What the house does by itself goes on, whatever happens to it."""

from __future__ import annotations

import asyncio

import pytest
from waiting import until

from bot.housekeeping import keep_going

pytestmark = pytest.mark.shell


async def test_a_bug_ends_no_work_of_the_house_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    going = asyncio.create_task(keep_going(work, again_s=0.0))
    await until(lambda: begun == 2)
    assert "ZeroDivisionError" in capsys.readouterr().out, "and it is told"
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
