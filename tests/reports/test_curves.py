"""A curve's charts: every point in its place, the best marked, whatever the losses are."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from itertools import pairwise

import pytest
from rich.cells import cell_len

from outcrop.domain.models import CurvePoint
from outcrop.reports.curves import curve_svg, curve_text, series

from .samples import WEIRD


def falling(steps: int = 100, start: float = 4.0, end: float = 2.0) -> list[CurvePoint]:
    """A training loss on a line, a validation loss whose lowest is its second but last."""
    curve = [CurvePoint(0, 0, validation_loss=start)]
    for step in range(1, steps + 1):
        curve.append(CurvePoint(step, 0, training_loss=start - (start - end) * (step - 1) / (steps - 1)))
    curve += [CurvePoint(steps // 2, 0, validation_loss=end), CurvePoint(steps, 0, validation_loss=end + 0.5)]
    return sorted(curve, key=lambda point: point.step)


def circles(svg: str, css: str) -> list[ElementTree.Element]:
    return [node for node in ElementTree.fromstring(svg).iter("circle") if css in (node.get("class") or "").split()]


def test_the_lines_of_a_curve() -> None:
    found = series([*falling(), CurvePoint(101, 0, math.nan), CurvePoint(102, 0, validation_loss=math.inf)])
    assert len(found.raw) == len(found.smooth) == 100
    assert found.raw[0] == (1.0, 4.0)
    # A running mean leaves a line as it is, to the ends.
    assert [loss for _, loss in found.smooth] == pytest.approx([loss for _, loss in found.raw])
    assert found.validation == ((0.0, 4.0), (50.0, 2.0), (100.0, 2.5))
    assert found.best == 1


def test_smoothing_takes_noise_out() -> None:
    noisy = [CurvePoint(step, 0, training_loss=3.0 + (-1) ** step) for step in range(1, 201)]
    middle = [loss for _, loss in series(noisy).smooth[20:-20]]
    assert max(middle) - min(middle) < 0.2


def test_the_page_shows_raw_smooth_validation_and_best() -> None:
    svg = curve_svg(falling(), "my model", "c")
    root = ElementTree.fromstring(svg)
    assert [path.get("class") for path in root.iter("path")] == ["series-0 faint", "series-0", "series-1 dashed"]
    assert len(circles(svg, "dashed")) == 4
    best = circles(svg, "best")
    assert [node.get("cx") for node in best] == ["50.00%"]
    assert root[0].text == "Training curve of my model"
    assert root[1].text == (
        "Loss over 100 steps; training from 4.000 to 2.000, smoothed; validation from 4.000 to 2.500, lowest 2.000 at"
        " step 50."
    )


def test_a_hostile_name_stays_text() -> None:
    assert ElementTree.fromstring(curve_svg(falling(), WEIRD, "c"))[0].text


@pytest.mark.parametrize(("end", "log"), [(2.0, False), (0.02, True)])
def test_the_axis_is_logarithmic_where_losses_are_far_apart(end: float, log: bool) -> None:
    assert series(falling(end=end)).log is log
    labels = re.findall(r'text-anchor="end">([\d.]+)</text>', curve_svg(falling(end=end), "m", "c"))
    values = [float(label) for label in labels]
    ratios = [second / first for first, second in pairwise(values)]
    assert (max(ratios) <= 2.5 and min(ratios) >= 2.0) if log else len(set(values)) == len(values)


def test_a_long_run_has_a_small_chart() -> None:
    assert len(curve_svg(falling(50_000), "m", "c")) < 30_000


@pytest.mark.parametrize(
    "curve",
    [
        [],
        [CurvePoint(1, 0)],
        [CurvePoint(1, 0, training_loss=math.nan)],
    ],
)
def test_nothing_to_show(curve: list[CurvePoint]) -> None:
    assert curve_svg(curve, "m", "c") == curve_text(curve) == ""


@pytest.mark.parametrize(
    "curve",
    [
        [CurvePoint(0, 0, validation_loss=2.0)],
        [CurvePoint(1, 0, training_loss=0.0)],
        [CurvePoint(1, 0, training_loss=1e-9), CurvePoint(2, 0, training_loss=1e30)],
        [CurvePoint(step, 0, training_loss=0.0) for step in range(1, 5)],
        [CurvePoint(step, 0, training_loss=5.0 if step % 2 else 0.0) for step in range(1, 50)],
    ],
)
def test_curves_at_the_edge_are_drawn(curve: Sequence[CurvePoint]) -> None:
    ElementTree.fromstring(curve_svg(curve, "m", "c"))
    assert curve_text(curve)


@pytest.mark.parametrize("width", [20, 60, 100])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_terminal_chart_fits(width: int, ascii_only: bool) -> None:
    text = curve_text(falling(), width=width, height=8, ascii_only=ascii_only)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert len(text.splitlines()) == 11 - (width == 20)
    assert text.isascii() is ascii_only


def test_the_terminal_chart_falls_from_left_to_right() -> None:
    lines = curve_text(falling(), width=60, height=8, ascii_only=True).splitlines()[:8]
    first, last = min(line.find(".") for line in lines if "." in line.partition("|")[2]), lines[-1]
    assert "|o" in lines[0]
    assert "." in lines[0]
    assert "*" in last
    assert first < lines[-1].rfind(".")
    columns = [line.partition("|")[2].find(".") for line in lines]
    assert columns == sorted(columns)
    assert "4.0|" in lines[0]
    assert "o" in lines[5] or "o" in lines[6]


def test_the_best_validation_is_never_covered() -> None:
    close = [CurvePoint(step, 0, validation_loss=1.0 + 1e-6 * abs(step - 3)) for step in range(1, 2000)]
    assert curve_text(close, width=40, ascii_only=True).count("*") == 2
