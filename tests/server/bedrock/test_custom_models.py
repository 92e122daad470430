"""Custom models that were trained, as boto3 sees them; those that were brought are in ``test_import_jobs``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outcrop.domain.jobs import Job, JobKind, Status
from tests.doubles import IdleRunner
from tests.server.bedrock.test_customization_jobs import Put, create, refusal
from tests.server.conftest import TINY
from tests.server.wire import Wire


@pytest.fixture
def trained(working: IdleRunner, tiny: Wire, put: Put) -> Wire:
    """A home with three custom models, the last of which goes on from the first."""
    for number in range(2):
        create(tiny, put, jobName=f"job-{number}", customModelName=f"model-{number}")
    create(tiny, put, jobName="job-2", customModelName="model-2", baseModelIdentifier="model-0")
    return tiny


def test_models_are_listed_page_by_page(trained: Wire) -> None:
    client = trained.client()
    pages = client.get_paginator("list_custom_models")

    def names(**given: Any) -> list[str]:
        walked = pages.paginate(**given, PaginationConfig={"PageSize": 1})
        return [model["modelName"] for page in walked for model in page["modelSummaries"]]

    assert names() == names(sortBy="CreationTime", sortOrder="Descending") == ["model-2", "model-1", "model-0"]
    assert names(sortOrder="Ascending") == ["model-0", "model-1", "model-2"]
    assert names(nameContains="el-1") == ["model-1"]
    assert len(names(modelStatus="Active")) == len(names(isOwned=True)) == 3
    assert names(modelStatus="Failed") == names(isOwned=False) == []
    first = client.list_custom_models(sortOrder="Ascending")["modelSummaries"][0]
    assert first["baseModelName"] == TINY.partition(":")[0]
    assert (first["ownerAccountId"], first["customizationType"]) == ("123456789012", "FINE_TUNING")
    assert len(names(foundationModelArnEquals=first["baseModelArn"])) >= 1
    assert names(baseModelArnEquals="arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0") == []
    later = first["creationTime"] + timedelta(minutes=1)
    assert len(names(creationTimeBefore=later)) == 3
    assert names(creationTimeAfter=later) == []
    token = client.list_custom_models(maxResults=1)["nextToken"]
    refusal("ValidationException", client.list_custom_models, maxResults=1, nextToken=token, nameContains="model")


def test_every_name_finds_it(trained: Wire) -> None:
    client = trained.client(region="us-west-2")
    arn = client.get_custom_model(modelIdentifier="model-1")["modelArn"]
    assert ":us-west-2:" in arn
    for name in (arn, arn.replace("us-west-2", "eu-central-1")):
        assert client.get_custom_model(modelIdentifier=name)["modelName"] == "model-1"


def test_a_model_with_others_on_it_stays(trained: Wire) -> None:
    client = trained.client()
    arn = client.get_custom_model(modelIdentifier="model-2")["modelArn"]
    client.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": "b"}])
    client.delete_custom_model(modelIdentifier=arn)
    for call in (client.get_custom_model, client.delete_custom_model):
        refusal("ResourceNotFoundException", call, modelIdentifier=arn)
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=arn)
    assert len(client.list_custom_models()["modelSummaries"]) == 2


def test_a_model_that_a_job_works_with_stays(trained: Wire) -> None:
    client = trained.client()
    catalog = trained.outcrop.services.catalog
    catalog.add_job(Job("q" * 12, "waiting", JobKind.EVALUATION, Status.QUEUED, {"models": ["model-1"]}, created=1.0))
    assert "waiting" in refusal("ConflictException", client.delete_custom_model, modelIdentifier="model-1")


def test_a_model_whose_job_is_forgotten_is_told_still(trained: Wire) -> None:
    client = trained.client()
    before = client.get_custom_model(modelIdentifier="model-1")
    trained.outcrop.jobs.delete("job-1")
    after = client.get_custom_model(modelIdentifier=before["modelArn"])
    assert after["modelArn"].rpartition("/")[2] == before["modelArn"].rpartition("/")[2]
    assert after["modelName"] == "model-1"
    assert "jobArn" not in after


def test_a_foundation_model_is_none(trained: Wire) -> None:
    client = trained.client()
    for call in (client.get_custom_model, client.delete_custom_model):
        refusal("ResourceNotFoundException", call, modelIdentifier="tiny")
    assert trained.outcrop.models.show("tiny").name == "tiny"
