from __future__ import annotations

import pytest

from outcrop.metrics.regression.smape import smape

from .doubles import score


@pytest.mark.parametrize(
    ("actual", "predicted", "expected"),
    [
        (100, 110, 20 / 210),
        (110, 100, 20 / 210),
        (0, 1e-9, 2),
        (5, 0, 2),
        (0, 0, 0),
        (1, -1, 2),
        (1e308, 1.1e308, 2 / 21),
    ],
)
def test_value(actual: float, predicted: float, expected: float) -> None:
    assert score(smape(), [actual], [predicted]) == pytest.approx(expected)
