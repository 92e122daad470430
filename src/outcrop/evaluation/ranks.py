"""Which model is best over several datasets, and how sure that is: ranks on resampled records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.evaluation.dataset_scores import DatasetScores
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import has_value
from outcrop.metrics.statistics.bootstrap import RESAMPLES
from outcrop.metrics.statistics.bounds import percentile_bounds
from outcrop.metrics.statistics.clusters import cluster_codes, n_units
from outcrop.metrics.statistics.resampling import resampled_scores

#: Scores that differ by no more than this share of themselves are one score, summed in another order.
_ROUNDING = 1e-12

_WORST = -float(np.finfo(np.float64).max) / 4

_TAIL = 0.025


@dataclass(frozen=True)
class Rank:
    """A model's mean rank over the datasets.

    Attributes:
        model: Its name.
        rank: The mean of its ranks by score, 1 for the best; models that tie share the mean of their places.
        low, high: The 95 % interval of resampled records.
        best: The share of resamples in which its mean rank is the lowest; one that several share is parted.
    """

    model: str
    rank: float
    low: float
    high: float
    best: float


@dataclass(frozen=True)
class Ranks:
    """The models by rank.

    Attributes:
        models: The best first.
        datasets: What they rest on: datasets on which all models were scored in a metric of which one way is better.
        left_out: The other datasets.
        method: How it was done.
    """

    models: tuple[Rank, ...]
    datasets: tuple[str, ...]
    left_out: tuple[str, ...]
    method: str


def ranks(
    models: Sequence[str], datasets: Sequence[DatasetScores], *, seed: int, resamples: int = RESAMPLES
) -> Ranks | None:
    """The models' mean ranks in each dataset's first metric.

    Records are drawn again within each dataset, the same ones for all models, and the models ranked anew each time. The
    datasets are taken as they are: nothing here says how the models would rank on others. Source: Goldstein and
    Spiegelhalter, "League Tables and Their Limitations", 1996, for intervals of ranks; where models hardly differ,
    resampled ranks are drawn to the middle less than they should be, so take an interval that only touches a rank for
    one that holds it.

    Args:
        models: Which models.
        datasets: What they scored.
        seed: Of what is drawn; each dataset has draws of its own.
        resamples: How often records are drawn.

    Returns:
        None for fewer than two models, and where no dataset can be ranked.
    """
    whole = [(place, table) for place, one in enumerate(datasets) if (table := _Table.of(one, models)) is not None]
    if len(models) < 2 or not whole:
        return None
    seen = np.mean([table.ranked(table.scores()[:, None]) for _, table in whole], axis=0)[:, 0]
    drawn = np.mean([table.ranked(table.resampled(_seed(seed, place), resamples)) for place, table in whole], axis=0)
    best = _shares_of_best(drawn)
    found = []
    for number, model in enumerate(models):
        low, high = percentile_bounds(np.sort(drawn[number]), _TAIL)
        found.append(Rank(model, float(seen[number]), low, high, float(best[number])))
    names = [table.name for _, table in whole]
    return Ranks(
        tuple(sorted(found, key=lambda one: (one.rank, -one.best))),
        tuple(names),
        tuple(one.name for one in datasets if one.name not in names),
        f"percentile bootstrap over records within datasets, {resamples} resamples, seed {seed}",
    )


def rank_columns(scores: NDArray[np.float64], direction: Direction) -> NDArray[np.float64]:
    """The rank of each row within each column, 1 for the best; ties share the mean of their places.

    Args:
        scores: Shape ``(models, b)``; what is NaN or infinite counts as worse than all numbers.
        direction: Which way is better.

    Returns:
        Shape ``(models, b)``.
    """
    gains = np.where(np.isfinite(scores), -scores if direction is Direction.LOWER else scores, _WORST)
    places = np.ones_like(gains)
    for number, one in enumerate(gains):
        tied = np.abs(gains - one) <= _ROUNDING * np.maximum(np.abs(gains), np.abs(one))
        better = (gains > one) & ~tied
        # It ties with itself, too.
        places[number] += better.sum(axis=0) + (tied.sum(axis=0) - 1) / 2
    return places


@dataclass(frozen=True)
class _Table:
    """The rows of all models on the records that all have a value for."""

    name: str
    metric: Metric[Any]
    rows: tuple[Rows, ...]
    codes: NDArray[np.int64] | None

    @staticmethod
    def of(dataset: DatasetScores, models: Sequence[str]) -> _Table | None:
        """None where a model is missing, no way is better, or there are too few records."""
        metric = dataset.metrics[0]
        found = [dataset.of(model) for model in models]
        rows = [one.rows[metric.name] for one in found if one is not None]
        if len(rows) < len(models) or metric.direction is Direction.NONE:
            return None
        kept = np.logical_and.reduce([has_value(each) for each in rows])
        if not kept.any():
            return None
        codes = cluster_codes(dataset.clusters, kept)
        table = _Table(dataset.name, metric, tuple(each[kept] for each in rows), codes)
        usable = n_units(codes, int(kept.sum())) > 1 and np.isfinite(table.scores()).all()
        return table if usable else None

    def scores(self) -> NDArray[np.float64]:
        return np.array([self.metric.score(each) for each in self.rows])

    def resampled(self, seed: int, resamples: int) -> NDArray[np.float64]:
        samples = [(self.metric, each) for each in self.rows]
        return resampled_scores(samples, self.codes, seed=seed, resamples=resamples)

    def ranked(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return rank_columns(scores, self.metric.direction)


def _shares_of_best(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    first = np.isclose(drawn, drawn.min(axis=0), rtol=0, atol=1e-9)
    shares: NDArray[np.float64] = (first / first.sum(axis=0)).mean(axis=1)
    return shares


def _seed(seed: int, place: int) -> int:
    """A seed for each dataset: with one for all, datasets of one length would draw the same places."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
