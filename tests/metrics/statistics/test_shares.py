from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.intervals import Interval
from outcrop.metrics.statistics.shares import clopper_pearson_interval, score_bounds, wilson_interval

from .oracles import cases


def bounds(found: Interval) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.mark.parametrize("case", cases("shares"), ids=lambda case: f"{case['successes']}/{case['n']}")
def test_equals_statsmodels(case: dict[str, Any]) -> None:
    given = case["successes"], case["n"], case["confidence"]
    assert bounds(wilson_interval(*given)) == pytest.approx(case["wilson"], abs=1e-12)
    assert bounds(clopper_pearson_interval(*given)) == pytest.approx(case["clopper_pearson"], abs=1e-9)


def test_printed_values() -> None:
    # Newcombe, "Two-Sided Confidence Intervals for the Single Proportion", 1998, table I.
    assert bounds(wilson_interval(81, 263)) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert bounds(clopper_pearson_interval(81, 263)) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert bounds(wilson_interval(15, 148)) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert bounds(wilson_interval(0, 20)) == pytest.approx((0, 0.1611), abs=5e-5)
    assert bounds(clopper_pearson_interval(0, 20)) == pytest.approx((0, 0.1684), abs=5e-5)


def test_three_of_n_where_none_succeeds() -> None:
    # The rule of three: without a success in n records, the one-sided 95 % bound is about 3 / n.
    assert bounds(clopper_pearson_interval(0, 300, 0.9))[1] == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize("n", [1, 2, 5, 10, 30, 100])
def test_exact_interval_covers_at_least_what_it_says(n: int) -> None:
    assert coverage([bounds(clopper_pearson_interval(k, n)) for k in range(n + 1)]).min() >= 0.95


@pytest.mark.parametrize("n", [10, 30, 100, 200])
def test_wilson_covers_what_it_says_on_average(n: int) -> None:
    found = coverage([bounds(wilson_interval(k, n)) for k in range(n + 1)])
    assert 0.95 <= found.mean() <= 0.955
    # Its known dip lies at shares of about 1 / (6 n) and their mirror images.
    assert found.min() >= 0.83


def coverage(intervals: list[tuple[float, float]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The probability that the interval holds the share, for 999 shares, over all outcomes of n records."""
    n, shares = len(intervals) - 1, np.arange(1, 1000) / 1000
    chances = stats.binom.pmf(np.arange(n + 1), n, shares[:, None])
    lows, highs = np.array(intervals).T
    holds = (lows <= shares[:, None] + 1e-12) & (shares[:, None] <= highs + 1e-12)
    found: np.ndarray[Any, np.dtype[np.float64]] = (chances * holds).sum(axis=1)
    return found


@pytest.mark.parametrize(("share", "n", "quantile"), [(0.3, 17.5, 2.1), (0.0, 3.0, 1.96), (1.0, 9.0, 4.3), (1.0, 1, 1)])
def test_bounds_are_where_the_score_test_stops_rejecting(share: float, n: float, quantile: float) -> None:
    for bound in score_bounds(share, n, quantile):
        if bound in (0, 1):
            assert bound == share
        else:
            assert abs(share - bound) == pytest.approx(quantile * np.sqrt(bound * (1 - bound) / n), rel=1e-12)


def test_no_records() -> None:
    expected = Interval(None, None, None, "no bounds: no values", 0)
    assert wilson_interval(0, 0) == clopper_pearson_interval(0, 0) == expected


@pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])
def test_what_is_no_share_is_refused(interval: Any) -> None:
    for successes in (-1, 6):
        with pytest.raises(InvalidInput, match=f"successes: found {successes} of 5; expected between none and all"):
            interval(successes, 5)
    with pytest.raises(InvalidInput, match="confidence: found 95; expected a share between 0 and 1"):
        interval(1, 5, 95)
