from __future__ import annotations

import math

import pytest

from outcrop.metrics.regression.mape import mape
from outcrop.metrics.regression.wape import wape

from .doubles import score


def test_zeros_take_part() -> None:
    assert score(wape(), [0, 10, -10], [1, 8, -14]) == pytest.approx(7 / 20)


def test_all_zeros_are_undefined() -> None:
    assert math.isnan(score(wape(), [0, 0], [0, 1]))


def test_one_small_value_decides_mape_and_not_wape() -> None:
    actual, predicted = [0.01, 100, 100], [1.01, 101, 101]
    assert score(mape(), actual, predicted) == pytest.approx(100.02 / 3)
    assert score(wape(), actual, predicted) == pytest.approx(3 / 200.01)
