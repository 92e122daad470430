"""N models on M datasets: every score with its interval, and every later model against the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outcrop.domain.scores import Comparison, Direction, Score, Verdict
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.evaluation.detectable import Detectable, detectable
from outcrop.evaluation.gates import GateResult
from outcrop.evaluation.ranks import Ranks, ranks
from outcrop.evaluation.scoring import comparisons, groups, scores
from outcrop.metrics.statistics.holm import holm


@dataclass(frozen=True)
class Contrast:
    """A later model against the first on one dataset, in the metric that decides there.

    ``comparison.p_holm`` is corrected over all contrasts of the matrix; ``detectable`` says what records could show.
    """

    dataset: str
    comparison: Comparison
    detectable: Detectable


@dataclass(frozen=True)
class MatrixDataset:
    """A column of the matrix.

    Attributes:
        name: The dataset's name.
        primary: The metric that decides.
        n_records: The records that every model was given.
        n_left_out: Records that not every model was given.
        scores: Every metric of each model.
        comparisons: Every later model against the first, every metric; Holm's correction is over the whole matrix, that
            of the deciding metrics apart from that of the others. Empty where the first model was not scored here.
        groups: The same for the deciding metric within each category, corrected among themselves.
        conditions: What was the same for all models, by field.
    """

    name: str
    primary: str
    n_records: int
    n_left_out: int
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[Comparison, ...]
    conditions: Mapping[str, Any]


@dataclass(frozen=True)
class Matrix:
    """What models did on datasets.

    Attributes:
        models: Their names, the baseline first.
        datasets: The columns.
        contrasts: Every later model against the first on every dataset; regressions first.
        ranks: The models by mean rank; None where there is nothing to rank.
        verdicts: One for each later model, those that got worse first.
        gates: What became of the gates.
        notes: What one has to know of the jobs, in words.
        seed: Of what is drawn in intervals, tests and ranks.
    """

    models: tuple[str, ...]
    datasets: tuple[MatrixDataset, ...]
    contrasts: tuple[Contrast, ...]
    ranks: Ranks | None
    verdicts: tuple[Verdict, ...] = ()
    gates: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0

    def score(self, dataset: MatrixDataset, model: str) -> Score | None:
        """A cell: a model's score in the metric that decides; None where it was not scored there."""
        return next((one for one in dataset.scores if (one.model, one.metric) == (model, dataset.primary)), None)

    def contrast(self, dataset: MatrixDataset, model: str) -> Contrast | None:
        """What compares a model with the first on a dataset; None where there is nothing to compare."""
        pair = dataset.name, model
        return next((one for one in self.contrasts if (one.dataset, one.comparison.candidate) == pair), None)


def matrix(
    models: Sequence[str], datasets: Sequence[DatasetScores], *, seed: int, detect: float | None = None
) -> Matrix:
    """Scores, comparisons and ranks.

    Args:
        models: The models, the baseline first.
        datasets: What they scored; a model may be missing from a dataset.
        seed: Of what is drawn.
        detect: A difference whose number of records is asked for, above 0, in the unit of each deciding metric.

    Returns:
        The matrix without verdicts, gates and notes, its contrasts in the order of datasets and models. The p-values of
        the deciding metrics are corrected by Holm over all datasets and models together; so are those of the other
        metrics, and those of the categories, each among themselves.

    Raises:
        InvalidInput: ``detect`` is 0, or so small that a million million records don't show it.
    """
    ordered = [_baseline_first(one, models) for one in datasets]
    columns = _corrected([_column(one, models[0], seed) for one in ordered])
    contrasts = tuple(
        Contrast(column.name, comparison, _detectable(one, comparison, detect))
        for one, column in zip(ordered, columns, strict=True)
        for comparison in column.comparisons
        if comparison.metric == column.primary
    )
    return Matrix(tuple(models), tuple(columns), contrasts, ranks(models, ordered, seed=seed), seed=seed)


def _baseline_first(dataset: DatasetScores, models: Sequence[str]) -> DatasetScores:
    return replace(dataset, scored=tuple(found for model in models if (found := dataset.of(model)) is not None))


def _column(dataset: DatasetScores, baseline: str, seed: int) -> MatrixDataset:
    primary, clusters = dataset.metrics[0], dataset.clusters
    found = [score for one in dataset.scored for score in scores(one, dataset.metrics, seed=seed, clusters=clusters)]
    compared = dataset.scored[0].model == baseline
    return MatrixDataset(
        dataset.name,
        primary.name,
        len(dataset.categories),
        dataset.n_left_out,
        tuple(found),
        tuple(comparisons(dataset.scored, dataset.metrics, seed=seed, clusters=clusters)) if compared else (),
        tuple(groups(dataset.scored, primary, dataset.categories, seed=seed, clusters=clusters)) if compared else (),
        dataset.conditions,
    )


def _corrected(columns: Sequence[MatrixDataset]) -> list[MatrixDataset]:
    """With Holm's p-values over the whole matrix."""
    primary = _holm([one for column in columns for one in column.comparisons if one.metric == column.primary])
    others = _holm([one for column in columns for one in column.comparisons if one.metric != column.primary])
    grouped = _holm([one for column in columns for one in column.groups])
    return [
        replace(
            column,
            comparisons=tuple(next(primary if one.metric == column.primary else others) for one in column.comparisons),
            groups=tuple(next(grouped) for _ in column.groups),
        )
        for column in columns
    ]


def _holm(found: Sequence[Comparison]) -> Iterator[Comparison]:
    """Corrected together; a metric without a better way makes no claim."""
    p_values = holm([None if one.direction is Direction.NONE else one.p_value for one in found])
    return (replace(one, p_holm=p_value) for one, p_value in zip(found, p_values, strict=True))


def _detectable(dataset: DatasetScores, comparison: Comparison, wanted: float | None) -> Detectable:
    metric = dataset.metrics[0]
    before, after = dataset.of(comparison.baseline), dataset.of(comparison.candidate)
    assert before is not None
    assert after is not None
    rows = before.rows[metric.name], after.rows[metric.name]
    return detectable(metric, *rows, comparison, clusters=dataset.clusters, wanted=wanted)
