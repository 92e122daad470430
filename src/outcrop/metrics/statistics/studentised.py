"""How sure a mean of lopsided values is, by drawing its values again and giving each resample its own t."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.metrics.rows import exact_mean
from outcrop.metrics.statistics.bounds import bca_bounds, check_resamples, expanded_tail, percentile_bounds
from outcrop.metrics.statistics.draws import drawn_counts
from outcrop.metrics.statistics.intervals import Interval, sample, standard_error


def studentised_interval(values: ArrayLike, *, seed: int, resamples: int = 2000, confidence: float = 0.95) -> Interval:
    """The mean and its bootstrap-t interval, ``mean - t*(1 - α/2) · e`` to ``mean - t*(α/2) · e``.

    e is the standard error, t* the quantiles of ``(mean* - mean) / e*`` over resamples, so that the values' own
    skewness takes the place of Student's t. Of the bootstrap intervals it covers best for means of lopsided values
    without an upper limit. Where too many resamples have no scatter of their own, as of values that are nearly all
    equal, the bounds are BCa's. Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5;
    Hall, "Theoretical Comparison of Bootstrap Confidence Intervals", 1988.

    Args:
        values: One per record, independent of each other; shape ``(n,)``. NaN are left out and counted.
        seed: The same seed and number of values draw the same ones.
        resamples: How often all values are drawn again, with replacement.
        confidence: The share of such intervals that hold the true mean; between 0 and 1.

    Returns:
        The interval, in the unit of the values; without bounds for fewer than two values or infinite ones.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1, or ``resamples`` are too few for it.
    """
    check_resamples(resamples, confidence)
    given = sample(values)
    without = given.unbounded()
    if without is not None:
        return without
    mean, error = exact_mean(given.values), standard_error(given.values)
    means, ts = _resampled(given.values, mean, seed, resamples)
    low, high = percentile_bounds(np.sort(ts), (1 - confidence) / 2)
    told = f"{resamples} resamples, seed {seed}"
    if math.isfinite(low) and math.isfinite(high):
        return given.interval(mean, mean - high * error, mean - low * error, f"bootstrap t, {told}")
    n = len(given.values)
    without_one = (mean * n - given.values) / (n - 1)
    bounds = bca_bounds(np.sort(means), mean, without_one, expanded_tail(confidence, n))
    return given.interval(mean, *bounds, f"BCa bootstrap, {told}")


def _resampled(
    values: NDArray[np.float64], mean: float, seed: int, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The means of the resamples, and how many of their own standard errors they lie from the mean."""
    n, off = len(values), values - mean
    table = np.stack([off, off**2], axis=1)
    sums = np.concatenate([counts @ table for counts in drawn_counts(n, resamples, seed)])
    shift = sums[:, 0] / n
    squares = np.maximum(sums[:, 1] / n - shift**2, 0)
    # What is left of equal values after rounding is no scatter.
    scatter = np.where(squares > 1e-12 * float(np.mean(table[:, 1])), squares, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ts = shift / np.sqrt(scatter / (n - 1))
    return mean + shift, np.where(np.isnan(ts), 0, ts)
