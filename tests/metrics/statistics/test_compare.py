from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from outcrop.domain.errors import InvalidInput
from outcrop.metrics import named
from outcrop.metrics.exact_match import exact_match
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.statistics.bootstrap import bootstrap_difference, bootstrap_interval
from outcrop.metrics.statistics.compare import compare, compare_many, interval
from outcrop.metrics.statistics.delong import auc_difference, auc_interval
from outcrop.metrics.statistics.intervals import Interval, mean_interval
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference
from outcrop.metrics.statistics.paired_shares import paired_share_difference
from outcrop.metrics.statistics.pairing import Pairing
from outcrop.metrics.statistics.randomisation import randomised_p_values
from outcrop.metrics.statistics.share_means import share_mean_difference, share_mean_interval
from outcrop.metrics.statistics.shares import wilson_interval
from outcrop.metrics.statistics.studentised import studentised_interval

from .doubles import AUC, MEDIAN


def _first(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]


#: A mean of whatever the rows hold.
SHARE = RecordMean("share", "share|v1", ("value",), lambda response, reference: None, _first)
LETTERS = replace(SHARE, name="letters", unit="letters")
RATIO = named("length_ratio")

FEW = "values too few or too lopsided for t"
BINARY = "each value is 0 or 1"


def drawn(n: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).beta(2, 5, n)


def ratio_rows(n: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    reference = generator.integers(5, 40, n)
    return np.stack([generator.poisson(reference), reference], axis=1).astype(np.float64)


def because(found: Any, why: str) -> Any:
    return replace(found, method=f"{found.method} ({why})")


def scored(metric: Metric[Any], values: Any, clusters: Any = None) -> Interval:
    return interval(metric, np.asarray(values, dtype=np.float64)[:, None], seed=3, clusters=clusters)


def compared(metric: Metric[Any], before: Any, after: Any, clusters: Any = None) -> PairedDifference:
    first, second = (np.asarray(values, dtype=np.float64)[:, None] for values in (before, after))
    return compare(metric, first, second, seed=3, clusters=clusters)


def test_enough_even_values_get_student() -> None:
    for metric in (SHARE, LETTERS):
        assert scored(metric, drawn(100)) == mean_interval(drawn(100))
        assert compared(metric, drawn(100), drawn(100, 2)) == paired_difference(drawn(100), drawn(100, 2))


def test_yes_and_no_get_wilson_and_tango() -> None:
    values = [1, 0, 1, 1, math.nan, 1]
    found = scored(exact_match(), values)
    assert found == because(replace(wilson_interval(4, 5), n_left_out=1), BINARY)
    assert scored(exact_match(), [0.0] * 20).high == pytest.approx(0.1611, abs=5e-5)
    before, after = [1, 0, 1, 0, 0, 1] * 40, [1, 1, 1, 0, 1, 0] * 40
    assert compared(exact_match(), before, after) == because(paired_share_difference(before, after), BINARY)


def test_few_or_lopsided_shares_get_wilson_on_the_effective_number() -> None:
    lopsided = np.where(np.arange(150) % 30 == 0, drawn(150), 0.0)
    for values in (drawn(99), lopsided):
        others = values[::-1].copy()
        assert scored(SHARE, values) == because(share_mean_interval(values), FEW)
        assert compared(SHARE, drawn(99), drawn(99, 2)) == because(share_mean_difference(drawn(99), drawn(99, 2)), FEW)
        assert compared(SHARE, values, others).low is not None
    assert compared(SHARE, lopsided, 0 * lopsided) == because(share_mean_difference(lopsided, 0 * lopsided), FEW)


def test_few_or_lopsided_values_beyond_shares_get_bootstrap_t() -> None:
    few, lopsided = 9 * drawn(99), np.random.default_rng(2).lognormal(0, 1.5, 300)
    for values in (few, lopsided):
        assert scored(LETTERS, values) == because(studentised_interval(values, seed=3), FEW)
        # Differences lean less than values do, and t does not reject too often.
        assert compared(LETTERS, values, 2 * values) == paired_difference(values, 2 * values)
    # A share with a value above 1 is none.
    assert scored(SHARE, few).method.startswith("bootstrap t")
    # Zeros and ones that are counted in letters are no yes and no.
    assert scored(LETTERS, [0, 1, 1, 0, 1] * 6).method.startswith("bootstrap t")


def test_equal_values_have_what_they_had() -> None:
    assert scored(SHARE, [0.25] * 3) == mean_interval([0.25] * 3)
    assert scored(LETTERS, [0.0] * 3) == mean_interval([0.0] * 3)
    assert compared(SHARE, [0.25] * 7, [0.5] * 7) == paired_difference([0.25] * 7, [0.5] * 7)
    assert compared(LETTERS, [2.0] * 7, [2.0] * 7) == paired_difference([2.0] * 7, [2.0] * 7)


def test_shares_without_any_difference_still_leave_some_possible() -> None:
    found = compared(SHARE, drawn(50), drawn(50))
    assert (found.difference, found.p_value) == (0, 1)
    assert found.low is not None
    assert found.low < -0.05


@pytest.mark.parametrize("metric", [SHARE, LETTERS, exact_match()], ids=lambda metric: metric.name)
@pytest.mark.parametrize("values", [[], [math.nan], [1.0], [1.0, math.inf]])
def test_too_little_is_told_as_before(metric: Metric[Any], values: list[float]) -> None:
    assert scored(metric, values) == mean_interval(values)
    assert compared(metric, values, values) == paired_difference(values, values)


def test_clusters() -> None:
    clusters = np.arange(200) // 4
    values, others = drawn(200), drawn(200, 2)
    whose = "values from 0 to 1"
    assert scored(SHARE, values, clusters) == because(share_mean_interval(values, clusters=clusters), whose)
    assert scored(LETTERS, values, clusters) == mean_interval(values, clusters=clusters)
    binary = (values > 0.3).astype(float)
    assert scored(exact_match(), binary, clusters) == because(share_mean_interval(binary, clusters=clusters), whose)
    expected = because(share_mean_difference(values, others, clusters=clusters), FEW)
    assert compared(SHARE, values, others, clusters) == expected
    assert compared(LETTERS, values, others, clusters) == paired_difference(values, others, clusters=clusters)
    pairs = np.arange(200) // 2
    assert compared(SHARE, values, others, pairs) == paired_difference(values, others, clusters=pairs)
    # Each record alone in its own cluster is independent.
    assert scored(SHARE, values, list(range(200))) == mean_interval(values)


def test_a_function_of_sums_gets_the_bootstrap_and_randomisation() -> None:
    before, after, clusters = ratio_rows(40, 1), ratio_rows(40, 2), np.arange(40) // 2
    for names in (None, clusters):
        found = interval(RATIO, before, seed=1, clusters=names)
        assert found == because(bootstrap_interval(RATIO, before, seed=1, clusters=names), "no mean over records")
        drawn_again = bootstrap_difference(RATIO, before, after, seed=1, clusters=names)
        (p_value,) = randomised_p_values([Pairing(RATIO, before, after)], seed=1, clusters=names)
        paired = compare(RATIO, before, after, seed=1, clusters=names)
        assert (paired.low, paired.high, paired.p_value) == (drawn_again.low, drawn_again.high, p_value)
    assert paired.method == (
        "paired percentile bootstrap over 20 clusters, 2000 resamples, seed 1; "
        "p by approximate randomisation, 10000 permutations (no mean over records)"
    )


def test_kept_rows_get_the_bootstrap_alone() -> None:
    before, after = np.random.default_rng(1).normal(size=(2, 30, 1))
    expected = bootstrap_difference(MEDIAN, before, after, seed=1)
    assert compare(MEDIAN, before, after, seed=1) == because(expected, "no mean over records")
    assert interval(MEDIAN, before[:1], seed=1) == bootstrap_interval(MEDIAN, before[:1], seed=1)


def test_a_metric_may_know_better() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(60) % 3 == 0
    before, after = (np.column_stack([generator.normal(labels), labels]) for _ in "ab")
    assert interval(AUC, before, seed=1) == auc_interval(before[:, 0], labels)
    assert compare(AUC, before, after, seed=1) == auc_difference(before[:, 0], after[:, 0], labels)
    # It knows nothing of clusters.
    clusters = np.arange(60) // 4
    assert interval(AUC, before, seed=1, clusters=clusters).method.startswith("percentile bootstrap over 15 clusters")
    assert compare(AUC, before, after, seed=1, clusters=clusters).n_clusters == 15


def test_many_models_and_metrics_are_each_as_one() -> None:
    metrics: list[Metric[Any]] = [RATIO, SHARE, MEDIAN]
    models = [[ratio_rows(30, seed), drawn(30, seed)[:, None], drawn(30, seed + 50)[:, None]] for seed in range(3)]
    models[2][0][4] = math.nan
    found = compare_many(metrics, models[0], models[1:], seed=5)
    for model, row in zip(models[1:], found, strict=True):
        for metric, before, after, one in zip(metrics, models[0], model, row, strict=True):
            assert one == compare(metric, before, after, seed=5)
    assert [one.n for one in found[1]] == [29, 30, 30]
    assert compare_many(metrics, models[0], [], seed=5) == []


@pytest.mark.parametrize("metric", [SHARE, RATIO, MEDIAN], ids=lambda metric: metric.name)
def test_other_records_are_refused(metric: Metric[Any]) -> None:
    with pytest.raises(InvalidInput):
        compare(metric, np.ones((2, len(metric.columns))), np.ones((3, len(metric.columns))), seed=1)
    with pytest.raises(InvalidInput, match="clusters: found 1 for 3 records"):
        interval(metric, np.ones((3, len(metric.columns))), seed=1, clusters=["a"])


@pytest.mark.parametrize("metric", [SHARE, exact_match(), LETTERS], ids=lambda metric: metric.name)
@pytest.mark.parametrize("n", [2, 5, 30])
def test_there_is_always_a_width(metric: Metric[Any], n: int) -> None:
    generator = np.random.default_rng(n)
    for _ in range(20):
        values = generator.integers(0, 3, n) / 2 if metric is not exact_match() else generator.integers(0, 2, n)
        found = scored(metric, values)
        assert found.low is not None
        assert found.high is not None
        assert found.low <= np.mean(values) + 1e-12
        assert np.mean(values) - 1e-12 <= found.high
        assert found.low < found.high or np.ptp(values) == 0
