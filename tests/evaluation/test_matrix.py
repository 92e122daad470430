"""The matrix: cells, comparisons with Holm over all contrasts, categories and ranks."""

from __future__ import annotations

import numpy as np
import pytest

from outcrop.domain.scores import Comparison, Direction
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.kept_rows import KeptMean
from outcrop.evaluation.matrix import Matrix, matrix
from outcrop.evaluation.scoring import Scored
from outcrop.metrics.statistics.intervals import mean_interval
from outcrop.metrics.statistics.paired import paired_difference
from tests.evaluation.doubles import LOSS, MEAN, dataset

N = 150


def column(seed: int, shift: float = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5 + shift, 0.1, N)


@pytest.fixture(scope="module")
def tables() -> list[DatasetScores]:
    """On news the second model is worse and the third the same; on mail both are better."""
    kinds = ["sport" if place % 2 else "trade" for place in range(N)]
    return [
        dataset("news", {"base": column(0), "second": column(1, -0.08), "third": column(2)}, categories=kinds),
        dataset("mail", {"third": column(3, 0.05), "base": column(4), "second": column(5, 0.05)}),
    ]


@pytest.fixture(scope="module")
def made(tables: list[DatasetScores]) -> Matrix:
    return matrix(["base", "second", "third"], tables, seed=0)


def of(table: DatasetScores, model: str) -> np.ndarray:
    scored = table.of(model)
    assert scored is not None
    values: np.ndarray = scored.rows[MEAN.name][:, 0]
    return values


def test_a_cell_is_a_score_with_its_interval(made: Matrix, tables: list[DatasetScores]) -> None:
    for column_, table in zip(made.datasets, tables, strict=True):
        assert [score.model for score in column_.scores] == ["base", "second", "third"]
        for model in made.models:
            score = made.score(column_, model)
            assert score is not None
            expected = mean_interval(of(table, model))
            assert (score.value, score.low, score.high) == (expected.value, expected.low, expected.high)
            assert (score.n_scored, score.n_given) == (N, N)


def test_every_later_model_is_compared_with_the_first(made: Matrix, tables: list[DatasetScores]) -> None:
    assert [(contrast.dataset, contrast.comparison.candidate) for contrast in made.contrasts] == [
        ("news", "second"),
        ("news", "third"),
        ("mail", "second"),
        ("mail", "third"),
    ]
    for contrast in made.contrasts:
        table = next(table for table in tables if table.name == contrast.dataset)
        expected = paired_difference(of(table, "base"), of(table, contrast.comparison.candidate))
        found = contrast.comparison
        assert (found.difference, found.low, found.high, found.p_value) == (
            expected.difference,
            expected.low,
            expected.high,
            expected.p_value,
        )
        assert contrast.detectable.n == N


def by_definition(found: list[Comparison]) -> list[float]:
    """Holm's p-values as the largest of (m - j + 1) p(j) up to each."""
    p_values = sorted(one.p_value or 0 for one in found)
    ladder = np.maximum.accumulate([min(1, (len(p_values) - place) * p) for place, p in enumerate(p_values)])
    return [float(ladder[p_values.index(one.p_value or 0)]) for one in found]


def test_holm_is_over_all_claims_of_the_matrix(made: Matrix) -> None:
    contrasts = [contrast.comparison for contrast in made.contrasts]
    assert [one.p_holm for one in contrasts] == pytest.approx(by_definition(contrasts))
    groups = [one for column_ in made.datasets for one in column_.groups]
    assert len(groups) == 4
    assert [one.p_holm for one in groups] == pytest.approx(by_definition(groups))
    assert {one.group for one in groups} == {"sport", "trade"}


def test_other_metrics_are_corrected_among_themselves() -> None:
    other = KeptMean("other", "other|v1", "", Direction.HIGHER)
    values = {
        model: {MEAN.name: column(seed, shift)[:, None], other.name: column(seed + 1, shift)[:, None]}
        for model, seed, shift in (("base", 0, 0), ("new", 2, 0.02))
    }
    tables = [
        DatasetScores(name, tuple(Scored(model, (), rows) for model, rows in values.items()), metrics, (None,) * N)
        for name, metrics in (("one", (MEAN, other)), ("two", (other, MEAN)))
    ]
    made = matrix(["base", "new"], tables, seed=0)
    contrasts = [contrast.comparison for contrast in made.contrasts]
    assert [one.metric for one in contrasts] == [MEAN.name, other.name]
    assert [one.p_holm for one in contrasts] == pytest.approx(by_definition(contrasts))
    others = [one for table in made.datasets for one in table.comparisons if one.metric != table.primary]
    assert [one.p_holm for one in others] == pytest.approx(by_definition(others))


def test_a_model_may_be_missing() -> None:
    tables = [
        dataset("news", {"base": column(0), "new": column(1, 0.1)}),
        dataset("mail", {"new": column(2), "third": column(3)}),
    ]
    made = matrix(["base", "new", "third"], tables, seed=0)
    news, mail = made.datasets
    assert made.score(news, "third") is None
    assert made.contrast(mail, "third") is None
    assert mail.comparisons == mail.groups == ()
    assert [score.model for score in mail.scores] == ["new", "third"]
    assert [(contrast.dataset, contrast.comparison.candidate) for contrast in made.contrasts] == [("news", "new")]
    assert made.ranks is None


def test_lower_is_better_where_it_is() -> None:
    made = matrix(["base", "new"], [dataset("text", {"base": column(0), "new": column(1, 0.5)}, LOSS)], seed=0)
    assert made.contrasts[0].comparison.direction is Direction.LOWER
    assert made.ranks is not None
    assert made.ranks.models[0].model == "base"


def test_one_model_has_scores_alone() -> None:
    made = matrix(["base"], [dataset("news", {"base": column(0)})], seed=0)
    assert made.score(made.datasets[0], "base") is not None
    assert (made.contrasts, made.ranks) == ((), None)


def test_how_many_records_a_difference_takes_is_told_of_every_claim(tables: list[DatasetScores]) -> None:
    made = matrix(["base", "second", "third"], tables, seed=0, detect=0.02)
    assert all(contrast.detectable.records is not None for contrast in made.contrasts)
