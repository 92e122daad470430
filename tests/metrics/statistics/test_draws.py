from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outcrop.metrics.statistics.draws import drawn_counts, drawn_swaps


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_every_resample_draws_n_records(n: int) -> None:
    counts = np.concatenate(list(drawn_counts(n, 321, seed=3)))
    assert counts.shape == (321, n)
    assert (counts.sum(axis=1) == n).all()
    assert (counts == np.floor(counts)).all()


def test_counts_are_multinomial() -> None:
    # All 10 ways to draw 3 records 3 times, with their chances 3! / (27 · product of the counts' factorials).
    counts = np.concatenate(list(drawn_counts(3, 54_000, seed=1)))
    ways, seen = np.unique(counts, axis=0, return_counts=True)
    expected = stats.multinomial(3, [1 / 3] * 3).pmf(ways) * 54_000
    assert len(ways) == 10
    assert stats.chisquare(seen, expected).pvalue > 0.001


def test_counts_are_of_the_draws_that_numpy_makes() -> None:
    generator = np.random.default_rng(11)
    expected = [np.bincount(generator.integers(15, size=15), minlength=15) for _ in range(40)]
    assert np.array_equal(np.concatenate(list(drawn_counts(15, 40, seed=11))), expected)


def test_swaps_are_fair_and_independent() -> None:
    swaps = np.concatenate(list(drawn_swaps(13, 20_000, seed=2)))
    assert swaps.shape == (20_000, 13)
    assert set(np.unique(swaps)) == {0, 1}
    # Five standard errors of a share of 20,000 are 0.018, of a correlation 0.035.
    assert np.abs(swaps.mean(axis=0) - 0.5).max() < 0.018
    assert np.abs(np.corrcoef(swaps.T) - np.eye(13)).max() < 0.035


def test_parts_are_small() -> None:
    for draw in (drawn_counts, drawn_swaps):
        parts = list(draw(50_000, 12, 1))
        assert [len(part) for part in parts] == [5, 5, 2]
        assert len(list(draw(400_000, 3, 1))) == 3


def test_the_seed_decides() -> None:
    for draw in (drawn_counts, drawn_swaps):
        first, again, other = (np.concatenate(list(draw(30, 9, seed))) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
