"""Who answers: every name that Bedrock's clients may give, and the statuses of deployments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.domain.deployments import Deployment
from outcrop.testing.catalogs import a_model
from tests.server.bedrock.deployed import ACCOUNT, FOUNDATION, add_brought, add_custom
from tests.server.bedrock.runtime import ASK, RUNTIME
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.conftest import TINY
from tests.server.serving_double import RESPONSE, ServingDouble
from tests.server.wire import Wire

PROVISIONED, ON_DEMAND = "provisioned-throughput", "on-demand"

#: What comes before the id in ARNs of deployments.
KINDS = {PROVISIONED: "provisioned-model", ON_DEMAND: "custom-model-deployment"}


@pytest.fixture
def wire(answering: Wire) -> Wire:
    """A home with a base, and two custom models of it."""
    add_custom(answering, "tuned")
    add_custom(answering, "better")
    return answering


def asked(wire: Wire, serving: ServingDouble, name: str) -> tuple[str, str | None]:
    """The names of the model and the deployment that every runtime operation reaches by a name."""
    client = wire.client(RUNTIME)
    body = json.dumps({"prompt": "Hi", "max_gen_len": 5})
    before = len(serving.asked)
    assert client.converse(modelId=name, messages=ASK)["output"]["message"]["content"] == [{"text": RESPONSE.text}]
    list(client.converse_stream(modelId=name, messages=ASK)["stream"])
    assert json.loads(client.invoke_model(modelId=name, body=body)["body"].read())["generation"] == RESPONSE.text
    list(client.invoke_model_with_response_stream(modelId=name, body=body)["body"])
    client.count_tokens(modelId=name, input={"converse": {"messages": ASK}})
    found = {(each.model.name, each.deployment.name if each.deployment else None) for each in serving.asked[before:]}
    assert len(serving.asked) == before + 4
    ((model, deployment),) = found
    assert serving.counted[-1][0].name == model
    return model, deployment


def deploy(wire: Wire, kind: str = PROVISIONED, model: str = "tuned", *, name: str = "gneiss") -> Deployment:
    """A deployment that is ready."""
    return wire.outcrop.deployments.settle(wire.outcrop.deployments.create(model, name, kind=kind))


def arn_of(deployment: Deployment) -> str:
    return f"{ACCOUNT}:{KINDS[deployment.kind.value]}/{deployment.id}"


@pytest.mark.parametrize(
    "name",
    [
        "tiny",
        TINY,
        f"{TINY}:128k",
        f"us.{TINY}",
        f"us-gov.{TINY}:128k",
        f"global.{TINY}",
        FOUNDATION,
        f"{FOUNDATION}:128k",
        FOUNDATION.replace("eu-central-1", "us-west-2"),
        f"{ACCOUNT}:inference-profile/eu.{TINY}",
    ],
)
def test_names_of_a_base(wire: Wire, serving: ServingDouble, name: str) -> None:
    assert asked(wire, serving, name) == ("tiny", None)


def test_a_base_without_an_id_of_bedrocks_is_found_by_ours(wire: Wire, serving: ServingDouble) -> None:
    wire.outcrop.services.catalog.add_model(a_model("Rock-2_B.gguf"))
    listed = wire.client().list_foundation_models()["modelSummaries"]
    (found,) = (each for each in listed if each["modelId"] != TINY)
    for name in ("Rock-2_B.gguf", found["modelId"], found["modelArn"]):
        assert asked(wire, serving, name) == ("Rock-2_B.gguf", None)


@pytest.mark.parametrize(
    "name",
    [
        "tuned",
        f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000",
        f"{ACCOUNT}:custom-model/{TINY}:128k/jobtuned0000",
        f"{ACCOUNT}:custom-model/meta.llama3-1-8b-instruct-v1/jobtuned0000",
        f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000".replace("eu-central-1", "us-west-2"),
    ],
)
def test_names_of_a_custom_model(wire: Wire, serving: ServingDouble, name: str) -> None:
    assert asked(wire, serving, name) == ("tuned", None)


@pytest.mark.parametrize(("kind", "path"), [("imported-model", ""), ("custom-model", "imported/")])
def test_names_of_an_imported_model(wire: Wire, serving: ServingDouble, kind: str, path: str) -> None:
    add_brought(wire, "brought", kind)
    for name in ("brought", f"{ACCOUNT}:{kind}/{path}impbrought00"):
        assert asked(wire, serving, name) == ("brought", None)


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_a_deployment(wire: Wire, serving: ServingDouble, kind: str) -> None:
    deployment = deploy(wire, kind)
    arn = arn_of(deployment)
    for name in (arn, arn.replace("eu-central-1", "us-west-2"), "gneiss", deployment.id):
        assert asked(wire, serving, name) == ("tuned", "gneiss")
    assert serving.asked[-1].deployment == deployment


def test_the_family_of_what_answers_decides_the_words(wire: Wire) -> None:
    """All of them go back to the base, whose id is Meta's."""
    deploy(wire)
    titan = json.dumps({"inputText": "Hi"})
    for name in ("tiny", "tuned", f"{ACCOUNT}:custom-model/{TINY}/jobtuned0000", "gneiss"):
        message = refusal("ValidationException", wire.client(RUNTIME).invoke_model, modelId=name, body=titan)
        assert 'unknown member "inputText"' in message
    add_brought(wire, "brought", "imported-model")
    answer = wire.client(RUNTIME).invoke_model(modelId=f"{ACCOUNT}:imported-model/impbrought00", body=titan)
    assert json.loads(answer["body"].read())["results"][0]["outputText"] == RESPONSE.text


def test_a_model_goes_before_a_deployment_of_its_name(wire: Wire, serving: ServingDouble) -> None:
    deployment = deploy(wire, model="tuned", name="better")
    assert asked(wire, serving, "better") == ("better", None)
    assert asked(wire, serving, arn_of(deployment)) == ("tuned", "better")


@pytest.mark.parametrize("kind", KINDS)
def test_while_it_is_updated_the_old_model_answers(wire: Wire, serving: ServingDouble, kind: str) -> None:
    arn = arn_of(deploy(wire, kind))
    updating = wire.outcrop.deployments.update("gneiss", model="better")
    assert asked(wire, serving, arn) == ("tuned", "gneiss")
    wire.outcrop.deployments.settle(updating)
    assert asked(wire, serving, arn) == ("better", "gneiss")
    wire.outcrop.deployments.settle(wire.outcrop.deployments.update("gneiss", model="tuned"), "there is no memory")
    assert asked(wire, serving, arn) == ("better", "gneiss")


def test_under_a_new_name_it_is_the_same(wire: Wire, serving: ServingDouble) -> None:
    arn = arn_of(deploy(wire))
    wire.outcrop.deployments.update("gneiss", new_name="schist")
    for name in (arn, "schist"):
        assert asked(wire, serving, name) == ("tuned", "schist")
    refusal("ResourceNotFoundException", wire.client(RUNTIME).converse, modelId="gneiss", messages=ASK)


def calls(wire: Wire, name: str) -> list[tuple[Any, dict[str, Any]]]:
    """Every runtime operation, and what it is asked by a name."""
    client, body = wire.client(RUNTIME), json.dumps({"prompt": "Hi"})
    return [
        (client.converse, {"modelId": name, "messages": ASK}),
        (client.converse_stream, {"modelId": name, "messages": ASK}),
        (client.invoke_model, {"modelId": name, "body": body}),
        (client.invoke_model_with_response_stream, {"modelId": name, "body": body}),
        (client.count_tokens, {"modelId": name, "input": {"converse": {"messages": ASK}}}),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_being_created_is_not_ready(wire: Wire, serving: ServingDouble, kind: str) -> None:
    deployment = wire.outcrop.deployments.create("tuned", "gneiss", kind=kind)
    for name in (arn_of(deployment), "gneiss"):
        for call, given in calls(wire, name):
            with pytest.raises(ClientError) as caught:
                call(**given)
            assert caught.value.response["Error"]["Code"] == "ModelNotReadyException"
            assert "being created" in caught.value.response["Error"]["Message"]
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert serving.asked == []


def test_one_that_failed_says_why(wire: Wire, serving: ServingDouble) -> None:
    deployment = wire.outcrop.deployments.create("tuned", "gneiss", kind=PROVISIONED)
    wire.outcrop.deployments.settle(deployment, "there is no memory")
    for call, given in calls(wire, arn_of(deployment)):
        assert "could not be created: there is no memory" in refusal("ValidationException", call, **given)
    assert serving.asked == []


def test_one_that_was_deleted_is_gone(wire: Wire) -> None:
    arn = arn_of(deploy(wire))
    wire.outcrop.deployments.remove("gneiss")
    for name in (arn, "gneiss"):
        for call, given in calls(wire, name):
            assert "gneiss" in (message := refusal("ResourceNotFoundException", call, **given)) or arn in message


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("none", "ResourceNotFoundException"),
        ("meta.llama9-v1:0", "ResourceNotFoundException"),
        (FOUNDATION.replace("llama3", "llama9"), "ResourceNotFoundException"),
        (f"{ACCOUNT}:custom-model/{TINY}/000000000000", "ResourceNotFoundException"),
        (f"{ACCOUNT}:imported-model/000000000000", "ResourceNotFoundException"),
        (f"{ACCOUNT}:provisioned-model/000000000000", "ResourceNotFoundException"),
        (f"{ACCOUNT}:custom-model-deployment/000000000000", "ResourceNotFoundException"),
        (f"{ACCOUNT}:evaluation-job/000000000000", "ValidationException"),
        (f"{ACCOUNT}:guardrail/000000000000", "ValidationException"),
        (f"{ACCOUNT}:provisioned-model/", "ValidationException"),
        ("arn:aws:sagemaker:eu-central-1:123456789012:endpoint/a", "ValidationException"),
        ("arn:aws:bedrock:eu-central-1:123456789012:prompt/ABCDEFGHIJ:1", "ValidationException"),
        ("a/b", "ValidationException"),
        (" tiny", "ValidationException"),
    ],
)
def test_names_of_nothing_that_answers(wire: Wire, serving: ServingDouble, name: str, code: str) -> None:
    for call, given in calls(wire, name)[:4]:
        refusal(code, call, **given)
    assert serving.asked == []


def test_an_arn_of_the_other_kind_is_none(wire: Wire) -> None:
    deployment = deploy(wire)
    arn = arn_of(deployment).replace("provisioned-model", "custom-model-deployment")
    for call, given in calls(wire, arn):
        assert "there is no on-demand" in refusal("ResourceNotFoundException", call, **given)
    # By a name it would be found, but an ARN has ids.
    for call, given in calls(wire, arn_of(deployment).replace(deployment.id, "gneiss")):
        refusal("ResourceNotFoundException", call, **given)
