"""The root mean squared error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineSums, each, ratio
from outcrop.metrics.regression.estimated import Estimated


def rmse(*, unit: str = "") -> LineSums[Estimated]:
    """The square root of the mean of ``(prediction - actual)²``.

    It is a function of sums and no mean: the mean of the RMSE of parts is not the RMSE of the whole.

    Args:
        unit: The unit of the numbers.

    Returns:
        A metric named ``rmse``, from 0, in ``unit``; never below ``mae``. An item without two finite numbers gives a
        row of NaN. Errors above 1e154 make it infinite.
    """
    columns = ("n", "squared_error")
    return LineSums("rmse", "rmse|v1", columns, each(_row, 2), _root, unit=unit, direction=Direction.LOWER)


def _row(item: Estimated) -> tuple[float, float] | None:
    numbers = item.numbers()
    if numbers is None:
        return None
    error = numbers[1] - numbers[0]
    # A product of floats may be infinite, where a power of them raises.
    return 1.0, error * error


def _root(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(ratio(sums[:, 1], sums[:, 0]))
