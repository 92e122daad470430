"""A metric whose score is the mean of a value per record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import count_rows, exact_mean


@dataclass(frozen=True)
class RecordMean:
    """A ``Metric`` made of two functions: counts of a response and a reference, and values of rows.

    Of several references the one with the best value counts, the first of those where there are several.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The row of a response and a reference; None where they can't be scored.
        value: The values of rows, shape ``(n, k)`` to ``(n,)``; NaN for rows of NaN.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Callable[[str, str], tuple[float, ...] | None]
    value: Callable[[Rows], NDArray[np.float64]]
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """Count each pair: shape ``(n, k)``."""
        return count_rows(items, self._best, len(self.columns))

    def _best(self, response: str, references: tuple[str, ...]) -> tuple[float, ...] | None:
        counted = [counts for reference in references if (counts := self.count(response, reference)) is not None]
        if len(counted) < 2:
            return counted[0] if counted else None
        values = self.value(np.array(counted, dtype=np.float64))
        return counted[int(np.argmin(values) if self.direction is Direction.LOWER else np.argmax(values))]

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The value of each record, shape ``(n,)``."""
        return self.value(rows)

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: a mean of values is no function of the counts' sums."""

    def score(self, rows: Rows) -> float:
        """The mean of the records that have a value; NaN where none has."""
        return exact_mean(self.value(rows))
