"""What a metric is: rows of sufficient statistics, and a score that is a function of the rows.

The interval, the paired test, the slices and the resumption of a score all come from the same rows. There are three
shapes: the mean of a value per record (``record_mean``), a function of the rows' sums (``sums``), and the rest, which
needs all rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction

Rows = NDArray[np.float64]


Item_contra = TypeVar("Item_contra", contravariant=True)
"""What a metric scores: a ``Pair`` of texts, or a line of a table."""


@dataclass(frozen=True)
class Pair:
    """A response and what it is held against.

    Attributes:
        response: None where there is none.
        references: The right responses, any of which will do; none where there is none.
    """

    response: str | None
    references: tuple[str, ...]


class Metric(Protocol[Item_contra]):
    """A definition with a signature.

    Promises: ``prepare`` is a pure function of each item, so preparing a dataset in parts gives the same rows in the
    same order; an item that can't be scored gives a row of NaN, never a zero; ``score`` does not depend on the order
    of the rows, leaves NaN rows out, and is NaN where nothing is left or the metric is undefined.
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

    def prepare(self, items: Sequence[Item_contra]) -> Rows:
        """Count what the score needs: shape ``(n, k)``."""
        ...

    def per_record(self, rows: Rows) -> NDArray[np.float64] | None:
        """The value of each record, shape ``(n,)``, where the score is their mean; None for other shapes."""
        ...

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The score of each row of sums, ``(b, k)`` to ``(b,)``, where it is a function of them; None otherwise."""
        ...

    def score(self, rows: Rows) -> float:
        """The metric's value over all rows."""
        ...


TextMetric = Metric[Pair]
"""A metric of responses."""
