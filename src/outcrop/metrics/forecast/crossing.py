"""Crossing quantiles: forecasts that contradict themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from outcrop.domain.scores import Direction
from outcrop.metrics.forecast.forecasted import Forecasted, check_levels
from outcrop.metrics.lines import LineMean, each


def crossing(levels: Sequence[float]) -> LineMean[Forecasted]:
    """The share of items in which a lower level has a higher forecast than the next level up.

    Args:
        levels: Two or more, each between 0 and 1.

    Returns:
        A metric named ``crossing``, in 0..1; equal forecasts do not cross. An item that lacks a finite actual value, or
        the forecast of one of the levels, gives a row of NaN.

    Raises:
        InvalidInput: There is no level, one is not between 0 and 1, or one is there twice.
    """
    at = check_levels(levels)

    def row(item: Forecasted) -> tuple[float] | None:
        numbers = item.numbers(*at)
        return None if numbers is None else (float(any(low > high for low, high in pairwise(numbers[1:]))),)

    signature = f"crossing|levels:{','.join(map(repr, at))}|stat:mean|v1"
    return LineMean("crossing", signature, ("crossed",), each(row, 1), direction=Direction.LOWER)
