"""What a score could be if the records without a value had one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.lines import exact_sum


def missing_bounds(values: NDArray[np.float64], *, low: float, high: float) -> tuple[float, float]:
    """The mean, had every record without a value the worst value of all, and the best.

    A mean over the records that could be scored says nothing about the others. A model that fails to answer the hard
    half can have a better mean than one that answers everything; these bounds show it.

    Args:
        values: One per record, NaN where there is none, as ``Metric.per_record`` gives them; shape ``(n,)``.
        low: The lowest value a record can have.
        high: The highest.

    Returns:
        Lower and upper bound, equal where nothing is missing; two NaN where there is no record at all.
    """
    if not len(values):
        return math.nan, math.nan
    known = values[~np.isnan(values)]
    total, n_missing = exact_sum(known), len(values) - len(known)
    return (total + n_missing * low) / len(values), (total + n_missing * high) / len(values)
