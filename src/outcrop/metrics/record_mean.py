"""A metric whose score is the mean of a value per record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import count_rows, exact_mean

References = Literal["best", "average"]


@dataclass(frozen=True)
class RecordMean:
    """A ``Metric`` made of two functions: counts of a response and a reference, and values of rows.

    A reference that can't be scored is passed over where the record has another one that can.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The row of a response and a reference; None where they can't be scored.
        value: The values of rows, shape ``(n, k)`` to ``(n,)``; NaN for rows of NaN.
        references: What several references make of a record. ``best``: its row is that of the reference with the best
            value, the first of those where there are several. ``average``: its row is the mean of the values, which is
            the only column.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Callable[[str, str], tuple[float, ...] | None]
    value: Callable[[Rows], NDArray[np.float64]]
    unit: str = ""
    direction: Direction = Direction.HIGHER
    references: References = "best"

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """Count each pair: shape ``(n, k)``."""
        counted = self._best if self.references == "best" else self._average
        return count_rows(items, counted, len(self.columns))

    def _best(self, response: str, references: tuple[str, ...]) -> tuple[float, ...] | None:
        if len(references) == 1:
            return self.count(response, references[0])
        rows = self._counted(response, references)
        if len(rows) < 2:
            return rows[0] if rows else None
        values = self.value(np.array(rows, dtype=np.float64))
        return rows[int(np.argmin(values) if self.direction is Direction.LOWER else np.argmax(values))]

    def _average(self, response: str, references: tuple[str, ...]) -> tuple[float, ...] | None:
        rows = self._counted(response, references)
        return (exact_mean(self.value(np.array(rows, dtype=np.float64))),) if rows else None

    def _counted(self, response: str, references: tuple[str, ...]) -> list[tuple[float, ...]]:
        return [row for reference in references if (row := self.count(response, reference)) is not None]

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The value of each record, shape ``(n,)``."""
        return self.value(rows) if self.references == "best" else rows[:, 0]

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: a mean of values is no function of the counts' sums."""

    def score(self, rows: Rows) -> float:
        """The mean of the records that have a value; NaN where none has."""
        return exact_mean(self.per_record(rows))
