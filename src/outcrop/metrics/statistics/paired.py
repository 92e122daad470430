"""How sure a difference is between two models that answered the same records."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.rows import exact_mean
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
    """

    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    method: str
    n: int
    n_left_out: int = 0


def paired_difference(baseline: ArrayLike, candidate: ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """The mean difference with Student's t interval and t test, both from one distribution.

    The interval leaves out 0 exactly where the p-value is below ``1 - confidence``. Source: Student, 1908; for
    evaluations, Miller, "Adding Error Bars to Evals", 2024, section 4.

    Where all differences are equal, t is undefined: no differences at all give the interval [0, 0] and p = 1. Equal
    ones other than 0 give the exact p-value of the sign-flip test, ``2 / 2^n`` (two records that both improve by as
    much are no proof), and the interval that this test leaves: no width, or no bounds where n is too small to reject
    anything.

    Args:
        baseline: One value per record; shape ``(n,)``.
        candidate: The values of the same records in the same order; shape ``(n,)``. A record with NaN in either is
            left out and counted.
        confidence: The share of such intervals that hold the true difference; between 0 and 1.

    Returns:
        Candidate minus baseline, in the unit of the values; without bounds and p-value for fewer than two records or
        infinite values.

    Raises:
        InvalidInput: The two don't have the same number of values, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    before, after = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    check_same_records(len(before), len(after))
    both = ~(np.isnan(before) | np.isnan(after))
    n, n_left_out = int(both.sum()), int((~both).sum())
    before, after = before[both], after[both]
    if n == 0:
        return PairedDifference(None, None, None, None, "no test: no record has both values", 0, n_left_out)
    if not np.isfinite([before, after]).all():
        return PairedDifference(None, None, None, None, "no test: infinite values", n, n_left_out)
    differences = after - before
    mean = exact_mean(differences)
    if n == 1:
        return PairedDifference(mean, None, None, None, "no test: one record", n, n_left_out)
    scale = float(max(np.abs(before).max(), np.abs(after).max()))
    if np.ptp(differences) <= _ROUNDING * scale:
        return _all_equal(mean, scale, confidence, n, n_left_out)
    error = standard_error(differences)
    half = t_quantile(confidence, n - 1) * error
    p_value = t_p_value(mean / error, n - 1)
    return PairedDifference(mean, mean - half, mean + half, p_value, "paired Student t", n, n_left_out)


def check_same_records(n_baseline: int, n_candidate: int) -> None:
    """Raise InvalidInput unless both have a row or value for every record."""
    if n_baseline != n_candidate:
        found = f"{n_baseline} records of the baseline and {n_candidate} of the candidate"
        raise InvalidInput([Fault("paired difference", None, "", found, "the same records, in the same order")])


def _all_equal(mean: float, scale: float, confidence: float, n: int, n_left_out: int) -> PairedDifference:
    if abs(mean) <= _ROUNDING * scale:
        return PairedDifference(0.0, 0.0, 0.0, 1.0, f"no record of {n} differs", n, n_left_out)
    p_value = math.ldexp(2, -n)
    bound = mean if p_value <= 1 - confidence else None
    method = f"exact sign flip: all {n} differences are equal"
    return PairedDifference(mean, bound, bound, p_value, method, n, n_left_out)
