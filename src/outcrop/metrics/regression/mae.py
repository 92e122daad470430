"""The mean absolute error."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.regression.estimated import Estimated


def mae(*, unit: str = "") -> LineMean[Estimated]:
    """The mean of ``|prediction - actual|``.

    Args:
        unit: The unit of the numbers.

    Returns:
        A metric named ``mae``, from 0, in ``unit``. An item without two finite numbers gives a row of NaN.
    """
    signature = "mae|stat:mean|v1"
    return LineMean("mae", signature, ("absolute_error",), each(_row, 1), unit=unit, direction=Direction.LOWER)


def _row(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    return None if numbers is None else (abs(numbers[1] - numbers[0]),)
