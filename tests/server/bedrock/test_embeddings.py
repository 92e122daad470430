"""InvokeModel of models that give vectors, as boto3 sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from outcrop.testing.catalogs import a_model
from tests.server.bedrock.runtime import RUNTIME
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.wire import Wire

TITAN = "amazon.titan-embed-text-v2:0"


@pytest.fixture
def embedding(answering: Wire) -> Wire:
    """A server with an encoder, and a model that writes text under the id of one that embeds."""
    answering.outcrop.services.catalog.add_model(replace(a_model("words"), engine="encoder"))
    answering.outcrop.models.alias(TITAN, "words")
    answering.outcrop.models.alias("cohere.embed-english-v3", "tiny")
    return answering


def invoke(wire: Wire, model: str, body: dict[str, Any]) -> Any:
    """The document of an answer."""
    answer = wire.client(RUNTIME).invoke_model(modelId=model, body=json.dumps(body), accept="application/json")
    assert answer["contentType"] == "application/json"
    return json.loads(answer["body"].read())


@pytest.mark.parametrize("model", [TITAN, f"us.{TITAN}", "words"])
def test_titans_words(embedding: Wire, model: str) -> None:
    found = invoke(embedding, model, {"inputText": "abcd", "dimensions": 3, "normalize": True})
    assert found["embedding"] == np.array([4, 0.1, -2.5], np.float32).tolist()
    assert found["inputTextTokenCount"] == 4


def test_coheres_words_of_a_model_that_writes_text(embedding: Wire) -> None:
    found = invoke(embedding, "cohere.embed-english-v3", {"texts": ["a", "abc"], "input_type": "search_document"})
    assert [vector[0] for vector in found["embeddings"]] == [1, 3]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"inputText": "a", "dimensions": 256}, "dimensions: found 256; expected 3, as many as the model gives"),
        ({"inputText": "a", "normalize": False}, "every vector has the length 1"),
        ({"prompt": "a"}, "inputText: found no such member"),
    ],
)
def test_refusals(embedding: Wire, body: dict[str, Any], why: str) -> None:
    assert why in refusal("ValidationException", invoke, embedding, TITAN, body)
