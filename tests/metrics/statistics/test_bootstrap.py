from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.exact_match import exact_match
from outcrop.metrics.length_ratio import length_ratio
from outcrop.metrics.protocol import Rows
from outcrop.metrics.statistics.bootstrap import bootstrap_difference, bootstrap_differences, bootstrap_interval
from outcrop.metrics.statistics.bounds import bca_bounds
from outcrop.metrics.statistics.intervals import mean_interval
from outcrop.metrics.statistics.paired import paired_difference
from outcrop.metrics.statistics.pairing import Pairing

from .doubles import MEDIAN

RATIO = length_ratio()
NAN_ROW = [math.nan, math.nan]

counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)), min_size=5, max_size=12)


def drawn_rows(n: int, seed: int, longer: float = 1.0) -> Rows:
    generator = np.random.default_rng(seed)
    reference = generator.integers(5, 40, n)
    return np.stack([generator.poisson(reference * longer), reference], axis=1).astype(np.float64)


def all_resamples(rows: Rows) -> list[float]:
    """The score of every one of the n^n equally likely resamples, sorted."""
    return sorted(RATIO.score(rows[list(draw)]) for draw in product(range(len(rows)), repeat=len(rows)))


def share(found: Iterable[bool]) -> float:
    """How many of the 5^5 resamples of five records."""
    return sum(found) / 5**5


def test_bounds_are_those_of_all_resamples() -> None:
    rows = np.array([[1, 4], [9, 5], [3, 7], [8, 2], [2, 2]], dtype=np.float64)
    exact = all_resamples(rows)
    # Against responses of no words, so the difference is the ratio itself.
    found = bootstrap_difference(RATIO, rows * [0, 1], rows, seed=1, resamples=20_000, confidence=0.8)
    assert found.difference == 23 / 20
    assert found.low is not None
    assert found.high is not None
    # The share of exact resamples beyond each bound, within four standard errors of 20,000 draws: not 0.1, but
    # Φ(-√(5/4) · 1.5332), with the table's t for 4 degrees of freedom. Many resamples are the bound itself.
    tail = NormalDist().cdf(-math.sqrt(5 / 4) * 1.5332)
    low, high = found.low, found.high
    assert share(each < low for each in exact) - 0.007 < tail < share(each <= low for each in exact) + 0.007
    assert share(each > high for each in exact) - 0.007 < tail < share(each >= high for each in exact) + 0.007


def test_p_value_is_that_of_all_resamples() -> None:
    before = np.array([[3, 4], [4, 5], [6, 7], [2, 2]], dtype=np.float64)
    after = np.array([[5, 4], [3, 5], [9, 7], [2, 2]], dtype=np.float64)
    draws = [list(draw) for draw in product(range(4), repeat=4)]
    differences = [RATIO.score(after[draw]) - RATIO.score(before[draw]) for draw in draws]
    fewer = min(sum(each <= 0 for each in differences), sum(each >= 0 for each in differences))
    found = bootstrap_difference(RATIO, before, after, seed=1, resamples=20_000)
    # The t for 3 degrees of freedom whose expanded level is that share of resamples.
    t = NormalDist().inv_cdf(fewer / len(draws)) * math.sqrt(3 / 4)
    assert found.p_value == pytest.approx(2 * stats.t.cdf(t, 3), abs=0.01)
    assert found.difference == pytest.approx(19 / 18 - 15 / 18)


def test_width_is_that_of_the_linear_approximation() -> None:
    # Cochran, "Sampling Techniques", 1977, section 2.11: Var(r) ≈ Σ (y - r x)² / (n (n - 1) x̄²).
    rows = drawn_rows(400, seed=3)
    response, reference = rows.T
    ratio = response.sum() / reference.sum()
    error = math.sqrt(((response - ratio * reference) ** 2).sum() / (400 * 399)) / reference.mean()
    found = bootstrap_interval(RATIO, rows, seed=5)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_agrees_with_student_where_both_apply() -> None:
    # The share of matches is a mean, so on many records both methods give the same.
    generator = np.random.default_rng(11)
    before, after = (generator.binomial(1, p, (600, 1)).astype(np.float64) for p in (0.5, 0.58))
    metric = exact_match()
    drawn, student = bootstrap_interval(metric, before, seed=2), mean_interval(before[:, 0])
    assert (drawn.low, drawn.high) == pytest.approx((student.low, student.high), abs=0.006)
    paired, by_t = bootstrap_difference(metric, before, after, seed=2), paired_difference(before[:, 0], after[:, 0])
    assert (paired.low, paired.high) == pytest.approx((by_t.low, by_t.high), abs=0.008)
    assert paired.p_value == pytest.approx(by_t.p_value, abs=0.02)


@settings(max_examples=40)
@given(counts, st.integers(0, 9))
def test_interval_and_p_value_agree(triples: list[tuple[int, int, int]], seed: int) -> None:
    before = np.array([[before, length] for before, _, length in triples], dtype=np.float64)
    after = np.array([[after, length] for _, after, length in triples], dtype=np.float64)
    found = bootstrap_difference(RATIO, before, after, seed=seed, resamples=999, confidence=0.9)
    assert found.low is not None
    assert found.high is not None
    assert found.p_value is not None
    assert found.low <= found.high
    assert (found.low > 0 or found.high < 0) == (found.p_value <= 0.1 + 1e-12)


def test_below_five_records_the_bounds_are_the_outermost_resamples() -> None:
    before, after = np.array([[1.0, 2.0]] * 3), np.array([[2.0, 2.0], [3.0, 2.0], [4.0, 2.0]])
    found = bootstrap_difference(RATIO, before, after, seed=1)
    assert (found.low, found.high) == (0.5, 1.5)
    # All resamples are above 0, and three records are still no proof.
    assert found.p_value is not None
    assert found.p_value > 0.05


def test_bounds_are_order_statistics() -> None:
    # Of 199 resamples of 15 records, 200 · Φ(-√(15/14) · 2.1448) = 2.64: the second from either end; of 79, the first.
    rows = drawn_rows(15, seed=9)
    for resamples, rank in ((79, 1), (199, 2)):
        generator = np.random.default_rng(3)
        drawn = sorted(RATIO.score(rows[generator.integers(15, size=15)]) for _ in range(resamples))
        found = bootstrap_difference(RATIO, rows * [0, 1], rows, seed=3, resamples=resamples)
        assert (found.low, found.high) == (drawn[rank - 1], drawn[-rank])


def test_one_models_bounds_are_bcas() -> None:
    rows = drawn_rows(15, seed=9)
    generator = np.random.default_rng(3)
    drawn = np.sort([RATIO.score(rows[generator.integers(15, size=15)]) for _ in range(299)])
    without_one = np.array([RATIO.score(np.delete(rows, place, 0)) for place in range(15)])
    tail = NormalDist().cdf(-math.sqrt(15 / 14) * stats.t.ppf(0.975, 14))
    found = bootstrap_interval(RATIO, rows, seed=3, resamples=299)
    assert (found.low, found.high) == bca_bounds(drawn, RATIO.score(rows), without_one, tail)


def test_a_metric_of_kept_rows_has_percentile_bounds() -> None:
    rows = np.random.default_rng(2).normal(size=(40, 1))
    generator = np.random.default_rng(3)
    drawn = sorted(np.median(rows[generator.integers(40, size=40)]) for _ in range(199))
    # 200 · Φ(-√(40/39) · 2.0227) = 4.06.
    found = bootstrap_interval(MEDIAN, rows, seed=3, resamples=199)
    assert (found.low, found.high) == (drawn[3], drawn[-4])
    assert found.method == "percentile bootstrap, 199 resamples, seed 3"
    paired = bootstrap_difference(MEDIAN, rows, rows + 1, seed=3, resamples=199)
    assert (paired.difference, paired.low, paired.high) == pytest.approx((1, 1, 1))


def test_whole_clusters_are_drawn() -> None:
    # Each record twice, as a cluster of two: the same as once, on any resample.
    rows, others = drawn_rows(20, seed=4), drawn_rows(20, seed=5, longer=1.2)
    clusters = np.repeat(np.arange(20), 2)
    once = bootstrap_interval(RATIO, rows, seed=1)
    twice = bootstrap_interval(RATIO, np.repeat(rows, 2, axis=0), seed=1, clusters=clusters)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), rel=1e-12)
    assert (twice.n, twice.n_clusters, once.n_clusters) == (40, 20, None)
    assert twice.method == "BCa bootstrap over 20 clusters, 2000 resamples, seed 1"
    single = bootstrap_difference(RATIO, rows, others, seed=1)
    double = bootstrap_difference(
        RATIO, np.repeat(rows, 2, axis=0), np.repeat(others, 2, axis=0), seed=1, clusters=clusters
    )
    assert (double.low, double.high, double.p_value) == pytest.approx((single.low, single.high, single.p_value))
    assert (double.n_clusters, double.method) == (
        20,
        "paired percentile bootstrap over 20 clusters, 2000 resamples, seed 1",
    )


def test_one_cluster_has_no_bounds() -> None:
    rows = drawn_rows(3, seed=4)
    alone = bootstrap_interval(RATIO, rows, seed=1, clusters=["a"] * 3)
    assert (alone.low, alone.method, alone.n_clusters) == (None, "no bounds: one cluster", 1)
    paired = bootstrap_difference(RATIO, rows, rows, seed=1, clusters=["a"] * 3)
    assert (paired.low, paired.p_value, paired.method) == (None, None, "no test: one cluster")


def test_many_pairings_are_each_one_for_itself() -> None:
    baseline, first, second = (drawn_rows(25, seed) for seed in (1, 2, 3))
    second[3] = NAN_ROW
    pairings = [Pairing(RATIO, baseline, first), Pairing(RATIO, baseline, second), Pairing(RATIO, first, first)]
    together = bootstrap_differences(pairings, seed=7)
    alone = [bootstrap_difference(RATIO, each.baseline_rows, each.candidate_rows, seed=7) for each in pairings]
    assert together == alone
    assert [found.n for found in together] == [25, 24, 25]
    assert bootstrap_differences([], seed=7) == []


@pytest.mark.parametrize("n", [200])
def test_covers_as_often_as_it_says(n: int) -> None:
    # Responses whose length scatters by a factor of 1.5 about the reference's.
    generator = np.random.default_rng(n)
    held, apart, rejected = [], [], []
    for seed in range(400):
        reference = generator.integers(5, 40, n).astype(np.float64)
        before, after = (np.column_stack([reference * generator.lognormal(-0.08, 0.4, n), reference]) for _ in "ab")
        found = bootstrap_interval(RATIO, before, seed=seed, resamples=399)
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= 1 <= found.high)
        paired = bootstrap_difference(RATIO, before, after * [1.1, 1], seed=seed, resamples=399)
        assert paired.low is not None
        assert paired.high is not None
        apart.append(paired.low <= 0.1 <= paired.high)
        none = bootstrap_difference(RATIO, before, after, seed=seed, resamples=399)
        assert none.p_value is not None
        rejected.append(none.p_value <= 0.05)
    assert 0.93 <= np.mean(held) <= 0.97
    assert 0.93 <= np.mean(apart) <= 0.97
    assert np.mean(rejected) <= 0.07


def test_same_seed_same_result_other_seed_another() -> None:
    rows = drawn_rows(50, seed=1)
    assert bootstrap_interval(RATIO, rows, seed=4) == bootstrap_interval(RATIO, rows, seed=4)
    assert bootstrap_interval(RATIO, rows, seed=4).low != bootstrap_interval(RATIO, rows, seed=5).low
    assert bootstrap_interval(RATIO, rows, seed=4).method == "BCa bootstrap, 2000 resamples, seed 4"


def test_no_global_generator_is_touched() -> None:
    np.random.seed(1)
    undisturbed = np.random.random()
    np.random.seed(1)
    bootstrap_interval(RATIO, drawn_rows(20, seed=1), seed=4)
    assert np.random.random() == undisturbed


def test_both_models_get_the_same_records() -> None:
    # Responses twice as long: on every resample the difference is the baseline's ratio itself.
    before = drawn_rows(30, seed=6)
    found = bootstrap_difference(RATIO, before, before * [2, 1], seed=8)
    alone = bootstrap_difference(RATIO, before * [0, 1], before, seed=8)
    assert (found.difference, found.low, found.high) == (alone.difference, alone.low, alone.high)
    assert found.p_value == alone.p_value


def test_no_difference_anywhere() -> None:
    rows = drawn_rows(30, seed=6)
    found = bootstrap_difference(RATIO, rows, rows.copy(), seed=8)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_records_without_a_value_are_left_out_and_counted() -> None:
    rows = drawn_rows(20, seed=2)
    other = drawn_rows(20, seed=3)
    holes, other_holes = rows.copy(), other.copy()
    holes[4], other_holes[7] = NAN_ROW, NAN_ROW
    single = bootstrap_interval(RATIO, holes, seed=1)
    single_whole = bootstrap_interval(RATIO, np.delete(rows, 4, 0), seed=1)
    assert (single.low, single.high, single.n, single.n_left_out) == (single_whole.low, single_whole.high, 19, 1)
    paired = bootstrap_difference(RATIO, holes, other_holes, seed=1)
    whole = bootstrap_difference(RATIO, np.delete(rows, [4, 7], 0), np.delete(other, [4, 7], 0), seed=1)
    assert (paired.low, paired.p_value, paired.n, paired.n_left_out) == (whole.low, whole.p_value, 18, 2)


@pytest.mark.parametrize(
    ("rows", "value", "why"),
    [
        (np.empty((0, 2)), None, "no record has a value"),
        (np.array([NAN_ROW]), None, "no record has a value"),
        (np.array([[3.0, 2.0]]), 1.5, "one record"),
        (np.array([[3.0, 0.0], [2.0, 0.0]]), None, "the metric is undefined on these records"),
        (np.array([[3.0, 0.0], [2.0, 1.0]]), 5.0, "undefined or infinite on some resamples"),
    ],
)
def test_too_little_to_draw_from(rows: Rows, value: float | None, why: str) -> None:
    alone = bootstrap_interval(RATIO, rows, seed=1)
    assert (alone.value, alone.low, alone.high, alone.method) == (value, None, None, f"no bounds: {why}")
    paired = bootstrap_difference(RATIO, rows, rows, seed=1)
    assert (paired.low, paired.high, paired.p_value, paired.method) == (None, None, None, f"no test: {why}")


def test_too_few_resamples_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"resamples: found 38; expected at least 39 for a confidence of 0\.95"):
        bootstrap_interval(RATIO, drawn_rows(5, 1), seed=1, resamples=38)
    assert bootstrap_interval(RATIO, drawn_rows(5, 1), seed=1, resamples=39).low is not None


def test_other_records_are_refused() -> None:
    with pytest.raises(InvalidInput, match="5 records of the baseline and 6 of the candidate"):
        bootstrap_difference(RATIO, drawn_rows(5, 1), drawn_rows(6, 1), seed=1)
