"""Jobs, their logs, stop and resume over the wire."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from outcrop.domain.codec import to_json
from outcrop.domain.jobs import JobKind, Progress, Status
from tests.doubles import IdleRunner, add_scripted, claimed, questions, submitted
from tests.server.api.test_evaluation_jobs import evaluated, refused
from tests.server.wire import Wire

JOBS = "/outcrop/v1/jobs"


def test_jobs_come_in_parts(runner: IdleRunner, wire: Wire) -> None:
    services = wire.outcrop.services
    for number in range(5):
        kind = JobKind.CUSTOMIZATION if number % 2 else JobKind.EVALUATION
        submitted(services, kind, f"job-{number}")
    wire.outcrop.jobs.stop("job-4")

    def names(query: str) -> list[list[str]]:
        parts, token = [], ""
        while True:
            answer = wire.ask(f"{JOBS}?maxResults=2{query}{token}")
            assert answer.status == 200
            found = answer.json()
            parts.append([job["name"] for job in found["jobs"]])
            if found["nextToken"] is None:
                return parts
            token = f"&nextToken={quote(found['nextToken'], safe='')}"

    assert names("") == [["job-4", "job-3"], ["job-2", "job-1"], ["job-0"]]
    assert names("&kind=evaluation") == [["job-4", "job-2"], ["job-0"]]
    assert names("&status=stopped&status=failed") == [["job-4"]]
    assert names("&nameContains=B-3") == [["job-3"]]
    token = quote(wire.ask(f"{JOBS}?maxResults=2").json()["nextToken"], safe="")
    filters, created, _ = json.loads(base64.urlsafe_b64decode(wire.ask(f"{JOBS}?maxResults=2").json()["nextToken"]))
    forged = [base64.urlsafe_b64encode(json.dumps([filters, created, key]).encode()).decode() for key in (10**30, "a")]
    wrong = [f"?nextToken={token}&kind=evaluation", "?nextToken=nonsense"]
    for query in (*wrong, *(f"?maxResults=2&nextToken={quote(one, safe='')}" for one in forged)):
        assert "nextToken" in refused(wire.ask(f"{JOBS}{query}"), 400, "ValidationException")
    for query in ("?kind=nonsense", "?maxResults=0", "?maxResults=1001", "?status=over"):
        refused(wire.ask(f"{JOBS}{query}"), 400, "ValidationException")


def test_a_job_is_the_document_of_the_command(working: IdleRunner, wire: Wire, tmp_path: Path) -> None:
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    job = evaluated(wire, tmp_path, "job", ["base"])
    arn = quote(f"arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/{job.id}", safe="")
    for name in ("job", job.id, arn):
        answer = wire.ask(f"{JOBS}/{name}")
        assert answer.json() == {"job": json.loads(json.dumps(to_json(job)))}
    lines = wire.ask(f"{JOBS}/job/logs").json()["log"]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0].keys() == {"number", "time", "level", "text"}
    assert wire.ask(f"{JOBS}/job/logs?after={len(lines) - 1}").json()["log"] == lines[-1:]
    assert wire.ask(f"{JOBS}/job/logs?after={len(lines)}").json()["log"] == []
    for wrong in ("-1", str(10**30), "x", ""):
        refused(wire.ask(f"{JOBS}/job/logs?after={wrong}"), 400, "ValidationException")


@pytest.mark.parametrize(("path", "method"), [("", "GET"), ("/logs", "GET"), ("/stop", "POST"), ("/resume", "POST")])
def test_a_job_that_is_not_there(wire: Wire, path: str, method: str) -> None:
    assert "'none'" in refused(wire.ask(f"{JOBS}/none{path}", method), 404, "ResourceNotFoundException")
    arn = quote("arn:aws:bedrock:eu-central-1:123456789012:evaluation-job/000000000000", safe="")
    refused(wire.ask(f"{JOBS}/{arn}{path}", method), 404, "ResourceNotFoundException")
    refused(wire.ask(f"{JOBS}/{quote('arn:nonsense', safe='')}{path}", method), 400, "ValidationException")


def test_a_job_is_stopped_and_goes_on(runner: IdleRunner, wire: Wire, tmp_path: Path) -> None:
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    job = evaluated(wire, tmp_path, "job", ["base"])
    stopped = wire.ask(f"{JOBS}/job/stop", "POST")
    assert (stopped.status, stopped.json()["job"]["status"]) == (200, "stopped")
    assert "stopped" in refused(wire.ask(f"{JOBS}/job/stop", "POST"), 409, "ConflictException")
    assert wire.ask(f"{JOBS}/job/resume", "POST").json()["job"]["status"] == "queued"
    assert runner.started == [job.id, job.id]
    refused(wire.ask(f"{JOBS}/job/resume", "POST"), 409, "ConflictException")


def test_a_job_whose_data_was_changed_does_not_go_on(runner: IdleRunner, wire: Wire, tmp_path: Path) -> None:
    add_scripted(wire.outcrop, tmp_path, "base", echo_words=2)
    evaluated(wire, tmp_path, "job", ["base"])
    wire.ask(f"{JOBS}/job/stop", "POST")
    questions(tmp_path / "one.jsonl", 9)
    refused(wire.ask(f"{JOBS}/job/resume", "POST"), 400, "ValidationException")


def test_numbers_that_are_none_are_null(runner: IdleRunner, wire: Wire) -> None:
    services = wire.outcrop.services
    claim = claimed(services, submitted(services, JobKind.CUSTOMIZATION))
    services.catalog.renew(claim, 60, Progress("training", 1, 2, figures={"loss": 0.5}))
    services.catalog.finish(claim, Status.FAILED, result={"figures": {"loss": float("nan")}}, error="é")
    body = wire.ask(f"{JOBS}/job").body
    assert b"NaN" not in body
    assert "é".encode() in body
