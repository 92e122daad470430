"""R² and explained variance: how much better than always saying the mean."""

from __future__ import annotations

import math

import numpy as np

from outcrop.metrics.lines import LineRows, each, exact_sum
from outcrop.metrics.protocol import Rows
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.rows import exact_mean

_COLUMNS = ("actual", "prediction")


def r2() -> LineRows[Estimated]:
    """The coefficient of determination: ``1 - Σ (actual - prediction)² / Σ (actual - mean actual)²``.

    Rows are kept and the mean is taken first: from sums of squares, R² of numbers far from 0 would be lost to rounding.

    Returns:
        A metric named ``r2``, at most 1; 0 for a model that always says the mean of these very records, negative for a
        worse one. It is undefined (NaN) where all actual values are the same, so also for one record. An item without
        two finite numbers gives a row of NaN.
    """
    return LineRows("r2", "r2|constant:undefined|v1", _COLUMNS, each(Estimated.numbers, 2), _r2)


def explained_variance() -> LineRows[Estimated]:
    """``1 - Var(actual - prediction) / Var(actual)``: R² without what the bias costs.

    Returns:
        A metric named ``explained_variance``, at most 1 and never below ``r2``. It is undefined (NaN) where all actual
        values are the same. An item without two finite numbers gives a row of NaN.
    """
    signature = "explained_variance|constant:undefined|v1"
    return LineRows("explained_variance", signature, _COLUMNS, each(Estimated.numbers, 2), _explained)


def _r2(rows: Rows) -> float:
    return _share_left(rows, centre=0.0)


def _explained(rows: Rows) -> float:
    return _share_left(rows, centre=exact_mean(rows[:, 0] - rows[:, 1]))


def _share_left(rows: Rows, centre: float) -> float:
    actual = rows[:, 0]
    # Asked of the values themselves: their mean is rounded, and the squares around it need not be 0.
    if actual.min() == actual.max():
        return math.nan
    with np.errstate(over="ignore"):
        left = exact_sum((rows[:, 0] - rows[:, 1] - centre) ** 2)
        return 1 - left / exact_sum((actual - exact_mean(actual)) ** 2)
