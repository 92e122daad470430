"""Rows of counts: made from pairs, freed of those without a value, turned into F1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Pair, Rows

Count = Callable[[str, tuple[str, ...]], tuple[float, ...] | None]
"""Counts for a response and its references, of which there is one at least; None where they can't be scored."""


def count_rows(pairs: Sequence[Pair], count: Count, width: int) -> Rows:
    """Count every pair.

    Args:
        pairs: What to count.
        count: Makes the ``width`` numbers of a row from a response and its references.
        width: How many numbers a row has.

    Returns:
        Shape ``(len(pairs), width)``; a row of NaN where there is no response or no reference, or ``count`` gives
        None.
    """
    missing = (math.nan,) * width
    # One array of all tuples takes a fraction of the time that a row at a time does.
    counted = [_counted(pair, count) or missing for pair in pairs]
    return np.array(counted, dtype=np.float64).reshape(len(pairs), width)


def _counted(pair: Pair, count: Count) -> tuple[float, ...] | None:
    return None if pair.response is None or not pair.references else count(pair.response, pair.references)


def has_value(rows: Rows) -> NDArray[np.bool_]:
    """Which rows hold no NaN, shape ``(n,)``."""
    # Column by column: numpy is some ten times slower along an axis of two or three.
    missing = np.zeros(len(rows), dtype=np.bool_)
    for column in np.isnan(rows).T:
        missing |= column
    return ~missing


def exact_mean(values: NDArray[np.float64]) -> float:
    """The mean of the values that are not NaN; NaN where there are none.

    The sum is exact before it is rounded once, so the mean does not depend on the order of the records.
    """
    left = values[~np.isnan(values)]
    try:
        return math.fsum(left) / len(left) if len(left) else math.nan
    except OverflowError:
        # The sum is too large for a float, and the mean is not.
        return math.fsum(left / len(left))


def defined(value: float) -> float | None:
    """The value, or None where it is NaN."""
    return None if math.isnan(value) else value


def f1_of_counts(rows: Rows, *, both_empty: float) -> NDArray[np.float64]:
    """F1 per row, the harmonic mean of precision and recall, in 0..1.

    ``2 hits / (n_response + n_reference)``, which is ``2 P R / (P + R)`` with ``P = hits / n_response`` and
    ``R = hits / n_reference``, and is defined where one of the two is not.

    Args:
        rows: Columns hits, n_response, n_reference; shape ``(n, 3)``.
        both_empty: The value of a row of three zeros.

    Returns:
        Shape ``(n,)``; NaN for rows of NaN.
    """
    total = rows[:, 1] + rows[:, 2]
    values = np.full(len(rows), both_empty)
    np.divide(2 * rows[:, 0], total, out=values, where=total != 0)
    return values
