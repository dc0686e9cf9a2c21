"""The arithmetic of the figures: verdicts, percentiles, grids and shares."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bot.bench.figures import (
    Bound,
    Figure,
    grid_deviations_ms,
    missing_share,
    percentile,
    ratio,
    table_of,
)

pytestmark = pytest.mark.core


def test_a_cost_is_told_as_a_multiple_of_its_floor() -> None:
    figure = ratio("inbound", "a call", 60.0, 50.0, 1.3)

    assert figure.value == pytest.approx(1.2)
    assert figure.is_met
    assert "60.0" in figure.beside
    assert "50.0" in figure.beside


def test_a_figure_meets_its_target_on_the_side_of_its_bound() -> None:
    assert Figure("x", "cost", 3.0, target=3.0).is_met
    assert Figure("x", "cost", 3.1, target=3.0).is_met is False
    assert Figure("x", "calls", 30, target=30, bound=Bound.AT_LEAST).is_met
    assert Figure("x", "calls", 29, target=30, bound=Bound.AT_LEAST).is_met is False
    assert Figure("x", "told for information", 5.0).is_met is None


@pytest.mark.parametrize("bound", list(Bound))
def test_what_could_not_be_measured_meets_no_target(bound: Bound) -> None:
    figure = Figure("x", "y", math.nan, target=1.0, bound=bound)

    assert figure.is_met is False
    assert figure.row()["value"] is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_the_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 0.99))


def test_a_grid_is_anchored_at_its_first_frame_and_lateness_does_not_add_up() -> None:
    assert grid_deviations_ms([5.0, 5.021, 5.040, 5.058]) == pytest.approx([1.0, 0.0, 2.0])
    assert grid_deviations_ms([]) == []


def test_more_than_expected_is_nothing_missing() -> None:
    assert missing_share(1000, 999) == pytest.approx(0.001)
    assert missing_share(1000, 1003) == 0
    assert math.isnan(missing_share(0, 0))


def test_the_table_shows_which_targets_are_missed() -> None:
    output = io.StringIO()
    figures = [Figure("x", "good", 1.0, "ms", 2.0), Figure("x", "bad", 3.0, "ms", 2.0), Figure("y", "none", math.nan)]

    Console(file=output, width=160).print(table_of(figures, "title"))
    lines = output.getvalue().splitlines()

    assert any("✓" in line and "good" in line for line in lines)
    assert any("✗" in line and "bad" in line and "≤ 2 ms" in line for line in lines)
    assert not any(mark in line for line in lines if "y: none" in line for mark in "✓✗")
