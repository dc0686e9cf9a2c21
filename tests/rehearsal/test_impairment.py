"""A link's faults: by seed, in the shares asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rehearsal.impairment import Impairment

pytestmark = pytest.mark.core

DATAGRAMS = [index.to_bytes(4, "big") * 20 for index in range(4_000)]


def planned(link: Impairment, interval_s: float = 0.02) -> list[tuple[float, bytes]]:
    found = [arrival for index, data in enumerate(DATAGRAMS) for arrival in link.plan(data, index * interval_s)]
    return sorted(found, key=lambda arrival: arrival[0])


@settings(deadline=None, max_examples=20)
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.5),
    st.floats(1, 10),
    st.floats(0, 100),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_same_seed_gives_the_same_plan(
    seed: int, loss: float, burst: float, jitter_ms: float, reorder: float, duplicate: float, corrupt: float
) -> None:
    first, second = (
        Impairment(
            seed,
            loss=loss,
            burst=burst,
            jitter_ms=jitter_ms,
            reorder=reorder,
            duplicate=duplicate,
            corrupt=corrupt,
        )
        for _ in range(2)
    )
    for index, data in enumerate(DATAGRAMS[:100]):
        assert first.plan(data, index * 0.02) == second.plan(data, index * 0.02)


def test_another_seed_gives_another_plan() -> None:
    assert planned(Impairment(1, loss=0.1)) != planned(Impairment(2, loss=0.1))


def test_a_perfect_link_changes_nothing() -> None:
    assert planned(Impairment()) == [(index * 0.02, data) for index, data in enumerate(DATAGRAMS)]


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_the_share_asked_for_is_lost(loss: float, burst: float) -> None:
    lost = 1 - len(planned(Impairment(5, loss=loss, burst=burst))) / len(DATAGRAMS)
    assert lost == pytest.approx(loss, rel=0.35)


def test_bursts_make_runs_of_losses() -> None:
    def mean_run(burst: float) -> float:
        arrived = {data for _, data in planned(Impairment(5, loss=0.1, burst=burst))}
        pattern = "".join("." if data in arrived else "x" for data in DATAGRAMS)
        runs = [run for run in pattern.split(".") if run]
        return sum(map(len, runs)) / len(runs)

    assert mean_run(1.0) < 1.5
    assert 4.0 < mean_run(5.0) < 8.0


def test_everything_is_lost_at_a_loss_of_one() -> None:
    assert planned(Impairment(loss=1.0)) == []


def test_jitter_delays_within_its_bounds_and_keeps_order() -> None:
    arrivals = planned(Impairment(3, delay_ms=40, jitter_ms=30))
    assert [data for _, data in arrivals] == DATAGRAMS
    delays = [due - index * 0.02 for index, (due, _) in enumerate(arrivals)]
    assert 0.039 < min(delays) < 0.045
    assert 0.065 < max(delays) <= 0.0701


def test_reordered_datagrams_are_overtaken() -> None:
    arrivals = [data for _, data in planned(Impairment(3, reorder=0.1))]
    assert sorted(arrivals) == sorted(DATAGRAMS)
    overtaken = sum(later < earlier for earlier, later in pairwise(arrivals))
    assert 0.06 < overtaken / len(DATAGRAMS) < 0.14


def test_duplicates_come_twice_and_nothing_is_lost() -> None:
    arrivals = [data for _, data in planned(Impairment(3, duplicate=0.2))]
    assert set(arrivals) == set(DATAGRAMS)
    assert len(arrivals) / len(DATAGRAMS) == pytest.approx(1.2, abs=0.03)


def test_damage_changes_the_share_asked_for() -> None:
    link = Impairment(3, corrupt=0.1)
    intact = sum(data in {bytes(one) for _, one in link.plan(data, 0.0)} for data in DATAGRAMS)
    assert intact / len(DATAGRAMS) == pytest.approx(0.9, abs=0.03)


def test_nothing_passes_in_a_blackout() -> None:
    arrivals = [due for due, _ in planned(Impairment(blackout=((1.0, 2.0), (5.0, 5.5))))]
    assert not [due for due in arrivals if 1.0 <= due < 2.0 or 5.0 <= due < 5.5]
    assert len(arrivals) == len(DATAGRAMS) - 75


@pytest.mark.parametrize("wrong", [{"loss": 1.5}, {"corrupt": -0.1}, {"burst": 0.5}, {"delay_ms": -1.0}])
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Impairment(**wrong)
