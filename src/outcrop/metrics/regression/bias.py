"""The bias: whether predictions are too high or too low on the whole."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.regression.estimated import Estimated


def bias(*, unit: str = "") -> LineMean[Estimated]:
    """The mean of ``prediction - actual``: above 0 where the model says too much.

    Args:
        unit: The unit of the numbers.

    Returns:
        A metric named ``bias``, in ``unit``; 0 is best, so neither way is better. An item without two finite numbers
        gives a row of NaN.
    """
    signature = "bias|sign:prediction-actual|stat:mean|v1"
    return LineMean("bias", signature, ("error",), each(_row, 1), unit=unit, direction=Direction.NONE)


def _row(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    return None if numbers is None else (numbers[1] - numbers[0],)
