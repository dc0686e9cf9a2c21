"""A figure beside its floor and its target, and how a run of them is shown and kept. Arithmetic only; nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rich.table import Table


class Bound(Enum):
    """On which side of its target a figure has to be."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that was measured.

    Attributes:
        subject: what was measured, one of the names that the command line takes.
        name: which number of it.
        unit: of value and target; empty for a share or a ratio.
        target: None: told for information.
        beside: what was measured in the same run to compare it with, as text.
    """

    subject: str
    name: str
    value: float
    unit: str = ""
    target: float | None = None
    bound: Bound = Bound.AT_MOST
    beside: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one. A value that could not be measured (NaN) meets none."""
        if self.target is None:
            return None
        return self.value <= self.target if self.bound is Bound.AT_MOST else self.value >= self.target

    def row(self) -> dict[str, Any]:
        """What `bench.json` keeps."""
        return {
            "subject": self.subject,
            "name": self.name,
            "value": None if math.isnan(self.value) else self.value,
            "unit": self.unit,
            "bound": self.bound.value if self.target is not None else None,
            "target": self.target,
            "is_met": self.is_met,
            "beside": self.beside,
        }


def ratio(subject: str, name: str, cost_us: float, floor_us: float, target: float) -> Figure:
    """A cost as a multiple of its floor, both in microseconds."""
    return Figure(subject, name, cost_us / floor_us, "×", target, beside=f"{cost_us:.1f} µs; floor {floor_us:.1f} µs")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def grid_deviations_ms(times_s: Sequence[float], step_s: float = 0.02) -> list[float]:
    """How far from a grid that begins with the first of these times the others are, milliseconds, either way."""
    if not times_s:
        return []
    return [abs(time - times_s[0] - index * step_s) * 1000 for index, time in enumerate(times_s)][1:]


def missing_share(expected: int, came: int) -> float:
    """The share of what was expected that did not come; more than expected is nothing missing."""
    return max(0, expected - came) / expected if expected else math.nan


def table_of(figures: Iterable[Figure], title: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading, justify in (("", "left"), ("figure", "left"), ("measured", "right"), ("target", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=heading != "figure")
    table.add_column("beside it, in the same run")
    subject = ""
    for figure in figures:
        if figure.subject != subject:
            table.add_section()
            subject = figure.subject
        mark = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: " "}[figure.is_met]
        target = "" if figure.target is None else f"{figure.bound.value} {_text(figure.target)} {figure.unit}"
        table.add_row(
            mark, f"{figure.subject}: {figure.name}", f"{_text(figure.value)} {figure.unit}", target, figure.beside
        )
    return table


def _text(value: float) -> str:
    if math.isnan(value):
        return "none"
    if value and abs(value) < 0.01:
        return f"{value:.4f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:.0f}"
