"""Length ratio: how long the responses are for what they answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import count_rows


@dataclass(frozen=True)
class LengthRatio:
    """Words of all responses divided by words of all references.

    It is a ratio of sums, not a mean of ratios: one reference of a single word answered at length would move a mean
    of ratios more than a hundred ordinary records, and the means of a/b and of b/a can both exceed 1.
    """

    name: str = "length_ratio"
    signature: str = "length_ratio|tok:white-space|stat:ratio-of-sums|v1"
    unit: str = ""
    direction: Direction = Direction.NONE
    columns: tuple[str, ...] = ("n_response", "n_reference")

    def prepare(self, pairs: Sequence[Pair]) -> Rows:
        """Count the words of each pair: shape ``(n, 2)``; NaN where the reference has none."""
        return count_rows(pairs, _count, len(self.columns))

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per record."""

    def score(self, rows: Rows) -> float:
        """The ratio of the sums, from 0 and without upper bound; NaN where no row is left."""
        n_response, n_reference = (np.nansum(column) for column in rows.T)
        return float(n_response / n_reference) if n_reference else math.nan


def length_ratio() -> LengthRatio:
    """A metric named ``length_ratio``; 1 is as long as the references, and neither way is better."""
    return LengthRatio()


def _count(response: str, reference: str) -> tuple[float, ...] | None:
    n_reference = len(reference.split())
    return (len(response.split()), n_reference) if n_reference else None
