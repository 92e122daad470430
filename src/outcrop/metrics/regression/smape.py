"""The symmetric mean absolute percentage error, in one of its three definitions."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.regression.estimated import Estimated


def smape() -> LineMean[Estimated]:
    """The mean of ``2 |prediction - actual| / (|actual| + |prediction|)``, as the M4 competition has it.

    Source: Makridakis, "Accuracy measures: theoretical and practical concerns", 1993, with absolute values in the
    denominator. Two other definitions carry the same name: one without the 2, in 0..1, and one without the absolute
    values (Armstrong 1985), which can be negative.

    Returns:
        A metric named ``smape``, in 0..2: 0.1 is 10 %. Where both numbers are 0 the prediction is right, and its value
        0; where one of them is, it is 2, however small the other. An item without two finite numbers gives a row of
        NaN.
    """
    signature = "smape|def:2e/(|a|+|p|)|both-zero:0|stat:mean|v1"
    return LineMean("smape", signature, ("error",), each(_row, 1), direction=Direction.LOWER)


def _row(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    if numbers is None:
        return None
    actual, prediction = numbers
    if actual == prediction:
        return (0.0,)
    # Halves first: the sum of two large numbers may be too large.
    return (abs(prediction - actual) / (abs(actual) / 2 + abs(prediction) / 2),)
