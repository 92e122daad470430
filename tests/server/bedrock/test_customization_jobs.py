"""Customization jobs as boto3 sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.domain.jobs import Status
from outcrop.stores.address import parse
from tests.doubles import IdleRunner, claimed
from tests.server.conftest import TINY
from tests.server.wire import ROLE, Wire

Put = Callable[[str, Sequence[object]], str]

RECORDS = [{"prompt": f"Say {place}", "completion": f"It is {place}."} for place in range(8)]


def create(wire: Wire, put: Put, client: Any = None, **changes: Any) -> Any:
    """What CreateModelCustomizationJob answers."""
    request: dict[str, Any] = {
        "jobName": "Job-1",
        "customModelName": "tuned",
        "roleArn": ROLE,
        "baseModelIdentifier": f"{TINY}:128k",
        "trainingDataConfig": {"s3Uri": put("s3://bucket/train.jsonl", RECORDS)},
        "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
        "hyperParameters": {"epochCount": "2", "batchSize": "4", "learningRate": "0.001", "maxLength": "64"},
        **changes,
    }
    given = {name: value for name, value in request.items() if value is not None}
    return (client or wire.client()).create_model_customization_job(**given)


def refusal(code: str, call: Callable[..., Any], *arguments: Any, **given: Any) -> str:
    """The message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **given)
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


def test_a_job_runs_to_its_model(working: IdleRunner, tiny: Wire, put: Put) -> None:
    client = tiny.client()
    held_out = put("s3://bucket/validation.jsonl", RECORDS[:4])
    tags = [{"key": "team", "value": "a"}]
    validators = {"validators": [{"s3Uri": held_out}]}
    arn = create(tiny, put, validationDataConfig=validators, jobTags=tags, customModelTags=tags)["jobArn"]
    job_id = arn.rpartition("/")[2]
    base = f"{TINY}:128k"
    assert arn == f"arn:aws:bedrock:eu-central-1:123456789012:model-customization-job/{base}/{job_id}"

    job = client.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], job["jobName"], job["outputModelName"]) == ("Completed", "Job-1", "tuned")
    assert job["baseModelArn"] == f"arn:aws:bedrock:eu-central-1::foundation-model/{base}"
    assert job["outputModelArn"] == f"arn:aws:bedrock:eu-central-1:123456789012:custom-model/{base}/{job_id}"
    assert job["hyperParameters"]["maxLength"] == "64"
    assert job["hyperParameters"].keys() >= {"epochCount", "batchSize", "learningRate", "learningRateWarmupSteps"}
    assert {stage["status"] for stage in job["statusDetails"].values()} == {"Completed"}
    assert job["creationTime"] <= job["endTime"] == job["lastModifiedTime"]
    assert (job["roleArn"], job["validationDataConfig"]) == (ROLE, validators)
    assert job["trainingMetrics"]["trainingLoss"] > 0
    assert job["validationMetrics"][0]["validationLoss"] > 0

    table = f"s3://bucket/out/model-customization-job-{job_id}/training_artifacts/step_wise_training_metrics.csv"
    lines = tiny.outcrop.services.buckets.fetch(parse(table)).read_text().splitlines()
    assert lines[0] == "step_number,epoch_number,training_loss,perplexity"

    model = client.get_custom_model(modelIdentifier=job["outputModelArn"])
    assert (model["modelName"], model["modelStatus"], model["jobArn"]) == ("tuned", "Active", arn)
    assert model["trainingMetrics"] == job["trainingMetrics"]
    for resource in (arn, model["modelArn"]):
        assert client.list_tags_for_resource(resourceARN=resource)["tags"] == tags


def test_every_name_of_a_job_finds_it(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    arn = create(tiny, put)["jobArn"]
    for region in ("eu-central-1", "us-west-2"):
        client = tiny.client(region=region)
        for name in (arn, "Job-1", arn.replace("eu-central-1", "us-west-2")):
            assert f":{region}:" in client.get_model_customization_job(jobIdentifier=name)["jobArn"]


def test_a_job_that_waits_says_so(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    job = tiny.client().get_model_customization_job(jobIdentifier=create(tiny, put)["jobArn"])
    assert job["status"] == "InProgress"
    stages = {name: stage["status"] for name, stage in job["statusDetails"].items()}
    assert stages == {
        "validationDetails": "Completed",
        "dataProcessingDetails": "NotStarted",
        "trainingDetails": "NotStarted",
    }
    assert "endTime" not in job
    assert "outputModelArn" not in job
    assert job["validationDataConfig"] == {"validators": []}


def test_a_request_that_comes_twice_makes_one_job(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    first = create(tiny, put, clientRequestToken="once")
    assert create(tiny, put, clientRequestToken="once")["jobArn"] == first["jobArn"]
    assert len(runner.started) == 1
    taken = refusal("ConflictException", create, tiny, put, clientRequestToken="again")
    assert "'tuned' already" in taken
    assert "'Job-1' already" in refusal("ConflictException", create, tiny, put, customModelName="other")


def test_a_wrong_request_is_refused_with_all_that_is_wrong(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    values = {"epochCount": "0", "learningRate": "high", "nonsense": "1"}
    message = refusal("ValidationException", create, tiny, put, hyperParameters=values)
    assert "3 faults" in message
    assert "epochCount: found '0'; expected" in message
    assert "learningRate: found 'high'" in message
    assert "nonsense: found '1'; expected one of epochCount, " in message
    data = put("s3://bucket/bad.jsonl", [{"prompt": "a"}, {"prompt": "a", "completion": "b"}, []])
    message = refusal("ValidationException", create, tiny, put, trainingDataConfig={"s3Uri": data})
    assert "s3://bucket/bad.jsonl:1: completion" in message
    assert "s3://bucket/bad.jsonl:3:" in message
    message = refusal("ValidationException", create, tiny, put, customizationType="IMPORTED")
    assert "not supported here yet" in message
    message = refusal("ValidationException", create, tiny, put, trainingDataConfig={})
    assert "needs an s3Uri" in message
    three = {"validators": [{"s3Uri": "s3://bucket/a"}] * 2}
    assert "2 validators" in refusal("ValidationException", create, tiny, put, validationDataConfig=three)
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert "a more than once" in refusal("ValidationException", create, tiny, put, jobTags=twice)
    assert runner.started == []


def test_what_is_not_there_is_said(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    client = tiny.client()
    absent = "arn:aws:bedrock:eu-central-1:123456789012:model-customization-job/amazon.nova-lite-v1:0/000000000000"
    missing = {"trainingDataConfig": {"s3Uri": "s3://bucket/none.jsonl"}}
    assert "none.jsonl" in refusal("ResourceNotFoundException", create, tiny, put, **missing)
    message = refusal("ResourceNotFoundException", create, tiny, put, baseModelIdentifier="amazon.nova-pro-v1:0")
    assert "outcrop models alias" in message
    for name in (absent, "nobody"):
        for call in (client.get_model_customization_job, client.stop_model_customization_job):
            assert "there is no" in refusal("ResourceNotFoundException", call, jobIdentifier=name)


def test_a_job_is_stopped_once(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    client, arn = tiny.client(), create(tiny, put)["jobArn"]
    client.stop_model_customization_job(jobIdentifier=arn)
    assert client.get_model_customization_job(jobIdentifier=arn)["status"] == "Stopped"
    refusal("ConflictException", client.stop_model_customization_job, jobIdentifier=arn)


def test_a_failed_job_says_why(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    client, arn = tiny.client(), create(tiny, put)["jobArn"]
    catalog = tiny.outcrop.services.catalog
    claim = claimed(tiny.outcrop.services, catalog.job("Job-1"))
    stages = client.get_model_customization_job(jobIdentifier=arn)["statusDetails"]
    assert stages["dataProcessingDetails"]["status"] == "InProgress"
    catalog.finish(claim, Status.FAILED, error="x" * 5000)
    job = client.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], job["failureMessage"]) == ("Failed", "x" * 2048)


def test_jobs_are_listed_page_by_page(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    client = tiny.client()
    for number in range(5):
        create(tiny, put, jobName=f"job-{number}", customModelName=f"model-{number}")
    client.stop_model_customization_job(jobIdentifier="job-3")
    pages = client.get_paginator("list_model_customization_jobs")

    def names(**given: Any) -> list[str]:
        walked = list(pages.paginate(**given, PaginationConfig={"PageSize": 2}))
        return [job["jobName"] for page in walked for job in page["modelCustomizationJobSummaries"]]

    assert names() == [f"job-{number}" for number in (4, 3, 2, 1, 0)]
    assert names(sortOrder="Ascending", nameContains="job") == [f"job-{number}" for number in range(5)]
    assert names(statusEquals="Stopped") == ["job-3"]
    assert names(statusEquals="Completed") == []
    later = client.get_model_customization_job(jobIdentifier="job-4")["creationTime"] + timedelta(minutes=1)
    assert names(creationTimeBefore=later, nameContains="job-0") == ["job-0"]
    assert names(creationTimeAfter=later) == []
    first = client.list_model_customization_jobs(maxResults=2)
    refusal(
        "ValidationException",
        client.list_model_customization_jobs,
        maxResults=2,
        nextToken=first["nextToken"],
        nameContains="job",
    )
    refusal("ValidationException", client.list_model_customization_jobs, nextToken="bm90aGluZw==")


def test_continued_pre_training_takes_texts(working: IdleRunner, tiny: Wire, put: Put) -> None:
    texts = put("s3://bucket/texts.jsonl", [{"input": f"Rock {place} is a text."} for place in range(8)])
    arn = create(
        tiny, put, trainingDataConfig={"s3Uri": texts}, customizationType="CONTINUED_PRE_TRAINING", jobName="texts"
    )["jobArn"]
    job = tiny.client().get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], job["customizationType"]) == ("Completed", "CONTINUED_PRE_TRAINING")
    again = create(tiny, put, baseModelIdentifier=job["outputModelArn"], jobName="more", customModelName="more")
    more = tiny.client().get_model_customization_job(jobIdentifier=again["jobArn"])
    assert (more["status"], more["baseModelArn"]) == ("Completed", job["baseModelArn"].replace(":128k", ""))
