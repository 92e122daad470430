"""Scores, comparisons and reports of evaluation jobs over the wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from outcrop.app.compare import compare_jobs
from outcrop.app.evaluation import DatasetChoice, reports_of, submit_evaluation
from outcrop.domain.jobs import Job
from outcrop.reports.document import document, plain
from tests.doubles import IdleRunner, add_scripted, questions
from tests.server.wire import Answer, Wire

JOBS = "/outcrop/v1/evaluation-jobs"


def evaluated(wire: Wire, folder: Path, name: str, models: Sequence[str], files: Sequence[str] = ("one",)) -> Job:
    """A job over some datasets."""
    choices = [DatasetChoice(str(questions(folder / f"{file}.jsonl", 8)), "summarization") for file in files]
    job = submit_evaluation(wire.outcrop.services, list(models), choices, name=name, seed=0, given={})
    return wire.outcrop.jobs.show(job.id)


@pytest.fixture
def scripted(working: IdleRunner, wire: Wire, tmp_path: Path) -> Wire:
    """A server with two scripted models, whose jobs are done at once."""
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    add_scripted(wire.outcrop, tmp_path, "good", patterns=[["Question (\\d+)", "rock \\1"]])
    return wire


def refused(answer: Answer, status: int, code: str) -> str:
    """The message of a refusal."""
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, code)
    return str(answer.json()["message"])


def test_scores_are_those_of_the_reports(scripted: Wire, tmp_path: Path) -> None:
    job = evaluated(scripted, tmp_path, "both", ["base", "good"], ["one", "two"])
    answer = scripted.ask(f"{JOBS}/both/scores")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    assert (found["job"], found["name"]) == (job.id, "both")
    assert [one["dataset"] for one in found["datasets"]] == ["one", "two"]
    for one, report in zip(found["datasets"], map(document, reports_of(job)), strict=True):
        same = one.keys() - {"models"}
        assert {name: one[name] for name in same} == {name: report[name] for name in same}
        assert one["models"] == ["base", "good"]
        score = next(each for each in one["scores"] if (each["model"], each["metric"]) == ("good", "exact_match"))
        assert (score["value"], score["n_scored"], score["n_given"], score["direction"]) == (1.0, 8, 8, "higher")
        assert score["low"] < score["high"] == 1.0
        assert score["signature"]
        comparison = next(each for each in one["comparisons"] if each["metric"] == "rougeL")
        assert comparison["p_holm"] < 0.05
        assert [verdict["outcome"] for verdict in one["verdicts"]] == ["better"]
        assert one["verdicts"][0]["headline"]


def test_a_job_is_found_by_id_and_arn(scripted: Wire, tmp_path: Path) -> None:
    job = evaluated(scripted, tmp_path, "job", ["base"])
    arn = f"arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/{job.id}"
    for name in (job.id, "job", quote(arn, safe="")):
        assert scripted.ask(f"{JOBS}/{name}/scores").json()["job"] == job.id
    other = quote(arn.replace("evaluation-job", "custom-model/a"), safe="")
    assert "is no ARN of a evaluation-job" in refused(
        scripted.ask(f"{JOBS}/{other}/scores"), 400, "ValidationException"
    )
    for path in ("scores", "report"):
        assert "'none'" in refused(scripted.ask(f"{JOBS}/none/{path}"), 404, "ResourceNotFoundException")


def test_a_job_that_is_not_done_has_no_scores(runner: IdleRunner, wire: Wire, tmp_path: Path) -> None:
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    evaluated(wire, tmp_path, "waits", ["base"])
    for path in ("scores", "report"):
        message = refused(wire.ask(f"{JOBS}/waits/{path}"), 409, "ConflictException")
        assert "is queued" in message


def test_jobs_are_compared(scripted: Wire, tmp_path: Path) -> None:
    first = evaluated(scripted, tmp_path, "first", ["base"])
    second = evaluated(scripted, tmp_path, "second", ["good"])
    arn = quote(f"arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/{second.id}", safe="")
    gate = quote("rougeL drop > 0.01", safe="")
    answer = scripted.ask(f"{JOBS}/compare?job=first&job={arn}&detect=0.1&fail_if={gate}&metric=rougeL&seed=3")
    assert answer.status == 200
    found = answer.json()
    again = compare_jobs(
        scripted.outcrop.services,
        [first.id, second.id],
        metrics=["rougeL"],
        gates=["rougeL drop > 0.01"],
        detect=0.1,
        seed=3,
    )
    assert found == json.loads(json.dumps(plain(again)))
    assert found["models"] == ["base", "good"]
    assert [(gate["gate"], gate["failed"]) for gate in found["gates"]] == [("rougeL drop > 0.01", False)]
    baseline = scripted.ask(f"{JOBS}/compare?job=first&job=second&baseline=good").json()
    assert baseline["models"] == ["good", "base"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "job: found nothing"),
        ("?job=first&seed=one&nope=1&detect=x&baseline=a&baseline=b", 400, "4 faults"),
        ("?job=first&job=first", 400, "the job a second time"),
        ("?job=first&seed=-1", 400, "seed"),
        ("?job=first&fail_if=nonsense", 400, "nonsense"),
        ("?job=first&metric=%00", 400, "a NUL character"),
        ("?job=%ff", 400, "names and values"),
        ("?" + "job=first&" * 300, 400, "names and values"),
        ("?job=other", 404, "there is no evaluation-job 'other'"),
    ],
)
def test_a_wrong_comparison_is_refused(scripted: Wire, tmp_path: Path, query: str, status: int, said: str) -> None:
    evaluated(scripted, tmp_path, "first", ["base"])
    code = {400: "ValidationException", 404: "ResourceNotFoundException"}[status]
    bearer = scripted.outcrop.keys.create("b", bearer=True).secret
    answer = scripted.send("GET", f"{JOBS}/compare{query}", {"authorization": f"Bearer {bearer}"})
    assert said in refused(answer, status, code)


def test_a_report_is_a_page_that_can_do_nothing(scripted: Wire, tmp_path: Path) -> None:
    job = evaluated(scripted, tmp_path, "both", ["base", "good"], ["one", "two"])
    store = scripted.outcrop.services.store
    for query, dataset in (("", "one"), ("?dataset=one", "one"), ("?dataset=two", "two")):
        answer = scripted.ask(f"{JOBS}/both/report{query}")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.body == store.read(f"jobs/{job.id}/{dataset}/report.html")
        policy = {part.split()[0]: part.split()[1:] for part in answer.headers["content-security-policy"].split("; ")}
        assert policy["default-src"] == ["'none'"]
        assert "script-src" not in policy
        assert policy["sandbox"] == []
        assert answer.headers["x-content-type-options"] == "nosniff"
    message = refused(scripted.ask(f"{JOBS}/both/report?dataset=three"), 404, "ResourceNotFoundException")
    assert message == "job both has no dataset 'three'; it has one, two"


def test_the_report_of_one_dataset_needs_no_name(scripted: Wire, tmp_path: Path) -> None:
    job = evaluated(scripted, tmp_path, "one", ["base"])
    page = scripted.outcrop.services.store.read(f"jobs/{job.id}/report.html")
    assert scripted.ask(f"{JOBS}/{job.id}/report").body == page
