from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from outcrop.dialects.converse import Converse
from outcrop.dialects.protocol import Usual
from outcrop.domain.generation import GenerationParameters, Prompt, Response
from tests.dialects.samples import TIMING, assistant, faults, response, stream, system, user, whole
from tests.server.wire import unsound

CONVERSE = Converse(Usual(512, 0.5, 0.9, 50))
HI = {"role": "user", "content": [{"text": "Hi"}]}
USAGE = {"inputTokens": 7, "outputTokens": 4, "totalTokens": 11}


def shape(operation: str) -> Any:
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    return service.operation_model(operation).output_shape


def test_a_request_with_all_it_can_say() -> None:
    body = {
        "modelId": "a-model",
        "system": [{"text": "Be brief"}, {"cachePoint": {"type": "default"}}],
        "messages": [HI],
        "inferenceConfig": {"maxTokens": 64, "temperature": 0, "topP": 1, "stopSequences": ["|"]},
        "additionalModelRequestFields": {"top_k": 9, "seed": 3},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "requestMetadata": {"team": "a"},
        "performanceConfig": {"latency": "standard"},
        "serviceTier": {"type": "default"},
    }
    asked = CONVERSE.read(body)
    assert asked.prompt == Prompt(0, (system("Be brief"), user("Hi")))
    assert asked.parameters == GenerationParameters(64, 0.0, 1.0, 9, ("|",), 3)


def test_what_is_left_out_is_as_usual_for_the_family() -> None:
    parameters = CONVERSE.read({"messages": [HI], "system": []}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p, parameters.top_k) == (512, 0.5, 0.9, 50)


@pytest.mark.parametrize("more", [{"top_k": 9}, {"topK": 9}, {"k": 9}, {"inferenceConfig": {"topK": 9}}])
def test_top_k_comes_under_the_name_that_a_family_has_for_it(more: dict[str, Any]) -> None:
    assert CONVERSE.read({"messages": [HI], "additionalModelRequestFields": more}).parameters.top_k == 9


def test_blocks_are_joined_and_the_last_words_of_the_assistant_begin_the_response() -> None:
    messages = [
        {"role": "user", "content": [{"text": "1"}, {"cachePoint": {"type": "default"}}, {"text": "2"}]},
        {"role": "assistant", "content": [{"text": "3"}]},
        {"role": "user", "content": [{"text": "4"}]},
        {"role": "assistant", "content": [{"text": "{ "}]},
    ]
    expected = Prompt(0, (user("1\n2"), assistant("3"), user("4")), begun="{ ")
    assert CONVERSE.read({"messages": messages}).prompt == expected


@pytest.mark.parametrize("block", ["image", "document", "video", "audio", "searchResult", "citationsContent"])
def test_blocks_that_are_no_texts(block: str) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}, {block: {"format": "a"}}]}]}
    found = ('an object with "format"', "the member left out: models here read and write texts alone")
    assert faults(CONVERSE, body) == {f"messages[0].content[1].{block}": found}


@pytest.mark.parametrize(
    ("more", "member", "why"),
    [
        ({"toolConfig": {"tools": [{}]}}, "toolConfig", "models here do not call tools yet"),
        ({"guardrailConfig": {"guardrailIdentifier": "a"}}, "guardrailConfig", "there are no guardrails yet"),
        (
            {"promptVariables": {"a": {"text": "b"}}},
            "promptVariables",
            "prompts are not managed here: send the messages",
        ),
        (
            {"outputConfig": {"textFormat": {"type": "json_schema"}}},
            "outputConfig.textFormat",
            "responses can't be held to a JSON schema yet",
        ),
        (
            {"additionalModelRequestFields": {"thinking": {"type": "enabled"}}},
            "additionalModelRequestFields.thinking",
            "reasoning is not told apart from the response",
        ),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "a"}}]}]},
            "messages[0].content[0].toolResult",
            "models here do not call tools yet",
        ),
        (
            {"messages": [{"role": "user", "content": [{"guardContent": {"text": {"text": "a"}}}]}]},
            "messages[0].content[0].guardContent",
            "there are no guardrails yet",
        ),
        (
            {"messages": [HI, {"role": "assistant", "content": [{"reasoningContent": {"redactedContent": "a"}}]}]},
            "messages[1].content[0].reasoningContent",
            "reasoning is not told apart from the response",
        ),
    ],
)
def test_what_is_not_supported_says_so(more: dict[str, Any], member: str, why: str) -> None:
    found = faults(CONVERSE, {"messages": [HI], **more})
    assert {name: fault[1] for name, fault in found.items()} == {member: f"the member left out: {why}"}


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ({}, {"messages"}),
        ({"messages": []}, {"messages"}),
        ({"messages": [{"role": "user", "content": [{"text": ""}]}]}, {"messages[0].content[0].text"}),
        ({"messages": [{"role": "user", "content": []}]}, {"messages[0].content"}),
        ({"messages": [{"role": "user", "content": [{"cachePoint": {}}]}]}, {"messages[0].content"}),
        (
            {"messages": [{"role": "user", "content": [{}, "Hi"]}]},
            {"messages[0].content[0].text", "messages[0].content[1]"},
        ),
        ({"messages": [{"role": "assistant", "content": [{"text": "Hi"}]}]}, {"messages[0].role"}),
        ({"messages": [HI, HI]}, {"messages[1].role"}),
        ({"messages": [{"role": "system", "content": [{"text": "Hi"}]}]}, {"messages[0].role"}),
        ({"messages": [HI], "system": "Be brief"}, {"system"}),
        ({"messages": [HI], "inferenceConfig": {"topK": 5}}, {"inferenceConfig.topK"}),
        ({"messages": [HI], "additionalModelRequestFields": {"top_k": 5, "k": 5}}, {"additionalModelRequestFields.k"}),
        ({"messages": [HI], "additionalModelRequestFields": {"foo": 5}}, {"additionalModelRequestFields.foo"}),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], members: set[str]) -> None:
    assert set(faults(CONVERSE, body)) >= members
    assert all(name.startswith(tuple(members)) for name in faults(CONVERSE, body))


def test_a_message_of_many_faults_is_refused_with_the_first_thousand() -> None:
    assert len(faults(CONVERSE, {"messages": [{"role": "user", "content": [{}] * 100_000}]})) == 1_000


ANSWERS = [
    response(),
    response("max_tokens"),
    response("stop_sequence", "|"),
    Response(0, "", "end_turn", 1, (5,)),
]


@pytest.mark.parametrize("answered", ANSWERS, ids=lambda answered: answered.stop_reason)
def test_answers_are_of_the_operations_shapes(answered: Response) -> None:
    assert list(unsound(shape("Converse"), whole(CONVERSE, answered), "Converse")) == []
    events = shape("ConverseStream").members["stream"]
    for event in stream(CONVERSE, answered):
        ((name, value),) = event.items()
        assert list(unsound(events.members[name], value, name)) == []


def test_a_whole_answer() -> None:
    assert whole(CONVERSE, response("max_tokens")) == {
        "output": {"message": {"role": "assistant", "content": [{"text": "Good day"}]}},
        "stopReason": "max_tokens",
        "usage": USAGE,
        "metrics": {"latencyMs": 500},
    }


def test_a_stream() -> None:
    assert stream(CONVERSE, response("stop_sequence", "|")) == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Good"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": " day"}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "stop_sequence"}},
        {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 500}}},
    ]


def test_a_response_without_a_text_still_has_its_events() -> None:
    writer = CONVERSE.writer({}, "a-model")
    assert [next(iter(event)) for event in [*writer.begin(1), *writer.end(ANSWERS[-1], TIMING)]] == [
        "messageStart",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
