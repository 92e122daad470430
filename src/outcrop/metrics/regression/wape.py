"""The weighted absolute percentage error: all errors held against all actual values."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineSums, each, ratio
from outcrop.metrics.regression.estimated import Estimated


def wape() -> LineSums[Estimated]:
    """``Σ |prediction - actual| / Σ |actual|``, a ratio of sums: items with an actual value of 0 take part in it.

    Source: Kolassa & Schütz, "Advantages of the MAD/Mean Ratio over the MAPE", 2007.

    Returns:
        A metric named ``wape``, from 0: 0.1 is 10 %. It is undefined (NaN) where all actual values are 0. An item
        without two finite numbers gives a row of NaN.
    """
    columns = ("absolute_error", "absolute_actual")
    signature = "wape|stat:ratio-of-sums|v1"
    return LineSums(
        "wape", signature, columns, each(_row, 2), lambda sums: ratio(sums[:, 0], sums[:, 1]), direction=Direction.LOWER
    )


def _row(item: Estimated) -> tuple[float, float] | None:
    numbers = item.numbers()
    return None if numbers is None else (abs(numbers[1] - numbers[0]), abs(numbers[0]))
