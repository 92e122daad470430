from __future__ import annotations

import math

import pytest

from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.regression.mape import mape, zero_actual

from .doubles import score, value


def test_zeros_are_left_out_and_counted() -> None:
    # scikit-learn gives 1.5e15 here: it divides by the smallest step of a float instead of 0.
    items = [Estimated(0, 1), Estimated(10, 8), Estimated(-10, -14)]
    assert [math.isnan(row[0]) for row in mape().prepare(items)] == [True, False, False]
    assert value(mape(), items) == pytest.approx(0.3)
    assert value(zero_actual(), items) == pytest.approx(1 / 3)


def test_nothing_but_zeros_is_undefined() -> None:
    assert math.isnan(score(mape(), [0, 0.0], [0, 1]))
    assert score(zero_actual(), [0, -0.0], [0, 1]) == 1


def test_too_low_costs_at_most_one_and_too_high_has_no_bound() -> None:
    assert score(mape(), [10], [0]) == 1
    assert score(mape(), [10], [100]) == 9


def test_a_quotient_too_large_for_a_float_is_infinite() -> None:
    assert score(mape(), [5e-324, 1], [1, 1]) == math.inf
