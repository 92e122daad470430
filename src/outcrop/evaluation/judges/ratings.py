"""Ratings of single responses, as rows: scores, comparisons and groups come from them as those of any metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.judging import Criterion
from outcrop.domain.scores import Comparison, Direction, JudgedScore, Score
from outcrop.evaluation import scoring
from outcrop.evaluation.scoring import Scored
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.protocol import Rows


@dataclass(frozen=True)
class Rated:
    """What a judge said of one response, over all repeats.

    Attributes:
        values: Of the rulings that could be read.
        unreadable: How many could not.
    """

    values: tuple[float, ...]
    unreadable: int = 0

    def filled(self, value: float) -> Rated:
        """The same with every unreadable ruling taken as that value."""
        return Rated(self.values + (value,) * self.unreadable)


RatingMetric = LineMean[Rated]

#: By model, what a judge said of each record.
RatedModels = Sequence[Sequence[Rated]]


def rating_metric(name: str, signature: str, direction: Direction, values: Sequence[float]) -> RatingMetric:
    """The mean rating, repeats of a record first.

    Args:
        name: The criterion's, or that of one answer of a scale of words.
        signature: Which judge asked what.
        direction: Which way is better.
        values: The ratings there are; in 0..1 they are shares, otherwise the unit is points.
    """
    unit = "" if all(0 <= value <= 1 for value in values) else "points"
    return LineMean(name, signature, ("sum", "rulings"), each(_counts, 2), _mean, unit, direction)


def _counts(rated: Rated) -> tuple[float, ...] | None:
    return (sum(rated.values), float(len(rated.values))) if rated.values else None


def _mean(rows: Rows) -> NDArray[np.float64]:
    means: NDArray[np.float64] = rows[:, 0] / rows[:, 1]
    return means


@dataclass(frozen=True)
class RatedBy:
    """A metric with what a judge said, and the models and records that it is about.

    Attributes:
        metric: What is scored.
        values: The ratings there are.
        models: Their names.
        rated: By model, what was said of each record.
        clusters: What names the cluster of each record; None where records are independent.
        seed: Of what is drawn.
    """

    metric: RatingMetric
    values: tuple[float, ...]
    models: tuple[str, ...]
    rated: RatedModels
    clusters: Sequence[str] | None
    seed: int

    def scores(self) -> list[JudgedScore]:
        """Every model's score, its interval widened by what could not be read."""
        return [self._score(number) for number in range(len(self.models))]

    def comparisons(self) -> list[Comparison]:
        """Every later model against the first, widened; without Holm's correction."""
        found = self._compared(self.rated)
        if not _any_unreadable(self.rated):
            return found
        worst, best = self._ends()
        against = [self._compared(self._filled(low, high)) for low, high in ((best, worst), (worst, best))]
        return [widened_comparison(*three) for three in zip(found, *against, strict=True)]

    def groups(self, categories: Sequence[str | None]) -> list[Comparison]:
        """Every later model against the first within each category, over what could be read."""
        return scoring.groups(self._scored(self.rated), self.metric, categories, seed=self.seed, clusters=self.clusters)

    def _score(self, number: int) -> JudgedScore:
        given = self.rated[number]
        score = self._scored_alone(number, given)
        unreadable = sum(rated.unreadable for rated in given)
        if not unreadable:
            return JudgedScore(score, score.value, score.value)
        worst, best = (self._scored_alone(number, [one.filled(value) for one in given]) for value in self._ends())
        return JudgedScore(_widened(score, worst, best, unreadable), worst.value, best.value)

    def _scored_alone(self, number: int, rated: Sequence[Rated]) -> Score:
        scored = Scored(self.models[number], [], {self.metric.name: self.metric.prepare(rated)})
        return scoring.scores(scored, [self.metric], seed=self.seed, clusters=self.clusters)[0]

    def _ends(self) -> tuple[float, float]:
        """The worst and the best rating."""
        low, high = min(self.values), max(self.values)
        return (high, low) if self.metric.direction is Direction.LOWER else (low, high)

    def _filled(self, first: float, others: float) -> RatedModels:
        """With unreadable rulings on the first model taken as one value, and those on the others as another."""
        return [
            [rated.filled(others if number else first) for rated in column] for number, column in enumerate(self.rated)
        ]

    def _scored(self, rated: RatedModels) -> list[Scored]:
        return [
            Scored(model, [], {self.metric.name: self.metric.prepare(column)})
            for model, column in zip(self.models, rated, strict=True)
        ]

    def _compared(self, rated: RatedModels) -> list[Comparison]:
        return scoring.comparisons(self._scored(rated), [self.metric], seed=self.seed, clusters=self.clusters)


def rated_by(
    criterion: Criterion,
    signature: str,
    models: Sequence[str],
    answers: Sequence[Sequence[Sequence[str | None]]],
    *,
    clusters: Sequence[str] | None,
    seed: int,
) -> list[RatedBy]:
    """What a judge said, as metrics: the rating, or of a scale of words the share of each word.

    Args:
        criterion: What was judged by.
        signature: Which judge asked what.
        models: Their names, the baseline first.
        answers: By model and record, the answers of the repeats that apply; None is unreadable.
        clusters: What names the cluster of each record.
        seed: Of what is drawn.
    """
    if criterion.numeric:
        values = {rating.answer: rating.value or 0.0 for rating in criterion.scale}
        metric = rating_metric(criterion.name, signature, criterion.direction, criterion.values)
        return [RatedBy(metric, criterion.values, tuple(models), _rated(answers, values), clusters, seed)]
    found = []
    for rating in criterion.scale:
        name = f"{criterion.name}: {rating.answer}"
        metric = rating_metric(name, signature, Direction.NONE, (0.0, 1.0))
        values = {one.answer: float(one is rating) for one in criterion.scale}
        found.append(RatedBy(metric, (0.0, 1.0), tuple(models), _rated(answers, values), clusters, seed))
    return found


def _rated(answers: Sequence[Sequence[Sequence[str | None]]], values: dict[str, float]) -> list[list[Rated]]:
    return [
        [
            Rated(tuple(values[answer] for answer in repeats if answer is not None), list(repeats).count(None))
            for repeats in of_model
        ]
        for of_model in answers
    ]


def _any_unreadable(rated: RatedModels) -> bool:
    return any(one.unreadable for column in rated for one in column)


def _widened(score: Score, worst: Score, best: Score, unreadable: int) -> Score:
    lows = [one.low for one in (score, worst, best) if one.low is not None]
    highs = [one.high for one in (score, worst, best) if one.high is not None]
    if len(lows) < 3 or len(highs) < 3:
        return score
    method = f"{score.method}; widened: {unreadable} unreadable rulings taken as worst and as best"
    return replace(score, low=min(lows), high=max(highs), method=method)


def widened_comparison(found: Comparison, one: Comparison, other: Comparison) -> Comparison:
    """A comparison whose interval holds those of two others, what was unreadable being taken for either side.

    Its p-value is the larger one of the three, and 1 where the two others point different ways.
    """
    bounds = [(each.low, each.high, each.p_value) for each in (found, one, other)]
    lows, highs, p_values = ([value for value in column if value is not None] for column in zip(*bounds, strict=True))
    if len(lows) < 3 or len(highs) < 3 or len(p_values) < 3:
        return found
    apart = (one.difference or 0.0) * (other.difference or 0.0) <= 0
    return replace(
        found,
        low=min(lows),
        high=max(highs),
        p_value=1.0 if apart else max(p_values),
        p_holm=None,
        method=f"{found.method}; widened by unreadable rulings",
    )
