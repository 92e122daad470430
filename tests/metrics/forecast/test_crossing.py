from __future__ import annotations

import math

from outcrop.metrics.forecast.crossing import crossing
from outcrop.metrics.forecast.forecasted import Forecasted

from .doubles import LEVELS, ORACLE, items_of, value


def test_crossings_are_counted() -> None:
    items = [
        Forecasted(1, {0.1: 1, 0.5: 2, 0.9: 3}),
        Forecasted(1, {0.1: 2, 0.5: 2, 0.9: 2}),
        Forecasted(1, {0.1: 2, 0.5: 1, 0.9: 3}),
        Forecasted(1, {0.9: 2, 0.5: 2.5, 0.1: 1}),
    ]
    assert value(crossing([0.9, 0.1, 0.5]), items) == 0.5


def test_neighbours_are_enough() -> None:
    case = next(case for case in ORACLE["cases"] if case["name"] == "demand")
    crossed = sum(sorted(line) != line for line in case["forecasts"])
    assert 0 < crossed < len(case["forecasts"])
    assert value(crossing(LEVELS), items_of(case)) == crossed / len(case["forecasts"])


def test_what_cannot_be_scored() -> None:
    left_out = [Forecasted(None, {0.1: 1, 0.9: 2}), Forecasted(1, {0.1: 1}), Forecasted(1, {0.1: 1, 0.9: math.nan})]
    assert math.isnan(value(crossing([0.1, 0.9]), left_out))
    assert math.isnan(value(crossing([0.1, 0.9]), []))
