from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics import named
from outcrop.metrics.exact_match import exact_match
from outcrop.metrics.protocol import Rows
from outcrop.metrics.statistics.mcnemar import exact_mcnemar
from outcrop.metrics.statistics.pairing import Pairing
from outcrop.metrics.statistics.randomisation import randomised_p_values

from .doubles import MEDIAN

RATIO = named("length_ratio")


def p_value(before: Rows, after: Rows, **others: object) -> float | None:
    return randomised_p_values([Pairing(RATIO, before, after)], seed=3, **others)[0]  # type: ignore[arg-type]


def rows(seed: int, n: int, longer: float = 1.0) -> Rows:
    generator = np.random.default_rng(seed)
    reference = generator.integers(5, 40, n)
    return np.stack([generator.poisson(reference * longer), reference], axis=1).astype(np.float64)


def all_swaps(before: Rows, after: Rows) -> float:
    """The share of all 2^n swaps whose difference is as far from 0 as the one seen."""
    seen = abs(RATIO.score(after) - RATIO.score(before))
    changes = []
    for swaps in product([False, True], repeat=len(before)):
        mask = np.array(swaps)[:, None]
        first, second = np.where(mask, after, before), np.where(mask, before, after)
        changes.append(abs(RATIO.score(second) - RATIO.score(first)))
    return sum(change >= seen - 1e-12 for change in changes) / len(changes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_is_the_share_of_all_swaps(seed: int) -> None:
    before, after = rows(seed, 9), rows(seed + 10, 9, longer=1.2)
    # Four standard errors of 40,000 draws are at most 0.01.
    assert p_value(before, after, permutations=40_000) == pytest.approx(all_swaps(before, after), abs=0.01)


def test_of_a_share_it_is_mcnemars_exact_test() -> None:
    before = np.array([[1.0]] * 3 + [[0.0]] * 12 + [[1.0]] * 5)
    after = np.array([[0.0]] * 3 + [[1.0]] * 12 + [[1.0]] * 5)
    (found,) = randomised_p_values([Pairing(exact_match(), before, after)], seed=1, permutations=40_000)
    assert found == pytest.approx(exact_mcnemar(12, 3), abs=0.004)


def test_no_difference_anywhere_is_no_finding() -> None:
    before = rows(1, 50)
    assert p_value(before, before.copy()) == 1


def test_is_never_zero() -> None:
    before = rows(1, 200)
    assert p_value(before, before * [3, 1], permutations=99) == 1 / 100


def test_whole_clusters_are_swapped() -> None:
    before, after = rows(4, 8), rows(5, 8, longer=1.3)
    twice = np.repeat(before, 2, axis=0), np.repeat(after, 2, axis=0)
    clusters = [f"user {place // 2}" for place in range(16)]
    assert p_value(*twice, clusters=clusters) == p_value(before, after)


def test_pairings_are_each_one_for_itself() -> None:
    baseline, first, second = rows(1, 30), rows(2, 30), rows(3, 30)
    second[4] = math.nan
    pairings = [
        Pairing(RATIO, baseline, first),
        Pairing(MEDIAN, first[:, :1], first[:, 1:]),
        Pairing(RATIO, first, second),
    ]
    alone = [randomised_p_values([each], seed=2)[0] for each in pairings]
    assert randomised_p_values(pairings, seed=2) == alone
    assert alone[1] is None
    assert alone[2] is not None


def test_too_little_to_test() -> None:
    assert p_value(rows(1, 1), rows(2, 1)) is None
    assert p_value(np.empty((0, 2)), np.empty((0, 2))) is None
    assert p_value(rows(1, 4), rows(2, 4), clusters=["a"] * 4) is None
    assert p_value(np.array([[3.0, 0.0], [2.0, 0.0]]), np.array([[3.0, 0.0], [1.0, 0.0]])) is None


def test_rejects_no_more_often_than_it_may() -> None:
    generator = np.random.default_rng(8)
    rejected = []
    for seed in range(600):
        reference = generator.integers(5, 40, 20).astype(np.float64)
        before, after = (np.column_stack([reference * generator.lognormal(0, 0.8, 20), reference]) for _ in "ab")
        (found,) = randomised_p_values([Pairing(RATIO, before, after)], seed=seed, permutations=399)
        assert found is not None
        rejected.append(found <= 0.05)
    # 5 %, and two standard errors of 600 draws.
    assert np.mean(rejected) <= 0.068


def test_what_can_not_be_drawn_is_refused() -> None:
    with pytest.raises(InvalidInput, match="permutations: found 0; expected 1 or more"):
        p_value(rows(1, 4), rows(2, 4), permutations=0)
    with pytest.raises(InvalidInput, match="4 records of the baseline and 5 of the candidate"):
        p_value(rows(1, 4), rows(2, 5))
