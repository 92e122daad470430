from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.intervals import Interval, mean_interval, t_p_value, t_quantile

# The 97.5 % points of Student's t as printed in any table, to three places.
TABLE = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 29: 2.045, 120: 1.980}


@pytest.mark.parametrize(("df", "t"), TABLE.items())
def test_quantiles_are_those_of_the_table(df: int, t: float) -> None:
    assert t_quantile(0.95, df) == pytest.approx(t, abs=5e-4)
    assert t_p_value(t, df) == pytest.approx(0.05, abs=5e-5)


def test_one_degree_of_freedom_in_closed_form() -> None:
    # t with one degree of freedom is Cauchy's distribution: the quantile is tan(π (q - 1/2)).
    assert t_quantile(0.9, 1) == pytest.approx(math.tan(0.45 * math.pi), rel=1e-12)
    assert t_p_value(1.0, 1) == pytest.approx(0.5, rel=1e-12)


def test_by_hand() -> None:
    # 1..5: mean 3, s² = 10 / 4, s / √5 = 0.70711, t(4) = 2.776.
    found = mean_interval([1, 2, 3, 4, 5])
    assert found.value == 3
    assert found.low == pytest.approx(3 - 2.776 * 0.70711, abs=1e-3)
    assert found.high == pytest.approx(3 + 2.776 * 0.70711, abs=1e-3)
    assert (found.method, found.n, found.n_left_out) == ("Student t", 5, 0)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("n", [2, 3, 30, 1000])
def test_equals_scipy(n: int, confidence: float) -> None:
    values = np.random.default_rng(n).normal(0.4, 0.2, n)
    low, high = stats.t.interval(confidence, n - 1, values.mean(), stats.sem(values))
    found = mean_interval(values, confidence)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_holds_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    found = [mean_interval(generator.exponential(1.0, 60)) for _ in range(1000)]
    share = sum(each.low is not None and each.high is not None and each.low <= 1 <= each.high for each in found) / 1000
    assert 0.91 < share < 0.97


def test_values_that_are_missing_are_left_out_and_counted() -> None:
    whole, found = mean_interval([0.2, 0.4, 0.9]), mean_interval([math.nan, 0.2, 0.4, math.nan, 0.9])
    assert found == Interval(whole.value, whole.low, whole.high, "Student t", 3, 2)


def test_the_order_does_not_matter() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert mean_interval(values).value == mean_interval(values[::-1]).value


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Interval(None, None, None, "no bounds: no values", 0)),
        ([math.nan], Interval(None, None, None, "no bounds: no values", 0, 1)),
        ([0.5], Interval(0.5, None, None, "no bounds: one value", 1)),
        ([0.25] * 3, Interval(0.25, 0.25, 0.25, "Student t: all 3 values are equal", 3)),
        ([1.0, math.inf], Interval(math.inf, None, None, "no bounds: infinite values", 2)),
    ],
)
def test_where_there_is_no_width_to_compute(values: list[float], expected: Interval) -> None:
    assert mean_interval(values) == expected


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
def test_confidence_out_of_range_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidInput, match=f"confidence: found {confidence}; expected a share between 0 and 1"):
        mean_interval([1, 2], confidence)
