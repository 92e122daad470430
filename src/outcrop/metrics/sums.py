"""A metric whose score is a function of the sums of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import Count, count_rows, has_value


@dataclass(frozen=True)
class SumMetric:
    """A ``Metric`` made of two functions: counts of a pair, and scores of sums of counts.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The row of a response and its references; whole numbers, so that sums don't depend on their order.
        value: The scores of sums, shape ``(b, k)`` to ``(b,)``; NaN where undefined.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Count
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """Count each pair: shape ``(n, k)``."""
        return count_rows(items, self.count, len(self.columns))

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per record."""

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of sums of rows, shape ``(b, k)`` to ``(b,)``; NaN for sums of NaN."""
        return np.where(has_value(sums), self.value(sums), np.nan)

    def score(self, rows: Rows) -> float:
        """The score of the sum of the rows that have a value; NaN where none has."""
        left = rows[has_value(rows)]
        return float(self.value(left.sum(axis=0, keepdims=True))[0]) if len(left) else math.nan
