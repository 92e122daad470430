"""Cohen's kappa: agreement beyond what chance would give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.class_counts import by_class, class_columns, count_classes
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, places, signed_labels
from outcrop.metrics.lines import LineSums, check_choice, ratio
from outcrop.metrics.protocol import Rows

Weights = Literal["none", "linear", "quadratic"]
"""What a disagreement costs: 1, the distance of the two labels in their order, or its square."""

_Array = NDArray[np.float64]


def cohen_kappa(labels: Sequence[str], weights: Weights = "none") -> LineSums[Classified]:
    """Cohen's kappa between right labels and predictions.

    ``1 - (disagreement seen) / (disagreement expected from the two frequencies of labels)``. Sources: Cohen, "A
    Coefficient of Agreement for Nominal Scales", 1960, and "Weighted kappa", 1968.

    Args:
        labels: All labels; in their order, where disagreements are weighted. Predictions that are none of them are one
            class more, as far from every label as two labels can be.
        weights: What a disagreement costs.

    Returns:
        A metric named ``kappa``, ``linear_kappa`` or ``quadratic_kappa``, at most 1; 0 is chance, and it can be
        negative. It is undefined (NaN) where labels and predictions are all one and the same.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    check_choice("weights", weights, get_args(Weights))
    if weights == "none":
        signature = f"kappa|weights:none|labels:{signed_labels(sorted(known))}|v1"
        return LineSums("kappa", signature, class_columns(known), count_classes(known), _unweighted)
    distances = _distances(len(known), 1 if weights == "linear" else 2)
    return LineSums(
        f"{weights}_kappa",
        f"kappa|weights:{weights}|ordered:{signed_labels(known)}|v1",
        (*class_columns(known), "distance"),
        partial(_with_distance, known, distances),
        partial(_weighted, distances),
    )


def _unweighted(sums: _Array) -> _Array:
    hits, predicted, actual = by_class(sums)
    n = actual.sum(axis=1)
    by_chance = (predicted * actual).sum(axis=1)
    return ratio(n * hits.sum(axis=1) - by_chance, n**2 - by_chance)


def _distances(k: int, power: int) -> _Array:
    """What it costs to predict a label (column) for another (row): ``(k, k + 1)``, the last for unknown ones."""
    order = np.arange(k)
    distances = np.full((k, k + 1), float(k - 1))
    distances[:, :k] = abs(order[:, None] - order)
    return distances**power


def _with_distance(labels: tuple[str, ...], distances: _Array, items: Sequence[Classified]) -> Rows:
    right, predicted = places(items, labels)
    apart = np.where(right < 0, np.nan, distances[right, predicted])
    return np.column_stack([count_classes(labels)(items), apart])


def _weighted(distances: _Array, sums: _Array) -> _Array:
    _, predicted, actual = by_class(sums[:, :-1])
    n = actual.sum(axis=1, keepdims=True)
    said = np.hstack([predicted, n - predicted.sum(axis=1, keepdims=True)])
    expected = np.einsum("bi,ij,bj->b", actual, distances, said)
    return 1 - ratio(n[:, 0] * sums[:, -1], expected)
