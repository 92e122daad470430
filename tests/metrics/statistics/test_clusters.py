from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.statistics.clusters import cluster_codes, clustered_error, n_units, over_clusters, sums_by_cluster
from outcrop.metrics.statistics.intervals import Interval, mean_interval
from outcrop.metrics.statistics.paired import PairedDifference, paired_difference

from .oracles import cases

ALL = np.ones(5, dtype=np.bool_)


@pytest.mark.parametrize("case", cases("clustered"), ids=lambda case: str(len(set(case["clusters"]))))
def test_equals_statsmodels(case: dict[str, Any]) -> None:
    values, clusters = case["values"], case["clusters"]
    found = mean_interval(values, clusters=clusters)
    assert found.value == pytest.approx(case["mean"], rel=1e-12)
    assert (found.low, found.high) == pytest.approx(case["bounds"], rel=1e-12)
    codes = cluster_codes(clusters, np.ones(len(values), dtype=np.bool_))
    assert clustered_error(np.array(values), codes) == pytest.approx(case["error"], rel=1e-12)
    # The difference to nothing has the same mean and error.
    paired = paired_difference([0.0] * len(values), values, clusters=clusters)
    assert (paired.low, paired.high) == pytest.approx(case["bounds"], rel=1e-12)
    assert paired.p_value == pytest.approx(case["p_value"], rel=1e-9)
    assert paired.n_clusters == found.n_clusters


def test_by_hand() -> None:
    # Mean 3, off by -2 and -1, 0, and 1 and 2: cluster totals -3, 0, 3. Error² = 3/2 · 18 / 25, t(2) = 4.303.
    found = mean_interval([1, 2, 3, 4, 5], clusters=["a", "a", "b", "c", "c"])
    half = 4.303 * math.sqrt(1.5 * 18) / 5
    assert found == Interval(3.0, found.low, found.high, "Student t over 3 clusters, which are few", 5, 0, 3)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-3)


def test_records_twice_are_no_more_proof() -> None:
    values = np.random.default_rng(2).normal(size=30)
    once, twice = mean_interval(values), mean_interval(np.repeat(values, 2), clusters=np.repeat(np.arange(30), 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), rel=1e-12)
    assert twice.method == "Student t over 30 clusters"


def test_a_record_for_itself_is_no_cluster() -> None:
    assert mean_interval([1, 2, 5], clusters=["x", "y", "z"]) == mean_interval([1, 2, 5])
    # Two records of one user, one of which has no value, are one.
    assert mean_interval([1, 2, 5, math.nan], clusters=["x", "y", "z", "z"]) == mean_interval([1, 2, 5, math.nan])


def test_one_cluster_has_no_bounds() -> None:
    assert mean_interval([1, 2], clusters=[7, 7]) == Interval(1.5, None, None, "no bounds: one cluster", 2, 0, 1)
    expected = PairedDifference(1.5, None, None, None, "no test: one cluster", 2, 0, 1)
    assert paired_difference([0, 0], [1, 2], clusters=[7, 7]) == expected


def test_clusters_that_differ_by_the_same_have_the_sign_flips_p_value() -> None:
    clusters = np.repeat(np.arange(6), 2)
    found = paired_difference(np.zeros(12), np.tile([1.0, 3.0], 6), clusters=clusters)
    method = "exact sign flip: all 6 clusters' differences are equal"
    assert found == PairedDifference(2.0, 2.0, 2.0, 2 / 2**6, method, 12, 0, 6)
    found = paired_difference(np.zeros(12), np.tile([1.0, -1.0], 6), clusters=clusters)
    assert found == PairedDifference(0.0, 0.0, 0.0, 1.0, "no cluster of 6 differs", 12, 0, 6)


def test_codes_have_no_gap() -> None:
    codes = cluster_codes(["b", "a", "b", None, "a"], np.array([True, True, True, False, True]))
    assert codes is not None
    assert codes.tolist() == [0, 1, 0, 1]
    assert n_units(codes, 4) == 2
    assert n_units(None, 4) == 4
    assert cluster_codes(None, ALL) is None
    assert over_clusters(codes) == " over 2 clusters, which are few"
    assert over_clusters(None) == ""


def test_sums_by_cluster() -> None:
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert sums_by_cluster(rows, np.array([1, 0, 1])).tolist() == [[2.0, 20.0], [5.0, 50.0]]
    assert sums_by_cluster(rows, None) is rows


def test_not_one_name_for_each_record_is_refused() -> None:
    with pytest.raises(InvalidInput, match="clusters: found 2 for 3 records; expected one for each record"):
        mean_interval([1, 2, 3], clusters=["a", "b"])


@pytest.mark.parametrize(("n_clusters", "least"), [(30, 0.93), (100, 0.93)])
def test_covers_as_often_as_it_says(n_clusters: int, least: float) -> None:
    generator = np.random.default_rng(n_clusters)
    clusters = np.repeat(np.arange(n_clusters), generator.integers(3, 8, n_clusters))
    held, rejected, naive = [], [], []
    for _ in range(1500):
        values = generator.normal(0, 0.5, n_clusters)[clusters] + generator.normal(0, 1, len(clusters))
        held.append(_holds_zero(mean_interval(values, clusters=clusters)))
        naive.append(_holds_zero(mean_interval(values)))
        p_value = paired_difference(np.zeros(len(values)), values, clusters=clusters).p_value
        assert p_value is not None
        rejected.append(p_value < 0.05)
    assert least <= np.mean(held) <= 0.97
    assert np.mean(rejected) <= 0.07
    # Taking the records as independent promises too much.
    assert np.mean(naive) < 0.9


def _holds_zero(found: Interval) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= 0 <= found.high
