"""How sure a difference is between two models that answered the same records."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.rows import exact_mean
from outcrop.metrics.statistics.clusters import Clusters, Codes, cluster_codes, n_units, over_clusters
from outcrop.metrics.statistics.intervals import check_confidence, standard_error, t_p_value, t_quantile

_ROUNDING = 1e-12


@dataclass(frozen=True)
class PairedDifference:
    """Candidate minus baseline, in the unit of the metric.

    Attributes:
        difference: None where no record has a value for both.
        low, high: Bounds of the confidence interval; None where there are too few records for one.
        p_value: Two-sided, of no difference; None where there are too few records.
        method: What made the bounds and the p-value, or why there are none.
        n: How many records were paired.
        n_left_out: How many records lack a value for one or both.
        n_clusters: How many clusters they belong to; None where each was taken as independent.
    """

    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    method: str
    n: int
    n_left_out: int = 0
    n_clusters: int | None = None


@dataclass(frozen=True)
class PairedSample:
    """The values of the records that both models have one for.

    Attributes:
        before, after: The baseline's and the candidate's, without NaN; shape ``(n,)`` each.
        codes: The clusters of the records; None where each record is independent.
        n_left_out: How many records lack a value for one or both.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    codes: Codes | None
    n_left_out: int

    @property
    def differences(self) -> NDArray[np.float64]:
        """Candidate minus baseline; shape ``(n,)``."""
        return self.after - self.before

    @property
    def units(self) -> int:
        """How many things are independent of each other: records, or clusters."""
        return n_units(self.codes, len(self.before))

    @property
    def rounding(self) -> float:
        """Below this, differences differ by nothing but rounding."""
        return _ROUNDING * float(max(np.abs(self.before).max(), np.abs(self.after).max()))

    def difference(
        self, difference: float | None, low: float | None, high: float | None, p_value: float | None, method: str
    ) -> PairedDifference:
        """A difference that rests on these records."""
        n_clusters = None if self.codes is None else self.units
        return PairedDifference(difference, low, high, p_value, method, len(self.before), self.n_left_out, n_clusters)

    def untestable(self) -> PairedDifference | None:
        """The difference and the reason, where no method has bounds or a p-value; None where there may be some."""
        n = len(self.before)
        if n == 0:
            return self.difference(None, None, None, None, "no test: no record has both values")
        if not np.isfinite([self.before, self.after]).all():
            return self.difference(None, None, None, None, "no test: infinite values")
        if self.units == 1:
            reason = "one record" if n == 1 else "one cluster"
            return self.difference(exact_mean(self.differences), None, None, None, f"no test: {reason}")
        return None


def paired_sample(baseline: ArrayLike, candidate: ArrayLike, clusters: Clusters | None = None) -> PairedSample:
    """The records that have both values; ``clusters`` names each record's cluster and is as long as the values.

    Raises:
        InvalidInput: The two don't have the same number of values, or there is not one cluster name for each.
    """
    before, after = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    check_same_records(len(before), len(after))
    both = ~(np.isnan(before) | np.isnan(after))
    return PairedSample(before[both], after[both], cluster_codes(clusters, both), int((~both).sum()))


def paired_difference(
    baseline: ArrayLike, candidate: ArrayLike, confidence: float = 0.95, clusters: Clusters | None = None
) -> PairedDifference:
    """The mean difference with Student's t interval and t test, both from one distribution.

    The interval leaves out 0 exactly where the p-value is below ``1 - confidence``. Records in clusters have the
    clustered standard error of the differences, and a degree of freedom less than there are clusters. Source: Student,
    1908; for evaluations, Miller, "Adding Error Bars to Evals", 2024, section 4 and appendix A.

    Where all differences are equal, t is undefined: no differences at all give the interval [0, 0] and p = 1. Equal
    ones other than 0 give the exact p-value of the sign-flip test, ``2 / 2^n`` (two records that both improve by as
    much are no proof; of clusters, their number is n), and the interval that this test leaves: no width, or no bounds
    where n is too small to reject anything.

    Args:
        baseline: One value per record; shape ``(n,)``.
        candidate: The values of the same records in the same order; shape ``(n,)``. A record with NaN in either is
            left out and counted.
        confidence: The share of such intervals that hold the true difference; between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        Candidate minus baseline, in the unit of the values; without bounds and p-value for fewer than two records or
        clusters, or infinite values.

    Raises:
        InvalidInput: The two don't have the same number of values, there is not one cluster name for each, or
            ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    pairs = paired_sample(baseline, candidate, clusters)
    without = pairs.untestable()
    if without is not None:
        return without
    differences = pairs.differences
    mean = exact_mean(differences)
    error = standard_error(differences, pairs.codes)
    if np.ptp(differences) <= pairs.rounding or (pairs.codes is not None and error <= pairs.rounding):
        return _all_equal(pairs, mean, confidence)
    half = t_quantile(confidence, pairs.units - 1) * error
    p_value = t_p_value(mean / error, pairs.units - 1)
    return pairs.difference(mean, mean - half, mean + half, p_value, f"paired Student t{over_clusters(pairs.codes)}")


def check_same_records(n_baseline: int, n_candidate: int) -> None:
    """Raise InvalidInput unless both have a row or value for every record."""
    if n_baseline != n_candidate:
        found = f"{n_baseline} records of the baseline and {n_candidate} of the candidate"
        raise InvalidInput([Fault("paired difference", None, "", found, "the same records, in the same order")])


def _all_equal(pairs: PairedSample, mean: float, confidence: float) -> PairedDifference:
    what = f"record of {pairs.units}" if pairs.codes is None else f"cluster of {pairs.units}"
    if abs(mean) <= pairs.rounding:
        return pairs.difference(0.0, 0.0, 0.0, 1.0, f"no {what} differs")
    p_value = math.ldexp(2, -pairs.units)
    bound = mean if p_value <= 1 - confidence else None
    whose = "differences" if pairs.codes is None else "clusters' differences"
    return pairs.difference(mean, bound, bound, p_value, f"exact sign flip: all {pairs.units} {whose} are equal")
