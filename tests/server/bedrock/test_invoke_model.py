"""InvokeModel and InvokeModelWithResponseStream as boto3 sees them, in the words of each family."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.domain.errors import OutcropError
from tests.server.bedrock.runtime import BREAKS, REFUSALS, RUNTIME, before_break, sound
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.conftest import TINY
from tests.server.serving_double import PIECES, RESPONSE, ServingDouble
from tests.server.wire import Wire

QUESTION = "What is basalt?"
BODY = {"prompt": QUESTION}
METRICS = "amazon-bedrock-invocationMetrics"

#: What differs from answer to answer; each is a text that is not empty, or a moment.
DRAWN = ("id", "created")


@dataclass(frozen=True)
class Words:
    """A body in the words of a family, and what is said to it.

    Attributes:
        model: An id of the family.
        body: It asks ``QUESTION``.
        answer: Of the double, whole.
        first: The first event that has text.
        last: The last event, without its metrics.
        events: How many there are, for three pieces of text.
        most: The most tokens, which the body says or which are usual.
    """

    model: str
    body: dict[str, Any]
    answer: dict[str, Any]
    first: dict[str, Any]
    last: dict[str, Any]
    events: int
    most: int


MESSAGES = [{"role": "user", "content": QUESTION}]
BLOCKS = [{"role": "user", "content": [{"text": QUESTION}]}]
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
MISTRAL = "mistral.mistral-large-2402-v1:0"
COUNTS = {"input_tokens": 7, "output_tokens": 4}
COHERE_WHOLE = {
    "generations": [{"finish_reason": "COMPLETE", "id": "", "text": RESPONSE.text}],
    "id": "",
    "prompt": QUESTION,
}

WORDS = {
    "llama": Words(
        TINY,
        {"prompt": QUESTION, "max_gen_len": 5},
        {"generation": RESPONSE.text, "prompt_token_count": 7, "generation_token_count": 4, "stop_reason": "stop"},
        {"generation": "Ba", "prompt_token_count": 7, "generation_token_count": 1, "stop_reason": None},
        {"generation": "", "prompt_token_count": None, "generation_token_count": 4, "stop_reason": "stop"},
        4,
        5,
    ),
    "anthropic": Words(
        CLAUDE,
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": MESSAGES},
        {
            "id": "",
            "type": "message",
            "role": "assistant",
            "model": CLAUDE,
            "content": [{"type": "text", "text": RESPONSE.text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": COUNTS,
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Ba"}},
        {"type": "message_stop"},
        8,
        5,
    ),
    "anthropic, text": Words(
        "anthropic.claude-v2",
        {"prompt": f"\n\nHuman: {QUESTION}\n\nAssistant:", "max_tokens_to_sample": 5},
        {"type": "completion", "completion": RESPONSE.text, "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        {"type": "completion", "completion": "Ba", "stop_reason": None, "stop": None},
        {"type": "completion", "completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        4,
        5,
    ),
    "nova": Words(
        "amazon.nova-lite-v1:0",
        {"schemaVersion": "messages-v1", "messages": BLOCKS, "inferenceConfig": {"maxTokens": 5}},
        {
            "output": {"message": {"role": "assistant", "content": [{"text": RESPONSE.text}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 7, "outputTokens": 4, "totalTokens": 11},
        },
        {"contentBlockDelta": {"delta": {"text": "Ba"}, "contentBlockIndex": 0}},
        {
            "metadata": {
                "usage": {"inputTokens": 7, "outputTokens": 4, "totalTokens": 11},
                "metrics": {},
                "trace": {},
            }
        },
        7,
        5,
    ),
    "titan": Words(
        "amazon.titan-text-express-v1",
        {"inputText": QUESTION, "textGenerationConfig": {"maxTokenCount": 5}},
        {
            "inputTextTokenCount": 7,
            "results": [{"tokenCount": 4, "outputText": RESPONSE.text, "completionReason": "FINISH"}],
        },
        {
            "outputText": "Ba",
            "index": 0,
            "totalOutputTextTokenCount": None,
            "completionReason": None,
            "inputTextTokenCount": 7,
        },
        {
            "outputText": "",
            "index": 0,
            "totalOutputTextTokenCount": 4,
            "completionReason": "FINISH",
            "inputTextTokenCount": None,
        },
        4,
        5,
    ),
    "mistral": Words(
        MISTRAL,
        {"prompt": f"<s>[INST] {QUESTION} [/INST]", "max_tokens": 5},
        {"outputs": [{"text": RESPONSE.text, "stop_reason": "stop"}]},
        {"outputs": [{"text": "Ba", "stop_reason": None}]},
        {"outputs": [{"text": "", "stop_reason": "stop"}]},
        4,
        5,
    ),
    "mistral, chat": Words(
        MISTRAL,
        {"messages": MESSAGES},
        {
            "id": "",
            "object": "chat.completion",
            "created": 0,
            "model": MISTRAL,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": RESPONSE.text}, "stop_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11},
        },
        {
            "id": "",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": MISTRAL,
            "choices": [{"index": 0, "message": {"role": None, "content": "Ba"}, "stop_reason": None}],
        },
        {
            "id": "",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": MISTRAL,
            "choices": [{"index": 0, "message": {"role": None, "content": ""}, "stop_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11},
        },
        5,
        512,
    ),
    "cohere": Words("cohere.command-text-v14", BODY, COHERE_WHOLE, COHERE_WHOLE, COHERE_WHOLE, 1, 20),
    "cohere, in parts": Words(
        "cohere.command-text-v14",
        {"prompt": QUESTION, "stream": True},
        COHERE_WHOLE,
        {"text": "Ba", "is_finished": False},
        {"is_finished": True, "finish_reason": "COMPLETE", "response": COHERE_WHOLE},
        4,
        20,
    ),
}


def invoke(wire: Wire, body: object = BODY, model: str = TINY, **more: Any) -> dict[str, Any]:
    """What InvokeModel answers, the body read."""
    sent = body if isinstance(body, bytes) else json.dumps(body)
    answer = wire.client(RUNTIME).invoke_model(modelId=model, body=sent, **more)
    assert answer["contentType"] == "application/json"
    return {**answer, "body": json.loads(answer["body"].read())}


def chunks(wire: Wire, body: object = BODY, model: str = TINY) -> list[dict[str, Any]]:
    """The documents of InvokeModelWithResponseStream."""
    sent = body if isinstance(body, bytes) else json.dumps(body)
    answer = wire.client(RUNTIME).invoke_model_with_response_stream(modelId=model, body=sent)
    assert answer["contentType"] == "application/json"
    return [json.loads(event["chunk"]["bytes"]) for event in _sound(answer["body"])]


def _sound(stream: Any) -> list[dict[str, Any]]:
    return sound("InvokeModelWithResponseStream", "body", stream)


def undrawn(document: Any) -> Any:
    """A document without what differs from answer to answer."""
    if isinstance(document, list):
        return [undrawn(each) for each in document]
    if not isinstance(document, dict):
        return document
    assert all(document[name] for name in DRAWN if name in document)
    blank = {"id": "", "created": 0}
    return {name: blank.get(name, undrawn(value)) for name, value in document.items()}


def alias(wire: Wire, model: str) -> None:
    """Give the tiny model an id of a family."""
    wire.outcrop.models.alias(model, "tiny")


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
def test_a_whole_answer_in_each_family(answering: Wire, serving: ServingDouble, words: Words) -> None:
    alias(answering, words.model)
    answer = invoke(answering, words.body, words.model)
    assert undrawn(answer["body"]) == words.answer
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == "7"
    assert headers["x-amzn-bedrock-output-token-count"] == "4"
    assert 0 <= int(headers["x-amzn-bedrock-invocation-latency"]) < 60_000
    (asked,) = serving.asked
    assert asked.model.name == "tiny"
    assert [message.text for message in asked.inference.prompt.messages] == [QUESTION]
    assert asked.inference.parameters.max_tokens == words.most


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
def test_a_stream_in_each_family(answering: Wire, words: Words) -> None:
    alias(answering, words.model)
    found = chunks(answering, words.body, words.model)
    metrics = found[-1].pop(METRICS)
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (7, 4)
    assert 0 <= metrics["firstByteLatency"] <= metrics["invocationLatency"] < 60_000
    assert not any(METRICS in each for each in found)
    assert len(found) == words.events
    assert undrawn(found[-1]) == words.last
    assert undrawn(next(each for each in found if "Ba" in json.dumps(each))) == words.first
    assert all(json.dumps(piece)[1:-1] in json.dumps(found) for piece in PIECES)


@pytest.mark.parametrize("family", [family for family in WORDS if not family.startswith("cohere")])
def test_a_model_of_no_known_family_reads_the_words_of_all(answering: Wire, family: str) -> None:
    alias(answering, "own.words-v1")
    expected = WORDS[family].answer
    named = {"model": "own.words-v1"} if "model" in expected else {}
    assert undrawn(invoke(answering, WORDS[family].body, "own.words-v1")["body"]) == {**expected, **named}


def test_of_no_known_family_a_prompt_alone_is_llamas_and_more_of_it_coheres(answering: Wire) -> None:
    alias(answering, "own.words-v1")
    assert invoke(answering, BODY, "own.words-v1")["body"] == WORDS["llama"].answer
    assert undrawn(invoke(answering, {**BODY, "p": 0.5}, "own.words-v1")["body"]) == COHERE_WHOLE


@pytest.mark.parametrize(
    ("reason", "told"), [("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop")]
)
def test_why_it_ended(answering: Wire, serving: ServingDouble, reason: str, told: str) -> None:
    serving.response = replace(RESPONSE, stop_reason=reason)
    assert invoke(answering)["body"]["stop_reason"] == told
    assert chunks(answering)[-1]["stop_reason"] == told


@pytest.mark.parametrize(("error", "code", "status"), REFUSALS)
def test_a_model_that_does_not_answer(
    answering: Wire, serving: ServingDouble, error: OutcropError, code: str, status: int
) -> None:
    serving.refuses = error
    for call in (invoke, chunks):
        with pytest.raises(ClientError) as caught:
            call(answering)
        assert caught.value.response["Error"] == {"Code": code, "Message": str(error)}
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(("error", "code"), BREAKS)
def test_a_stream_that_breaks(answering: Wire, serving: ServingDouble, error: OutcropError, code: str) -> None:
    serving.fails = error
    answer = answering.client(RUNTIME).invoke_model_with_response_stream(modelId=TINY, body=json.dumps(BODY))
    (first,) = _sound(before_break(answer["body"], code, str(error)))
    assert json.loads(first["chunk"]["bytes"])["generation"] == PIECES[0]


@pytest.mark.parametrize("call", [invoke, chunks])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000, b"9" * 5000])
def test_a_body_that_is_no_json(answering: Wire, serving: ServingDouble, call: Any, body: bytes) -> None:
    assert refusal("ValidationException", call, answering, body).startswith("Malformed input request: ")
    assert serving.asked == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "expected a JSON object"),
        (b"null", "expected a JSON object"),
        ({}, "body: prompt: found no such member"),
        ({**BODY, "temperature": 2}, "body: temperature: found the number 2;"),
        (b'{"prompt": "a", "temperature": NaN}', "body: temperature: found"),
        (b'{"prompt": "a", "max_gen_len": 1e999}', "body: max_gen_len: found"),
        ({**BODY, "max_tokens": 5}, 'an unknown member "max_tokens"'),
        ({**BODY, "images": ["aGk="]}, "texts alone"),
        ({"prompt": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_a_body_that_asks_wrongly(answering: Wire, body: object, said: str) -> None:
    for call in (invoke, chunks):
        assert said in refusal("ValidationException", call, answering, body)


def test_all_that_is_wrong_is_said_at_once(answering: Wire) -> None:
    message = refusal("ValidationException", invoke, answering, {"prompt": 5, "top_p": -1, "max_gen_len": 0.5})
    assert message.startswith("3 faults:")
    assert all(f"body: {name}: " in message for name in ("prompt", "top_p", "max_gen_len"))


def test_a_body_of_no_family_for_a_model_of_none(answering: Wire) -> None:
    alias(answering, "own.words-v1")
    message = refusal("ValidationException", invoke, answering, {"question": QUESTION}, "own.words-v1")
    assert "a body of a family of models: Llama's" in message


def test_guardrails_are_not_there(answering: Wire, serving: ServingDouble) -> None:
    named = {"guardrailIdentifier": "abcdef", "guardrailVersion": "1"}
    assert "guardrails are not supported" in refusal("ValidationException", invoke, answering, **named)
    assert serving.asked == []


def test_what_says_nothing_of_the_answer_is_passed_over(answering: Wire) -> None:
    plain = {"contentType": "application/json", "accept": "*/*", "trace": "DISABLED"}
    assert invoke(answering, **plain, performanceConfigLatency="standard")["body"]["generation"] == RESPONSE.text


def test_a_model_that_is_not_there(answering: Wire) -> None:
    for call in (invoke, chunks):
        message = refusal("ResourceNotFoundException", call, answering, BODY, "meta.llama9-v1:0")
        assert "outcrop models alias" in message


def test_without_the_right_key_no_model_is_asked(answering: Wire, serving: ServingDouble) -> None:
    for operation in ("invoke", "invoke-with-response-stream"):
        answer = answering.send("POST", f"/model/{TINY}/{operation}", {"authorization": "Bearer " + "A" * 40}, b"{}")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert serving.asked == []
