"""How sure a mean is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.rows import defined, exact_mean
from outcrop.metrics.statistics.clusters import Clusters, Codes, cluster_codes, clustered_error, n_units, over_clusters


@dataclass(frozen=True)
class Interval:
    """A value and its bounds, in the unit of what was measured.

    Attributes:
        value: None where nothing has a value.
        low, high: Bounds of the confidence interval; None where there are too few values for one.
        method: What made the bounds, or why there are none.
        n: How many values it rests on.
        n_left_out: How many more were given and have no value.
        n_clusters: How many clusters they belong to; None where each was taken as independent.
    """

    value: float | None
    low: float | None
    high: float | None
    method: str
    n: int
    n_left_out: int = 0
    n_clusters: int | None = None


@dataclass(frozen=True)
class Sample:
    """The values that there are, and their clusters.

    Attributes:
        values: Without NaN; shape ``(n,)``.
        codes: Their clusters; None where each value is independent.
        n_left_out: How many more were given and have no value.
    """

    values: NDArray[np.float64]
    codes: Codes | None
    n_left_out: int

    @property
    def units(self) -> int:
        """How many things are independent of each other: values, or clusters."""
        return n_units(self.codes, len(self.values))

    def interval(self, value: float | None, low: float | None, high: float | None, method: str) -> Interval:
        """An interval that rests on these values."""
        n_clusters = None if self.codes is None else self.units
        return Interval(value, low, high, method, len(self.values), self.n_left_out, n_clusters)

    def unbounded(self) -> Interval | None:
        """The value without bounds and the reason, where no method has bounds; None where there may be some."""
        n = len(self.values)
        if n == 0:
            return self.interval(None, None, None, "no bounds: no values")
        if not np.isfinite(self.values).all():
            return self.interval(defined(float(self.values.mean())), None, None, "no bounds: infinite values")
        if self.units == 1:
            reason = "one value" if n == 1 else "one cluster"
            return self.interval(exact_mean(self.values), None, None, f"no bounds: {reason}")
        return None


def sample(values: ArrayLike, clusters: Clusters | None = None) -> Sample:
    """The values that are not NaN; ``clusters`` names each one's cluster and is as long as the values.

    Raises:
        InvalidInput: There is not one cluster name for each value.
    """
    given = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(given)
    return Sample(given[kept], cluster_codes(clusters, kept), int((~kept).sum()))


def mean_interval(values: ArrayLike, confidence: float = 0.95, clusters: Clusters | None = None) -> Interval:
    """The mean and Student's t interval around it: ``mean ± t(1 - α/2, n - 1) · s / √n``, s with n - 1 below.

    Records in C clusters have the clustered standard error and C - 1 degrees of freedom (``clusters.clustered_error``).
    Source: Student, "The Probable Error of a Mean", 1908; for evaluations, Miller, "Adding Error Bars to Evals", 2024.
    The interval may reach past the range of the metric, and has no width where all values are equal.

    Args:
        values: One value per record; shape ``(n,)``. NaN are left out and counted.
        confidence: The share of such intervals that hold the true mean; between 0 and 1.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        The interval, in the unit of the values; without bounds for fewer than two values or clusters, or infinite
        values.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, or there is not one cluster name for each value.
    """
    check_confidence(confidence)
    given = sample(values, clusters)
    without = given.unbounded()
    if without is not None:
        return without
    mean = exact_mean(given.values)
    if np.ptp(given.values) == 0:
        return given.interval(mean, mean, mean, f"Student t: all {len(given.values)} values are equal")
    half = t_quantile(confidence, given.units - 1) * standard_error(given.values, given.codes)
    return given.interval(mean, mean - half, mean + half, f"Student t{over_clusters(given.codes)}")


def standard_error(values: NDArray[np.float64], codes: Codes | None = None) -> float:
    """The standard error of the mean of two values or more, ``s / √n`` with n - 1 below s; of clusters, theirs."""
    return clustered_error(values, codes) if codes is not None else float(values.std(ddof=1)) / math.sqrt(len(values))


def t_quantile(confidence: float, df: float) -> float:
    """The t that ``df`` degrees of freedom stay within, on both sides, with the probability ``confidence``."""
    # scipy.special loads in a tenth of the time of scipy.stats.
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + confidence / 2))


def t_p_value(t: float, df: float) -> float:
    """The probability of a t at least this far from 0, on either side."""
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))


def normal_quantile(confidence: float) -> float:
    """The z that the standard normal distribution stays within, on both sides, with the probability ``confidence``."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def normal_p_value(z: float) -> float:
    """The probability of a z at least this far from 0, on either side."""
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))


def check_confidence(confidence: float) -> None:
    """Raise InvalidInput unless ``confidence`` is between 0 and 1."""
    if not 0 < confidence < 1:
        raise InvalidInput([Fault("confidence", None, "", str(confidence), "a share between 0 and 1, such as 0.95")])
