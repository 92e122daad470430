"""From rulings to a judge's report: scores or preferences, how far they can be trusted, and what moved them."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.codec import to_json
from outcrop.domain.judging import Criterion, JudgeRequest
from outcrop.domain.scores import (
    Agreement,
    BiasCheck,
    Comparison,
    Direction,
    JudgedCriterion,
    JudgedScore,
    RulingCounts,
)
from outcrop.evaluation.judges import reliability
from outcrop.evaluation.judges.bias import Judged, decided, length_bias, length_of, position_bias
from outcrop.evaluation.judges.preferences import Preferred, PreferredBy, winner
from outcrop.evaluation.judges.questions import Exchange, Question
from outcrop.evaluation.judges.ratings import RatedBy, rated_by
from outcrop.evaluation.judges.reliability import Told
from outcrop.evaluation.judges.rulings import NOT_APPLICABLE, Ruling
from outcrop.metrics.statistics.holm import holm


@dataclass(frozen=True)
class Quality:
    """What another metric says of the responses: its name as people write it, and by model a value for each record.

    Larger is better; NaN is unscored.
    """

    name: str
    values: Sequence[NDArray[np.float64]]


@dataclass(frozen=True)
class Session:
    """What one judge was asked and said.

    Attributes:
        judge, weights: Its name, and SHA-256 of its weights.
        request: What was asked for.
        models: The models that were judged, the baseline first.
        given: Records and responses.
        categories: Of the records.
        clusters: What names the cluster of each record; None where records are independent.
        asked: The questions.
        said: The ruling on each question.
        tries: How often each was asked; 0 where it was too long for the judge.
        quality: Another measure of the responses, to tell length from quality; None where there is none.
        seed: Of what is drawn.
        people: What people said, by criterion, model and record.
    """

    judge: str
    weights: str
    request: JudgeRequest
    models: tuple[str, ...]
    given: Sequence[Exchange]
    categories: Sequence[str | None]
    clusters: Sequence[str] | None
    asked: Sequence[Question]
    said: Sequence[Ruling]
    tries: Sequence[int]
    quality: Quality | None
    seed: int
    people: Mapping[tuple[int, int, int], Sequence[str]] = field(default_factory=dict)

    @cached_property
    def by_subject(self) -> dict[tuple[int, int, int], list[tuple[Question, Ruling, int]]]:
        """Questions, rulings and tries by criterion, model and record."""
        found: dict[tuple[int, int, int], list[tuple[Question, Ruling, int]]] = {}
        for question, ruling, tries in zip(self.asked, self.said, self.tries, strict=True):
            key = question.criterion, question.model, question.record
            found.setdefault(key, []).append((question, ruling, tries))
        return found

    def answers(self, criterion: int, model: int, record: int, swapped: bool = False) -> tuple[str | None, ...]:
        """The answers of the repeats in one order, without those that do not apply; None can't be read."""
        return tuple(
            ruling.answer
            for question, ruling, _ in self.by_subject.get((criterion, model, record), ())
            if question.swapped is swapped and ruling.answer != NOT_APPLICABLE
        )

    def pair(self, criterion: int, model: int, record: int) -> Preferred | None:
        """What was said of a pair; None where it was not asked."""
        if (criterion, model, record) not in self.by_subject:
            return None
        orders = [
            tuple(
                None if answer is None else winner(answer, swapped=swapped)
                for answer in self.answers(criterion, model, record, swapped)
            )
            for swapped in (False, True)
        ]
        return Preferred(*orders)

    def cluster(self, record: int) -> object:
        """What names the cluster of a record."""
        return record if self.clusters is None else self.clusters[record]


def judged_criteria(session: Session) -> tuple[JudgedCriterion, ...]:
    """What a judge said, by criterion; p-values are corrected over all of its comparisons that make a claim."""
    made = [_criterion(session, place, criterion) for place, criterion in enumerate(session.request.criteria)]
    claims = [one for entry in made for one in entry.comparisons]
    corrected = iter(holm([None if one.direction is Direction.NONE else one.p_value for one in claims]))
    return tuple(
        replace(entry, comparisons=tuple(replace(one, p_holm=next(corrected)) for one in entry.comparisons))
        for entry in made
    )


def bias_checks(session: Session) -> tuple[BiasCheck, ...]:
    """Every check that can be made of a judge: of places where pairs were asked, and of lengths."""
    checks = []
    if session.request.pairwise:
        checks.append(
            position_bias([entry for place in range(len(session.request.criteria)) for entry in _pairs(session, place)])
        )
    for place, criterion in enumerate(session.request.criteria):
        if session.request.pairwise or criterion.numeric:
            checks += _length_checks(session, place, criterion)
    return decided(checks)


def _criterion(session: Session, place: int, criterion: Criterion) -> JudgedCriterion:
    pairwise = session.request.pairwise
    agreements = _agreements(session, place, criterion)
    scores, comparisons, groups = _preferred(session, place) if pairwise else _rated(session, place)
    return JudgedCriterion(
        criterion.name,
        reliability.reliability(agreements, pairwise=pairwise),
        tuple(agreements),
        tuple(scores),
        tuple(comparisons),
        tuple(groups),
        _counts(session, place),
    )


_Found = tuple[list[JudgedScore], list[Comparison], list[Comparison]]


def _rated(session: Session, place: int) -> _Found:
    every = range(len(session.given))
    answers = [[session.answers(place, model, record) for record in every] for model in range(len(session.models))]
    found: list[RatedBy] = rated_by(
        session.request.criteria[place],
        _signature(session, place),
        session.models,
        answers,
        clusters=session.clusters,
        seed=session.seed,
    )
    return (
        [score for one in found for score in one.scores()],
        [comparison for one in found for comparison in one.comparisons()],
        [group for one in found for group in one.groups(session.categories)],
    )


def _preferred(session: Session, place: int) -> _Found:
    found = [
        PreferredBy(
            f"{session.request.criteria[place].name} preference",
            _signature(session, place),
            session.models[0],
            session.models[model],
            [session.pair(place, model, record) for record in range(len(session.given))],
            session.clusters,
            session.seed,
        )
        for model in range(1, len(session.models))
    ]
    groups = [group for one in found for group in one.groups(session.categories)]
    return [], [one.comparison() for one in found], groups


def _agreements(session: Session, place: int, criterion: Criterion) -> list[Agreement]:
    pairwise = session.request.pairwise
    found = []
    if pairwise:
        found.append(reliability.between_orders(list(_pairs(session, place)), seed=session.seed))
    if session.request.repeats > 1:
        told = list(_told(session, place))
        found.append(reliability.between_repeats(None if pairwise else criterion, told, seed=session.seed))
    if of_people := list(_with_people(session, place)):
        found += reliability.with_people(None if pairwise else criterion, of_people, seed=session.seed)
    return found


def _with_people(session: Session, place: int) -> Iterator[tuple[Told, str]]:
    """What the judge said of each thing that people said something of, over both orders of a pair, and each answer."""
    for (criterion, model, record), answers in session.people.items():
        if criterion != place:
            continue
        if session.request.pairwise:
            pair = session.pair(place, model, record)
            read = [] if pair is None else [won for order in pair.orders for won in order if won is not None]
        else:
            read = [answer for answer in session.answers(place, model, record) if answer is not None]
        told = Told(tuple(read), session.cluster(record))
        yield from ((told, answer) for answer in answers)


def _pairs(session: Session, place: int) -> Iterator[tuple[Preferred, object]]:
    for model in range(1, len(session.models)):
        for record in range(len(session.given)):
            pair = session.pair(place, model, record)
            if pair is not None:
                yield pair, session.cluster(record)


def _told(session: Session, place: int) -> Iterator[Told]:
    """The rulings that could be read on each response, or on each pair in one order."""
    if session.request.pairwise:
        for pair, cluster in _pairs(session, place):
            for order in pair.orders:
                yield Told(tuple(won for won in order if won is not None), cluster)
        return
    for model in range(len(session.models)):
        for record in range(len(session.given)):
            answers = session.answers(place, model, record)
            yield Told(tuple(answer for answer in answers if answer is not None), session.cluster(record))


def _counts(session: Session, place: int) -> RulingCounts:
    pairwise = session.request.pairwise
    models = len(session.models)
    possible = (2 * (models - 1) if pairwise else models) * session.request.repeats * len(session.given)
    found: Counter[str] = Counter()
    for question, ruling, tries in zip(session.asked, session.said, session.tries, strict=True):
        if question.criterion == place:
            found["asked"] += 1
            found["again"] += tries > 1
            found[_kind(ruling, tries)] += 1
    return RulingCounts(
        asked=found["asked"],
        read=found["read"],
        not_applicable=found["not applicable"],
        unreadable=found["unreadable"],
        too_long=found["too long"],
        unasked=possible - found["asked"],
        asked_again=found["again"],
    )


def _kind(ruling: Ruling, tries: int) -> str:
    if ruling.answer is not None:
        return "not applicable" if ruling.answer == NOT_APPLICABLE else "read"
    return "unreadable" if tries else "too long"


def _signature(session: Session, place: int) -> str:
    """Which judge was asked what and how: unlike ones are not comparable."""
    request = session.request
    digest = hashlib.sha256(repr(to_json(request.criteria[place])).encode()).hexdigest()[:8]
    way = "pairs:both orders" if request.pairwise else "rated:alone"
    how = f"repeats:{request.repeats}|temperature:{request.generation.temperature:g}"
    return f"judge:{session.weights[:12]}|criterion:{digest}|{way}|{how}|v1"


def _length_checks(session: Session, place: int, criterion: Criterion) -> Iterator[BiasCheck]:
    """One check for each later model, on differences from the first; for a model alone, on its responses."""
    name = criterion.name.removeprefix("Builtin.")
    quality = session.quality.name if session.quality is not None else ""
    if len(session.models) == 1:
        judged = list(_alone(session, place))
        yield length_bias(judged, subject=f"{session.models[0]}, {name}", what="how well it is rated", quality=quality)
        return
    what = "how far it is preferred" if session.request.pairwise else "how much better it is rated"
    difference = f"the difference in {quality}" if quality else ""
    for model in range(1, len(session.models)):
        subject = f"{session.models[model]}, {name}"
        yield length_bias(list(_differences(session, place, model)), subject=subject, what=what, quality=difference)


def _alone(session: Session, place: int) -> Iterator[Judged]:
    for record, exchange in enumerate(session.given):
        rating, text = _mean_rating(session, place, 0, record), exchange.responses[0]
        if rating is not None and text is not None:
            yield Judged(length_of(text), rating, _quality(session, 0, record), session.cluster(record))


def _differences(session: Session, place: int, model: int) -> Iterator[Judged]:
    for record, exchange in enumerate(session.given):
        ruling = _difference(session, place, model, record)
        first, own = exchange.responses[0], exchange.responses[model]
        if ruling is not None and first is not None and own is not None:
            quality = _quality(session, model, record) - _quality(session, 0, record)
            yield Judged(length_of(own) - length_of(first), ruling, quality, session.cluster(record))


def _difference(session: Session, place: int, model: int, record: int) -> float | None:
    """How far the candidate is preferred, or how much better it is rated."""
    if session.request.pairwise:
        pair = session.pair(place, model, record)
        return None if pair is None else pair.share()
    own, first = (_mean_rating(session, place, number, record) for number in (model, 0))
    return None if own is None or first is None else own - first


def _mean_rating(session: Session, place: int, model: int, record: int) -> float | None:
    """The mean of what could be read, larger being better."""
    criterion = session.request.criteria[place]
    values = {rating.answer: rating.value or 0.0 for rating in criterion.scale}
    read = [values[answer] for answer in session.answers(place, model, record) if answer is not None]
    sign = -1 if criterion.direction is Direction.LOWER else 1
    return sign * sum(read) / len(read) if read else None


def _quality(session: Session, model: int, record: int) -> float:
    return math.nan if session.quality is None else float(session.quality.values[model][record])


def own_models(weights: str, judged: Sequence[tuple[str, str, str | None]]) -> tuple[str, ...]:
    """The models whose weights are the judge's, or whose base's are: judges tend to prefer what they wrote themselves.

    Args:
        weights: SHA-256 of the judge's weights.
        judged: Name, weights and base's weights of each model.
    """
    return tuple(name for name, own, base in judged if weights in (own, base))
