from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.regression.bias import bias
from outcrop.metrics.regression.mae import mae
from outcrop.metrics.regression.rmse import rmse

from .doubles import score

numbers = st.floats(-1e6, 1e6)


def test_the_rmse_of_the_whole_is_not_the_mean_of_parts() -> None:
    whole = score(rmse(), [0, 0, 0, 0], [1, 1, 7, 7])
    parts = [score(rmse(), [0, 0], [1, 1]), score(rmse(), [0, 0], [7, 7])]
    assert whole == 5
    assert sum(parts) / 2 == 4


def test_of_very_large_errors_it_is_infinite() -> None:
    assert score(rmse(), [0, 0], [1e200, 1]) == math.inf


def test_a_mean_is_finite_where_its_sum_is_not() -> None:
    assert score(mae(), [0.0] * 4, [1e308] * 4) == 1e308


def test_bias_has_a_sign() -> None:
    assert score(bias(), [10, 10], [12, 13]) == 2.5
    assert score(bias(), [10, 10], [8, 12]) == 0


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=10))
def test_bias_is_within_mae_and_mae_within_rmse(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = zip(*pairs, strict=True)
    least, middle, most = (score(metric, actual, predicted) for metric in (bias(), mae(), rmse()))
    assert abs(least) <= middle * (1 + 1e-12)
    assert middle <= most * (1 + 1e-12) + 1e-150
