from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.delong import areas, auc_difference, auc_interval
from outcrop.metrics.statistics.intervals import Interval
from outcrop.metrics.statistics.paired import PairedDifference

from .oracles import cases

nan = math.nan


@pytest.mark.parametrize("case", cases("delong"), ids=lambda case: str(len(case["positive"])))
def test_equals_all_pairs(case: dict[str, Any]) -> None:
    scores, positive = np.array(case["scores"]), np.array(case["positive"])
    found = areas(scores, positive == 1)
    assert found.areas == pytest.approx(case["areas"], rel=1e-12)
    assert found.covariance == pytest.approx(np.array(case["covariance"]), rel=1e-9)
    difference = auc_difference(scores[0], scores[1], positive)
    assert difference.difference == pytest.approx(case["areas"][1] - case["areas"][0], rel=1e-9)
    assert difference.p_value == pytest.approx(case["p_value"], rel=1e-9)
    error = math.sqrt(np.array([-1, 1]) @ case["covariance"] @ np.array([-1, 1]))
    assert difference.difference is not None
    assert difference.high == pytest.approx(difference.difference + 1.959964 * error, rel=1e-6)
    single = auc_interval(scores[0], positive)
    assert single.value == pytest.approx(case["areas"][0], rel=1e-12)


def test_by_hand() -> None:
    # Positives 3, 2, 1 against 2, 0: of 6 pairs 4 are in order and one is tied. The positives' parts are 1, 3/4, 1/2
    # with variance 1/16, the negatives' 1/2, 1 with variance 1/8: 1/48 + 1/16.
    found = areas(np.array([[3.0, 2.0, 1.0, 2.0, 0.0]]), np.array([True, True, True, False, False]))
    assert found.areas == pytest.approx([4.5 / 6])
    assert found.covariance == pytest.approx(np.array([[1 / 48 + 1 / 16]]))


def test_an_interval_is_wilsons_with_that_variance() -> None:
    found = auc_interval([3, 2, 1, 2, 0, 0.5], [1, 1, 1, 0, 0, 0])
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    error = math.sqrt(areas(np.array([[3, 2, 1, 2, 0, 0.5]]), np.arange(6) < 3).covariance[0, 0])
    effective = found.value * (1 - found.value) / error**2
    for bound in (found.low, found.high):
        assert abs(found.value - bound) == pytest.approx(
            4.302653 * math.sqrt(bound * (1 - bound) / effective), rel=1e-6
        )
    assert found.method == "Wilson with DeLong's variance"


def test_perfect_order_still_leaves_some_doubt() -> None:
    found = auc_interval(range(20), [0] * 10 + [1] * 10)
    # t(9)² / (10 + t(9)²) = 0.3385.
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(1 - 0.3385, abs=1e-4)


def test_the_order_counts_and_not_the_scale() -> None:
    generator = np.random.default_rng(1)
    scores, positive = generator.normal(size=50), generator.integers(0, 2, 50)
    assert auc_interval(scores, positive) == auc_interval(np.exp(scores) / 7, positive)


@pytest.mark.parametrize(("n", "share", "shift"), [(60, 0.5, 1.2), (200, 0.15, 1.2), (200, 0.5, 2.0)])
def test_covers_as_often_as_it_says(n: int, share: float, shift: float) -> None:
    generator = np.random.default_rng(n)
    positive = np.arange(n) < n * share
    true = 0.5 * (1 + math.erf(shift / 2))
    held, rejected = [], []
    for _ in range(800):
        latent = generator.normal(shift * positive, 1)
        found = auc_interval(latent, positive)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= true <= found.high)
        before, after = (latent + generator.normal(0, 0.5, n) for _ in "ab")
        p_value = auc_difference(before, after, positive).p_value
        assert p_value is not None
        rejected.append(p_value < 0.05)
    assert 0.925 <= np.mean(held) <= 0.975
    assert np.mean(rejected) <= 0.07


def test_records_without_a_score_are_left_out_and_counted() -> None:
    found = auc_interval([1, 2, nan, 3, 4, 5], [0, 1, 1, 0, 1, nan])
    assert (found.value, found.n, found.n_left_out) == (0.75, 4, 2)
    paired = auc_difference([1, 2, nan, 3, 4], [1, nan, 2, 3, 4], [0, 1, 1, 0, 1])
    assert (paired.n, paired.n_left_out) == (3, 2)


def test_no_difference_anywhere() -> None:
    found = auc_difference([1, 2, 3, 4], [10, 20, 30, 40], [0, 1, 0, 1])
    assert found == PairedDifference(0.0, 0.0, 0.0, 1.0, "DeLong: no record's part differs", 4)


def test_too_little_to_test() -> None:
    why = "one class has no record"
    assert auc_interval([1, 2], [1, 1]) == Interval(None, None, None, f"no bounds: {why}", 2)
    assert auc_interval([], []) == Interval(None, None, None, f"no bounds: {why}", 0)
    assert auc_difference([1, 2], [2, 1], [0, 0]) == PairedDifference(None, None, None, None, f"no test: {why}", 2)
    why = "one class has one record"
    assert auc_interval([1, 2, 3], [0, 1, 0]) == Interval(0.5, None, None, f"no bounds: {why}", 3)
    found = auc_difference([1, 2, 3], [1, 3, 2], [0, 1, 0])
    assert found == PairedDifference(0.5, None, None, None, f"no test: {why}", 3)
    found = auc_difference([1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 1, 1])
    assert found == PairedDifference(-1.0, None, None, None, "no test: the areas don't scatter", 4)


def test_not_one_score_for_each_label_is_refused() -> None:
    with pytest.raises(InvalidInput, match="scores: found 3 for 2 labels; expected one of each model for each label"):
        auc_interval([1, 2, 3], [0, 1])
    with pytest.raises(InvalidInput, match="scores: found 2, 1 for 2 labels"):
        auc_difference([1, 2], [1], [0, 1])
