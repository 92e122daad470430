"""Accuracy: the share of predictions that are right; and its mean over classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.class_counts import by_class, class_columns, count_classes
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.lines import LineMean, LineSums, each, ratio


def accuracy() -> LineMean[Classified]:
    """The share of predictions that equal the right label, character for character.

    Returns:
        A metric named ``accuracy``, in 0..1. An item without a label or without a prediction has no value; a
        prediction that is no label at all is wrong.
    """
    return LineMean("accuracy", "accuracy|stat:mean|v1", ("right",), each(_right, 1))


def _right(item: Classified) -> tuple[float] | None:
    if item.label is None or item.prediction is None:
        return None
    return (float(item.label == item.prediction),)


def balanced_accuracy(labels: Sequence[str]) -> LineSums[Classified]:
    """The mean over classes of the share of their items that were found: macro recall over the classes that occur.

    Source: Brodersen et al., "The Balanced Accuracy and Its Posterior Distribution", 2010.

    Args:
        labels: All labels. One that no item has is left out of the mean.

    Returns:
        A metric named ``balanced_accuracy``, in 0..1; 1/K for a model that always says the same.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    signature = f"balanced_accuracy|absent:skip|labels:{signed_labels(sorted(known))}|v1"
    return LineSums("balanced_accuracy", signature, class_columns(known), count_classes(known), _mean_recall)


def _mean_recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    hits, _, actual = by_class(sums)
    return ratio(np.nan_to_num(ratio(hits, actual)).sum(axis=1), (actual > 0).sum(axis=1))
