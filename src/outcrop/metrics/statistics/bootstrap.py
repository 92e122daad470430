"""Intervals and paired tests of any metric, by drawing its records again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, has_value
from outcrop.metrics.statistics.bounds import (
    bca_bounds,
    check_resamples,
    expanded_p_value,
    expanded_tail,
    percentile_bounds,
)
from outcrop.metrics.statistics.clusters import Clusters, Codes, cluster_codes, n_units, over_clusters, sums_by_cluster
from outcrop.metrics.statistics.intervals import Interval
from outcrop.metrics.statistics.paired import PairedDifference
from outcrop.metrics.statistics.pairing import Pairing, SharedRecords, by_records
from outcrop.metrics.statistics.resampling import resampled_scores
from outcrop.metrics.statistics.summable import summable

RESAMPLES = 2000

_ROUNDING = 1e-12


def bootstrap_interval(
    metric: Metric[Any],
    rows: Rows,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> Interval:
    """The metric's value and its bootstrap interval.

    BCa bounds where the score is a function of sums, so that leaving each record out costs one line of a table;
    percentile bounds where it is not. Both are read at expanded levels (``bounds.expanded_tail``), without which they
    are too narrow below some hundred records. Of records in clusters, whole clusters are drawn.

    Args:
        metric: What is scored.
        rows: Its rows, one per record; shape ``(n, k)``. Rows with NaN are left out and counted.
        seed: The same seed and number of records draw the same records, whatever the metric.
        resamples: How often all records are drawn again, with replacement.
        confidence: Between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        The interval, in the metric's unit; without bounds for fewer than two records or clusters, and where the metric
        is undefined or infinite on a resample.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, ``resamples`` are too few for it, or there is not one
            cluster name for each row.
    """
    check_resamples(resamples, confidence)
    kept = has_value(rows)
    left, codes = rows[kept], cluster_codes(clusters, kept)
    n, n_left_out = len(left), int((~kept).sum())
    n_clusters = None if codes is None else n_units(codes, n)
    value = defined(metric.score(left)) if n else None
    if value is None or n_units(codes, n) < 2:
        return Interval(value, None, None, f"no bounds: {_too_few(n, n_clusters)}", n, n_left_out, n_clusters)
    found = _bounds(metric, left, codes, value, seed, resamples, confidence)
    if found is None:
        return Interval(
            value, None, None, "no bounds: undefined or infinite on some resamples", n, n_left_out, n_clusters
        )
    kind, low, high = found
    method = f"{kind} bootstrap{over_clusters(codes)}, {resamples} resamples, seed {seed}"
    return Interval(value, low, high, method, n, n_left_out, n_clusters)


def bootstrap_difference(
    metric: Metric[Any],
    baseline_rows: Rows,
    candidate_rows: Rows,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> PairedDifference:
    """The difference of a metric between two models: ``bootstrap_differences`` of one pairing."""
    pairings = [Pairing(metric, baseline_rows, candidate_rows)]
    return bootstrap_differences(pairings, seed=seed, resamples=resamples, confidence=confidence, clusters=clusters)[0]


def bootstrap_differences(
    pairings: Sequence[Pairing],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    clusters: Clusters | None = None,
) -> list[PairedDifference]:
    """The differences of metrics between models, each with a paired percentile bootstrap interval and p-value.

    Records are drawn once for all pairings whose values are of the same records, and the sums of all their resamples
    are one matrix product. Source: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004,
    for drawing the same records for both models. Percentile bounds are read at expanded levels
    (``bounds.expanded_tail``); BCa bounds cover less for differences. The p-value is 1 - c for the largest confidence c
    whose interval leaves out 0 (Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 4.4), so
    the interval leaves out 0 exactly where the p-value is at most ``1 - confidence``, as long as the bounds are not the
    outermost resamples, which they are below five records.

    Args:
        pairings: What is compared; all rows are of the same n records in the same order. A record with NaN in either
            array of a pairing is left out there and counted.
        seed: The same seed and number of records draw the same records, whatever the metric.
        resamples: How often all records are drawn again, with replacement.
        confidence: Between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        For each pairing, the score of the candidate's paired rows minus that of the baseline's, in the metric's unit;
        without bounds and p-value for fewer than two records or clusters, and where the metric is undefined or
        infinite on a resample.

    Raises:
        InvalidInput: A pairing's two models don't have the same number of rows, ``confidence`` is not between 0 and 1,
            ``resamples`` are too few for it, or there is not one cluster name for each row.
    """
    check_resamples(resamples, confidence)
    found: dict[int, PairedDifference] = {}
    for shared in by_records(pairings, clusters):
        drawn = _drawn_differences(shared, seed, resamples)
        method = f"paired percentile bootstrap{over_clusters(shared.codes)}, {resamples} resamples, seed {seed}"
        for place, pairing, each in zip(shared.places, shared.pairings, drawn, strict=True):
            found[place] = _difference(shared, pairing, each, confidence, method)
    return [found[place] for place in range(len(pairings))]


def _bounds(
    metric: Metric[Any], rows: Rows, codes: Codes | None, value: float, seed: int, resamples: int, confidence: float
) -> tuple[str, float, float] | None:
    """What the bounds are and the bounds; None where the metric is undefined or infinite on a resample."""
    tail = expanded_tail(confidence, n_units(codes, len(rows)))
    drawn = np.sort(resampled_scores([(metric, rows)], codes, seed=seed, resamples=resamples)[0])
    table = summable(metric, rows)
    if table is None:
        return None if not np.isfinite(drawn).all() else ("percentile", *percentile_bounds(drawn, tail))
    by_unit = sums_by_cluster(table.rows, codes)
    without_one = table.scores(by_unit.sum(axis=0) - by_unit)
    if not (np.isfinite(drawn).all() and np.isfinite(without_one).all()):
        return None
    return "BCa", *bca_bounds(drawn, value, without_one, tail)


def _drawn_differences(shared: SharedRecords, seed: int, resamples: int) -> NDArray[np.float64]:
    """Each pairing's differences on the same resamples; shape ``(len(shared.pairings), resamples)``."""
    if shared.units < 2:
        return np.empty((len(shared.pairings), 0))
    samples = {
        (id(pairing.metric), id(rows)): (pairing.metric, rows)
        for pairing in shared.pairings
        for rows in (pairing.baseline_rows, pairing.candidate_rows)
    }
    drawn = dict(
        zip(
            samples, resampled_scores(list(samples.values()), shared.codes, seed=seed, resamples=resamples), strict=True
        )
    )
    return np.array(
        [
            _less(
                drawn[id(pairing.metric), id(pairing.candidate_rows)],
                drawn[id(pairing.metric), id(pairing.baseline_rows)],
            )
            for pairing in shared.pairings
        ]
    )


def _less(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences, with 0 for those that are rounding."""
    differences = after - before
    differences[np.abs(differences) <= _ROUNDING * np.maximum(np.abs(after), np.abs(before))] = 0
    return differences


def _difference(
    shared: SharedRecords, pairing: Pairing, drawn: NDArray[np.float64], confidence: float, method: str
) -> PairedDifference:
    difference = pairing.difference() if shared.n else None
    n_clusters = None if shared.codes is None else shared.units
    low = high = p_value = None
    if difference is None or shared.units < 2:
        method = f"no test: {_too_few(shared.n, n_clusters)}"
    elif not np.isfinite(drawn).all():
        method = "no test: undefined or infinite on some resamples"
    else:
        low, high = percentile_bounds(np.sort(drawn), expanded_tail(confidence, shared.units))
        fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
        p_value = expanded_p_value(min(0.5, (1 + fewer) / (len(drawn) + 1)), shared.units)
    return PairedDifference(difference, low, high, p_value, method, shared.n, shared.n_left_out, n_clusters)


def _too_few(n: int, n_clusters: int | None) -> str:
    if n == 0:
        return "no record has a value"
    if n_clusters == 1:
        return "one cluster"
    return "one record" if n == 1 else "the metric is undefined on these records"
