"""What a judge said of each response that it rated alone, as one result for each criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from outcrop.domain.judging import Criterion
from outcrop.evaluation.judges.judging import Session


@dataclass(frozen=True)
class JudgedResponse:
    """What a judge said of one response by one criterion.

    Attributes:
        criterion: Its name.
        result: The mean of the ratings that could be read, in the criterion's values (0..1 of built-in ones); of words,
            the one that all of them are. None where there is none.
        judge: Who said it.
        explanations: Of each ruling, the repeats in their order; "" of one that was too long for the judge.
    """

    criterion: str
    result: float | str | None
    judge: str
    explanations: tuple[str, ...]


def judged_responses(session: Session, model: int) -> list[list[JudgedResponse]]:
    """What a judge said of a model, by its place: for each record, by each criterion; nothing where it judged pairs."""
    if session.request.pairwise:
        return [[] for _ in session.given]
    return [
        [
            JudgedResponse(
                criterion.name,
                _result(criterion, session.answers(number, model, record)),
                session.judge,
                tuple(ruling.explanation for _, ruling, _ in session.by_subject.get((number, model, record), ())),
            )
            for number, criterion in enumerate(session.request.criteria)
        ]
        for record in range(len(session.given))
    ]


def _result(criterion: Criterion, answers: Sequence[str | None]) -> float | str | None:
    read = [answer for answer in answers if answer is not None]
    if not read:
        return None
    if not criterion.numeric:
        return read[0] if len(set(read)) == 1 else None
    values = {rating.answer: rating.value for rating in criterion.scale}
    return fmean(value for answer in read if (value := values[answer]) is not None)
