from __future__ import annotations

from collections.abc import Sequence

import pytest

from outcrop.domain.judging import Criterion, JudgeRequest
from outcrop.evaluation.judges.judged_responses import judged_responses
from outcrop.evaluation.judges.judging import Session
from outcrop.evaluation.judges.questions import Exchange, Question
from outcrop.evaluation.judges.rulings import NOT_APPLICABLE, Ruling
from tests.evaluation.judges.doubles import HELPFUL, WORDS, YES_NO


def session(said: Sequence[tuple[Question, Ruling]], *criteria: Criterion, pairwise: bool = False) -> Session:
    """What a judge said of two models that answered two records."""
    given = [Exchange(f"p{number}", ("one", "other")) for number in range(2)]
    return Session(
        judge="judge",
        weights="w",
        request=JudgeRequest(("judge",), (), criteria, pairwise=pairwise),
        models=("base", "tuned"),
        given=given,
        categories=[None, None],
        clusters=None,
        asked=[question for question, _ in said],
        said=[ruling for _, ruling in said],
        tries=[1] * len(said),
        quality=None,
        seed=0,
    )


def repeats(criterion: int, record: int, model: int, *answers: str | None) -> list[tuple[Question, Ruling]]:
    return [
        (Question(criterion, record, model, place), Ruling(answer, f"because {place}"))
        for place, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("criterion", "answers", "result"),
    [
        (HELPFUL, ["4"], 4 / 6),
        (HELPFUL, ["5", "4"], 0.75),
        (HELPFUL, ["5", None], 5 / 6),
        (HELPFUL, [None, None], None),
        (HELPFUL, [NOT_APPLICABLE, "6"], 1.0),
        (YES_NO, ["Yes"], 1.0),
        (YES_NO, ["No", "Yes"], 0.5),
        (WORDS, ["formal", "formal"], "formal"),
        (WORDS, ["formal", "casual"], None),
        (HELPFUL, [], None),
    ],
)
def test_the_result_is_over_what_could_be_read(
    criterion: Criterion, answers: list[str | None], result: float | str | None
) -> None:
    made = session(repeats(0, 1, 1, *answers), criterion)
    (found,) = judged_responses(made, 1)[1]
    assert found.result == pytest.approx(result) if isinstance(result, float) else found.result == result
    assert found.explanations == tuple(f"because {place}" for place in range(len(answers)))
    assert (found.criterion, found.judge) == (criterion.name, "judge")


def test_each_record_has_each_criterion_of_the_model_alone() -> None:
    said = [*repeats(0, 0, 0, "6"), *repeats(0, 0, 1, "0"), *repeats(1, 0, 1, "Yes"), *repeats(0, 1, 1, "3")]
    found = judged_responses(session(said, HELPFUL, YES_NO), 1)
    assert [[one.result for one in each] for each in found] == [[0.0, 1.0], [0.5, None]]


def test_a_pair_has_no_result_of_its_own() -> None:
    said = [(Question(0, 0, 1, 0, against=0), Ruling("A", "better"))]
    assert judged_responses(session(said, HELPFUL, pairwise=True), 1) == [[], []]
