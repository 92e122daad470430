"""The mean absolute percentage error, and how much of a table it can't speak of."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.regression.estimated import Estimated


def mape() -> LineMean[Estimated]:
    """The mean of ``|prediction - actual| / |actual|`` over the items whose actual value is not 0.

    An item whose actual value is 0 has no percentage error: it is left out and counted, and ``zero_actual`` says how
    many there are. Dividing by a small number in its stead, as some tools do, lets one such item decide the mean.

    Returns:
        A metric named ``mape``, from 0: 0.1 is 10 %. A prediction that is too low costs at most 1, one that is too
        high has no bound, so it favours models that say too little. An item without two finite numbers
        gives a row of NaN.
    """
    signature = "mape|zero:left-out|stat:mean|v1"
    return LineMean("mape", signature, ("percentage_error",), each(_row, 1), direction=Direction.LOWER)


def zero_actual() -> LineMean[Estimated]:
    """The share of items whose actual value is 0: those that MAPE leaves out.

    Returns:
        A metric named ``zero_actual``, in 0..1; neither way is better. An item without two finite numbers gives a row
        of NaN.
    """
    signature = "zero_actual|stat:mean|v1"
    return LineMean("zero_actual", signature, ("zero",), each(_zero, 1), direction=Direction.NONE)


def _row(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    if numbers is None or numbers[0] == 0:
        return None
    actual, prediction = numbers
    return (abs(prediction - actual) / abs(actual),)


def _zero(item: Estimated) -> tuple[float] | None:
    numbers = item.numbers()
    return None if numbers is None else (float(numbers[0] == 0),)
