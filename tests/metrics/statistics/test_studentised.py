from __future__ import annotations

import math

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.intervals import Interval, mean_interval
from outcrop.metrics.statistics.studentised import studentised_interval


def test_is_the_interval_of_t_drawn_one_by_one() -> None:
    values = np.random.default_rng(1).exponential(size=20)
    generator = np.random.default_rng(4)
    ts = []
    for _ in range(399):
        drawn = values[generator.integers(20, size=20)]
        ts.append((drawn.mean() - values.mean()) / (drawn.std(ddof=1) / math.sqrt(20)))
    error = values.std(ddof=1) / math.sqrt(20)
    found = studentised_interval(values, seed=4, resamples=399)
    # 2.5 % of 400 are the 10th from either end.
    assert found.low == pytest.approx(values.mean() - sorted(ts)[-10] * error, rel=1e-9)
    assert found.high == pytest.approx(values.mean() - sorted(ts)[9] * error, rel=1e-9)
    assert (found.method, found.n) == ("bootstrap t, 399 resamples, seed 4", 20)


def test_covers_lopsided_values_where_student_does_not() -> None:
    generator = np.random.default_rng(5)
    held, student = [], []
    for seed in range(600):
        values = generator.lognormal(size=30)
        held.append(holds(studentised_interval(values, seed=seed, resamples=399), math.exp(0.5)))
        student.append(holds(mean_interval(values), math.exp(0.5)))
    assert np.mean(held) >= 0.92
    assert np.mean(student) < 0.91


def holds(found: Interval, true: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= true <= found.high


def test_where_resamples_have_no_scatter_the_bounds_are_finite() -> None:
    found = studentised_interval([0.0] * 29 + [3.0], seed=1)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < 0.1 < found.high < 1
    assert found.method == "BCa bootstrap, 2000 resamples, seed 1"


def test_values_that_are_missing_are_left_out_and_counted() -> None:
    whole, found = (studentised_interval(values, seed=1) for values in ([1, 2, 5, 9], [1, math.nan, 2, 5, 9]))
    assert (found.low, found.high, found.n, found.n_left_out) == (whole.low, whole.high, 4, 1)


@pytest.mark.parametrize(
    ("values", "why"), [([], "no values"), ([2.0], "one value"), ([1, math.inf], "infinite values")]
)
def test_too_little_to_draw_from(values: list[float], why: str) -> None:
    assert studentised_interval(values, seed=1).method == f"no bounds: {why}"


def test_too_few_resamples_are_refused() -> None:
    with pytest.raises(InvalidInput, match="resamples: found 38; expected at least 39"):
        studentised_interval([1, 2, 3], seed=1, resamples=38)
