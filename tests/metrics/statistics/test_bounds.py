from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from outcrop.metrics.statistics.bounds import bca_bounds, expanded_p_value, expanded_tail, percentile_bounds

from .oracles import cases


@pytest.mark.parametrize("case", cases("bca"), ids=lambda case: case["name"])
def test_bca_equals_scipy(case: dict[str, Any]) -> None:
    rows, drawn = np.array(case["rows"]), np.array(case["drawn"])
    without_one = rows.sum(axis=0) - rows
    value = rows[:, 0].sum() / rows[:, 1].sum()
    found = bca_bounds(drawn, value, without_one[:, 0] / without_one[:, 1], 0.025)
    # SciPy reads between two resamples, ours are resamples, at most two places further out.
    for bound, theirs, outward in zip(found, case["bounds"], (-1, 1), strict=True):
        place, its = np.searchsorted(drawn, [bound, theirs])
        assert 0 <= outward * (place - its) + 1 <= 3, (place, its)


def test_bca_without_bias_and_skew_is_the_percentile_interval() -> None:
    drawn = np.linspace(-1, 1, 999)
    found = bca_bounds(drawn, 0.0, np.array([-1.0, 0.0, 1.0]), 0.025)
    assert found == pytest.approx(percentile_bounds(drawn, 0.025), abs=0.0021)


def test_bca_stays_among_the_resamples() -> None:
    drawn = np.arange(39.0)
    assert bca_bounds(drawn, 100.0, np.array([1.0, 2.0, 9.0]), 0.025) == (38, 38)
    assert bca_bounds(drawn, -100.0, np.array([1.0, 2.0, 9.0]), 0.025) == (0, 0)
    assert bca_bounds(np.full(39, 4.0), 4.0, np.full(3, 4.0), 0.025) == (4, 4)
    # With so much skew the formula's denominator turns negative.
    assert bca_bounds(drawn, 0.2, np.array([0.0] * 99 + [1e6]), 1e-9)[1] <= 38


def test_percentile_bounds_are_order_statistics() -> None:
    drawn = np.arange(39.0)
    assert percentile_bounds(drawn, 0.025) == (0, 38)
    assert percentile_bounds(drawn, 0.05) == (1, 37)
    assert percentile_bounds(drawn, (1 - 0.9) / 2) == (1, 37)
    assert percentile_bounds(drawn, 1e-9) == (0, 38)


@pytest.mark.parametrize("n", [2, 5, 30, 1000])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_expanded_levels(n: int, confidence: float) -> None:
    tail = expanded_tail(confidence, n)
    by_scipy = stats.norm.cdf(-np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 + confidence / 2, n - 1))
    assert tail == pytest.approx(by_scipy, rel=1e-9)
    assert tail < (1 - confidence) / 2
    assert expanded_p_value(tail, n) == pytest.approx(1 - confidence, rel=1e-9)
    assert expanded_p_value(0.5, n) == pytest.approx(1)
