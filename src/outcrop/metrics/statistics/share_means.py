"""How sure a mean of values between 0 and 1 is, where Student's t promises too much: few records, or lopsided ones.

Such a mean lies near an end of its range, most records have the same value, and t covers far less than it says, or has
no width at all. The bounds here are Wilson's, on as many yes-or-no records as would scatter as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.metrics.rows import exact_mean
from outcrop.metrics.statistics.clusters import Clusters, Codes, n_units, over_clusters, sums_by_cluster
from outcrop.metrics.statistics.intervals import (
    Interval,
    check_confidence,
    sample,
    standard_error,
    t_p_value,
    t_quantile,
)
from outcrop.metrics.statistics.paired import PairedDifference, PairedSample, paired_sample
from outcrop.metrics.statistics.shares import score_bounds

#: Below so many records or clusters, the t interval of a lopsided mean covers less than 92 %.
ENOUGH = 100


def enough_for_t(values: NDArray[np.float64], codes: Codes | None = None) -> bool:
    """Whether Student's t covers the mean about as often as it says: ``n ≥ 100`` and ``n ≥ 25 g²``, g the skewness.

    Source: Cochran, "Sampling Techniques", 1977, section 2.15, for the second. Of clusters, n is their number and g the
    skewness of their totals. Values without scatter are never enough.
    """
    totals = sums_by_cluster((values - values.mean())[:, None], codes)[:, 0]
    n, second = len(totals), float(np.mean(totals**2))
    if n < ENOUGH or second == 0:
        return False
    return n >= 25 * float(np.mean(totals**3)) ** 2 / second**3


def share_mean_interval(values: ArrayLike, confidence: float = 0.95, clusters: Clusters | None = None) -> Interval:
    """The mean of values in 0..1 and Wilson's interval on the effective number of records.

    A mean m with the standard error e scatters as the share of ``m (1 - m) / e²`` yes-or-no records does; Wilson's
    bounds on so many, with a quantile of t for that of the normal distribution, stay in 0..1 and lean towards the
    middle. Source: Franco, Little, Louis & Slud, "Comparative Study of Confidence Intervals for Proportions in Complex
    Sample Surveys", 2019, for shares of clusters; that it serves for means of values between 0 and 1 is measured
    (``docs/reference/statistics.md``).

    Args:
        values: One value per record, in 0..1; shape ``(n,)``. NaN are left out and counted.
        confidence: The share of such intervals that hold the true mean; between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        The interval, in 0..1; without bounds for fewer than two values or clusters.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, or there is not one cluster name for each value.
    """
    check_confidence(confidence)
    given = sample(values, clusters)
    without = given.unbounded()
    if without is not None:
        return without
    bounded = _bounded(given.values, given.codes, confidence)
    method = f"Wilson on the effective number of records{over_clusters(given.codes)}"
    return given.interval(bounded.mean, bounded.low, bounded.high, method)


def share_mean_difference(
    baseline: ArrayLike, candidate: ArrayLike, confidence: float = 0.95, clusters: Clusters | None = None
) -> PairedDifference:
    """The mean difference of values in 0..1 with an interval from gains and losses, and the paired t test's p-value.

    The mean difference is the mean gain minus the mean loss, each a mean of values in 0..1 with Wilson's bounds on its
    effective number of records. Their bounds are put together by the square-and-add rule: Zou & Donner, "Construction
    of Confidence Limits about Effect Measures: A General Approach", 2008, which is Newcombe's (1998) for shares. So a
    gain on 3 records of 30 and a loss on none says that losses may yet come. The p-value is Student's, which does not
    reject too often however few records differ; at the edge it and the interval may disagree.

    Args:
        baseline: One value per record, in 0..1; shape ``(n,)``.
        candidate: The values of the same records in the same order; shape ``(n,)``. A record with NaN in either is
            left out and counted.
        confidence: The share of such intervals that hold the true difference; between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        Candidate minus baseline, with bounds in -1..1; without bounds and p-value for fewer than two records or
        clusters.

    Raises:
        InvalidInput: The two don't have the same number of values, there is not one cluster name for each, or
            ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    pairs = paired_sample(baseline, candidate, clusters)
    without = pairs.untestable()
    if without is not None:
        return without
    low, high = gain_and_loss_bounds(pairs, confidence)
    error = standard_error(pairs.differences, pairs.codes)
    mean = exact_mean(pairs.differences)
    p_value = t_p_value(mean / error, pairs.units - 1) if error > pairs.rounding else _without_scatter(pairs, mean)
    method = f"Wilson of gains and losses, p by paired Student t{over_clusters(pairs.codes)}"
    return pairs.difference(mean, low, high, p_value, method)


def gain_and_loss_bounds(pairs: PairedSample, confidence: float) -> tuple[float, float]:
    """The bounds of the mean difference, from those of the mean gain and the mean loss."""
    differences = pairs.differences
    gain = _bounded(np.maximum(differences, 0), pairs.codes, confidence)
    loss = _bounded(np.maximum(-differences, 0), pairs.codes, confidence)
    error = standard_error(differences, pairs.codes)
    together = gain.error * loss.error
    correlation = (gain.error**2 + loss.error**2 - error**2) / (2 * together) if together else 0.0
    low = gain.mean - loss.mean - square_and_add(gain.mean - gain.low, loss.high - loss.mean, correlation)
    high = gain.mean - loss.mean + square_and_add(gain.high - gain.mean, loss.mean - loss.low, correlation)
    return low, high


@dataclass(frozen=True)
class _Bounded:
    mean: float
    low: float
    high: float
    error: float


def _bounded(values: NDArray[np.float64], codes: Codes | None, confidence: float) -> _Bounded:
    mean, error, units = exact_mean(values), standard_error(values, codes), n_units(codes, len(values))
    if mean in (0, 1):
        # Nothing scatters, so each record or cluster counts for one.
        effective: float = units
    else:
        effective = mean * (1 - mean) / error**2 if error else math.inf
    return _Bounded(mean, *score_bounds(mean, effective, t_quantile(confidence, units - 1)), error)


def square_and_add(first: float, second: float, correlation: float) -> float:
    """How far a difference's bound lies from it, by how far those of its parts do, whose correlation is known."""
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))


def _without_scatter(pairs: PairedSample, mean: float) -> float:
    """The sign-flip test's p-value where all records or clusters differ by the same amount."""
    return 1.0 if abs(mean) <= pairs.rounding else math.ldexp(2, -pairs.units)
