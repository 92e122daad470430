"""Counts by label: how often it was right, predicted, and both. Sums of them are all that most metrics need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import places
from outcrop.metrics.protocol import Rows

_Sums = NDArray[np.float64]


def class_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of the ``3 K`` columns that ``count_classes`` makes for ``K`` labels."""
    return tuple(f"{kind} {label}" for kind in ("hits", "predicted", "actual") for label in labels)


def count_classes(labels: tuple[str, ...]) -> Callable[[Sequence[Classified]], Rows]:
    """Count items by label.

    Args:
        labels: The ``K`` labels that are known.

    Returns:
        A function from items to rows of zeros and ones, shape ``(n, 3 K)``. A prediction that is no known label is in
        no column of predictions, so it is a miss for the right label and a false alarm for none. An item without a
        prediction or without a known right label gives a row of NaN. The rows take ``24 K`` bytes an item.
    """
    k = len(labels)

    def rows(items: Sequence[Classified]) -> Rows:
        right, predicted = places(items, labels)
        hits, said, actual = np.zeros((3, len(items), k + 1))
        every = np.arange(len(items))
        hits[every, np.where(right == predicted, right, k)] = 1
        said[every, predicted] = 1
        actual[every, right] = 1
        counted = np.hstack([hits[:, :k], said[:, :k], actual[:, :k]])
        counted[right < 0] = np.nan
        return counted

    return rows


def count_positive(positive: str) -> Callable[[Sequence[Classified]], Rows]:
    """Count items of one label against all others, known or not.

    Returns:
        A function from items to rows of zeros and ones, shape ``(n, 3)``: hits, predicted, actual. An item without a
        label or a prediction gives a row of NaN.
    """

    def rows(items: Sequence[Classified]) -> Rows:
        said = np.array([item.prediction == positive for item in items], dtype=np.float64)
        actual = np.array([item.label == positive for item in items], dtype=np.float64)
        counted = np.stack([said * actual, said, actual], axis=1)
        missing = [item.prediction is None or item.label is None for item in items]
        counted[np.array(missing, dtype=np.bool_)] = np.nan
        return counted

    return rows


def by_class(sums: _Sums) -> tuple[_Sums, _Sums, _Sums]:
    """Sums of rows, ``(b, 3 K)``, as hits, predicted and actual, each ``(b, K)``."""
    hits, predicted, actual = np.split(sums, 3, axis=1)
    return hits, predicted, actual
