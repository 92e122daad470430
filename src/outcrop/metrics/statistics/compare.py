"""The interval and the paired test that fit a metric and its data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.statistics.bootstrap import bootstrap_differences, bootstrap_interval
from outcrop.metrics.statistics.clusters import Clusters
from outcrop.metrics.statistics.intervals import Interval, mean_interval, sample
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference, paired_sample
from outcrop.metrics.statistics.paired_shares import paired_share_difference
from outcrop.metrics.statistics.pairing import Pairing
from outcrop.metrics.statistics.randomisation import PERMUTATIONS, randomised_p_values
from outcrop.metrics.statistics.share_means import enough_for_t, share_mean_difference, share_mean_interval
from outcrop.metrics.statistics.shares import wilson_interval
from outcrop.metrics.statistics.studentised import studentised_interval

Found = TypeVar("Found", Interval, PairedDifference)

_TOO_FEW = "values too few or too lopsided for t"
_SHARE = "values from 0 to 1"


@runtime_checkable
class HasOwnInterval(Protocol):
    """A metric that knows a better interval and test than resampling; an area under a ROC curve has DeLong's.

    They are asked for where records are independent; for clusters, whole clusters are resampled.
    """

    def own_interval(self, rows: Rows) -> Interval:
        """The score of rows, ``(n, k)``, with its 95 % interval; rows with NaN are left out and counted."""
        ...

    def own_difference(self, baseline_rows: Rows, candidate_rows: Rows) -> PairedDifference:
        """Candidate minus baseline with a 95 % interval and a p-value; a record with NaN in either is left out."""
        ...


@runtime_checkable
class IsDifference(Protocol):
    """A metric whose score is a difference between two scores of the same records, such as a drop.

    Its values may be below 0 even where none is, so a share's interval would promise too much.
    """

    def paired(self, rows: Rows) -> Pairing:
        """The comparison whose difference is the score of rows, ``(n, k)``."""
        ...


def interval(metric: Metric[Any], rows: Rows, *, seed: int, clusters: Clusters | None = None) -> Interval:
    """The metric's score over the rows with its 95 % interval.

    Args:
        metric: What is scored.
        rows: Its rows; shape ``(n, k)``. Rows with NaN are left out and counted.
        seed: Of the bootstrap; not used where there is a formula.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        By Wilson where the score is a share of yes and no; by Student where it is another mean and there are enough
        records for that; otherwise by Wilson on the effective number of records where all values lie in 0..1, and by
        the studentised bootstrap where not. By the metric itself where it is no mean and has a way of its own, and
        otherwise by the bootstrap. Means over clusters are Wilson's or Student's. What is a difference between two
        scores of the same records has the interval that ``compare`` gives it. ``method`` says which, and why.

    Raises:
        InvalidInput: There is not one cluster name for each row.
    """
    if isinstance(metric, IsDifference):
        pairing = metric.paired(rows)
        found = compare(pairing.metric, pairing.baseline_rows, pairing.candidate_rows, seed=seed, clusters=clusters)
        return Interval(
            found.difference, found.low, found.high, found.method, found.n, found.n_left_out, found.n_clusters
        )
    values = metric.per_record(rows)
    if values is None:
        if clusters is None and isinstance(metric, HasOwnInterval):
            return metric.own_interval(rows)
        return _because(bootstrap_interval(metric, rows, seed=seed, clusters=clusters), "no mean over records")
    given = sample(values, clusters)
    if given.unbounded() is not None or (_all_equal(given.values) and not is_binary(metric, given.values)):
        return mean_interval(values, clusters=clusters)
    if given.codes is None and is_binary(metric, given.values):
        wilson = wilson_interval(int(given.values.sum()), len(given.values))
        return _because(replace(wilson, n_left_out=given.n_left_out), "each value is 0 or 1")
    if given.codes is None and enough_for_t(given.values):
        return mean_interval(values)
    if is_share(metric, given.values):
        return _because(share_mean_interval(values, clusters=clusters), _TOO_FEW if given.codes is None else _SHARE)
    if given.codes is None:
        return _because(studentised_interval(values, seed=seed), _TOO_FEW)
    return mean_interval(values, clusters=clusters)


def compare(
    metric: Metric[Any],
    baseline_rows: Rows,
    candidate_rows: Rows,
    *,
    seed: int,
    clusters: Clusters | None = None,
) -> PairedDifference:
    """Candidate minus baseline in one metric: ``compare_many`` of one metric and one candidate."""
    return compare_many([metric], [baseline_rows], [[candidate_rows]], seed=seed, clusters=clusters)[0][0]


def compare_many(
    metrics: Sequence[Metric[Any]],
    baseline_rows: Sequence[Rows],
    candidate_rows: Sequence[Sequence[Rows]],
    *,
    seed: int,
    clusters: Clusters | None = None,
) -> list[list[PairedDifference]]:
    """Candidates minus a baseline on the records that both have a value for, with 95 % intervals and p-values.

    Args:
        metrics: What is scored.
        baseline_rows: The baseline's rows by metric; shape ``(n, k)`` each.
        candidate_rows: For each candidate, its rows by metric, of the same records in the same order.
        seed: Of what is drawn, once for all metrics and candidates; not used where there is a formula.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        For each candidate, a difference by metric. For shares of yes and no, Tango's interval and the mid-p of
        McNemar's test; for other means the paired t test, with an interval from gains and losses where values in 0..1
        are too few or too lopsided for t's. For what is no mean, the metric's own, or the percentile bootstrap, with
        the p-value of approximate randomisation where the score is a function of sums. ``method`` says which, and why.

    Raises:
        InvalidInput: Two arrays of rows that are compared are not of one length, or there is not one cluster name for
            each row.
    """
    found: dict[tuple[int, int], PairedDifference] = {}
    drawn: dict[tuple[int, int], Pairing] = {}
    for row, rows_by_metric in enumerate(candidate_rows):
        for column, (metric, before, after) in enumerate(zip(metrics, baseline_rows, rows_by_metric, strict=True)):
            by_formula = _by_formula(metric, before, after, clusters)
            if by_formula is None:
                drawn[row, column] = Pairing(metric, before, after)
            else:
                found[row, column] = by_formula
    found.update(zip(drawn, _by_drawing(list(drawn.values()), seed, clusters), strict=True))
    return [[found[row, column] for column in range(len(metrics))] for row in range(len(candidate_rows))]


def _by_formula(
    metric: Metric[Any], baseline_rows: Rows, candidate_rows: Rows, clusters: Clusters | None
) -> PairedDifference | None:
    """The difference, where there is a formula for it."""
    before, after = metric.per_record(baseline_rows), metric.per_record(candidate_rows)
    if before is None or after is None:
        if clusters is None and isinstance(metric, HasOwnInterval):
            return metric.own_difference(baseline_rows, candidate_rows)
        return None
    pairs = paired_sample(before, after, clusters)
    both = np.concatenate([pairs.before, pairs.after])
    if pairs.untestable() is not None or not is_share(metric, both):
        return paired_difference(before, after, clusters=clusters)
    if pairs.codes is None and is_binary(metric, both):
        return _because(paired_share_difference(before, after), "each value is 0 or 1")
    differ_by_the_same = _all_equal(pairs.differences) and pairs.differences[0] != 0
    if differ_by_the_same or enough_for_t(pairs.differences, pairs.codes):
        return paired_difference(before, after, clusters=clusters)
    return _because(share_mean_difference(before, after, clusters=clusters), _TOO_FEW)


def _by_drawing(pairings: Sequence[Pairing], seed: int, clusters: Clusters | None) -> list[PairedDifference]:
    """The differences by the bootstrap, with p-values by approximate randomisation where there are some."""
    if not pairings:
        return []
    differences = bootstrap_differences(pairings, seed=seed, clusters=clusters)
    p_values = randomised_p_values(pairings, seed=seed, clusters=clusters)
    return [_randomised(found, p_value) for found, p_value in zip(differences, p_values, strict=True)]


def _randomised(found: PairedDifference, p_value: float | None) -> PairedDifference:
    if found.p_value is None or p_value is None:
        return _because(found, "no mean over records")
    method = f"{found.method}; p by approximate randomisation, {PERMUTATIONS} permutations"
    return _because(replace(found, p_value=p_value, method=method), "no mean over records")


def _because(found: Found, why: str) -> Found:
    """With the reason why it was this method; where there are no bounds, the method says why already."""
    return found if found.low is None else replace(found, method=f"{found.method} ({why})")


def is_share(metric: Metric[Any], values: NDArray[np.float64]) -> bool:
    """Whether a metric without a unit, which is no difference, has all its values in 0..1."""
    return metric.unit == "" and not isinstance(metric, IsDifference) and bool(((values >= 0) & (values <= 1)).all())


def is_binary(metric: Metric[Any], values: NDArray[np.float64]) -> bool:
    """The same, and each of them is 0 or 1."""
    return is_share(metric, values) and bool(((values == 0) | (values == 1)).all())


def _all_equal(values: NDArray[np.float64]) -> bool:
    return bool(np.ptp(values) == 0)
