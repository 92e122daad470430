"""Deployments of custom models on demand as boto3 sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.doubles import IdleRunner
from tests.server.bedrock.deployed import ACCOUNT, add_brought, add_custom
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.conftest import TINY
from tests.server.wire import Wire

MODEL = f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000"


@pytest.fixture
def custom(runner: IdleRunner, tiny: Wire) -> Wire:
    """A home with a base and a custom model of it."""
    assert add_custom(tiny, "tuned") == MODEL
    return tiny


def deploy(wire: Wire, **changes: Any) -> str:
    """The ARN that CreateCustomModelDeployment answers."""
    request = {"modelDeploymentName": "gneiss", "modelArn": MODEL, **changes}
    arn: str = wire.client().create_custom_model_deployment(**request)["customModelDeploymentArn"]
    return arn


def settle(wire: Wire, error: str = "", name: str = "gneiss") -> None:
    """What the server does once it has loaded a model, or can't."""
    wire.outcrop.deployments.settle(wire.outcrop.deployments.show(name), error)


def get(wire: Wire, identifier: str = "gneiss") -> Any:
    return wire.client().get_custom_model_deployment(customModelDeploymentIdentifier=identifier)


def test_one_becomes_active(custom: Wire) -> None:
    tags = [{"key": "team", "value": "a"}]
    arn = deploy(custom, description="a rock", tags=tags)
    found = get(custom, arn)
    assert arn.rpartition("/")[0] == f"{ACCOUNT}:custom-model-deployment"
    assert (found["customModelDeploymentArn"], found["modelDeploymentName"]) == (arn, "gneiss")
    assert (found["modelArn"], found["status"], found["description"]) == (MODEL, "Creating", "a rock")
    assert found["createdAt"] == found["lastUpdatedAt"]
    assert not found.keys() & {"updateDetails", "failureMessage"}
    assert custom.client().list_tags_for_resource(resourceARN=arn)["tags"] == tags
    settle(custom)
    for name in (arn, "gneiss", arn.rpartition("/")[2]):
        assert get(custom, name)["status"] == "Active"


def test_one_that_can_not_be_loaded(custom: Wire) -> None:
    deploy(custom)
    settle(custom, "there is no memory")
    found = get(custom)
    assert (found["status"], found["failureMessage"]) == ("Failed", "there is no memory")
    assert "description" not in found


@pytest.mark.parametrize("kind", ["imported-model", "custom-model"])
def test_of_a_model_that_was_brought(custom: Wire, kind: str) -> None:
    model = add_brought(custom, "brought", kind)
    arn = f"{ACCOUNT}:custom-model/imported/{model.imported}"
    deploy(custom, modelArn=arn)
    assert get(custom)["modelArn"] == arn


def test_a_request_that_comes_twice_makes_one(custom: Wire) -> None:
    assert deploy(custom, clientRequestToken="once") == deploy(custom, clientRequestToken="once")
    assert "'gneiss' already" in refusal("ValidationException", deploy, custom, clientRequestToken="again")
    client = custom.client()
    provisioned = {"modelUnits": 1, "provisionedModelName": "schist", "modelId": "tuned"}
    client.create_provisioned_model_throughput(**provisioned, clientRequestToken="once")
    assert len(custom.outcrop.deployments.list()) == 2


def test_a_wrong_request_is_refused(custom: Wire) -> None:
    refusal("ResourceNotFoundException", deploy, custom, modelArn=f"{ACCOUNT}:custom-model/{TINY}/000000000000")
    foundation = f"arn:aws:bedrock:eu-central-1::foundation-model/{TINY}"
    refusal("ValidationException", deploy, custom, modelArn=foundation)
    refusal("ValidationException", deploy, custom, modelDeploymentName="no name")
    refusal("ValidationException", deploy, custom, description="x" * 2049)
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    refusal("ValidationException", deploy, custom, tags=twice)
    assert custom.outcrop.deployments.list() == []


def test_an_update_and_what_comes_of_it(custom: Wire) -> None:
    client, better = custom.client(), add_custom(custom, "better")
    arn = deploy(custom)
    settle(custom)

    def update(model: str) -> Any:
        given = {"customModelDeploymentIdentifier": "gneiss", "modelArn": model}
        return client.update_custom_model_deployment(**given)["customModelDeploymentArn"]

    assert update(better) == arn
    found = get(custom)
    assert (found["status"], found["modelArn"]) == ("Active", MODEL)
    assert found["updateDetails"] == {"modelArn": better, "updateStatus": "Updating"}
    settle(custom)
    found = get(custom)
    assert found["modelArn"] == better
    assert found["updateDetails"] == {"modelArn": better, "updateStatus": "UpdateCompleted"}
    update(MODEL)
    settle(custom, "there is no memory")
    found = get(custom)
    assert (found["status"], found["modelArn"]) == ("Active", better)
    assert found["updateDetails"] == {"modelArn": MODEL, "updateStatus": "UpdateFailed"}
    assert found["failureMessage"] == "there is no memory"
    custom.outcrop.models.remove("tuned")
    assert "updateDetails" not in get(custom)


def test_an_update_that_is_refused(custom: Wire) -> None:
    client = custom.client()
    deploy(custom)
    better = add_custom(custom, "better")

    def refused(code: str, **given: str) -> str:
        wanted = {"customModelDeploymentIdentifier": "gneiss", "modelArn": better, **given}
        return refusal(code, client.update_custom_model_deployment, **wanted)

    assert "wait until it is ready" in refused("ValidationException")
    settle(custom)
    refused("ResourceNotFoundException", modelArn=f"{ACCOUNT}:custom-model/{TINY}/000000000000")
    refused("ResourceNotFoundException", customModelDeploymentIdentifier="none")


def test_lists_come_page_by_page(custom: Wire) -> None:
    client, better = custom.client(), add_custom(custom, "better")
    for name, model in (("first", MODEL), ("second", better), ("third", MODEL)):
        deploy(custom, modelDeploymentName=name, modelArn=model)
    client.create_provisioned_model_throughput(modelUnits=1, provisionedModelName="other", modelId=TINY)
    settle(custom, name="first")
    settle(custom, "no", name="second")
    pages = client.get_paginator("list_custom_model_deployments")

    def names(**given: Any) -> list[str]:
        walked = pages.paginate(**given, PaginationConfig={"PageSize": 1})
        return [found["customModelDeploymentName"] for page in walked for found in page["modelDeploymentSummaries"]]

    assert names() == names(sortBy="CreationTime", sortOrder="Descending") == ["third", "second", "first"]
    assert names(sortOrder="Ascending") == ["first", "second", "third"]
    assert names(statusEquals="Active") == names(nameContains="FIR") == ["first"]
    assert names(statusEquals="Failed") == names(modelArnEquals=better) == ["second"]
    assert names(modelArnEquals=f"{ACCOUNT}:custom-model/{TINY}/000000000000") == []
    first = client.list_custom_model_deployments(sortOrder="Ascending")["modelDeploymentSummaries"][0]
    later = first["createdAt"] + timedelta(minutes=1)
    assert len(names(createdBefore=later)) == 3
    assert names(createdAfter=later) == []
    assert names(createdBefore=first["createdAt"] - timedelta(minutes=1)) == []
    client.update_custom_model_deployment(customModelDeploymentIdentifier="first", modelArn=better)
    assert names(statusEquals="Active") == ["first"]
    token = client.list_custom_model_deployments(maxResults=1)["nextToken"]
    call = client.list_custom_model_deployments
    refusal("ValidationException", call, maxResults=1, nextToken=token, nameContains="first")


def test_one_is_deleted_with_its_tags(custom: Wire) -> None:
    client = custom.client()
    arn = deploy(custom, tags=[{"key": "team", "value": "a"}])
    assert "gneiss" in refusal("ConflictException", client.delete_custom_model, modelIdentifier="tuned")
    client.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    for call in (client.get_custom_model_deployment, client.delete_custom_model_deployment):
        refusal("ResourceNotFoundException", call, customModelDeploymentIdentifier=arn)
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=arn)
    client.delete_custom_model(modelIdentifier="tuned")


def test_a_provisioned_throughput_is_none(custom: Wire) -> None:
    client = custom.client()
    client.create_provisioned_model_throughput(modelUnits=1, provisionedModelName="gneiss", modelId="tuned")
    refusal("ResourceNotFoundException", client.get_custom_model_deployment, customModelDeploymentIdentifier="gneiss")
