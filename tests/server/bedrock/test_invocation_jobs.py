"""Model invocation jobs as boto3 sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outcrop.domain.jobs import Progress, Status
from outcrop.jobs.lease import Lease
from outcrop.jobs.worker import main
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, add_scripted, claimed, write_lines
from tests.server.bedrock.test_customization_jobs import RECORDS as PAIRS
from tests.server.bedrock.test_customization_jobs import Put, refusal
from tests.server.wire import ROLE, Wire

LLAMA = "meta.llama3-1-8b-instruct-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:model-invocation-job/"
OUTPUT = {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out/"}}
INPUT = {"s3InputDataConfig": {"s3Uri": "s3://bucket/in/records.jsonl", "s3InputFormat": "JSONL"}}

RECORDS = [{"recordId": f"CALL{number:07}", "modelInput": {"prompt": f"Say {number}"}} for number in range(4)]


@pytest.fixture
def home_with_model(wire: Wire, tmp_path: Path, put: Put) -> Wire:
    """A server with a scripted model that has one of Bedrock's ids, and records in a bucket."""
    add_scripted(wire.outcrop, tmp_path)
    wire.outcrop.models.alias(LLAMA, "scripted")
    put("s3://bucket/in/records.jsonl", RECORDS)
    return wire


def create(wire: Wire, client: Any = None, **changes: Any) -> str:
    """The ARN that CreateModelInvocationJob answers."""
    request: dict[str, Any] = {
        "jobName": "Batch-1",
        "modelId": f"us.{LLAMA}",
        "roleArn": ROLE,
        "inputDataConfig": INPUT,
        "outputDataConfig": OUTPUT,
        **changes,
    }
    given = {name: value for name, value in request.items() if value is not None}
    return str((client or wire.client()).create_model_invocation_job(**given)["jobArn"])


def read(wire: Wire, place: str) -> list[Any]:
    text = wire.outcrop.services.buckets.fetch(parse(place)).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_job_runs_to_its_output(working: IdleRunner, home_with_model: Wire, put: Put) -> None:
    wire, client = home_with_model, home_with_model.client()
    put("s3://bucket/in/records.jsonl", [*RECORDS, {"modelInput": {}}])
    network = {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    tags = [{"key": "team", "value": "a"}]
    arn = create(wire, tags=tags, vpcConfig=network, timeoutDurationInHours=24, clientRequestToken="once")
    job_id = arn.rpartition("/")[2]
    assert arn == f"{ARN}{job_id}"
    job = client.get_model_invocation_job(jobIdentifier=arn)
    del job["ResponseMetadata"]
    submitted = job.pop("submitTime")
    assert submitted <= job.pop("endTime") == job.pop("lastModifiedTime")
    assert job.pop("jobExpirationTime") - submitted == timedelta(hours=24)
    assert job == {
        "jobArn": arn,
        "jobName": "Batch-1",
        "modelId": f"us.{LLAMA}",
        "clientRequestToken": "once",
        "roleArn": ROLE,
        "status": "Completed",
        "inputDataConfig": INPUT,
        "outputDataConfig": OUTPUT,
        "vpcConfig": network,
        "timeoutDurationInHours": 24,
        "modelInvocationType": "InvokeModel",
        "totalRecordCount": 5,
        "processedRecordCount": 5,
        "successRecordCount": 4,
        "errorRecordCount": 1,
    }
    (summary,) = client.list_model_invocation_jobs()["invocationJobSummaries"]
    assert {name: summary[name] for name in job} == job
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == tags
    found = read(wire, f"s3://bucket/out/{job_id}/records.jsonl.out")
    assert [line["recordId"] for line in found] == [*(record["recordId"] for record in RECORDS), "REC00000005"]
    assert found[1] == {
        "recordId": "CALL0000001",
        "modelInput": {"prompt": "Say 1"},
        "modelOutput": {
            "generation": "Say 1",
            "prompt_token_count": 2,
            "generation_token_count": 3,
            "stop_reason": "stop",
        },
    }
    assert found[4]["error"]["errorCode"] == 400
    assert read(wire, f"s3://bucket/out/{job_id}/manifest.json.out") == [
        {
            "totalRecordCount": 5,
            "processedRecordCount": 5,
            "successRecordCount": 4,
            "errorRecordCount": 1,
            "inputTokenCount": 8,
            "outputTokenCount": 12,
        }
    ]


def test_converse_bodies_are_answered_in_its_words(working: IdleRunner, home_with_model: Wire, put: Put) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "Say it"}]}], "inferenceConfig": {"maxTokens": 1}}
    put("s3://bucket/in/records.jsonl", [{"modelInput": body}])
    arn = create(home_with_model, modelInvocationType="Converse")
    job = home_with_model.client().get_model_invocation_job(jobIdentifier=arn)
    assert (job["status"], job["modelInvocationType"]) == ("Completed", "Converse")
    (line,) = read(home_with_model, f"s3://bucket/out/{arn.rpartition('/')[2]}/records.jsonl.out")
    assert line["modelOutput"]["output"]["message"]["content"] == [{"text": "Say"}]
    assert line["modelOutput"]["stopReason"] == "max_tokens"


def test_a_custom_model_answers_by_name_and_arn(working: IdleRunner, tiny: Wire, put: Put) -> None:
    client = tiny.client()
    client.create_model_customization_job(
        jobName="tune",
        customModelName="tuned",
        roleArn=ROLE,
        baseModelIdentifier=LLAMA,
        trainingDataConfig={"s3Uri": put("s3://bucket/train.jsonl", PAIRS)},
        outputDataConfig={"s3Uri": "s3://bucket/out"},
        hyperParameters={"epochCount": "1", "batchSize": "4", "maxLength": "64"},
    )
    arn = client.get_custom_model(modelIdentifier="tuned")["modelArn"]
    put("s3://bucket/in/records.jsonl", [{"modelInput": {"prompt": "Say 1", "max_gen_len": 3, "temperature": 0}}])
    texts = []
    for number, model in enumerate((arn, "tuned", LLAMA)):
        job_id = create(tiny, jobName=f"Batch-{number}", modelId=model).rpartition("/")[2]
        (line,) = read(tiny, f"s3://bucket/out/{job_id}/records.jsonl.out")
        texts.append(line["modelOutput"]["generation"])
        assert line["modelOutput"]["generation_token_count"] == 3
        assert client.get_model_invocation_job(jobIdentifier=job_id)["modelId"] == model
    assert texts[0] == texts[1]
    # Asked by other doors, jobs have a model's ARN too, and a base model's id.
    for name, known in (("tuned", arn), ("tiny", LLAMA)):
        job = tiny.outcrop.invoke(name, data="s3://bucket/in/records.jsonl", output="s3://bucket/out")
        assert client.get_model_invocation_job(jobIdentifier=job.id)["modelId"] == known
    tiny.outcrop.models.remove("tuned")
    tiny.outcrop.models.remove("tiny")
    names = {job["modelId"] for job in client.list_model_invocation_jobs()["invocationJobSummaries"]}
    assert names == {arn, "tuned", LLAMA, "outcrop.tuned", "outcrop.tiny"}


def test_a_job_is_found_by_arn_and_id(runner: IdleRunner, home_with_model: Wire) -> None:
    arn = create(home_with_model)
    for region in ("eu-central-1", "us-west-2"):
        client = home_with_model.client(region=region)
        for name in (arn, arn.rpartition("/")[2]):
            job = client.get_model_invocation_job(jobIdentifier=name)
            assert f":{region}:" in job["jobArn"]
            assert (job["status"], job["totalRecordCount"], job["processedRecordCount"]) == ("Scheduled", 4, 0)
            assert not {"endTime", "message", "jobExpirationTime"} & job.keys()
    client = home_with_model.client()
    for call in (client.get_model_invocation_job, client.stop_model_invocation_job):
        assert "there is no" in refusal("ResourceNotFoundException", call, jobIdentifier="a" * 12)
        # Its name is no identifier in the service model.
        refusal("ValidationException", call, jobIdentifier="Batch-1")
        other = arn.replace("model-invocation-job", "evaluation-job")
        refusal("ValidationException", call, jobIdentifier=other)


def test_counts_grow_while_a_job_runs(runner: IdleRunner, home_with_model: Wire) -> None:
    arn, services = create(home_with_model), home_with_model.outcrop.services
    claim = claimed(services, services.catalog.job(arn.rpartition("/")[2]))
    with Lease(services.catalog, claim, 600) as lease:
        lease.progress(Progress("generating", 3, 4, figures={"failed": 1.0}), at_once=True)
        job = home_with_model.client().get_model_invocation_job(jobIdentifier=arn)
        assert job["status"] == "InProgress"
        assert [job[f"{name}RecordCount"] for name in ("total", "processed", "success", "error")] == [4, 3, 2, 1]
        home_with_model.client().stop_model_invocation_job(jobIdentifier=arn)
        assert home_with_model.client().get_model_invocation_job(jobIdentifier=arn)["status"] == "Stopping"
        lease.end(Status.FAILED, error="x" * 5000)
    job = home_with_model.client().get_model_invocation_job(jobIdentifier=arn)
    assert (job["status"], job["message"]) == ("Failed", "x" * 2048)


def test_a_job_that_waits_is_stopped(runner: IdleRunner, home_with_model: Wire) -> None:
    client, arn = home_with_model.client(), create(home_with_model)
    client.stop_model_invocation_job(jobIdentifier=arn)
    assert client.get_model_invocation_job(jobIdentifier=arn)["status"] == "Stopped"
    assert "stopped" in refusal("ConflictException", client.stop_model_invocation_job, jobIdentifier=arn)


def expired(wire: Wire, name: str, processed: int) -> None:
    """A job whose time ended when so many records were processed."""
    services = wire.outcrop.services
    job_id = create(wire, jobName=name, timeoutDurationInHours=24).rpartition("/")[2]
    with Lease(services.catalog, claimed(services, services.catalog.job(job_id)), 600) as lease:
        lease.progress(Progress("generating", processed, 4), at_once=True)
        later = services.catalog.now() + 86_401
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(services.catalog), "_now", lambda *_: later)
            lease.end(Status.STOPPED, error="its 24 hours are over; what is done is kept")


def test_a_job_whose_time_is_over_has_expired_or_is_partially_completed(
    runner: IdleRunner, home_with_model: Wire
) -> None:
    client = home_with_model.client()
    expired(home_with_model, "Begun", 3)
    expired(home_with_model, "Never", 0)
    client.stop_model_invocation_job(jobIdentifier=create(home_with_model, jobName="Other"))
    for status, name in (("PartiallyCompleted", "Begun"), ("Expired", "Never"), ("Stopped", "Other")):
        (job,) = client.list_model_invocation_jobs(statusEquals=status)["invocationJobSummaries"]
        assert (job["jobName"], job["status"]) == (name, status)
        assert ("24 hours are over" in job.get("message", "")) == (status != "Stopped")


def test_lists_are_filtered_and_paged(runner: IdleRunner, home_with_model: Wire) -> None:
    client, before = home_with_model.client(), datetime.now(UTC) - timedelta(seconds=5)
    arns = [create(home_with_model, jobName=f"Batch-{number}") for number in range(5)]
    pages = client.get_paginator("list_model_invocation_jobs").paginate(PaginationConfig={"PageSize": 2})
    found = [[job["jobArn"] for job in page["invocationJobSummaries"]] for page in pages]
    assert found == [arns[:2:-1], arns[2:0:-1], arns[:1]]

    def names(**filters: Any) -> list[str]:
        jobs = client.list_model_invocation_jobs(sortOrder="Ascending", **filters)["invocationJobSummaries"]
        return [job["jobName"][-1] for job in jobs]

    assert names(nameContains="ch-3") == ["3"]
    assert names(submitTimeAfter=before) == list("01234")
    assert names(submitTimeBefore=before) == []
    assert names(statusEquals="Scheduled") == list("01234")
    for status in ("Submitted", "Validating", "InProgress", "Stopping", "Completed", "Failed", "Stopped"):
        assert names(statusEquals=status) == []
    token = client.list_model_invocation_jobs(maxResults=2, submitTimeAfter=before)["nextToken"]
    refusal("ValidationException", client.list_model_invocation_jobs, maxResults=2, nextToken=token)
    assert client.list_model_invocation_jobs(submitTimeAfter=before, nextToken=token)["invocationJobSummaries"]
    pages = client.get_paginator("list_model_invocation_jobs").paginate(
        statusEquals="Scheduled", submitTimeAfter=before, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["invocationJobSummaries"]) for page in pages] == [2, 2, 1]


def test_a_job_that_begins_again_does_not_go_back(runner: IdleRunner, home_with_model: Wire) -> None:
    arn, services = create(home_with_model), home_with_model.outcrop.services
    claimed(services, services.catalog.job(arn.rpartition("/")[2]))
    job = services.catalog.job(arn.rpartition("/")[2])
    services.catalog.requeue(job, "its worker died", restarts=3)
    client = home_with_model.client()
    assert client.get_model_invocation_job(jobIdentifier=arn)["status"] == "InProgress"
    assert len(client.list_model_invocation_jobs(statusEquals="InProgress")["invocationJobSummaries"]) == 1
    assert client.list_model_invocation_jobs(statusEquals="Scheduled")["invocationJobSummaries"] == []
    main(job.id)
    assert client.get_model_invocation_job(jobIdentifier=arn)["status"] == "Completed"


def test_a_request_that_comes_twice_makes_one_job(runner: IdleRunner, home_with_model: Wire) -> None:
    first = create(home_with_model, clientRequestToken="once")
    assert create(home_with_model, clientRequestToken="once") == first
    assert len(runner.started) == 1
    assert "'Batch-1' already" in refusal("ConflictException", create, home_with_model, clientRequestToken="again")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"modelId": "amazon.nova-pro-v1:0"}, "ResourceNotFoundException", "outcrop models alias"),
        (
            {"modelId": "arn:aws:bedrock:eu-central-1:123456789012:provisioned-model/abcdefghijkl"},
            "ValidationException",
            "modelId",
        ),
        ({"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/none"}}}, "ResourceNotFoundException", "no"),
        ({"timeoutDurationInHours": 200}, "ValidationException", "timeoutDurationInHours"),
        ({"jobName": "a_b"}, "ValidationException", "jobName"),
        ({"modelInvocationType": "Chat"}, "ValidationException", "modelInvocationType"),
        ({"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}, "ValidationException", "more than once"),
    ],
)
def test_what_is_refused(
    runner: IdleRunner, home_with_model: Wire, changes: dict[str, Any], code: str, message: str
) -> None:
    assert message in refusal(code, create, home_with_model, **changes)
    assert runner.started == []


def test_deployments_are_not_asked(runner: IdleRunner, home_with_model: Wire) -> None:
    """As at AWS: batch jobs are not for provisioned throughputs."""
    home_with_model.outcrop.deployments.create("scripted", "gneiss", kind="provisioned-throughput")
    refusal("ResourceNotFoundException", create, home_with_model, modelId="gneiss")
    assert runner.started == []


def test_every_line_is_checked_before_the_job_is_there(runner: IdleRunner, home_with_model: Wire, put: Put) -> None:
    put("s3://bucket/in/records.jsonl", [RECORDS[0], {"recordId": "b"}, {"modelInput": []}])
    message = refusal("ValidationException", create, home_with_model)
    assert "s3://bucket/in/records.jsonl:2: modelInput" in message
    assert "s3://bucket/in/records.jsonl:3: modelInput" in message


def test_a_job_by_another_door_is_shown(runner: IdleRunner, home_with_model: Wire, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "records.jsonl", RECORDS)
    job = home_with_model.outcrop.invoke("scripted", data=data, output=tmp_path / "out", hours=1.5, wait=False)
    # A path of this machine has not the shape of an address, which the client of these tests would complain of.
    shown = home_with_model.ask(f"/model-invocation-job/{job.id}").json()
    assert shown["inputDataConfig"] == {"s3InputDataConfig": {"s3Uri": str(data)}}
    assert shown["outputDataConfig"] == {"s3OutputDataConfig": {"s3Uri": str(tmp_path / "out")}}
    assert (shown["modelId"], shown["modelInvocationType"]) == (LLAMA, "InvokeModel")
    assert "timeoutDurationInHours" not in shown
