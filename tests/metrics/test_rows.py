from __future__ import annotations

import math

import numpy as np

from outcrop.metrics.rows import exact_mean, f1_of_counts, has_value


def test_mean_is_exact_in_any_order() -> None:
    # Summed from the left, the first two differ in their last digit and the third is 0.
    assert exact_mean(np.array([0.1, 0.2, 0.3])) == exact_mean(np.array([0.3, 0.2, 0.1]))
    assert exact_mean(np.array([1e16, 1.0, -1e16])) == 1 / 3


def test_mean_leaves_out_what_is_missing() -> None:
    assert exact_mean(np.array([math.nan, 1, math.nan, 2])) == 1.5
    assert math.isnan(exact_mean(np.array([math.nan])))


def test_a_row_has_no_value_where_any_number_is_missing() -> None:
    rows = np.array([[1, 2], [math.nan, 2], [1, math.nan], [math.inf, -math.inf]])
    assert has_value(rows).tolist() == [True, False, False, True]
    assert has_value(np.empty((0, 3))).tolist() == []


def test_f1_is_that_of_precision_and_recall() -> None:
    precision, recall = 2 / 3, 2 / 5
    rows = np.array([[2, 3, 5], [0, 0, 4], [0, 0, 0], [math.nan] * 3])
    values = f1_of_counts(rows, both_empty=0.25)
    assert abs(values[0] - 2 * precision * recall / (precision + recall)) < 1e-15
    assert values[1:3].tolist() == [0, 0.25]
    assert math.isnan(values[3])
