"""Inference parameters, in the words of each family."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.domain.generation import GenerationParameters
from outcrop.server.bedrock.inference_params import generation, written


@pytest.mark.parametrize(
    "given",
    [
        {"inferenceConfig": {"maxTokens": 12, "temperature": 0.25, "topP": 0.9, "stopSequences": ["END"]}},
        {"inferenceConfig": {"maxTokens": "12", "temperature": "0.25", "topP": "0.9", "stopSequences": ["END"]}},
        {"schemaVersion": "messages-v1", "inferenceConfig": {"max_new_tokens": 12, "temperature": 0.25, "top_p": 0.9}},
        {"textGenerationConfig": {"maxTokenCount": 12, "temperature": 0.25, "topP": 0.9, "stopSequences": ["END"]}},
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 12.0, "temperature": 0.25, "top_p": 0.9},
        {"max_gen_len": 12, "temperature": "0.25", "top_p": 0.9},
        {"max_tokens_to_sample": 12, "temperature": 0.25, "p": 0.9, "stop": "END"},
    ],
    ids=["converse", "as texts", "nova", "titan", "anthropic", "llama", "one stop text"],
)
def test_every_family_is_understood(given: dict[str, Any]) -> None:
    found = generation(json.dumps(given))
    assert found.pop("stop", ("END",)) == ("END",)
    assert found == {"max_tokens": 12, "temperature": 0.25, "top_p": 0.9}
    assert isinstance(found["max_tokens"], int)


def test_top_k_is_passed_on_beside_converse() -> None:
    given = {"inferenceConfig": {"maxTokens": 3}, "additionalModelRequestFields": {"top_k": "50"}}
    assert generation(json.dumps(given)) == {"max_tokens": 3, "top_k": 50}


def test_all_that_is_wrong_is_said_by_the_names_given() -> None:
    text = '{"max_gen_len": 0, "nonsense": 1, "temperature": "hot", "maxTokens": 4, "topP": 1e999, "stop": [1]}'
    with pytest.raises(InvalidInput) as caught:
        generation(text)
    found = {fault.field: fault.found for fault in caught.value.faults}
    assert found == {
        "max_gen_len": "0",
        "nonsense": "1",
        "temperature": "hot",
        "maxTokens": "max_gen_len beside it",
        "topP": "inf",
        "stop": "(1,)",
    }
    assert "maxTokenCount" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "null", "1.5 tokens", "[" * 1000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="a JSON object"):
        generation(text)


def test_what_is_written_is_read() -> None:
    parameters = GenerationParameters(max_tokens=7, temperature=0.5, top_p=0.8, stop=("ü",))
    assert GenerationParameters(**generation(written(parameters))) == parameters
    assert generation(written(GenerationParameters())) == {"max_tokens": 128, "temperature": 0.0, "top_p": 1.0}
