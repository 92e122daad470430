"""The mean absolute scaled error: errors held against those of the naive forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.rows import exact_mean


def mase() -> LineMean[Estimated]:
    """The mean of ``|prediction - actual| / scale``, the scale being that of each item's own series.

    Source: Hyndman & Koehler, "Another look at measures of forecast accuracy", 2006.

    Returns:
        A metric named ``mase``, from 0; below 1 the model errs less than the naive forecast did on the history. An item
        without two finite numbers, or whose scale is missing, 0 or not finite, gives a row of NaN.
    """
    signature = "mase|scale:naive-in-sample|stat:mean|v1"
    return LineMean("mase", signature, ("scaled_error",), each(_row, 1), direction=Direction.LOWER)


def naive_scale(history: Sequence[float], season: int = 1) -> float:
    """The mean of ``|y_t - y_(t - season)|`` over a series' history: what "as last season" errs by.

    Args:
        history: The values before those that are predicted, in their order. A pair with a NaN is left out.
        season: How many steps make a season; 1 compares with the step before.

    Returns:
        The scale, in the unit of the values; 0 where each season repeats the one before, and NaN where no pair has
        both values. MASE has no value then.

    Raises:
        InvalidInput: ``season`` is below 1, or the history is not longer than it.
    """
    if season < 1 or len(history) <= season:
        found = f"{len(history)} values and a season of {season}"
        raise InvalidInput([Fault("history", None, "", found, "a season of 1 or more and a history longer than it")])
    values = np.asarray(history, dtype=np.float64)
    return exact_mean(np.abs(values[season:] - values[:-season]))


def _row(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    if numbers is None or item.scale is None or not 0 < item.scale < math.inf:
        return None
    return (abs(numbers[1] - numbers[0]) / item.scale,)
