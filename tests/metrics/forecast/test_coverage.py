from __future__ import annotations

import math
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.forecast.coverage import interval_coverage, interval_width, level_coverage
from outcrop.metrics.forecast.forecasted import Forecasted

from .doubles import LEVELS, TOLERANCE, every_case, items_of, value


@every_case
def test_equals_utilsforecast(case: dict[str, Any]) -> None:
    found = value(interval_coverage(0.1, 0.9), items_of(case))
    assert found == pytest.approx(case["values"]["coverage_p10_p90"], abs=TOLERANCE)
    for level in LEVELS:
        expected = case["levels"][str(level)]["coverage"]
        assert value(level_coverage(level), items_of(case)) == pytest.approx(expected, abs=TOLERANCE)


def forecast(actual: float | None, low: float, high: float) -> Forecasted:
    return Forecasted(actual, {0.1: low, 0.9: high})


def test_ends_are_in() -> None:
    items = [forecast(1, 1, 2), forecast(2, 1, 2), forecast(0.9, 1, 2), forecast(2.1, 1, 2)]
    assert value(interval_coverage(0.1, 0.9), items) == 0.5
    assert value(level_coverage(0.9), items) == 0.75
    assert value(interval_width(0.1, 0.9), items) == 1


def test_crossed_ends_cover_nothing_and_have_no_width() -> None:
    items = [forecast(1.5, 2, 1), forecast(1.5, 1, 2)]
    assert value(interval_coverage(0.1, 0.9), items) == 0.5
    assert [math.isnan(row[0]) for row in interval_width(0.1, 0.9).prepare(items)] == [True, False]
    assert value(interval_width(0.1, 0.9), items) == 1


def test_the_order_of_the_levels_does_not_matter() -> None:
    assert interval_coverage(0.9, 0.1).signature == interval_coverage(0.1, 0.9).signature
    assert interval_width(0.9, 0.1).name == "width_p10_p90"


def test_what_cannot_be_scored() -> None:
    left_out = [forecast(None, 1, 2), forecast(math.inf, 1, 2), forecast(1, math.nan, 2), Forecasted(1, {0.9: 2})]
    for metric in (interval_coverage(0.1, 0.9), interval_width(0.1, 0.9)):
        assert math.isnan(value(metric, left_out))
        assert math.isnan(value(metric, []))
        assert value(metric, [*left_out, forecast(1.5, 1, 2)]) == 1


def test_two_equal_levels_are_no_interval() -> None:
    for make in (interval_coverage, interval_width):
        with pytest.raises(InvalidInput, match="each once"):
            make(0.5, 0.5)
