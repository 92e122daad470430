"""Evaluation jobs with judges, from request to report; every model is a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.app.evaluation import DatasetChoice, reports_of, submit_evaluation
from outcrop.app.judging import JudgeChoice
from outcrop.domain.errors import InvalidInput
from outcrop.domain.scores import JudgeReport, Outcome, Reliability, Report
from tests.doubles import add_scripted, write_lines
from tests.evaluation.judges.doubles import judge_by_quality

N = 80
FAIR, LIKING = judge_by_quality(0.8, broken=0.05), judge_by_quality(0.5, first=0.4)


@pytest.fixture
def data(here: Outcrop, tmp_path: Path) -> Path:
    """Records; ``tuned`` is good on three in four of them, ``base`` on the others."""
    records = [
        {"prompt": f"Question {place}", "referenceResponse": f"good {place}", "category": "ab"[place % 2]}
        for place in range(N)
    ]
    good = {f"Question {place}": f"good {place}" for place in range(N)}
    poor = {f"Question {place}": f"poor {place}" for place in range(N)}
    tuned = {prompt: (poor if place % 4 == 0 else good)[prompt] for place, prompt in enumerate(good)}
    base = {prompt: (good if place % 4 == 0 else poor)[prompt] for place, prompt in enumerate(good)}
    add_scripted(here, tmp_path, "base", responses=base)
    add_scripted(here, tmp_path, "tuned", responses=tuned)
    for name, script in (("fair", FAIR), ("liking", LIKING)):
        patterns = [[expression, [list(one) for one in answers]] for expression, answers in script.patterns]
        add_scripted(here, tmp_path, name, patterns=patterns)
    return write_lines(tmp_path / "data.jsonl", records)


def evaluate(outcrop: Outcrop, data: Path, *judges: str, **given: Any) -> Report:
    chosen: dict[str, Any] = {"criteria": ["Helpfulness"], "pairwise": True, "repeats": 1, **given}
    choice = JudgeChoice(judges, **chosen)
    report = outcrop.evaluate(["base", "tuned"], data=data, task="generation", metrics=["rougeL"], judging=choice)
    assert isinstance(report, Report)
    return report


def test_a_report_has_what_its_judges_said(here: Outcrop, data: Path) -> None:
    report = evaluate(here, data, "fair", "liking")
    fair, liking = report.judges
    assert fair.criteria[0].reliability is Reliability.RELIABLE
    comparison = fair.criteria[0].comparisons[0]
    assert comparison.low is not None
    assert comparison.low > 0.1
    assert [check.found for check in _position(fair)] == [False]
    assert [check.found for check in _position(liking)] == [True]
    # The primary metric tells quality from length.
    assert all("ROUGE-L" in check.definition for check in fair.biases if check.kind == "length")
    folder = f"jobs/{report.job}"
    assert "Position bias: the judge prefers" in here.services.store.read(f"{folder}/report.md").decode()
    assert "Position bias: the judge prefers" in here.services.store.read(f"{folder}/report.html").decode()
    assert json.loads(here.services.store.read(f"{folder}/report.json"))["judges"][0]["judge"] == "fair"
    lines = here.services.store.read(f"{folder}/rulings.jsonl").decode().splitlines()
    assert len(lines) == 2 * 2 * N
    assert [job.id for job in here.jobs.list()] == [report.job]


def test_what_judges_said_is_in_bedrocks_files(here: Outcrop, data: Path, tmp_path: Path) -> None:
    words = '{"explanation": "so it is", "rating": "%s"}'
    patterns = [["good", words % 5], [r"(?s)Question 1.*poor", "hm"], ["", words % 1]]
    add_scripted(here, tmp_path, "rating", patterns=patterns)
    judging = JudgeChoice(["rating"], ["Helpfulness"], repeats=2, attempts=0)
    here.evaluate(
        ["base", "tuned"], data=data, task="generation", metrics=["rougeL"], judging=judging, output=tmp_path / "out"
    )
    (file,) = (tmp_path / "out").rglob("models/tuned/**/*_output.jsonl")
    lines = [json.loads(line)["automatedEvaluationResult"] for line in file.read_text(encoding="utf-8").splitlines()]
    judged = [line["scores"][1] for line in lines]
    assert {one["metricName"] for one in judged} == {"Builtin.Helpfulness"}
    # Records 0, 4, 8, … are poor; the judge mumbles over those whose prompts begin with a one.
    assert [one["result"] for one in judged[:5]] == pytest.approx([1 / 6, 5 / 6, 5 / 6, 5 / 6, 1 / 6])
    assert judged[12]["result"] is None
    details = {"modelIdentifier": "rating", "explanation": "so it is"}
    assert judged[0]["evaluatorDetails"] == [details, details]
    assert judged[12]["evaluatorDetails"] == [{"modelIdentifier": "rating", "explanation": "hm"}] * 2


def _position(report: JudgeReport) -> list[Any]:
    return [check for check in report.biases if check.kind == "position"]


def test_stored_responses_are_judged_too(here: Outcrop, data: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for record in records:
        record["modelResponses"] = [{"response": f"poor {record['prompt']}", "modelIdentifier": "elsewhere"}]
    stored = write_lines(tmp_path / "stored.jsonl", records)
    choice = JudgeChoice(["fair"], ["Helpfulness"], pairwise=True, repeats=1)
    report = here.evaluate("tuned", data=stored, task="generation", stored=["elsewhere"], judging=choice)
    assert isinstance(report, Report)
    comparison = report.judges[0].criteria[0].comparisons[0]
    assert (comparison.baseline, comparison.candidate) == ("tuned", "elsewhere")
    assert comparison.high is not None
    assert comparison.high < 0


def test_each_dataset_has_its_rulings(here: Outcrop, data: Path, tmp_path: Path) -> None:
    other = write_lines(tmp_path / "other.jsonl", [{"prompt": "Question 1", "referenceResponse": "good 1"}] * 3)
    choices = [DatasetChoice(place, "generation", ["rougeL"]) for place in (data, other)]
    judging = JudgeChoice(["fair"], ["Helpfulness"], pairwise=True, repeats=1)
    job = submit_evaluation(here.services, ["base", "tuned"], choices, judging=judging)
    first, second = reports_of(here.jobs.wait(job.id))
    assert [one.judges[0].criteria[0].counts.asked for one in (first, second)] == [2 * N, 6]
    assert len(here.services.store.read(f"jobs/{job.id}/other/rulings.jsonl").splitlines()) == 6


def test_what_people_said_is_in_the_report(here: Outcrop, data: Path, tmp_path: Path) -> None:
    labels = [
        {
            "line": place + 1,
            "model": "tuned",
            "criterion": "Helpfulness",
            "better": "base" if place % 4 == 0 else "tuned",
        }
        for place in range(N)
    ]
    people = write_lines(tmp_path / "people.jsonl", labels)
    report = evaluate(here, data, "fair", people=people)
    kappa = next(one for one in report.judges[0].criteria[0].agreements if one.between == "people")
    assert kappa.low is not None
    assert kappa.low > 0.4


def test_nothing_begins_where_judges_have_faults(here: Outcrop, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="repeats"):
        evaluate(here, data, "fair", repeats=0)
    chosen = write_lines(
        tmp_path / "choices.jsonl", [{"prompt": f"p{n}", "referenceResponse": "ab"[n % 2]} for n in range(4)]
    )
    with pytest.raises(InvalidInput, match="models are asked to choose"):
        here.evaluate(
            ["base", "tuned"], data=chosen, task="classification", judging=JudgeChoice(["fair"], ["Helpfulness"])
        )
    assert here.jobs.list() == []


def test_records_without_references_are_judged(here: Outcrop, data: Path, tmp_path: Path) -> None:
    records = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    bare = write_lines(tmp_path / "bare.jsonl", [{"prompt": record["prompt"]} for record in records])
    report = evaluate(here, bare, "fair")
    (verdict,) = report.verdicts
    assert verdict.outcome is Outcome.BETTER
    assert verdict.headline.startswith("“tuned” scores better than “base”: Helpfulness preference +0.")
    assert verdict.detail.startswith("No record has a ROUGE-L, so this rests on what “fair” said as a judge.")
    assert not any(check.adjusted for check in report.judges[0].biases if check.kind == "length")
    add_scripted(here, tmp_path, "blind", patterns=[["", '{"better": "A"}']])
    (verdict,) = evaluate(here, bare, "blind").verdicts
    assert verdict.outcome is Outcome.UNDECIDED
    assert "no record has a ROUGE-L for both" in verdict.headline
    with pytest.raises(InvalidInput, match="references: the metrics need them"):
        here.evaluate(["base", "tuned"], data=bare, task="generation")
