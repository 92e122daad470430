"""Whether a judge agrees with itself, and with people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.domain.judging import Criterion
from outcrop.domain.scores import Agreement, Reliability
from outcrop.evaluation.judges.preferences import BASELINE, CANDIDATE, Preferred
from outcrop.evaluation.judges.questions import TIE
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.kappa import Weights, cohen_kappa
from outcrop.metrics.lines import LineSums
from outcrop.metrics.statistics.compare import interval
from outcrop.metrics.statistics.krippendorff import Level, krippendorff_alpha

_WINNERS = (BASELINE, TIE, CANDIDATE)
_OTHER = {BASELINE: CANDIDATE, CANDIDATE: BASELINE, TIE: TIE}


@dataclass(frozen=True)
class Told:
    """The rulings on one thing: their answers without those that can't be read, and what it is not independent of."""

    answers: tuple[str, ...]
    cluster: Hashable


def between_orders(pairs: Sequence[tuple[Preferred, Hashable]], *, seed: int) -> Agreement:
    """Cohen's kappa between the winners with the one response first and with the other.

    Each pair counts under both namings of its two responses, so that each is once the one named first. A
    model that is better everywhere is then not taken for agreement by chance: chance is what a judge would agree with
    itself who looks at places alone. One that always takes the first place, or throws a coin, has 0.

    Args:
        pairs: What was said of each pair, and its cluster.
        seed: Of the bootstrap, which draws clusters.
    """
    both = [
        (one, other, cluster)
        for pair, cluster in pairs
        for one, other in zip(*pair.orders, strict=True)
        if one is not None and other is not None
    ]
    items = [Classified(one, other) for one, other, _ in both]
    items += [Classified(_OTHER[other], _OTHER[one]) for one, other, _ in both]
    same = sum(one == other for one, other, _ in both) / len(both) if both else None
    clusters = [cluster for *_, cluster in both] * 2
    given = _Compared(items, clusters, same, len(both))
    return _agreement("orders", "Cohen's kappa", cohen_kappa(_WINNERS), given, seed)


def between_repeats(criterion: Criterion | None, told: Sequence[Told], *, seed: int) -> Agreement:
    """Krippendorff's alpha between the repeats of a question.

    Args:
        criterion: What was judged by: a scale of three numbers or more is an order, others are names. None of pairs.
        told: The rulings on each response, or on each pair in one order.
        seed: Of the bootstrap, which draws clusters.
    """
    units = [one for one in told if len(one.answers) > 1]
    level: Level = "ordinal" if criterion is not None and _ordered(criterion) else "nominal"
    pairs = [(one, other) for unit in units for one, other in _pairs(unit.answers)]
    same = sum(one == other for one, other in pairs) / len(pairs) if pairs else None
    given = _Compared([unit.answers for unit in units], [unit.cluster for unit in units], same, len(units))
    metric = krippendorff_alpha(_answers(criterion), level)
    return _agreement("repeats", f"Krippendorff's alpha, {level}", metric, given, seed)


def with_people(criterion: Criterion | None, told: Sequence[tuple[Told, str]], *, seed: int) -> list[Agreement]:
    """How far a judge agrees with people: Cohen's kappa, quadratically weighted where ratings are an order, and alpha.

    Args:
        criterion: What was judged by; None of pairs.
        told: The judge's rulings on each thing that people judged too, with the people's answer.
        seed: Of the bootstrap, which draws clusters.
    """
    both = [(right, answer, one.cluster) for one, right in told for answer in one.answers]
    ordered = criterion is not None and _ordered(criterion)
    weights: Weights = "quadratic" if ordered else "none"
    level: Level = "ordinal" if ordered else "nominal"
    answers = _answers(criterion)
    same = sum(right == answer for right, answer, _ in both) / len(both) if both else None
    clusters = [cluster for *_, cluster in both]
    classified = _Compared([Classified(right, answer) for right, answer, _ in both], clusters, same, len(both))
    units = _Compared([(right, answer) for right, answer, _ in both], clusters, same, len(both))
    name = "Cohen's kappa, quadratic weights" if ordered else "Cohen's kappa"
    return [
        _agreement("people", name, cohen_kappa(answers, weights), classified, seed),
        _agreement("people", f"Krippendorff's alpha, {level}", krippendorff_alpha(answers, level), units, seed),
    ]


def reliability(agreements: Sequence[Agreement], *, pairwise: bool) -> Reliability:
    """Whether a judge agrees with itself beyond chance: between orders of pairs, between repeats of single ratings.

    ``unreliable`` where the interval of the agreement includes 0; ``unknown`` where there is none.
    """
    wanted = "orders" if pairwise else "repeats"
    low = next((found.low for found in agreements if found.between == wanted), None)
    if low is None:
        return Reliability.UNKNOWN
    return Reliability.RELIABLE if low > 0 else Reliability.UNRELIABLE


@dataclass(frozen=True)
class _Compared:
    """What a coefficient is computed of: items and their clusters, and how many of ``n`` pairs are the same."""

    items: Sequence[object]
    clusters: Sequence[Hashable]
    same: float | None
    n: int


def _agreement(between: str, coefficient: str, metric: LineSums[Any], given: _Compared, seed: int) -> Agreement:
    same, n = given.same, given.n
    if not given.items:
        return Agreement(between, coefficient, None, None, None, same, 0, "no bounds: nothing was said twice")
    found = interval(metric, metric.prepare(given.items), seed=seed, clusters=given.clusters)
    if found.value is None:
        return Agreement(between, coefficient, None, None, None, same, n, "no bounds: every ruling is the same")
    return Agreement(between, coefficient, found.value, found.low, found.high, same, n, found.method)


def _ordered(criterion: Criterion) -> bool:
    return criterion.numeric and len(criterion.scale) > 2


def _answers(criterion: Criterion | None) -> tuple[str, ...]:
    """The answers there are; those of numbers in the order of their values."""
    if criterion is None:
        return _WINNERS
    ratings = sorted(criterion.scale, key=lambda rating: rating.value or 0.0) if criterion.numeric else criterion.scale
    return tuple(rating.answer for rating in ratings)


def _pairs(answers: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, other) for place, one in enumerate(answers) for other in answers[place + 1 :]]
