from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.judging import PeopleLabel
from outcrop.evaluation.judges.judging import judged_criteria
from outcrop.evaluation.judges.people import people_labels

from .doubles import HELPFUL, YES_NO, judge_by_quality, pair_exchanges, session

MODELS = ("base", "tuned")


def read(*lines: Any, pairwise: bool = False) -> tuple[PeopleLabel, ...]:
    text = "\n\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return people_labels(text, "people.jsonl", [HELPFUL, YES_NO], MODELS, [1, 2, 3], pairwise=pairwise)


def said(**changes: Any) -> dict[str, Any]:
    return {"line": 1, "model": "tuned", "criterion": "Helpfulness", "rating": 4} | changes


def test_ratings_are_read_as_a_judges_are() -> None:
    found = read(said(), said(model="base", rating="5"), said(criterion="builtin.harmfulness", rating="no", line=3))
    assert found == (
        PeopleLabel(1, "tuned", "Builtin.Helpfulness", "4"),
        PeopleLabel(1, "base", "Builtin.Helpfulness", "5"),
        PeopleLabel(3, "tuned", "Builtin.Harmfulness", "No"),
    )


def test_preferences_name_the_model() -> None:
    lines = [{"line": 2, "model": "tuned", "criterion": "Helpfulness", "better": name} for name in (*MODELS, "tie")]
    assert [label.answer for label in read(*lines, pairwise=True)] == ["baseline", "candidate", "tie"]


def test_all_faults_come_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read("{", [1], said(line=9), said(model="other", rating=9), said(criterion="Wit"), said(note="x"))
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [
        (1, ""),
        (3, ""),
        (5, "line"),
        (7, "model"),
        (7, "rating"),
        (9, "criterion"),
        (11, "note"),
    ]
    with pytest.raises(InvalidInput, match="base, tuned or tie"):
        read(said(better="other") | {"rating": 1}, pairwise=True)
    with pytest.raises(InvalidInput, match="no lines"):
        read()


@pytest.mark.parametrize("agree", [True, False])
def test_a_judge_is_held_against_people(agree: bool) -> None:
    given = pair_exchanges(60)
    right = ["candidate" if "good" in (one.responses[1] or "") else "baseline" for one in given]
    other = {"candidate": "baseline", "baseline": "candidate"}
    people = {(0, 1, record): [won if agree else other[won]] for record, won in enumerate(right)}
    (found,) = judged_criteria(session(judge_by_quality(0.9), given, people=people))
    kappa, alpha = (one for one in found.agreements if one.between == "people")
    assert kappa.n == alpha.n == 120
    assert kappa.low is not None
    assert kappa.high is not None
    assert kappa.low > 0.6 if agree else kappa.high < -0.6
