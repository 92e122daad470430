"""A metric whose score is the mean of a value per record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import Count, count_rows, exact_mean


@dataclass(frozen=True)
class RecordMean:
    """A ``Metric`` made of two functions: counts of a pair, and values of rows.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The row of a response and a reference.
        value: The values of rows, shape ``(n, k)`` to ``(n,)``; NaN for rows of NaN.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Count
    value: Callable[[Rows], NDArray[np.float64]]
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, pairs: Sequence[Pair]) -> Rows:
        """Count each pair: shape ``(n, k)``."""
        return count_rows(pairs, self.count, len(self.columns))

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The value of each record, shape ``(n,)``."""
        return self.value(rows)

    def score(self, rows: Rows) -> float:
        """The mean of the records that have a value; NaN where none has."""
        return exact_mean(self.value(rows))
