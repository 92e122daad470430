"""CountTokens as boto3 sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.domain.errors import OutcropError
from tests.server.bedrock.runtime import ASK, REFUSALS, RUNTIME
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.bedrock.test_invoke_model import QUESTION, WORDS, Words, alias
from tests.server.conftest import TINY
from tests.server.serving_double import ServingDouble
from tests.server.wire import Wire


def count(wire: Wire, model: str = TINY, **given: Any) -> int:
    """What CountTokens answers."""
    answer = wire.client(RUNTIME).count_tokens(modelId=model, input=given or {"converse": {"messages": ASK}})
    tokens: int = answer["inputTokens"]
    return tokens


def test_a_conversation(answering: Wire, serving: ServingDouble) -> None:
    assert count(answering, converse={"system": [{"text": "Be brief."}], "messages": ASK}) == 5
    ((model, prompt),) = serving.counted
    assert model.name == "tiny"
    assert [message.role.value for message in prompt.messages] == ["system", "user"]
    assert serving.asked == []


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
def test_a_body_of_each_family(answering: Wire, serving: ServingDouble, words: Words) -> None:
    alias(answering, words.model)
    assert count(answering, words.model, invokeModel={"body": json.dumps(words.body)}) == 3
    assert [message.text for message in serving.counted[0][1].messages] == [QUESTION]


@pytest.mark.parametrize(("error", "code", "status"), REFUSALS)
def test_a_model_that_does_not_count(
    answering: Wire, serving: ServingDouble, error: OutcropError, code: str, status: int
) -> None:
    serving.refuses = error
    with pytest.raises(ClientError) as caught:
        count(answering)
    assert caught.value.response["Error"] == {"Code": code, "Message": str(error)}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"invokeModel": {"body": b"{"}}, "Malformed input request"),
        ({"invokeModel": {"body": b'{"prompt": 5}'}}, "body: prompt: found the number 5"),
        ({"invokeModel": {"body": b"[]"}}, "expected a JSON object"),
        ({"converse": {}}, "messages"),
        ({"converse": {"messages": [{"role": "assistant", "content": [{"text": "a"}]}]}}, "messages[0].role"),
        ({"converse": {"messages": ASK, "toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]}}}, "toolConfig"),
    ],
)
def test_what_is_asked_wrongly(answering: Wire, serving: ServingDouble, asked: dict[str, Any], said: str) -> None:
    client = answering.client(RUNTIME)
    assert said in refusal("ValidationException", client.count_tokens, modelId=TINY, input=asked)
    assert serving.counted == []


@pytest.mark.parametrize("body", [b"{}", b'{"input": {}}', b'{"input": {"converse": {}, "invokeModel": {"body": ""}}}'])
def test_one_kind_of_input_is_needed(answering: Wire, body: bytes) -> None:
    headers = {"authorization": f"Bearer {answering.outcrop.keys.create(bearer=True).secret}"}
    answer = answering.send("POST", f"/model/{TINY}/count-tokens", headers, body)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")


def test_a_model_that_is_not_there(answering: Wire) -> None:
    assert "outcrop models alias" in refusal("ResourceNotFoundException", count, answering, "meta.llama9-v1:0")


def test_without_the_right_key_nothing_is_counted(answering: Wire, serving: ServingDouble) -> None:
    answer = answering.send("POST", f"/model/{TINY}/count-tokens", {"authorization": "Bearer " + "A" * 40}, b"{}")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert serving.counted == []
