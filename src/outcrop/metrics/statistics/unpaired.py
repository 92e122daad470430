"""How sure a difference is between two groups of records, of which none is in both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, exact_mean, has_value
from outcrop.metrics.statistics.bootstrap import RESAMPLES
from outcrop.metrics.statistics.bounds import expanded_p_value, expanded_tail, percentile_bounds
from outcrop.metrics.statistics.clusters import Clusters, cluster_codes, n_units, over_clusters
from outcrop.metrics.statistics.compare import is_binary, is_share
from outcrop.metrics.statistics.intervals import (
    Interval,
    Sample,
    normal_p_value,
    sample,
    standard_error,
    t_p_value,
    t_quantile,
)
from outcrop.metrics.statistics.resampling import resampled_scores
from outcrop.metrics.statistics.share_means import enough_for_t, share_mean_interval
from outcrop.metrics.statistics.shares import wilson_interval

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Group:
    """A group's rows, ``(n, k)``, and what names the cluster of each; None where records are independent."""

    rows: Rows
    clusters: Clusters | None = None


@dataclass(frozen=True)
class UnpairedDifference:
    """The score of a first group less that of a second, in the unit of the metric.

    Attributes:
        difference: None where a group has no value.
        low, high: Bounds of the 95 % confidence interval; None where there are too few records for one.
        p_value: Two-sided, of no difference; None where there are too few records.
        method: What made the bounds and the p-value, or why there are none.
        n_first, n_second: How many records have a value.
    """

    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    method: str
    n_first: int
    n_second: int


def unpaired_difference(metric: Metric[Any], first: Group, second: Group, *, seed: int) -> UnpairedDifference:
    """The difference of a metric between two groups of records.

    Args:
        metric: What is scored.
        first: One group.
        second: The other; no record and no cluster is in both.
        seed: Of the bootstrap; not used where there is a formula.

    Returns:
        For means over records: Welch's t interval and test ("The Generalization of 'Student's' Problem when Several
        Different Population Variances are Involved", 1947), where values have a unit or there are enough in both
        groups. For values from 0 to 1 that are too few or too lopsided for that, bounds by the square-and-add rule
        (Zou & Donner 2008; of shares of yes and no this is Newcombe's, 1998) from Wilson's of each group. Their
        p-value is that of the N - 1 chi-squared test for shares of yes and no (Campbell, "Chi-squared and
        Fisher-Irwin Tests of Two-by-two Tables with Small Sample Recommendations", 2007), and else Welch's. For what is
        no mean, the percentile bootstrap, each group's records being drawn again by themselves.

    Raises:
        InvalidInput: There is not one cluster name for each row.
    """
    one, two = metric.per_record(first.rows), metric.per_record(second.rows)
    if one is None or two is None:
        return _by_drawing(metric, first, second, seed)
    samples = sample(one, first.clusters), sample(two, second.clusters)
    untestable = _untestable(samples)
    if untestable is not None:
        return untestable
    if is_share(metric, np.concatenate([each.values for each in samples])) and not all(
        enough_for_t(each.values, each.codes) for each in samples
    ):
        return _of_shares(metric, samples)
    return _welch(samples)


def _untestable(samples: tuple[Sample, Sample]) -> UnpairedDifference | None:
    """The difference and the reason, where no method has bounds or a p-value; None where there may be some."""
    if not all(len(each.values) for each in samples):
        return _found(samples, None, None, None, None, "no test: a group has no value")
    difference = _difference(samples)
    if not math.isfinite(difference):
        return _found(samples, defined(difference), None, None, None, "no test: infinite values")
    if min(each.units for each in samples) < 2:
        return _found(samples, difference, None, None, None, "no test: a group has one record or cluster")
    return None


def _welch(samples: tuple[Sample, Sample]) -> UnpairedDifference:
    difference, (error, df) = _difference(samples), _welch_error(samples)
    if not error:
        return _found(samples, difference, None, None, None, "no test: no scatter within the groups")
    half = t_quantile(_CONFIDENCE, df) * error
    p_value = t_p_value(difference / error, df)
    return _found(samples, difference, difference - half, difference + half, p_value, f"Welch t{_over(samples)}")


def _of_shares(metric: Metric[Any], samples: tuple[Sample, Sample]) -> UnpairedDifference:
    difference = _difference(samples)
    p_value: float | None
    independent = all(each.codes is None for each in samples)
    if independent and is_binary(metric, np.concatenate([each.values for each in samples])):
        bounds = [wilson_interval(int(each.values.sum()), len(each.values)) for each in samples]
        method, p_value = "Newcombe, p by the N - 1 chi-squared test", _chi_squared_p_value(samples)
    else:
        bounds = [share_mean_interval(each.values, clusters=each.codes) for each in samples]
        error, df = _welch_error(samples)
        p_value = t_p_value(difference / error, df) if error else 1.0 if difference == 0 else None
        method = f"square and add of Wilson's bounds, p by Welch t{_over(samples)}"
    (below_one, above_one), (below_two, above_two) = map(_arms, bounds)
    low = difference - math.hypot(below_one, above_two)
    return _found(samples, difference, low, difference + math.hypot(above_one, below_two), p_value, method)


def _arms(bounded: Interval) -> tuple[float, float]:
    """How far the bounds lie from the value, below and above."""
    assert bounded.value is not None
    assert bounded.low is not None
    assert bounded.high is not None
    return bounded.value - bounded.low, bounded.high - bounded.value


def _welch_error(samples: tuple[Sample, Sample]) -> tuple[float, float]:
    """The standard error of the difference of the means, and Satterthwaite's degrees of freedom."""
    squares = [standard_error(each.values, each.codes) ** 2 for each in samples]
    below = sum(square**2 / (each.units - 1) for square, each in zip(squares, samples, strict=True))
    return math.sqrt(sum(squares)), sum(squares) ** 2 / below if below else 1.0


def _chi_squared_p_value(samples: tuple[Sample, Sample]) -> float:
    """Pearson's chi-squared test of a two-by-two table, its statistic multiplied by ``(N - 1) / N``."""
    (m, a), (n, b) = ((len(each.values), float(each.values.sum())) for each in samples)
    right, wrong = a + b, m + n - a - b
    if not right or not wrong:
        return 1.0
    return normal_p_value((a * (n - b) - b * (m - a)) * math.sqrt((m + n - 1) / (m * n * right * wrong)))


def _by_drawing(metric: Metric[Any], first: Group, second: Group, seed: int) -> UnpairedDifference:
    kept = [has_value(group.rows) for group in (first, second)]
    rows = [group.rows[each] for group, each in zip((first, second), kept, strict=True)]
    codes = [cluster_codes(group.clusters, each) for group, each in zip((first, second), kept, strict=True)]
    counts = len(rows[0]), len(rows[1])
    if not all(counts):
        return UnpairedDifference(None, None, None, None, "no test: a group has no value", *counts)
    difference = defined(metric.score(rows[0]) - metric.score(rows[1]))
    units = min(n_units(each, n) for each, n in zip(codes, counts, strict=True))
    if difference is None or units < 2:
        return UnpairedDifference(difference, None, None, None, "no test: too few records in a group", *counts)
    # Unlike seeds: groups of one size would else draw the same places, and not by chance.
    drawn = [
        resampled_scores([(metric, each)], codes[place], seed=2 * seed + place, resamples=RESAMPLES)[0]
        for place, each in enumerate(rows)
    ]
    differences = drawn[0] - drawn[1]
    if not np.isfinite(differences).all():
        return UnpairedDifference(
            difference, None, None, None, "no test: undefined or infinite on some resamples", *counts
        )
    low, high = percentile_bounds(np.sort(differences), expanded_tail(_CONFIDENCE, units))
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p_value = expanded_p_value(min(0.5, (1 + fewer) / (RESAMPLES + 1)), units)
    method = f"percentile bootstrap within the groups, {RESAMPLES} resamples, seed {seed}"
    return UnpairedDifference(difference, low, high, p_value, method, *counts)


def _difference(samples: tuple[Sample, Sample]) -> float:
    return exact_mean(samples[0].values) - exact_mean(samples[1].values)


def _found(
    samples: tuple[Sample, Sample],
    difference: float | None,
    low: float | None,
    high: float | None,
    p_value: float | None,
    method: str,
) -> UnpairedDifference:
    counts = len(samples[0].values), len(samples[1].values)
    return UnpairedDifference(difference, low, high, p_value, method, *counts)


def _over(samples: tuple[Sample, Sample]) -> str:
    """How a method names the clusters of both groups; "" where there are none."""
    told = [over_clusters(each.codes).removeprefix(" over ") for each in samples if each.codes is not None]
    return f" over {' and '.join(told)}" if told else ""
