"""The Matthews correlation coefficient: how far predictions and labels go together, all cells of the matrix counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.class_counts import by_class, class_columns, count_classes
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.lines import LineSums, ratio


def mcc(labels: Sequence[str]) -> LineSums[Classified]:
    """The Matthews correlation coefficient, for two labels or more.

    Sources: Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", 1975; for
    several labels, Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.

    Args:
        labels: All labels. Predictions that are none of them are one class more.

    Returns:
        A metric named ``mcc``, in -1..1; 0 is chance. It is undefined (NaN) where all labels, or all predictions, are
        the same.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    signature = f"mcc|constant:undefined|labels:{signed_labels(sorted(known))}|v1"
    return LineSums("mcc", signature, class_columns(known), count_classes(known), _correlation)


def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    hits, predicted, actual = by_class(sums)
    n = actual.sum(axis=1)
    unknown = n - predicted.sum(axis=1)
    together = hits.sum(axis=1) * n - (predicted * actual).sum(axis=1)
    of_predictions = n**2 - (predicted**2).sum(axis=1) - unknown**2
    of_labels = n**2 - (actual**2).sum(axis=1)
    return ratio(together, np.sqrt(of_predictions) * np.sqrt(of_labels))
