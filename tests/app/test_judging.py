from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.judging import JudgeChoice, judge_request
from outcrop.domain.codec import from_json, to_json
from outcrop.domain.errors import InvalidInput, NotFound
from outcrop.domain.judging import JudgeRequest, PeopleLabel
from outcrop.domain.requests import Dataset, EvaluationPart
from outcrop.evaluation.judges.custom import custom_criteria
from tests.doubles import add_scripted, questions, write_lines

WARMTH = {
    "name": "Warmth",
    "instructions": "How warm is {{prediction}}?",
    "ratingScale": [
        {"definition": "Cold", "value": {"floatValue": 0}},
        {"definition": "Warm", "value": {"floatValue": 1}},
    ],
}
TONE = WARMTH | {
    "name": "Tone",
    "ratingScale": [{"definition": word, "value": {"stringValue": word}} for word in ("stiff", "loose")],
}


@pytest.fixture
def judges(outcrop: Outcrop, tmp_path: Path) -> Outcrop:
    add_scripted(outcrop, tmp_path, "judge")
    return outcrop


def made(outcrop: Outcrop, *names: str, **given: Any) -> JudgeRequest:
    chosen: dict[str, Any] = {"criteria": ["Helpfulness"], **given}
    models, data = ["base", "tuned"][: chosen.pop("models", 2)], chosen.pop("data", [])
    parts = [EvaluationPart("data", Dataset(place, ""), "custom", ()) for place in data]
    return judge_request(outcrop.services, JudgeChoice(names or ("judge",), **chosen), models, parts, seed=0)


def faults(outcrop: Outcrop, **given: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        made(outcrop, **given)
    return [str(fault) for fault in caught.value.faults]


def test_a_request_survives_the_catalog(judges: Outcrop, tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    file.write_text(json.dumps([WARMTH, TONE]), encoding="utf-8")
    request = made(judges, criteria=["Correctness"], criteria_file=file)
    assert [criterion.name for criterion in request.criteria] == ["Builtin.Correctness", "Warmth", "Tone"]
    assert from_json(JudgeRequest, json.loads(json.dumps(to_json(request)))) == request


def test_repeats_are_sampled_and_one_ruling_is_greedy(judges: Outcrop) -> None:
    assert made(judges).generation.temperature == 0.7
    assert made(judges, repeats=1).generation.temperature == 0
    assert made(judges, temperature=0.2).generation.temperature == 0.2


def test_criteria_of_ones_own_may_have_a_judge_of_their_own(judges: Outcrop, tmp_path: Path) -> None:
    add_scripted(judges, tmp_path, "other")
    own = custom_criteria(json.dumps([WARMTH, TONE]), "here")
    request = made(judges, custom=own, custom_judge="other")
    assert (request.judges, len(request.identities)) == (("judge", "other"), 2)
    assert request.shares == (("Builtin.Helpfulness",), ("Warmth", "Tone"))
    assert [one.name for one in request.of(0).criteria] == ["Builtin.Helpfulness"]
    assert [one.name for one in request.of(1).criteria] == ["Warmth", "Tone"]
    assert [one.name for one in request.by(["Tone"]).of(0).criteria] == []
    assert from_json(JudgeRequest, json.loads(json.dumps(to_json(request)))) == request
    together = made(judges, custom=own)
    assert (together.shares, together.of(0)) == ((), together)


def test_all_faults_come_at_once(judges: Outcrop, tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    file.write_text(json.dumps([TONE]), encoding="utf-8")
    found = faults(
        judges,
        models=1,
        criteria=["Helpfulness", "builtin.helpfulness"],
        criteria_file=file,
        pairwise=True,
        repeats=21,
        attempts=11,
        max_tokens=0,
        temperature=0.0,
    )
    expected = (
        "Builtin.Helpfulness more than once",
        "two models or more",
        "ratings with numbers",
        "1 to 20",
        "0 to 10",
        "a greedy judge says the same each time",
        "max_tokens",
    )
    assert len(found) == len(expected), found
    for fault, text in zip(found, expected, strict=True):
        assert text in fault


def test_faults_of_the_file_come_with_the_others(judges: Outcrop, tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    file.write_text("[]", encoding="utf-8")
    found = faults(judges, criteria=[], criteria_file=file, repeats=0)
    assert ["customMetrics" in found[0], "repeats" in found[1], len(found)] == [True, True, 2]
    file.write_bytes(b"\xff")
    assert "UTF-8" in faults(judges, criteria_file=file)[0]


def test_records_have_no_context_of_their_own(judges: Outcrop, tmp_path: Path) -> None:
    file = tmp_path / "criteria.json"
    file.write_text(json.dumps(WARMTH | {"instructions": "{{prediction}} {{context}}"}), encoding="utf-8")
    assert "the context within the prompt" in faults(judges, criteria_file=file)[0]


def test_without_criteria_there_is_nothing_to_judge_by(judges: Outcrop) -> None:
    assert "one or more, built in or from a file" in faults(judges, criteria=[])[0]


def test_what_is_not_there_is_named(judges: Outcrop, tmp_path: Path) -> None:
    for given, text in (
        ({"criteria": ["Wit"]}, "no built-in criterion 'Wit'"),
        ({"criteria_file": tmp_path / "none.json"}, "there is no file"),
    ):
        with pytest.raises(NotFound, match=text):
            made(judges, **given)
    with pytest.raises(NotFound, match="nobody"):
        made(judges, "nobody")
    with pytest.raises(InvalidInput, match="judge more than once"):
        made(judges, "judge", "judge")


def test_what_people_said_comes_with_the_request(judges: Outcrop, tmp_path: Path) -> None:
    data = questions(tmp_path / "data.jsonl", 3)
    said = {"line": 2, "model": "tuned", "criterion": "Helpfulness", "rating": 6}
    people = write_lines(tmp_path / "people.jsonl", [said])
    request = made(judges, people=people, data=[str(data)])
    assert request.labels == (PeopleLabel(2, "tuned", "Builtin.Helpfulness", "6"),)
    assert from_json(JudgeRequest, json.loads(json.dumps(to_json(request)))) == request
    assert "2 datasets" in faults(judges, people=people, data=[str(data)] * 2)[0]
    write_lines(people, [said | {"line": 4}])
    assert "the number of a line of the evaluation data" in faults(judges, people=people, data=[str(data)])[0]
