from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.metrics.regression.r2 import explained_variance, r2

from .doubles import score

numbers = st.integers(-50, 50).map(float)


@pytest.mark.parametrize(
    ("actual", "predicted"), [([0.1] * 3, [0.1] * 3), ([0.1] * 3, [1, 2, 3]), ([5], [5]), ([5], [4])]
)
def test_a_constant_target_is_undefined(actual: list[float], predicted: list[float]) -> None:
    # scikit-learn gives 1 or 0. The mean of three 0.1 is not 0.1, so the squares around it are not 0.
    assert math.isnan(score(r2(), actual, predicted))
    assert math.isnan(score(explained_variance(), actual, predicted))


def test_always_the_mean_is_zero_and_worse_is_negative() -> None:
    assert score(r2(), [1, 2, 3], [2, 2, 2]) == 0
    assert score(r2(), [1, 2, 3], [3, 2, 1]) == -3
    assert score(r2(), [1, 2, 3], [1, 2, 3]) == 1


def test_numbers_far_from_zero_keep_their_digits() -> None:
    # From sums of squares nothing would be left: 1e9² has eighteen digits, a float sixteen.
    assert score(r2(), [1e9 + 1, 1e9 + 2, 1e9 + 3], [1e9 + 1, 1e9 + 2, 1e9 + 4]) == 0.5


def test_squares_too_large_for_a_float() -> None:
    assert score(r2(), [0, 1], [1e200, 1]) == -math.inf
    assert math.isnan(score(r2(), [0, 1e200], [1e200, 0]))


def test_a_constant_error_costs_r2_and_not_explained_variance() -> None:
    assert score(r2(), [1, 2, 3], [2, 3, 4]) == -0.5
    assert score(explained_variance(), [1, 2, 3], [2, 3, 4]) == 1


def test_pooled_is_not_the_mean_of_groups() -> None:
    # Within each group the model knows nothing; over both it knows which group it is.
    groups = ([1, 2, 3], [2, 2, 2]), ([101, 102, 103], [102, 102, 102])
    assert [score(r2(), *group) for group in groups] == [0, 0]
    assert score(r2(), groups[0][0] + groups[1][0], groups[0][1] + groups[1][1]) > 0.999


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=10))
def test_explained_variance_is_never_below_r2(pairs: list[tuple[float, float]]) -> None:
    actual, predicted = zip(*pairs, strict=True)
    low, high = score(r2(), actual, predicted), score(explained_variance(), actual, predicted)
    assert math.isnan(low) == math.isnan(high)
    assert math.isnan(low) or high >= low - 1e-9 * abs(low)
