"""Differences between groups against scipy, statsmodels and what is known of drawn data."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from outcrop.domain.scores import Direction
from outcrop.metrics import named
from outcrop.metrics.lines import LineMean, LineRows
from outcrop.metrics.protocol import Pair
from outcrop.metrics.robustness.drop import drop
from outcrop.metrics.statistics.paired import paired_difference
from outcrop.metrics.statistics.unpaired import Group, UnpairedDifference, unpaired_difference

FIXTURES = Path(__file__).parents[2] / "fixtures" / "statistics"
FIXTURE: dict[str, Any] = json.loads((FIXTURES / "newcombe.json").read_text(encoding="utf-8"))
CLUSTERED: dict[str, Any] = json.loads((FIXTURES / "clustered_groups.json").read_text(encoding="utf-8"))


def a_mean(unit: str = "") -> LineMean[float]:
    return LineMean("mean", "mean|v1", ("value",), lambda items: np.array(items)[:, None], unit=unit)


def compared(first: Any, second: Any, unit: str = "", clusters: Any = None) -> UnpairedDifference:
    groups = [Group(np.array(values, dtype=float).reshape(-1, 1), clusters) for values in (first, second)]
    return unpaired_difference(a_mean(unit), *groups, seed=0)


def test_means_with_a_unit_are_welchs_as_scipy_has_them() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(3, 2, 17), generator.normal(2, 5, 40)
    found = compared(first, second, unit="nats")
    peer = stats.ttest_ind(first, second, equal_var=False)
    bounds = peer.confidence_interval()
    assert (found.difference, found.p_value) == pytest.approx((first.mean() - second.mean(), peer.pvalue), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), rel=1e-12)
    assert (found.method, found.n_first, found.n_second) == ("Welch t", 17, 40)


def test_many_shares_are_welchs_too() -> None:
    generator = np.random.default_rng(2)
    first, second = generator.random(150), generator.random(200)
    peer = stats.ttest_ind(first, second, equal_var=False)
    found = compared(first, second)
    assert found.method == "Welch t"
    assert found.p_value == pytest.approx(peer.pvalue, rel=1e-12)


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=str)
def test_shares_of_yes_and_no_are_newcombes_as_statsmodels_has_them(case: dict[str, Any]) -> None:
    (a, m), (b, n) = case["first"], case["second"]
    found = compared([1] * a + [0] * (m - a), [1] * b + [0] * (n - b))
    assert found.difference == pytest.approx(a / m - b / n, abs=1e-15)
    assert (found.low, found.high) == pytest.approx((case["low"], case["high"]), abs=1e-12)
    assert found.method == "Newcombe, p by the N - 1 chi-squared test"


def test_the_p_value_of_shares_is_the_n_minus_1_chi_squared_tests() -> None:
    table = np.array([[7, 13], [15, 9]])
    statistic = stats.chi2_contingency(table, correction=False).statistic
    wanted = stats.chi2.sf(statistic * (table.sum() - 1) / table.sum(), 1)
    found = compared([1] * 7 + [0] * 13, [1] * 15 + [0] * 9)
    assert found.p_value == pytest.approx(wanted, rel=1e-12)


def test_where_all_or_none_succeed_nothing_differs() -> None:
    for value in (0, 1):
        found = compared([value] * 20, [value] * 30)
        assert (found.difference, found.p_value) == (0, 1)
        assert found.low is not None
        assert found.low < 0 < (found.high or 0)


def test_few_values_from_0_to_1_keep_their_bounds_within_the_scale() -> None:
    found = compared([1.0] * 11 + [0.9], [0.0] * 12 + [0.1])
    assert found.method.startswith("square and add of Wilson's bounds, p by the same")
    assert found.high is not None
    assert found.low is not None
    assert 0.5 < found.low < (found.difference or 0) < found.high <= 1


@pytest.mark.parametrize(("first", "second"), [(0.98, 0.98), (0.3, 0.05)])
def test_intervals_cover_the_true_difference_and_tests_reject_as_rarely(first: float, second: float) -> None:
    generator, held, rejected = np.random.default_rng(5), 0, 0
    for _ in range(200):
        # Values in quarters: neither yes nor no, and lopsided.
        found = compared(generator.binomial(4, first, 25) / 4, generator.binomial(4, second, 60) / 4)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= first - second <= found.high
        # The p-value is that of the bounds.
        assert found.p_value is not None
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)
        rejected += found.p_value < 0.05
    # Three standard errors of a share of 95 % of 200.
    assert held >= 200 * (0.95 - 3 * math.sqrt(0.95 * 0.05 / 300))
    assert first != second or rejected <= 200 * (0.05 + 3 * math.sqrt(0.95 * 0.05 / 300))


def test_means_without_scatter_are_not_compared() -> None:
    found = compared([0.5] * 10, [0.7] * 12)
    assert (found.low, found.p_value, found.method) == (None, None, "no test: no scatter within the groups")
    assert compared([0.5] * 10, [0.5] * 12).p_value == 1


def test_what_is_no_mean_is_drawn_again_in_each_group() -> None:
    metric, generator = named("wer"), np.random.default_rng(6)

    def rows(share: float) -> NDArray[np.float64]:
        texts = [" ".join("ab"[int(wrong)] for wrong in generator.random(12) < share) for _ in range(60)]
        return metric.prepare([Pair(text, (" ".join("a" * 12),)) for text in texts])

    first, second = rows(0.4), rows(0.2)
    found = unpaired_difference(metric, Group(first), Group(second), seed=4)
    assert found.difference == pytest.approx(metric.score(first) - metric.score(second))
    # The standard error is that of two shares of 720 words each.
    error = math.sqrt((0.4 * 0.6 + 0.2 * 0.8) / 720)
    assert found.difference is not None
    bounds = (found.difference - 1.96 * error, found.difference + 1.96 * error)
    assert (found.low, found.high) == pytest.approx(bounds, abs=0.5 * error)
    assert found.p_value is not None
    assert found.p_value < 0.005
    assert found == unpaired_difference(metric, Group(first), Group(second), seed=4)
    same = unpaired_difference(metric, Group(first), Group(first), seed=4)
    # Drawn apart, a group is not certain to equal itself.
    assert same.low is not None
    assert same.low < 0 < (same.high or 0)
    assert (same.p_value or 0) > 0.5


def test_clusters_within_groups_are_what_is_counted() -> None:
    generator = np.random.default_rng(7)
    first, second = generator.normal(1, 1, 30), generator.normal(0, 1, 30)
    alone = compared(first, second, unit="nats")
    names = np.repeat(np.arange(60), 2).tolist()
    groups = [Group(np.repeat(first, 2)[:, None], names[:60]), Group(np.repeat(second, 2)[:, None], names[60:])]
    doubled = unpaired_difference(a_mean("nats"), *groups, seed=0)
    assert (doubled.low, doubled.high) == pytest.approx((alone.low, alone.high), rel=1e-9)
    assert doubled.method == "Welch t over 30 clusters and 30 clusters"


@pytest.mark.parametrize("case", CLUSTERED["cases"], ids=lambda case: str(len(case["values"])))
def test_clusters_over_both_groups_have_statsmodels_error(case: dict[str, Any]) -> None:
    values, group, names = (np.array(case[name]) for name in ("values", "group", "clusters"))
    sides = [Group(values[group == which][:, None], names[group == which].tolist()) for which in (1, 0)]
    found = unpaired_difference(a_mean("nats"), *sides, seed=0)
    clusters = len(set(names.tolist()))
    half = stats.t.ppf(0.975, clusters - 1) * case["error"] * math.sqrt(clusters / (clusters - 1))
    assert found.difference == pytest.approx(case["difference"], rel=1e-9)
    assert (found.low, found.high) == pytest.approx((case["difference"] - half, case["difference"] + half), rel=1e-9)
    few = ", which are few" if clusters < 10 else ""
    assert found.method == f"Student t over {clusters} clusters{few} of both groups"


def test_a_cluster_of_two_in_each_group_is_a_pair() -> None:
    generator = np.random.default_rng(8)
    before = generator.normal(0, 3, 40)
    after = before + generator.normal(0.5, 1, 40)
    names = list(range(40))
    found = unpaired_difference(
        a_mean("nats"), Group(after[:, None], names), Group(before[::-1, None], names[::-1]), seed=0
    )
    pairs = paired_difference(before, after)
    assert (found.low, found.high, found.p_value) == pytest.approx((pairs.low, pairs.high, pairs.p_value), rel=1e-9)
    apart = compared(after, before, unit="nats")
    assert (apart.high or 0) - (apart.low or 0) > 2 * ((found.high or 0) - (found.low or 0))


def test_what_groups_share_narrows_the_bounds_of_shares_too() -> None:
    generator = np.random.default_rng(9)
    easy = np.repeat(generator.random(20) < 0.5, 2).astype(float)
    first, second = easy, np.where(generator.random(40) < 0.1, 1 - easy, easy)
    names = np.repeat(np.arange(20), 2).tolist()
    together = compared(first, second, clusters=names)
    others = Group(second[:, None], [name + 20 for name in names])
    apart = unpaired_difference(a_mean(), Group(first[:, None], names), others, seed=0)
    assert together.method == "square and add of Wilson's bounds, p by the same over 20 clusters of both groups"
    assert together.low is not None
    assert apart.low is not None
    assert together.low < (together.difference or 0) < (together.high or 0)
    assert 2 * ((together.high or 0) - together.low) < (apart.high or 0) - apart.low


@pytest.mark.parametrize("summed", [True, False])
def test_what_is_no_mean_draws_clusters_for_both_groups(summed: bool) -> None:
    metric: Any = named("wer")
    if not summed:
        # The same, without saying that it is a function of sums.
        metric = LineRows(
            "rate", "rate|v1", ("edits", "words"), metric.prepare, lambda rows: rows[:, 0].sum() / rows[:, 1].sum()
        )
    generator, words = np.random.default_rng(10), " ".join("a" * 12)

    def rows(shares: NDArray[np.float64]) -> NDArray[np.float64]:
        texts = [" ".join("ab"[int(wrong)] for wrong in generator.random(12) < share) for share in shares]
        return np.array(metric.prepare([Pair(text, (words,)) for text in texts]))

    hard = generator.choice([0.05, 0.8], 40)
    first, second = rows(hard), rows(hard)
    names = list(range(40))
    together = unpaired_difference(metric, Group(first, names), Group(second, names), seed=1)
    apart = unpaired_difference(metric, Group(first), Group(second), seed=1)
    assert together.difference == apart.difference
    assert together.method.startswith("percentile bootstrap of whole clusters over 40 clusters of both groups, ")
    # A difference of rates within clusters, by hand: the scatter of its 40 linear parts.
    parts = (first[:, 0] - second[:, 0]) / 12
    error = parts.std(ddof=1) / math.sqrt(40)
    assert ((together.high or 0) - (together.low or 0)) / (2 * 2.02 * error) == pytest.approx(1, abs=0.12)
    assert (apart.high or 0) - (apart.low or 0) > 2 * ((together.high or 0) - (together.low or 0))


@pytest.mark.parametrize(
    ("first", "second", "reason", "difference"),
    [
        ([], [1.0, 2.0], "no test: a group has no value", None),
        ([math.nan], [1.0], "no test: a group has no value", None),
        ([3.0], [1.0, 2.0], "no test: a group has one record or cluster", 1.5),
        ([math.inf, 1.0], [1.0, 2.0], "no test: infinite values", math.inf),
        ([2.0, 2.0], [1.0, 1.0], "no test: no scatter within the groups", 1),
    ],
)
def test_too_little_is_told(first: list[float], second: list[float], reason: str, difference: float | None) -> None:
    found = compared(first, second, unit="nats")
    assert (found.method, found.difference) == (reason, difference)
    assert (found.low, found.high, found.p_value) == (None, None, None)


def test_sums_of_nothing_are_told() -> None:
    metric = named("wer")
    rows = metric.prepare([Pair("a", ("a",)), Pair("a", ("b",)), Pair(None, ("b",))])
    none = unpaired_difference(metric, Group(rows[2:]), Group(rows), seed=0)
    assert (none.difference, none.method) == (None, "no test: a group has no value")
    one = unpaired_difference(metric, Group(rows[:1]), Group(rows), seed=0)
    assert (one.difference, one.method) == (-0.5, "no test: too few records in a group")


def test_a_drop_is_no_share() -> None:
    metric = drop(named("exact_match"), "typos()")
    assert metric.direction is Direction.LOWER
    rows = np.array([[1.0, 0.0]] * 3 + [[1.0, 1.0]] * 17)
    found = unpaired_difference(metric, Group(rows), Group(rows[::-1]), seed=0)
    assert found.method == "Welch t"
