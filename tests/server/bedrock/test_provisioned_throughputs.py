"""Provisioned throughputs as boto3 sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outcrop.domain.models import Customization, Lineage
from outcrop.testing.catalogs import a_model
from tests.doubles import IdleRunner
from tests.server.bedrock.deployed import ACCOUNT, FOUNDATION, add_brought, add_custom
from tests.server.bedrock.test_customization_jobs import Put, create, refusal
from tests.server.conftest import TINY
from tests.server.wire import Wire


@pytest.fixture
def custom(runner: IdleRunner, tiny: Wire) -> Wire:
    """A home with a base and a custom model of it."""
    add_custom(tiny, "tuned")
    return tiny


def provision(wire: Wire, **changes: Any) -> str:
    """The ARN that CreateProvisionedModelThroughput answers."""
    request = {"modelUnits": 2, "provisionedModelName": "gneiss", "modelId": "tuned", **changes}
    arn: str = wire.client().create_provisioned_model_throughput(**request)["provisionedModelArn"]
    return arn


def settle(wire: Wire, error: str = "", name: str = "gneiss") -> None:
    """What the server does once it has loaded a model, or can't."""
    wire.outcrop.deployments.settle(wire.outcrop.deployments.show(name), error)


def test_one_comes_into_service(custom: Wire) -> None:
    client, tags = custom.client(), [{"key": "team", "value": "a"}]
    arn = provision(custom, commitmentDuration="OneMonth", tags=tags)
    found = client.get_provisioned_model_throughput(provisionedModelId=arn)
    model = f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000"
    assert arn.rpartition("/")[0] == f"{ACCOUNT}:provisioned-model"
    assert (found["provisionedModelArn"], found["provisionedModelName"], found["status"]) == (arn, "gneiss", "Creating")
    assert (found["modelArn"], found["desiredModelArn"], found["foundationModelArn"]) == (model, model, FOUNDATION)
    assert (found["modelUnits"], found["desiredModelUnits"], found["commitmentDuration"]) == (2, 2, "OneMonth")
    assert found["creationTime"] == found["lastModifiedTime"]
    assert "failureMessage" not in found
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == tags
    settle(custom)
    found = client.get_provisioned_model_throughput(provisionedModelId="gneiss")
    assert found["status"] == "InService"
    assert found["creationTime"] <= found["lastModifiedTime"]


def test_one_that_can_not_be_loaded(custom: Wire) -> None:
    arn = provision(custom)
    settle(custom, "there is no memory for it" * 200)
    found = custom.client().get_provisioned_model_throughput(provisionedModelId=arn)
    assert found["status"] == "Failed"
    assert found["failureMessage"].startswith("there is no memory")
    assert "commitmentDuration" not in found


@pytest.mark.parametrize("model", [TINY, f"us.{TINY}", "tiny", FOUNDATION.replace("eu-central-1", "us-west-2")])
def test_of_a_foundation_model(custom: Wire, model: str) -> None:
    provision(custom, modelId=model)
    found = custom.client().get_provisioned_model_throughput(provisionedModelId="gneiss")
    assert found["modelArn"] == found["foundationModelArn"]
    assert found["modelArn"].partition("foundation-model/")[2].removeprefix("us.") == TINY


def test_the_id_that_was_asked_for_is_said_again(custom: Wire) -> None:
    provision(custom, modelId=f"{TINY}:128k")
    found = custom.client().get_provisioned_model_throughput(provisionedModelId="gneiss")
    assert found["modelArn"] == f"{FOUNDATION}:128k"


@pytest.mark.parametrize("kind", ["imported-model", "custom-model"])
def test_of_a_model_that_was_brought(custom: Wire, kind: str) -> None:
    model = add_brought(custom, "brought", kind)
    provision(custom, modelId="brought")
    client = custom.client()
    found = client.get_provisioned_model_throughput(provisionedModelId="gneiss")
    assert found["modelArn"] == f"{ACCOUNT}:custom-model/imported/{model.imported}"
    assert found["foundationModelArn"].endswith("foundation-model/outcrop.brought")
    listed = client.list_provisioned_model_throughputs(modelArnEquals=found["modelArn"])
    assert len(listed["provisionedModelSummaries"]) == 1
    provision(custom, modelId=found["modelArn"], provisionedModelName="schist")


def test_the_arn_is_that_of_the_custom_model(runner: IdleRunner, tiny: Wire, put: Put) -> None:
    job = create(tiny, put)["jobArn"].rpartition("/")[2]
    lineage = Lineage(job, "tiny", a_model().identity, Customization.LORA, "", "", {}, 0, {})
    tiny.outcrop.services.catalog.add_model(a_model("tuned", lineage=lineage))
    client = tiny.client()
    model = client.get_custom_model(modelIdentifier="tuned")
    provision(tiny, modelId=model["modelArn"])
    found = client.get_provisioned_model_throughput(provisionedModelId="gneiss")
    assert found["modelArn"] == model["modelArn"]
    assert found["foundationModelArn"] == model["baseModelArn"] == f"{FOUNDATION}:128k"


def test_every_name_finds_one(custom: Wire) -> None:
    arn = provision(custom)
    client = custom.client(region="us-west-2")
    for name in (arn, "gneiss", arn.rpartition("/")[2], arn.replace("eu-central-1", "us-west-2")):
        found = client.get_provisioned_model_throughput(provisionedModelId=name)
        assert ":us-west-2:" in found["provisionedModelArn"]


def test_a_request_that_comes_twice_makes_one(custom: Wire) -> None:
    assert provision(custom, clientRequestToken="once") == provision(custom, clientRequestToken="once")
    assert "'gneiss' already" in refusal("ValidationException", provision, custom, clientRequestToken="again")


def test_a_wrong_request_is_refused(custom: Wire) -> None:
    refusal("ResourceNotFoundException", provision, custom, modelId="none")
    refusal("ResourceNotFoundException", provision, custom, modelId=f"{ACCOUNT}:custom-model/{TINY}/000000000000")
    refusal("ValidationException", provision, custom, provisionedModelName="a.b")
    refusal("ValidationException", provision, custom, modelId=f"{ACCOUNT}:provisioned-model/000000000000")
    refusal("ValidationException", provision, custom, commitmentDuration="OneYear")
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    assert "more than once" in refusal("ValidationException", provision, custom, tags=twice)
    assert "units: found 3000000" in refusal("ValidationException", provision, custom, modelUnits=3_000_000)
    custom.outcrop.services.catalog.add_model(a_model("vectors", engine="encoder"))
    assert "is an encoder" in refusal("ValidationException", provision, custom, modelId="vectors")
    assert custom.outcrop.deployments.list() == []


def test_an_update_changes_name_and_model(custom: Wire) -> None:
    better, arn, client = add_custom(custom, "better"), provision(custom), custom.client()
    settle(custom)
    client.update_provisioned_model_throughput(
        provisionedModelId="gneiss", desiredProvisionedModelName="schist", desiredModelId=better
    )
    found = client.get_provisioned_model_throughput(provisionedModelId=arn)
    assert (found["provisionedModelName"], found["status"]) == ("schist", "Updating")
    assert found["modelArn"].endswith("/jobtuned0000")
    assert found["desiredModelArn"] == better
    settle(custom, name="schist")
    found = client.get_provisioned_model_throughput(provisionedModelId=arn)
    assert (found["status"], found["modelArn"], found["desiredModelArn"]) == ("InService", better, better)
    client.update_provisioned_model_throughput(provisionedModelId=arn, desiredModelId=TINY)
    settle(custom, "there is no memory", name="schist")
    found = client.get_provisioned_model_throughput(provisionedModelId=arn)
    assert (found["status"], found["modelArn"], found["desiredModelArn"]) == ("InService", better, better)
    assert found["failureMessage"] == "there is no memory"


def test_an_update_that_is_refused(custom: Wire) -> None:
    provision(custom)
    provision(custom, provisionedModelName="taken")
    add_brought(custom, "brought", "imported-model")
    client = custom.client()

    def refused(code: str, **given: str) -> str:
        return refusal(code, client.update_provisioned_model_throughput, **{"provisionedModelId": "gneiss", **given})

    assert "wait until it is ready" in refused("ValidationException", desiredModelId=TINY)
    settle(custom)
    assert "another provisioned throughput" in refused("ValidationException", desiredModelId="brought")
    assert "'taken' already" in refused("ValidationException", desiredProvisionedModelName="taken")
    refused("ResourceNotFoundException", desiredModelId="none")
    refused("ResourceNotFoundException", provisionedModelId="none", desiredModelId=TINY)


def test_lists_come_page_by_page(custom: Wire) -> None:
    for name, model in (("first", "tuned"), ("second", TINY), ("third", "tuned")):
        provision(custom, provisionedModelName=name, modelId=model)
    settle(custom, name="second")
    client = custom.client()
    client.create_custom_model_deployment(
        modelDeploymentName="other", modelArn=f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000"
    )
    pages = client.get_paginator("list_provisioned_model_throughputs")

    def names(**given: Any) -> list[str]:
        walked = pages.paginate(**given, PaginationConfig={"PageSize": 1})
        return [found["provisionedModelName"] for page in walked for found in page["provisionedModelSummaries"]]

    assert names() == names(sortBy="CreationTime", sortOrder="Descending") == ["third", "second", "first"]
    assert names(sortOrder="Ascending") == ["first", "second", "third"]
    assert names(statusEquals="InService") == names(modelArnEquals=FOUNDATION) == ["second"]
    assert names(statusEquals="Creating", nameContains="IR") == ["third", "first"]
    assert names(modelArnEquals=f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000") == ["third", "first"]
    assert names(modelArnEquals=f"{ACCOUNT}:custom-model/{TINY}/000000000000") == names(statusEquals="Failed") == []
    first = client.list_provisioned_model_throughputs(sortOrder="Ascending")["provisionedModelSummaries"][0]
    later = first["creationTime"] + timedelta(minutes=1)
    assert len(names(creationTimeBefore=later)) == 3
    assert names(creationTimeAfter=later) == []
    token = client.list_provisioned_model_throughputs(maxResults=1)["nextToken"]
    refusal(
        "ValidationException",
        client.list_provisioned_model_throughputs,
        maxResults=1,
        nextToken=token,
        nameContains="first",
    )


def test_one_is_deleted_whatever_it_does(custom: Wire) -> None:
    client, tags = custom.client(), [{"key": "team", "value": "a"}]
    arn = provision(custom, commitmentDuration="SixMonths", tags=tags)
    client.delete_provisioned_model_throughput(provisionedModelId=arn)
    for call in (client.get_provisioned_model_throughput, client.delete_provisioned_model_throughput):
        refusal("ResourceNotFoundException", call, provisionedModelId=arn)
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=arn)
    deployment = arn.rpartition("/")[2]
    assert custom.outcrop.services.catalog.tags(f"provisioned-model/{deployment}") == {}


def test_a_model_in_use_stays(custom: Wire) -> None:
    client = custom.client()
    provision(custom)
    brought = add_brought(custom, "brought", "imported-model")
    provision(custom, provisionedModelName="schist", modelId="brought")
    assert "gneiss" in refusal("ConflictException", client.delete_custom_model, modelIdentifier="tuned")
    assert "schist" in refusal("ConflictException", client.delete_imported_model, modelIdentifier="brought")
    for name in ("gneiss", "schist"):
        client.delete_provisioned_model_throughput(provisionedModelId=name)
    client.delete_custom_model(modelIdentifier="tuned")
    client.delete_imported_model(modelIdentifier="brought")
    assert brought.name not in [model.name for model in custom.outcrop.models.list()]


def test_a_deployment_of_the_other_kind_is_none(custom: Wire) -> None:
    client = custom.client()
    arn = client.create_custom_model_deployment(
        modelDeploymentName="gneiss", modelArn=f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000"
    )["customModelDeploymentArn"]
    for name in ("gneiss", arn.rpartition("/")[2], f"{ACCOUNT}:provisioned-model/{arn.rpartition('/')[2]}"):
        refusal("ResourceNotFoundException", client.get_provisioned_model_throughput, provisionedModelId=name)
    wrong = arn.replace("custom-model-deployment", "provisioned-model")
    refusal("ResourceNotFoundException", client.list_tags_for_resource, resourceARN=wrong)
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == []
