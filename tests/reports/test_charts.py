from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from outcrop.reports.charts import Axis, Bar, Line, axis, interval_axis, interval_bar, line_chart, share_bar

from .samples import WEIRD

LINES = [
    Line("training", ((1.0, 3.0), (2.0, 2.0), (3.0, 1.5))),
    Line("validation", ((2.0, 2.1), (3.0, 1.9)), dashed=True),
]


def charts(text: str = "ROUGE-L") -> list[str]:
    scale = axis([-0.04, 0.12])
    return [
        interval_bar(Bar(text, 0.05, -0.01, 0.11, "flat", text), scale, "a"),
        interval_bar(Bar(text, None, None, None, "flat", text), scale, "b"),
        interval_axis(scale, text, "c"),
        line_chart(text, text, LINES, (text, text), "d"),
        share_bar(text, [(text, 3, "good"), (text, 0, "flat"), (text, 1, "bad")], "e"),
    ]


@pytest.mark.parametrize("text", ["ROUGE-L", WEIRD])
def test_every_chart_is_well_formed_named_and_described(text: str) -> None:
    for chart in charts(text):
        root = ElementTree.fromstring(chart)
        assert root.get("role") == "img"
        title, description = root[0], root[1]
        assert (title.tag, description.tag) == ("title", "desc")
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert title.text
        assert description.text
        assert not list(root.iter("script"))
        assert "onerror" not in "".join(name for node in root.iter() for name in node.attrib)


def test_the_same_input_gives_the_same_chart() -> None:
    assert charts() == charts()


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([-0.04, 0.12], (0.0, 0.05, 0.1)),
        ([3.0, 11.0], (0.0, 5.0, 10.0)),
        ([-7.0], (-6.0, -4.0, -2.0, 0.0)),
        ([0.0], (-0.5, 0.0, 0.5)),
        ([None, math.nan], (-0.5, 0.0, 0.5)),
        ([], (-0.5, 0.0, 0.5)),
    ],
)
def test_an_axis_has_zero_and_round_ticks(values: list[float | None], ticks: tuple[float, ...]) -> None:
    scale = axis(values)
    assert scale.ticks == ticks
    assert scale.low <= min(scale.ticks)
    assert max(scale.ticks) <= scale.high


def test_an_axis_without_zero_and_with_one_value() -> None:
    scale = axis([2.0, 2.0], zero=False)
    assert scale.low < 2.0 < scale.high


def test_positions_are_what_the_scale_says() -> None:
    scale = Axis(-1.0, 1.0, (-1.0, 0.0, 1.0), 0)
    assert [scale.at(tick) for tick in scale.ticks] == [6.0, 50.0, 94.0]
    chart = ElementTree.fromstring(interval_bar(Bar("a", 0.5, 0.25, 0.75, "good", ""), scale, "a"))
    span, mark = chart.findall("rect")
    assert (span.get("x"), span.get("width"), mark.get("x")) == ("61.00%", "22.00%", "72.00%")
    assert {"good"} == {rect.get("class", "").split()[1] for rect in (span, mark)}
    assert [line.get("x1") for line in chart.findall("line[@class='zero']")] == ["50.00%"]


def test_a_bar_without_an_interval_draws_none() -> None:
    chart = interval_bar(Bar("a", 0.5, None, math.nan, "flat", "not enough data (n=3)"), axis([0.5]), "a")
    assert "<rect" not in chart
    assert "not enough data (n=3)" in chart


def test_a_line_has_all_its_points() -> None:
    chart = line_chart("t", "d", LINES, ("step", "loss"), "x")
    paths = re.findall(r' d="([^"]+)"', chart)
    assert [len(re.findall(r"[ML]", path)) for path in paths] == [3, 2]
    assert paths[0].startswith("M0.00 0.00")
    assert paths[0].endswith("L100.00 100.00")
    assert chart.count("<circle") == 2


def test_a_line_of_one_point_and_no_lines() -> None:
    assert "<circle" in line_chart("t", "d", [Line("a", ((1.0, 2.0),))], ("x", "y"), "x")
    ElementTree.fromstring(line_chart("t", "d", [], ("x", "y"), "x"))


def test_shares_add_up() -> None:
    parts = ElementTree.fromstring(share_bar("t", [("a", 3, "good"), ("b", 1, "bad")], "x")).findall("rect")
    assert [part.get("width") for part in parts] == ["100%", "75.00%", "25.00%"]
    nothing = ElementTree.fromstring(share_bar("t", [("a", 0, "good")], "x")).findall("rect")
    assert [part.get("width") for part in nothing] == ["100%", "0.00%"]
