"""Ranks against SciPy's, a slow bootstrap, and what the normal distribution says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata

from outcrop.domain.scores import Direction
from outcrop.evaluation.kept_rows import KeptMean
from outcrop.evaluation.ranks import rank_columns, ranks
from tests.evaluation.doubles import LOSS, dataset


@pytest.fixture
def draws() -> np.random.Generator:
    """The same numbers for each test."""
    return np.random.default_rng(1)


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(-3, 3).map(float)))
def test_ranks_are_those_of_scipy(scores: np.ndarray) -> None:
    assert rank_columns(scores, Direction.LOWER).tolist() == rankdata(scores, axis=0).tolist()
    assert rank_columns(scores, Direction.HIGHER).tolist() == rankdata(-scores, axis=0).tolist()


def test_what_has_no_score_is_last() -> None:
    scores = np.array([[np.nan], [5.0], [np.inf], [1.0]])
    assert rank_columns(scores, Direction.LOWER)[:, 0].tolist() == [3.5, 2, 3.5, 1]


def test_sums_in_another_order_tie() -> None:
    scores = np.array([[0.1 + 0.2], [0.3]])
    assert rank_columns(scores, Direction.HIGHER)[:, 0].tolist() == [1.5, 1.5]


def test_mean_ranks_over_datasets() -> None:
    first = dataset("news", {"a": [3, 3, 3], "b": [2, 2, 2], "c": [1, 1, 1]})
    second = dataset("loss", {"c": [2, 2, 2], "b": [1, 1, 1], "a": [2, 2, 2]}, LOSS)
    found = ranks(["a", "b", "c"], [first, second], seed=0)
    assert found is not None
    # a: 1 and 2.5; b: 2 and 1; c: 3 and 2.5. Nothing scatters, so every resample says the same.
    assert [(one.model, one.rank, one.low, one.high, one.best) for one in found.models] == [
        ("b", 1.5, 1.5, 1.5, 1.0),
        ("a", 1.75, 1.75, 1.75, 0.0),
        ("c", 2.75, 2.75, 2.75, 0.0),
    ]
    assert found.datasets == ("news", "loss")
    assert found.left_out == ()


def test_a_shared_first_place_is_parted(draws: np.random.Generator) -> None:
    values = draws.normal(size=30)
    found = ranks(["a", "b", "c"], [dataset("news", {"a": values, "b": values, "c": values - 5})], seed=0)
    assert found is not None
    assert [one.best for one in found.models] == [0.5, 0.5, 0.0]
    assert [one.rank for one in found.models] == [1.5, 1.5, 3.0]


def test_the_chance_of_being_best_is_the_normal_distributions(draws: np.random.Generator) -> None:
    """Of two models, the share of resamples in which the mean difference is above 0 is Φ(mean / standard error)."""
    base, noise = draws.normal(size=400), draws.normal(size=400)
    better = base + (noise - noise.mean()) / noise.std() + 1 / math.sqrt(400)
    found = ranks(["base", "better"], [dataset("news", {"base": base, "better": better})], seed=3)
    assert found is not None
    chance = {one.model: one.best for one in found.models}["better"]
    # Three standard errors of 2,000 resamples.
    assert chance == pytest.approx(norm.cdf(1), abs=0.025)


def test_resamples_are_those_of_a_slow_bootstrap(draws: np.random.Generator) -> None:
    """The distribution of mean ranks of two datasets, by a loop that shares no code but the metric's mean."""
    tables = [
        {name: draws.normal(shift, 1, 40) for name, shift in zip("abc", shifts, strict=True)}
        for shifts in ((0, 0.2, 0.1), (0.3, 0, 0.1))
    ]
    found = ranks(list("abc"), [dataset(str(place), table) for place, table in enumerate(tables)], seed=5)
    assert found is not None
    draws = np.random.default_rng(17)
    means = np.empty((4000, 3))
    for row in means:
        row[:] = 0
        for table in tables:
            at = draws.integers(40, size=40)
            row += rankdata([-table[name][at].mean() for name in "abc"]) / 2
    best = means == means.min(axis=1, keepdims=True)
    slow = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    for one in found.models:
        place = "abc".index(one.model)
        assert one.best == pytest.approx(slow[place], abs=0.04)
        for sign, bound in ((1, one.low), (-1, one.high)):
            inside = sign * (means[:, place] - bound)
            assert (inside < -1e-9).mean() < 0.035
            assert (inside < 1e-9).mean() > 0.015


def test_datasets_have_draws_of_their_own(draws: np.random.Generator) -> None:
    """With one draw for both, a dataset and its mirror image would always give both models the mean rank 1.5."""
    base, new = draws.normal(size=50), draws.normal(size=50)
    pair = [dataset("one", {"base": base, "new": new}), dataset("two", {"base": new, "new": base})]
    found = ranks(["base", "new"], pair, seed=0)
    assert found is not None
    assert [one.rank for one in found.models] == [1.5, 1.5]
    assert [(one.low, one.high) for one in found.models] == [(1.0, 2.0), (1.0, 2.0)]


def test_the_seed_decides(draws: np.random.Generator) -> None:
    table = [dataset("news", {"a": draws.normal(size=50), "b": draws.normal(size=50)})]
    assert ranks(["a", "b"], table, seed=1) == ranks(["a", "b"], table, seed=1)
    one, two = ranks(["a", "b"], table, seed=1), ranks(["a", "b"], table, seed=2)
    assert one is not None
    assert two is not None
    assert one.models != two.models


def test_clusters_are_drawn_whole() -> None:
    """Sixty records of three users scatter as three: the better model is less sure to be best."""
    steps = np.repeat([1.0, 1.0, -1.0], 20)
    table = {"base": np.zeros(60), "new": steps}
    alone = ranks(["base", "new"], [dataset("d", table)], seed=0)
    users = ranks(
        ["base", "new"], [dataset("d", table, clusters=[str(each) for each in np.repeat([0, 1, 2], 20)])], seed=0
    )
    assert alone is not None
    assert users is not None
    # Of three draws from three users, two at least are one of the two good ones: 20 of 27.
    assert users.models[0].best == pytest.approx(20 / 27, abs=0.03)
    assert alone.models[0].best > 0.99


def test_what_can_not_be_ranked_is_left_out() -> None:
    neither = KeptMean("ratio", "ratio|v1", "", Direction.NONE)
    tables = [
        dataset("whole", {"a": [1, 2], "b": [2, 3]}),
        dataset("missing", {"a": [1, 2]}),
        dataset("neither", {"a": [1, 2], "b": [2, 3]}, neither),
        dataset("empty", {"a": [np.nan, 2], "b": [2, np.nan]}),
        dataset("one record", {"a": [1], "b": [2]}),
        dataset("infinite", {"a": [1, np.inf], "b": [2, 3]}),
    ]
    found = ranks(["a", "b"], tables, seed=0)
    assert found is not None
    assert found.datasets == ("whole",)
    assert found.left_out == ("missing", "neither", "empty", "one record", "infinite")
    assert ranks(["a", "b"], tables[1:], seed=0) is None
    assert ranks(["a"], tables, seed=0) is None
