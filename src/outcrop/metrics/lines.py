"""Metrics of a table's lines, in the three shapes: a mean of values, a function of sums, a function of all rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Rows
from outcrop.metrics.rows import exact_mean, has_value

Item = TypeVar("Item")
"""A line of a table, read: what was right and what a model said."""


def _only_column(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]


@dataclass(frozen=True)
class LineMean(Generic[Item]):
    """A ``Metric`` whose score is the mean of a value per line.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The rows of items, shape ``(n, k)``; a row of NaN for an item that can't be scored.
        value: The values of rows, shape ``(n, k)`` to ``(n,)``; by default the one column.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Callable[[Sequence[Item]], Rows]
    value: Callable[[Rows], NDArray[np.float64]] = _only_column
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[Item]) -> Rows:
        """The rows of the items: shape ``(n, k)``."""
        return self.count(items)

    def per_record(self, rows: Rows) -> NDArray[np.float64]:
        """The value of each line, shape ``(n,)``."""
        return self.value(rows)

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: the interval of a mean comes from the values."""

    def score(self, rows: Rows) -> float:
        """The mean of the lines that have a value; NaN where none has."""
        return exact_mean(self.value(rows))


@dataclass(frozen=True)
class LineSums(Generic[Item]):
    """A ``Metric`` whose score is a function of the sums of its rows.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The rows of items, shape ``(n, k)``; a row of NaN for an item that can't be scored.
        value: The scores of sums, shape ``(b, k)`` to ``(b,)``; NaN where undefined.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Callable[[Sequence[Item]], Rows]
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[Item]) -> Rows:
        """The rows of the items: shape ``(n, k)``."""
        return self.count(items)

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per line."""

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of sums of rows, shape ``(b, k)`` to ``(b,)``."""
        return self.value(sums)

    def score(self, rows: Rows) -> float:
        """The score of the sums of the rows that have a value; NaN where none has."""
        left = rows[has_value(rows)]
        if not len(left):
            return math.nan
        return float(self.value(np.array([[exact_sum(column) for column in left.T]]))[0])


@dataclass(frozen=True)
class LineRows(Generic[Item]):
    """A ``Metric`` whose score needs all rows at once: an order of them, or distances to their mean.

    Attributes:
        name, signature, columns, unit, direction: As ``Metric`` has them.
        count: The rows of items, shape ``(n, k)``; a row of NaN for an item that can't be scored.
        value: The score of one row or more, without NaN; NaN where undefined.
    """

    name: str
    signature: str
    columns: tuple[str, ...]
    count: Callable[[Sequence[Item]], Rows]
    value: Callable[[Rows], float]
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[Item]) -> Rows:
        """The rows of the items: shape ``(n, k)``."""
        return self.count(items)

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per line."""

    def of_sums(self, sums: NDArray[np.float64]) -> None:
        """None: the score is no function of the rows' sums."""

    def score(self, rows: Rows) -> float:
        """The score of the rows that have a value; NaN where none has."""
        left = rows[has_value(rows)]
        return self.value(left) if len(left) else math.nan


def each(count: Callable[[Item], tuple[float, ...] | None], width: int) -> Callable[[Sequence[Item]], Rows]:
    """Make rows from a function of one item.

    Args:
        count: The ``width`` numbers of an item; None where it can't be scored.
        width: How many numbers a row has.

    Returns:
        A function from items to rows, shape ``(n, width)``, with NaN for None.
    """
    missing = (math.nan,) * width

    def rows(items: Sequence[Item]) -> Rows:
        counted = [missing if (counts := count(item)) is None else counts for item in items]
        return np.array(counted, dtype=np.float64).reshape(len(items), width)

    return rows


def exact_sum(values: NDArray[np.float64]) -> float:
    """The sum, rounded once, so that it does not depend on the order; infinite where it is too large for a float."""
    try:
        return math.fsum(values)
    except OverflowError:
        with np.errstate(over="ignore"):
            return float(np.sum(values))


def ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """``above / below`` by element; NaN where ``below`` is 0, infinite where the quotient is too large for a float."""
    quotients = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    with np.errstate(over="ignore"):
        np.divide(above, below, out=quotients, where=below != 0)
    return quotients


def check_lengths(where: str, columns: dict[str, int]) -> None:
    """Refuse columns of unlike lengths.

    Raises:
        InvalidInput: They are not all as long as the first; one fault for each that is not.
    """
    (first, wanted), *others = columns.items()
    faults = [
        Fault(where, None, name, f"{length} values", f"{wanted}, as many as {first} has")
        for name, length in others
        if length != wanted
    ]
    if faults:
        raise InvalidInput(faults)


def check_choice(name: str, found: str, choices: Sequence[str]) -> None:
    """Refuse a word that is no choice.

    Raises:
        InvalidInput: ``found`` is none of ``choices``.
    """
    if found not in choices:
        raise InvalidInput([Fault(name, None, "", repr(found), f"one of {', '.join(choices)}")])
