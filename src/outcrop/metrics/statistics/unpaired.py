"""How sure a difference is between two groups of records, of which none is in both.

Clusters may reach over both: questions about one text that are easy and hard. What the groups share then cancels out of
the difference, or adds to it, and its error goes by whole clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.lines import LineRows, LineSums
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, exact_mean, has_value
from outcrop.metrics.statistics.bootstrap import RESAMPLES
from outcrop.metrics.statistics.bounds import expanded_p_value, expanded_tail, percentile_bounds
from outcrop.metrics.statistics.clusters import (
    Clusters,
    Codes,
    cluster_codes,
    n_units,
    over_clusters,
    sums_by_cluster,
)
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
from outcrop.metrics.statistics.share_means import enough_for_t, share_mean_interval, square_and_add
from outcrop.metrics.statistics.shares import wilson_interval
from outcrop.metrics.statistics.summable import summable

_CONFIDENCE = 0.95

#: The smallest p-value that is looked for, and how often its logarithm is halved: to within a millionth of itself.
_LEAST, _HALVINGS = 1e-12, 45


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
        second: The other; no record is in both, and clusters of one name are one.
        seed: Of the bootstrap; not used where there is a formula.

    Returns:
        For means over records: Welch's t interval and test ("The Generalization of 'Student's' Problem when Several
        Different Population Variances are Involved", 1947), where values have a unit or there are enough in both
        groups. For values from 0 to 1 that are too few or too lopsided for that, bounds by the square-and-add rule
        (Zou & Donner 2008; of shares of yes and no this is Newcombe's, 1998) from Wilson's of each group. Their
        p-value is that of the N - 1 chi-squared test for shares of yes and no (Campbell, "Chi-squared and
        Fisher-Irwin Tests of Two-by-two Tables with Small Sample Recommendations", 2007), and else that at which the
        bounds reach 0. For what is no mean, the percentile bootstrap, each group's records being drawn again by
        themselves. Where clusters reach over both groups: Student's t with the clustered error of the difference, and
        a degree of freedom less than there are clusters; the square-and-add rule with the correlation of the two
        means; and a bootstrap that draws whole clusters for both.

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
    spread = _spread(samples, _shared(first, second, [~np.isnan(one), ~np.isnan(two)]))
    both = np.concatenate([each.values for each in samples])
    if is_share(metric, both) and not all(enough_for_t(each.values, each.codes) for each in samples):
        binary = is_binary(metric, both) and spread.over == ""
        return _of_shares(samples, spread, binary=binary)
    return _welch(samples, spread)


@dataclass(frozen=True)
class _Spread:
    """How far a difference of two means may be off.

    Attributes:
        error: Its standard error.
        df: Degrees of freedom.
        correlation: Of the two means; 0 where the groups share no cluster.
        over: How a method names the clusters.
    """

    error: float
    df: float
    correlation: float
    over: str


def _spread(samples: tuple[Sample, Sample], shared: Codes | None) -> _Spread:
    if shared is None:
        error, df = _welch_error(samples)
        told = [over_clusters(each.codes).removeprefix(" over ") for each in samples if each.codes is not None]
        return _Spread(error, df, 0.0, f" over {' and '.join(told)}" if told else "")
    n = len(samples[0].values)
    off = np.zeros((len(shared), 2))
    for column, (place, each) in enumerate(((slice(n), samples[0]), (slice(n, None), samples[1]))):
        off[place, column] = (each.values - each.values.mean()) / len(each.values)
    totals = sums_by_cluster(off, shared)
    clusters = len(totals)
    (first, both), (_, second) = (clusters / (clusters - 1) * totals.T @ totals).tolist()
    correlation = both / math.sqrt(first * second) if first and second else 0.0
    error = math.sqrt(max(0.0, first + second - 2 * both))
    return _Spread(error, clusters - 1, correlation, f"{over_clusters(shared)} of both groups")


def _shared(first: Group, second: Group, kept: Sequence[NDArray[np.bool_]]) -> Codes | None:
    """The clusters of the first group's records and then of the second's; None where no cluster is in both."""
    if first.clusters is None or second.clusters is None:
        return None
    names = [
        [name for name, keep in zip(each, mask, strict=True) if keep]
        for each, mask in zip((first.clusters, second.clusters), kept, strict=True)
    ]
    if not set(names[0]) & set(names[1]):
        return None
    joined = [*names[0], *names[1]]
    return cluster_codes(joined, np.ones(len(joined), dtype=np.bool_))


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


def _welch(samples: tuple[Sample, Sample], spread: _Spread) -> UnpairedDifference:
    difference = _difference(samples)
    if not spread.error or _flat(samples):
        return _found(samples, difference, None, None, None, "no test: no scatter within the groups")
    half = t_quantile(_CONFIDENCE, spread.df) * spread.error
    p_value = t_p_value(difference / spread.error, spread.df)
    name = "Student t" if spread.over.endswith("groups") else "Welch t"
    return _found(samples, difference, difference - half, difference + half, p_value, f"{name}{spread.over}")


def _of_shares(samples: tuple[Sample, Sample], spread: _Spread, *, binary: bool) -> UnpairedDifference:
    difference = _difference(samples)
    if binary:
        wilson = [wilson_interval(int(each.values.sum()), len(each.values)) for each in samples]
        bounds = _added(wilson, spread)
        return _found(
            samples, difference, *bounds, _chi_squared_p_value(samples), "Newcombe, p by the N - 1 chi-squared test"
        )
    ends = {exact_mean(each.values) for each in samples} <= {0.0, 1.0}
    if _flat(samples) and difference and not ends:
        return _found(samples, difference, None, None, None, "no test: no scatter within the groups")
    low, high = _share_bounds(samples, spread, _CONFIDENCE)
    p_value = _inverted_p_value(samples, spread) if difference else 1.0
    method = f"square and add of Wilson's bounds, p by the same{spread.over}"
    return _found(samples, difference, low, high, p_value, method)


def _flat(samples: tuple[Sample, Sample]) -> bool:
    """Whether the values of each group are all equal."""
    return all(np.ptp(each.values) == 0 for each in samples)


def _share_bounds(samples: tuple[Sample, Sample], spread: _Spread, confidence: float) -> tuple[float, float]:
    return _added([share_mean_interval(each.values, confidence, each.codes) for each in samples], spread)


def _added(bounded: Sequence[Interval], spread: _Spread) -> tuple[float, float]:
    """The bounds of a difference from those of its parts."""
    (one, below_one, above_one), (two, below_two, above_two) = map(_arms, bounded)
    low = one - two - square_and_add(below_one, above_two, spread.correlation)
    return low, one - two + square_and_add(above_one, below_two, spread.correlation)


def _inverted_p_value(samples: tuple[Sample, Sample], spread: _Spread) -> float:
    """1 - c for the largest confidence c whose bounds leave out 0; no less than ``_LEAST``.

    Welch's test is no match for such values: of two groups of 25 and 60 with 98 % in quarters it rejects 11 % of true
    hypotheses.
    """
    low, high = math.log(_LEAST), 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below, above = _share_bounds(samples, spread, -math.expm1(middle))
        low, high = (low, middle) if below > 0 or above < 0 else (middle, high)
    return math.exp(high)


def _arms(bounded: Interval) -> tuple[float, float, float]:
    """The value, and how far the bounds lie from it, below and above."""
    assert bounded.value is not None
    assert bounded.low is not None
    assert bounded.high is not None
    return bounded.value, bounded.value - bounded.low, bounded.high - bounded.value


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
    shared = _shared(first, second, kept)
    drawn = _drawn(metric, rows, codes, seed) if shared is None else _drawn_together(metric, rows, shared, seed)
    differences = drawn[0] - drawn[1]
    if not np.isfinite(differences).all():
        return UnpairedDifference(
            difference, None, None, None, "no test: undefined or infinite on some resamples", *counts
        )
    low, high = percentile_bounds(np.sort(differences), expanded_tail(_CONFIDENCE, units))
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p_value = expanded_p_value(min(0.5, (1 + fewer) / (RESAMPLES + 1)), units)
    how = "within the groups" if shared is None else f"of whole clusters{over_clusters(shared)} of both groups"
    method = f"percentile bootstrap {how}, {RESAMPLES} resamples, seed {seed}"
    return UnpairedDifference(difference, low, high, p_value, method, *counts)


def _drawn(
    metric: Metric[Any], rows: Sequence[Rows], codes: Sequence[Codes | None], seed: int
) -> list[NDArray[np.float64]]:
    """The scores of each group's resamples, drawn apart."""
    # Unlike seeds: groups of one size would else draw the same places, and not by chance.
    return [
        resampled_scores([(metric, each)], codes[place], seed=2 * seed + place, resamples=RESAMPLES)[0]
        for place, each in enumerate(rows)
    ]


def _drawn_together(metric: Metric[Any], rows: Sequence[Rows], shared: Codes, seed: int) -> list[NDArray[np.float64]]:
    """The scores of each group's records in resamples of whole clusters."""
    n, m = len(rows[0]), len(rows[1])
    # A row of zeros adds nothing to a sum; where rows are not summed, the last column says whose they are.
    first = np.pad(np.column_stack([rows[0], np.ones(n)]), ((0, m), (0, 0)))
    second = np.pad(np.column_stack([rows[1], np.ones(m)]), ((n, 0), (0, 0)))
    within = _within(metric, rows[0])
    return list(resampled_scores([(within, first), (within, second)], shared, seed=seed, resamples=RESAMPLES))


def _within(metric: Metric[Any], rows: Rows) -> Metric[Any]:
    """The metric over those rows whose last column is 1; the others hold zeros."""
    table = summable(metric, rows)
    if table is None:
        return LineRows(
            metric.name,
            metric.signature,
            metric.columns,
            metric.prepare,
            lambda marked: metric.score(marked[marked[:, -1] == 1, :-1]),
        )
    scores = table.scores
    return LineSums(metric.name, metric.signature, metric.columns, metric.prepare, lambda sums: scores(sums[:, :-1]))


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
