"""Models as OpenAI lists them."""

from __future__ import annotations

import openai
import pytest
from openai.types import Model

from outcrop.testing.catalogs import a_model
from tests.server.conftest import TINY
from tests.server.openai.double import Double, strictly


@pytest.fixture
def models(bare: Double) -> Double:
    for name in ("rock", "basalt"):
        bare.outcrop.services.catalog.add_model(a_model(name, created=1_700_000_000.5))
    bare.outcrop.models.alias(TINY, "rock")
    bare.outcrop.models.alias("another", "rock")
    return bare


def test_every_name_is_listed(models: Double) -> None:
    listed = list(models.client().models.list())
    assert [model.id for model in listed] == ["basalt", "rock", "another", TINY]
    for model in listed:
        strictly(Model, model.model_dump(mode="json", exclude_unset=True))
        assert (model.object, model.created, model.owned_by) == ("model", 1_700_000_000, "outcrop")


def test_nothing_is_listed_as_nothing(bare: Double) -> None:
    assert list(bare.client().models.list()) == []


@pytest.mark.parametrize(
    "name", ["rock", "another", TINY, f"us.{TINY}", f"arn:aws:bedrock:us-east-1::foundation-model/{TINY}"]
)
def test_a_model_is_found_by_every_name(models: Double, name: str) -> None:
    found = models.client().models.retrieve(name)
    assert (found.id, found.created) == (name, 1_700_000_000)


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "arn:aws:bedrock:us-east-1::custom-model/a", "é"])
def test_a_model_that_is_not_there(models: Double, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        models.client().models.retrieve(name)
    assert (refused.value.code, refused.value.type) == ("model_not_found", "invalid_request_error")


def test_a_name_with_control_characters_is_none(models: Double) -> None:
    with pytest.raises(openai.BadRequestError):
        models.client().models.retrieve("a\0b")


def test_deployments_that_answer_are_listed(models: Double) -> None:
    deployments = models.outcrop.deployments
    for name in ("ready", "not-yet", "rock"):
        deployments.create("basalt", name, kind="provisioned-throughput")
    deployments.settle(deployments.show("ready"))
    deployments.settle(deployments.show("rock"))
    listed = [model.id for model in models.client().models.list()]
    assert listed == ["basalt", "rock", "another", TINY, "ready"]
    assert models.client().models.retrieve("ready").id == "ready"
