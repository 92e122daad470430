"""Foundation models as boto3 sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles import add_scripted
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.conftest import TINY
from tests.server.wire import Wire


@pytest.fixture
def stocked(tiny: Wire, tmp_path: Path) -> Wire:
    """A home with a model of one of Bedrock's ids, one without, and an alias that is none of them."""
    add_scripted(tiny.outcrop, tmp_path, "My_Script.v2")
    tiny.outcrop.models.alias("short", "My_Script.v2")
    return tiny


def test_every_member_is_filled(stocked: Wire) -> None:
    found = {model["modelId"]: model for model in stocked.client().list_foundation_models()["modelSummaries"]}
    assert found.keys() == {TINY, "outcrop.my-script-v2"}
    assert found[TINY] == {
        "modelArn": f"arn:aws:bedrock:eu-central-1::foundation-model/{TINY}",
        "modelId": TINY,
        "modelName": "tiny",
        "providerName": "Meta",
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": ["FINE_TUNING", "CONTINUED_PRE_TRAINING"],
        "inferenceTypesSupported": ["ON_DEMAND", "PROVISIONED"],
        "modelLifecycle": {"status": "ACTIVE"},
    }
    assert found["outcrop.my-script-v2"]["customizationsSupported"] == []


def test_the_list_is_narrowed(stocked: Wire) -> None:
    client = stocked.client()

    def ids(**given: str) -> list[str]:
        return [model["modelId"] for model in client.list_foundation_models(**given)["modelSummaries"]]

    both = [TINY, "outcrop.my-script-v2"]
    assert sorted(ids(byInferenceType="ON_DEMAND")) == both
    assert sorted(ids(byOutputModality="TEXT")) == both
    assert ids(byOutputModality="IMAGE") == ids(byCustomizationType="DISTILLATION") == []
    assert ids(byCustomizationType="FINE_TUNING") == ids(byProvider="Meta") == ids(byProvider="meta") == [TINY]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (TINY, TINY),
        (f"{TINY}:128k", f"{TINY}:128k"),
        (f"us.{TINY}", f"us.{TINY}"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{TINY}", TINY),
        ("outcrop.my-script-v2", "outcrop.my-script-v2"),
    ],
)
def test_a_model_is_told_by_the_id_that_was_asked_for(stocked: Wire, asked: str, told: str) -> None:
    client = stocked.client()
    details = client.get_foundation_model(modelIdentifier=asked)["modelDetails"]
    assert (details["modelId"], details["modelArn"].rpartition("/")[2]) == (told, told)


def test_what_is_here_is_available(stocked: Wire) -> None:
    found = stocked.client().get_foundation_model_availability(modelId=TINY)
    found.pop("ResponseMetadata")
    assert found == {
        "modelId": TINY,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


def test_what_is_not_there_is_said(stocked: Wire) -> None:
    client = stocked.client()
    for name in ("amazon.nova-pro-v1:0", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"):
        assert "alias" in refusal("ResourceNotFoundException", client.get_foundation_model, modelIdentifier=name)
    message = refusal(
        "ResourceNotFoundException", client.get_foundation_model_availability, modelId="amazon.nova-pro-v1:0"
    )
    assert "outcrop models alias" in message
    refusal("ValidationException", client.get_foundation_model, modelIdentifier="../../etc/passwd")
