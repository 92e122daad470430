"""Average precision: the area under the curve of precision over recall, as a sum of steps."""

from __future__ import annotations

import math

import numpy as np

from outcrop.metrics.classification.auc import grouped, scored_as
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import signed_labels
from outcrop.metrics.lines import LineRows, each
from outcrop.metrics.protocol import Rows


def average_precision(positive: str) -> LineRows[Classified]:
    """The mean over positive items of the precision at their score: ``Σ (R_t - R_before) P_t`` over falling thresholds.

    Steps, not trapezoids: precision is no straight line between two thresholds, and a trapezoid is too high there
    (Davis & Goadrich, "The Relationship Between Precision-Recall and ROC Curves", 2006). Items with the same score
    cross the threshold together.

    Args:
        positive: The label whose score is held against all other labels. Only the order of the scores counts.

    Returns:
        A metric named ``average_precision``, in 0..1; by chance it is near the share of positives. It is undefined
        (NaN) where there is no positive. An item without a label or without a score for ``positive`` gives a row of
        NaN.
    """
    signature = f"average_precision|pos:{signed_labels([positive])}|steps|ties:together|v1"
    return LineRows("average_precision", signature, ("score", "positive"), each(scored_as(positive), 2), _area)


def _area(rows: Rows) -> float:
    _, positives, negatives = (counts[::-1] for counts in grouped(rows))
    hits, alerts = np.cumsum(positives), np.cumsum(positives + negatives)
    return float((positives * (hits / alerts)).sum() / hits[-1]) if hits[-1] else math.nan
