"""Converse and ConverseStream as boto3 sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.domain.errors import OutcropError
from outcrop.domain.records import Message, Role
from tests.server.bedrock.runtime import ASK, BREAKS, REFUSALS, RUNTIME, before_break, sound
from tests.server.bedrock.test_customization_jobs import refusal
from tests.server.conftest import TINY
from tests.server.serving_double import PIECES, RESPONSE, ServingDouble
from tests.server.wire import Wire

USAGE = {"inputTokens": 7, "outputTokens": 4, "totalTokens": 11}

SCHEMA = {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type": "object"}'}}}

#: Members that ask for what models here do not do, and what the answer says to it.
NOT_YET: list[tuple[dict[str, Any], str, str]] = [
    ({"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}]}}, "toolConfig", "tools yet"),
    ({"outputConfig": {"textFormat": SCHEMA}}, "outputConfig.textFormat", "JSON schema yet"),
    ({"guardrailConfig": {"guardrailIdentifier": "abcdef", "guardrailVersion": "1"}}, "guardrailConfig", "guardrails"),
    ({"promptVariables": {"a": {"text": "b"}}}, "promptVariables", "send the messages"),
    ({"additionalModelRequestFields": {"thinking": {"type": "enabled"}}}, "thinking", "reasoning"),
    ({"additionalModelRequestFields": {"tool_choice": {"type": "any"}}}, "tool_choice", "tools yet"),
]

#: Content blocks that are no texts.
BLOCKS: list[tuple[dict[str, Any], str]] = [
    ({"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}, "texts alone"),
    ({"document": {"format": "pdf", "name": "a", "source": {"bytes": b"%PDF"}}}, "texts alone"),
    ({"toolResult": {"toolUseId": "a", "content": [{"text": "b"}]}}, "tools yet"),
    ({"guardContent": {"text": {"text": "b"}}}, "guardrails"),
    ({"reasoningContent": {"reasoningText": {"text": "b"}}}, "reasoning"),
]


def converse(wire: Wire, **changes: Any) -> Any:
    """What Converse answers."""
    return wire.client(RUNTIME).converse(**{"modelId": TINY, "messages": ASK, **changes})


def events(wire: Wire, **changes: Any) -> list[dict[str, Any]]:
    """The events of ConverseStream."""
    answer = wire.client(RUNTIME).converse_stream(**{"modelId": TINY, "messages": ASK, **changes})
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    assert answer["ResponseMetadata"]["RequestId"]
    return sound("ConverseStream", "stream", answer["stream"])


def test_a_whole_answer(answering: Wire, serving: ServingDouble) -> None:
    answer = converse(answering)
    assert answer["output"] == {"message": {"role": "assistant", "content": [{"text": RESPONSE.text}]}}
    assert (answer["stopReason"], answer["usage"]) == ("end_turn", USAGE)
    assert 0 <= answer["metrics"]["latencyMs"] < 60_000
    (asked,) = serving.asked
    assert (asked.model.name, asked.deployment) == ("tiny", None)
    assert asked.inference.prompt.messages == (Message(Role.USER, "What is basalt?"),)


def test_a_stream_has_the_same_in_parts(answering: Wire) -> None:
    start, *deltas, stop, ended, metadata = events(answering)
    assert start == {"messageStart": {"role": "assistant"}}
    told = [{"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}} for text in PIECES]
    assert deltas == told
    assert stop == {"contentBlockStop": {"contentBlockIndex": 0}}
    assert ended == {"messageStop": {"stopReason": "end_turn"}}
    assert metadata["metadata"]["usage"] == USAGE
    assert 0 <= metadata["metadata"]["metrics"]["latencyMs"] < 60_000


def test_an_answer_without_text_is_one(answering: Wire, serving: ServingDouble) -> None:
    serving.response, serving.pieces = replace(RESPONSE, text="", tokens=(2,)), ()
    answer = converse(answering)
    assert answer["output"]["message"]["content"] == [{"text": ""}]
    assert answer["usage"]["outputTokens"] == 1
    names = [next(iter(event)) for event in events(answering)]
    assert names == ["messageStart", "contentBlockStop", "messageStop", "metadata"]


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence"])
def test_why_it_ended(answering: Wire, serving: ServingDouble, reason: str) -> None:
    serving.response = replace(RESPONSE, stop_reason=reason)
    assert converse(answering)["stopReason"] == reason
    assert {"messageStop": {"stopReason": reason}} in events(answering)


def test_what_is_asked_reaches_the_model(answering: Wire, serving: ServingDouble) -> None:
    answer = [{"role": "assistant", "content": [{"text": "A"}, {"text": "rock."}, {"cachePoint": {"type": "default"}}]}]
    begun = [{"role": "assistant", "content": [{"text": "It is"}]}]
    converse(
        answering,
        system=[{"text": "Be"}, {"text": "brief."}],
        messages=[*ASK, *answer, *ASK, *begun],
        inferenceConfig={"maxTokens": 5, "temperature": 0.25, "topP": 0.75, "stopSequences": ["\n", "end"]},
        additionalModelRequestFields={"top_k": 9, "seed": 3},
        additionalModelResponseFieldPaths=["/stop_sequence"],
        requestMetadata={"team": "rock"},
        performanceConfig={"latency": "standard"},
    )
    prompt, parameters = serving.asked[0].inference.prompt, serving.asked[0].inference.parameters
    assert [(message.role.value, message.text) for message in prompt.messages] == [
        ("system", "Be\nbrief."),
        ("user", "What is basalt?"),
        ("assistant", "A\nrock."),
        ("user", "What is basalt?"),
    ]
    assert (prompt.begun, prompt.chat, prompt.number) == ("It is", True, 0)
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p) == (5, 0.25, 0.75)
    assert (parameters.top_k, parameters.seed, parameters.stop) == (9, 3, ("\n", "end"))


@pytest.mark.parametrize(
    ("model", "usual"),
    [
        (TINY, (512, 0.5, 0.9, 0)),
        ("us.amazon.nova-lite-v1:0", (512, 0.7, 0.9, 0)),
        ("anthropic.claude-3-haiku-20240307-v1:0", (512, 1.0, 0.999, 0)),
        ("own.words-v1", (512, 1.0, 1.0, 0)),
    ],
)
def test_a_request_that_says_nothing_gets_what_is_usual_in_the_family(
    answering: Wire, serving: ServingDouble, model: str, usual: tuple[int, float, float, int]
) -> None:
    answering.outcrop.models.alias(model.removeprefix("us."), "tiny")
    converse(answering, modelId=model)
    converse(answering, modelId=model)
    first, second = (asked.inference.parameters for asked in serving.asked)
    assert (first.max_tokens, first.temperature, first.top_p, first.top_k) == usual
    assert first.seed != second.seed


@pytest.mark.parametrize(("error", "code", "status"), REFUSALS)
def test_a_model_that_does_not_answer(
    answering: Wire, serving: ServingDouble, error: OutcropError, code: str, status: int
) -> None:
    serving.refuses = error
    for call in (converse, events):
        with pytest.raises(ClientError) as caught:
            call(answering)
        assert caught.value.response["Error"] == {"Code": code, "Message": str(error)}
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert len(serving.asked) == 2


@pytest.mark.parametrize(("error", "code"), BREAKS)
def test_a_stream_that_breaks(answering: Wire, serving: ServingDouble, error: OutcropError, code: str) -> None:
    serving.fails = error
    stream = answering.client(RUNTIME).converse_stream(modelId=TINY, messages=ASK)["stream"]
    came = sound("ConverseStream", "stream", before_break(stream, code, str(error)))
    assert came[1:] == [{"contentBlockDelta": {"delta": {"text": PIECES[0]}, "contentBlockIndex": 0}}]


def test_a_whole_answer_that_breaks_has_a_status_of_its_own(answering: Wire, serving: ServingDouble) -> None:
    serving.fails = BREAKS[0][0]
    assert refusal("ModelErrorException", converse, answering) == "it ended by signal 9"


@pytest.mark.parametrize("call", [converse, events])
@pytest.mark.parametrize(("member", "named", "why"), NOT_YET)
def test_what_is_not_supported(
    answering: Wire, serving: ServingDouble, call: Any, member: dict[str, Any], named: str, why: str
) -> None:
    message = refusal("ValidationException", call, answering, **member)
    assert named in message
    assert why in message
    assert serving.asked == []


@pytest.mark.parametrize(("block", "why"), BLOCKS)
def test_blocks_that_are_no_texts(answering: Wire, block: dict[str, Any], why: str) -> None:
    messages = [{"role": "user", "content": [{"text": "What is this?"}, block]}]
    message = refusal("ValidationException", converse, answering, messages=messages)
    assert f"messages[0].content[1].{next(iter(block))}" in message
    assert why in message


def test_all_that_is_wrong_is_said_at_once(answering: Wire) -> None:
    message = refusal(
        "ValidationException",
        converse,
        answering,
        messages=[{"role": "assistant", "content": [{"text": " "}]}, {"role": "assistant", "content": []}],
        additionalModelRequestFields={"seed": -1, "temprature": 1},
        **NOT_YET[0][0],
        **NOT_YET[1][0],
    )
    for place in (
        "messages[0].role:",
        "messages[0].content[0].text:",
        "messages[1].content:",
        "additionalModelRequestFields.seed:",
        "additionalModelRequestFields.temprature:",
        "toolConfig:",
        "outputConfig.textFormat:",
    ):
        assert place in message


def test_bounds_of_the_service_model(answering: Wire) -> None:
    key = answering.outcrop.keys.create(bearer=True).secret
    body = b'{"messages": [{"role": "user", "content": []}, {"role": "narrator"}], "inferenceConfig": {"maxTokens": 0}}'
    answer = answering.send("POST", f"/model/{TINY}/converse", {"authorization": f"Bearer {key}"}, body)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert answer.json()["message"].startswith("3 validation errors detected: ")
    assert "'messages.2.member.role' failed to satisfy constraint: Member must satisfy enum" in answer.json()["message"]
    message = refusal("ValidationException", converse, answering, inferenceConfig={"temperature": 2.0, "topP": 1.5})
    assert message.startswith("2 validation errors detected: ")


def test_a_model_that_is_not_there(answering: Wire) -> None:
    for call in (converse, events):
        message = refusal("ResourceNotFoundException", call, answering, modelId="meta.llama9-v1:0")
        assert "outcrop models alias" in message


def test_a_body_that_is_none(answering: Wire) -> None:
    headers = {"authorization": f"Bearer {answering.outcrop.keys.create(bearer=True).secret}"}
    for operation in ("converse", "converse-stream"):
        for body in (b"{", b"[]", b"\xff", b'{"messages": NaN}'):
            answer = answering.send("POST", f"/model/{TINY}/{operation}", headers, body)
            assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "SerializationException")
        answer = answering.send("POST", f"/model/{TINY}/{operation}", headers, b"")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
        assert "messages" in answer.json()["message"]


def test_without_the_right_key_no_model_is_asked(answering: Wire, serving: ServingDouble) -> None:
    for operation in ("converse", "converse-stream"):
        path = f"/model/{TINY}/{operation}"
        answer = answering.send("POST", path, {"authorization": "Bearer " + "A" * 40}, b"{}")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
        answer = answering.send("POST", path, body=b"{}")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    assert serving.asked == []
