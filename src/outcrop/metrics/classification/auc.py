"""The area under the ROC curve: how often a positive item has a higher score than a negative one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.lines import LineRows, each
from outcrop.metrics.protocol import Rows
from outcrop.metrics.statistics.delong import auc_difference, auc_interval
from outcrop.metrics.statistics.intervals import Interval
from outcrop.metrics.statistics.paired import PairedDifference


class RocAuc(LineRows[Classified]):
    """An area that knows its own interval and test: DeLong's, from the rows of scores and labels."""

    def own_interval(self, rows: Rows) -> Interval:
        """See ``HasOwnInterval``."""
        return auc_interval(rows[:, 0], rows[:, 1])

    def own_difference(self, baseline_rows: Rows, candidate_rows: Rows) -> PairedDifference:
        """See ``HasOwnInterval``; the records' labels are those of the baseline's rows."""
        return auc_difference(baseline_rows[:, 0], candidate_rows[:, 0], baseline_rows[:, 1])


def roc_auc(positive: str) -> RocAuc:
    """The share of pairs of a positive and a negative item in which the positive has the higher score; a tie is half.

    It is the area under the ROC curve by trapezoids, and the Mann-Whitney statistic. Source: Hanley & McNeil, "The
    Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve", 1982.

    Args:
        positive: The label whose score is held against all other labels. Only the order of the scores counts.

    Returns:
        A metric named ``roc_auc``, in 0..1; 0.5 is chance. It is undefined (NaN) where there are only positives or
        only negatives. An item without a label or without a score for ``positive`` gives a row of NaN.
    """
    signature = f"roc_auc|pos:{signed_labels([positive])}|ties:half|v1"
    return RocAuc("roc_auc", signature, ("score", "positive"), each(scored_as(positive), 2), _binary)


def roc_auc_ovr(labels: Sequence[str]) -> LineRows[Classified]:
    """The mean over labels of the AUC of that label's score, one label against the rest.

    Source: Provost & Domingos, "Well-Trained PETs", 2000, without their weights by how common a label is.

    Args:
        labels: All labels.

    Returns:
        A metric named ``roc_auc_ovr``, in 0..1; 0.5 is chance. It is undefined (NaN) where a label has no item. An
        item without a known right label or without a score for each label gives a row of NaN.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    place = {label: float(number) for number, label in enumerate(known)}

    def row(item: Classified) -> tuple[float, ...] | None:
        scores = [score for label in known if (score := item.score_of(label)) is not None]
        return (*scores, place[item.label]) if item.label in place and len(scores) == len(known) else None

    signature = f"roc_auc_ovr|avg:macro|ties:half|labels:{signed_labels(sorted(known))}|v1"
    columns = (*(f"score {label}" for label in known), "label")
    return LineRows("roc_auc_ovr", signature, columns, each(row, len(columns)), _mean_over_classes)


def scored_as(positive: str) -> Callable[[Classified], tuple[float, float] | None]:
    """A function from an item to its score for ``positive`` and whether it is; None where one of them is missing."""

    def row(item: Classified) -> tuple[float, float] | None:
        score = item.score_of(positive)
        return None if score is None or item.label is None else (score, float(item.label == positive))

    return row


def grouped(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Items with the same score, together.

    Args:
        rows: Score, and 1 for a positive item or 0; shape ``(n, 2)``.

    Returns:
        The distinct scores, ascending, and how many positives and how many negatives have each.
    """
    scores, group = np.unique(rows[:, 0], return_inverse=True)
    positives = np.bincount(group, weights=rows[:, 1], minlength=len(scores)).astype(np.float64)
    return scores, positives, np.bincount(group, minlength=len(scores)) - positives


def _binary(rows: Rows) -> float:
    _, positives, negatives = grouped(rows)
    pairs = positives.sum() * negatives.sum()
    below = np.cumsum(negatives) - negatives
    # Whole numbers and halves: exact, whatever the order of the items.
    return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else math.nan


def _mean_over_classes(rows: Rows) -> float:
    scores, labels = rows[:, :-1], rows[:, -1]
    areas = [_binary(np.stack([column, labels == place], axis=1)) for place, column in enumerate(scores.T)]
    return math.fsum(areas) / len(areas)
