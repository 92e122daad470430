"""The matrix product against records drawn one resample after the other."""

from __future__ import annotations

import numpy as np
import pytest

from outcrop.metrics import named
from outcrop.metrics.protocol import Rows
from outcrop.metrics.statistics.resampling import resampled_scores
from outcrop.metrics.statistics.summable import joined, summable

from .doubles import MEDIAN
from .oracles import BLEU, wmt17_rows

RATIO = named("length_ratio")
F1 = named("token_f1")


def rows_for(seed: int, n: int = 12) -> tuple[Rows, Rows, Rows]:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, (n, 2))
    f1 = np.column_stack([generator.integers(0, lengths.min(axis=1) + 1), lengths])
    return lengths.astype(np.float64), f1.astype(np.float64), generator.normal(size=(n, 1))


@pytest.mark.parametrize("clusters", [None, [0, 1, 1, 2, 3, 3, 3, 0, 4, 4, 0, 2]])
def test_scores_are_those_of_the_drawn_records(clusters: list[int] | None) -> None:
    ratio, f1, kept = rows_for(1)
    codes = None if clusters is None else np.array(clusters)
    found = resampled_scores([(RATIO, ratio), (F1, f1), (MEDIAN, kept)], codes, seed=5, resamples=30)
    generator = np.random.default_rng(5)
    units = 12 if codes is None else 5
    for resample in range(30):
        draw = generator.integers(units, size=units)
        places = draw if codes is None else np.concatenate([np.flatnonzero(codes == unit) for unit in draw])
        expected = [RATIO.score(ratio[places]), F1.score(f1[places]), MEDIAN.score(kept[places])]
        assert found[:, resample] == pytest.approx(expected, rel=1e-12)


def test_no_metric_of_sums_at_all() -> None:
    kept = rows_for(2)[2]
    assert resampled_scores([(MEDIAN, kept)], seed=1, resamples=20).shape == (1, 20)


def test_all_draw_the_same_records() -> None:
    ratio, _, kept = rows_for(3)
    alone = resampled_scores([(RATIO, ratio)], seed=1, resamples=50)
    together = resampled_scores([(MEDIAN, kept), (RATIO, ratio), (RATIO, ratio)], seed=1, resamples=50)
    assert np.array_equal(together[1], alone[0])
    assert np.array_equal(together[2], alone[0])


def test_sums_of_counts_are_exact() -> None:
    rows = wmt17_rows()[0]
    found = resampled_scores([(BLEU, rows)], seed=1, resamples=5)[0]
    generator = np.random.default_rng(1)
    for score in found:
        sums = rows[generator.integers(3004, size=3004)].astype(np.int64).sum(axis=0, keepdims=True)
        assert score == BLEU.of_sums(sums.astype(np.float64))[0]


def test_summable() -> None:
    ratio, f1, kept = rows_for(4)
    table = summable(F1, f1)
    assert table is not None
    assert table.scores(table.rows.sum(axis=0, keepdims=True))[0] == pytest.approx(F1.score(f1), rel=1e-14)
    assert summable(MEDIAN, kept) is None
    whole, columns = joined([ratio, f1])
    assert [whole[:, own].tolist() for own in columns] == [ratio.tolist(), f1.tolist()]
