"""What a metric is: rows of sufficient statistics, and a score that is a function of the rows.

The interval, the paired test, the slices and the resumption of a score all come from the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """A response and what it is held against; None where there is none."""

    response: str | None
    reference: str | None


class Metric(Protocol):
    """A definition with a signature.

    Promises: ``prepare`` is a pure function of each pair, so preparing a dataset in parts gives the same rows in the
    same order; a pair that can't be scored gives a row of NaN, never a zero; ``score`` does not depend on the order of
    the rows, leaves NaN rows out, and is NaN where nothing is left.
    """

    @property
    def name(self) -> str:
        """The name it is asked for by, such as ``rougeL``."""
        ...

    @property
    def signature(self) -> str:
        """Every choice that changes the value, ``name|choice:value|…|v1``; unlike signatures are not comparable."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the value; "" for a share."""
        ...

    @property
    def direction(self) -> Direction:
        """Which way is better."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What the ``k`` numbers of a row are."""
        ...

    def prepare(self, pairs: Sequence[Pair]) -> Rows:
        """Count what the score needs: shape ``(n, k)``."""
        ...

    def per_record(self, rows: Rows) -> NDArray[np.float64] | None:
        """The value of each record, shape ``(n,)``, where the score is their mean; None for a corpus metric."""
        ...

    def score(self, rows: Rows) -> float:
        """The metric's value over all rows."""
        ...
