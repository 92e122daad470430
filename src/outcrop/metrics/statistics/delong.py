"""How sure an area under the ROC curve is, and the difference of two on the same records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.intervals import (
    Interval,
    check_confidence,
    normal_p_value,
    normal_quantile,
    t_quantile,
)
from outcrop.metrics.statistics.paired import PairedDifference
from outcrop.metrics.statistics.shares import score_bounds


@dataclass(frozen=True)
class Areas:
    """Areas under the ROC curves of several models on the same records.

    Attributes:
        areas: The probability that a positive record scores above a negative one, ties counting half; shape ``(m,)``.
        covariance: DeLong's estimate of how the areas scatter together; shape ``(m, m)``.
    """

    areas: NDArray[np.float64]
    covariance: NDArray[np.float64]


def areas(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Areas:
    """The areas and DeLong's covariance, from midranks.

    A positive record's part of an area is the share of negatives that it scores above; the areas' covariance is that of
    the positives' parts over the number of positives, plus that of the negatives' parts over theirs. Source: DeLong,
    DeLong & Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic
    Curves", 1988; Sun & Xu, "Fast Implementation of DeLong's Algorithm", 2014, for midranks in place of all pairs.

    Args:
        scores: One line per model, higher for what is more likely positive, without NaN; shape ``(m, n)``.
        positive: Which records are positive, two at least, and two at least not; shape ``(n,)``.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    of_positives, of_negatives = [], []
    for line in scores:
        ranks = _midranks(line)
        of_positives.append((ranks[positive] - _midranks(line[positive])) / n_negative)
        of_negatives.append(1 - (ranks[~positive] - _midranks(line[~positive])) / n_positive)
    first, second = np.array(of_positives), np.array(of_negatives)
    covariance = np.atleast_2d(np.cov(first)) / n_positive + np.atleast_2d(np.cov(second)) / n_negative
    return Areas(first.mean(axis=1), covariance)


def auc_interval(scores: ArrayLike, positive: ArrayLike, confidence: float = 0.95) -> Interval:
    """The area under the ROC curve and Wilson's interval with DeLong's variance.

    The bounds are Wilson's on ``A (1 - A) / variance`` records, with the t quantile of the smaller class; they stay in
    0..1 and have a width where all positives score above all negatives. DeLong's own, ``A ± z · √variance``, covers far
    less than it says where an area is near 1 (``docs/reference/statistics.md``).

    Args:
        scores: One per record, higher for what is more likely positive; shape ``(n,)``. A record with NaN is left out
            and counted.
        positive: Not 0 where the record is positive; shape ``(n,)``. A record with NaN is left out and counted.
        confidence: The share of such intervals that hold the true area; between 0 and 1.

    Returns:
        The interval, in 0..1; without bounds where a class has one record, without a value where it has none.

    Raises:
        InvalidInput: There are not as many labels as scores, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    lines, labels, n_left_out = _kept([scores], positive)
    n, smaller = len(labels), _smaller_class(labels)
    if smaller == 0:
        return Interval(None, None, None, "no bounds: one class has no record", n, n_left_out)
    if smaller == 1:
        return Interval(_area(lines[0], labels), None, None, "no bounds: one class has one record", n, n_left_out)
    found = areas(lines, labels)
    area, variance = float(found.areas[0]), float(found.covariance[0, 0])
    effective = area * (1 - area) / variance if variance > 0 else smaller
    low, high = score_bounds(area, effective, t_quantile(confidence, smaller - 1))
    return Interval(area, low, high, "Wilson with DeLong's variance", n, n_left_out)


def auc_difference(
    baseline_scores: ArrayLike, candidate_scores: ArrayLike, positive: ArrayLike, confidence: float = 0.95
) -> PairedDifference:
    """The difference of two areas on the same records with DeLong's interval and test, both normal.

    The interval leaves out 0 exactly where the p-value is below ``1 - confidence``.

    Args:
        baseline_scores: One per record, higher for what is more likely positive; shape ``(n,)``. A record with NaN is
            left out and counted.
        candidate_scores: The other model's for the same records in the same order; shape ``(n,)``.
        positive: Not 0 where the record is positive; shape ``(n,)``.
        confidence: The share of such intervals that hold the true difference; between 0 and 1.

    Returns:
        Candidate minus baseline; without bounds and p-value where a class has one record or the areas don't scatter,
        without a difference where a class has no record.

    Raises:
        InvalidInput: There are not as many scores of each model as labels, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    lines, labels, n_left_out = _kept([baseline_scores, candidate_scores], positive)
    n, smaller = len(labels), _smaller_class(labels)
    if smaller == 0:
        return PairedDifference(None, None, None, None, "no test: one class has no record", n, n_left_out)
    difference = _area(lines[1], labels) - _area(lines[0], labels)
    if smaller == 1:
        return PairedDifference(difference, None, None, None, "no test: one class has one record", n, n_left_out)
    contrast = np.array([-1.0, 1.0])
    error = math.sqrt(max(0.0, float(contrast @ areas(lines, labels).covariance @ contrast)))
    if error < 1e-12:
        if abs(difference) < 1e-12:
            return PairedDifference(0.0, 0.0, 0.0, 1.0, "DeLong: no record's part differs", n, n_left_out)
        return PairedDifference(difference, None, None, None, "no test: the areas don't scatter", n, n_left_out)
    half = normal_quantile(confidence) * error
    p_value = normal_p_value(difference / error)
    return PairedDifference(difference, difference - half, difference + half, p_value, "DeLong", n, n_left_out)


def _kept(models: Sequence[ArrayLike], positive: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Scores, one line per model, and labels of the records that have all of them, and how many have not."""
    labels = np.asarray(positive, dtype=np.float64)
    lines = [np.asarray(scores, dtype=np.float64) for scores in models]
    if any(line.shape != labels.shape for line in lines):
        found = f"{', '.join(str(line.size) for line in lines)} for {labels.size} labels"
        raise InvalidInput([Fault("scores", None, "", found, "one of each model for each label")])
    whole = np.stack(lines)
    kept = ~(np.isnan(whole).any(axis=0) | np.isnan(labels))
    return whole[:, kept], labels[kept] != 0, int((~kept).sum())


def _smaller_class(positive: NDArray[np.bool_]) -> int:
    return int(min(positive.sum(), (~positive).sum()))


def _area(line: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    return float(_midranks(line)[positive].sum() / n_positive - (n_positive + 1) / 2) / n_negative


def _midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, tied values sharing the mean of theirs."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    ranks: NDArray[np.float64] = (last - (times - 1) / 2)[place]
    return ranks
