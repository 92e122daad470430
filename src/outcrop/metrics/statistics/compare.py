"""The interval and the paired test that fit a metric."""

from __future__ import annotations

from typing import Any

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from outcrop.metrics.statistics.intervals import Interval, mean_interval
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference


def interval(metric: Metric[Any], rows: Rows, *, seed: int) -> Interval:
    """The metric's score over the rows with its 95 % interval.

    Args:
        metric: What is scored.
        rows: Its rows; shape ``(n, k)``. Rows with NaN are left out and counted.
        seed: Of the bootstrap; not used where the score is a mean over records.

    Returns:
        Student's t interval where the score is a mean over records, a percentile bootstrap otherwise.
    """
    values = metric.per_record(rows)
    return bootstrap_interval(metric, rows, seed=seed) if values is None else mean_interval(values)


def compare(metric: Metric[Any], baseline_rows: Rows, candidate_rows: Rows, *, seed: int) -> PairedDifference:
    """Candidate minus baseline on the records that both have a value for, with a 95 % interval and a p-value.

    Args:
        metric: What is scored; it made both arrays of rows.
        baseline_rows: The rows of one model; shape ``(n, k)``.
        candidate_rows: The rows of the other for the same records in the same order; shape ``(n, k)``.
        seed: Of the bootstrap; not used where the score is a mean over records.

    Returns:
        A paired t test where the score is a mean over records, a paired bootstrap otherwise.

    Raises:
        InvalidInput: The two don't have the same number of rows.
    """
    before, after = metric.per_record(baseline_rows), metric.per_record(candidate_rows)
    if before is None or after is None:
        return bootstrap_difference(metric, baseline_rows, candidate_rows, seed=seed)
    return paired_difference(before, after)
