"""Intervals and paired tests of corpus metrics, by drawing records again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, has_value
from outcrop.metrics.statistics.intervals import Interval, check_confidence
from outcrop.metrics.statistics.paired import PairedDifference, check_same_records


def bootstrap_interval(
    metric: Metric[Any], rows: Rows, *, seed: int, resamples: int = 2000, confidence: float = 0.95
) -> Interval:
    """The metric's value and its percentile bootstrap interval.

    Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. The bounds are order statistics
    of the B resamples: the k-th smallest and the k-th largest, ``k = ⌊α/2 · (B + 1)⌋``. Below some thirty records they
    are too narrow.

    Args:
        metric: What is scored.
        rows: Its rows, one per record, independent of each other; shape ``(n, k)``. Rows with NaN are left out and
            counted.
        seed: The same seed and number of records draw the same records, whatever the metric.
        resamples: How often all records are drawn again, with replacement.
        confidence: Between 0 and 1.

    Returns:
        The interval, in the metric's unit; without bounds for fewer than two records, and where the metric is
        undefined on a resample.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, or ``resamples`` are too few for it.
    """
    rank = _rank(resamples, confidence)
    left = rows[has_value(rows)]
    n, n_left_out = len(left), len(rows) - len(left)
    value = defined(metric.score(left)) if n else None
    if value is None or n < 2:
        return Interval(value, None, None, f"no bounds: {_too_few(n)}", n, n_left_out)
    drawn = _redrawn(metric.score, [left], seed, resamples)
    if np.isnan(drawn).any():
        return Interval(value, None, None, "no bounds: undefined on some resamples", n, n_left_out)
    method = f"percentile bootstrap, {resamples} resamples, seed {seed}"
    return Interval(value, float(drawn[rank - 1]), float(drawn[-rank]), method, n, n_left_out)


def bootstrap_difference(
    metric: Metric[Any],
    baseline_rows: Rows,
    candidate_rows: Rows,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> PairedDifference:
    """The difference of a metric between two models, with a paired percentile bootstrap interval and p-value.

    Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004, for drawing the same
    records for both; Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 4.4, for a p-value
    from the resamples: ``2 · (1 + the fewer of resamples ≤ 0 and resamples ≥ 0) / (B + 1)``, at most 1. As the bounds
    are order statistics, the interval leaves out 0 exactly where the p-value is at most ``1 - confidence``.

    Args:
        metric: What is scored.
        baseline_rows: The rows of one model; shape ``(n, k)``.
        candidate_rows: The rows of the other for the same records in the same order; shape ``(n, k)``. A record with
            NaN in either is left out and counted.
        seed: The same seed and number of records draw the same records, whatever the metric.
        resamples: How often all records are drawn again, with replacement.
        confidence: Between 0 and 1.

    Returns:
        The score of the candidate's paired rows minus that of the baseline's, in the metric's unit; without bounds and
        p-value for fewer than two records, and where the metric is undefined on a resample.

    Raises:
        InvalidInput: The two don't have the same number of rows, ``confidence`` is not between 0 and 1, or
            ``resamples`` are too few for it.
    """
    rank = _rank(resamples, confidence)
    check_same_records(len(baseline_rows), len(candidate_rows))
    both = has_value(baseline_rows) & has_value(candidate_rows)
    before, after = baseline_rows[both], candidate_rows[both]
    n, n_left_out = len(before), len(baseline_rows) - len(before)

    def change(before: Rows, after: Rows) -> float:
        return metric.score(after) - metric.score(before)

    difference = defined(change(before, after)) if n else None
    if difference is None or n < 2:
        return PairedDifference(difference, None, None, None, f"no test: {_too_few(n)}", n, n_left_out)
    drawn = _redrawn(change, [before, after], seed, resamples)
    if np.isnan(drawn).any():
        return PairedDifference(difference, None, None, None, "no test: undefined on some resamples", n, n_left_out)
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (1 + fewer) / (resamples + 1))
    method = f"paired percentile bootstrap, {resamples} resamples, seed {seed}"
    return PairedDifference(difference, float(drawn[rank - 1]), float(drawn[-rank]), p_value, method, n, n_left_out)


def _redrawn(score: Callable[..., float], paired: Sequence[Rows], seed: int, resamples: int) -> NDArray[np.float64]:
    """The scores of the resamples, ascending; each draws the same records from every array of rows."""
    n = len(paired[0])
    generator = np.random.default_rng(seed)
    draws = (generator.integers(n, size=n) for _ in range(resamples))
    return np.sort([score(*(rows.take(draw, axis=0) for rows in paired)) for draw in draws])


def _rank(resamples: int, confidence: float) -> int:
    """Which smallest and largest resample bound the interval, counted from 1."""
    check_confidence(confidence)
    # 1 - 0.9 falls short of a tenth in binary, and the floor would show it.
    rank = math.floor(round((1 - confidence) / 2 * (resamples + 1), 9))
    if rank < 1:
        least = math.ceil(round(2 / (1 - confidence), 9)) - 1
        fault = Fault("resamples", None, "", str(resamples), f"at least {least} for a confidence of {confidence:g}")
        raise InvalidInput([fault])
    return rank


def _too_few(n: int) -> str:
    return {0: "no record has a value", 1: "one record"}.get(n, "the metric is undefined on these records")
