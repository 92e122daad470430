from __future__ import annotations

from typing import Any

import pytest

from outcrop.dialects.nova import NOVA
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, system, user, whole

HI = [{"role": "user", "content": [{"text": "Hi"}]}]
USAGE = {"inputTokens": 7, "outputTokens": 4, "totalTokens": 11}


@pytest.mark.parametrize(
    "names",
    [
        ("maxTokens", "topP", "topK", "stopSequences"),
        ("max_new_tokens", "top_p", "top_k", "stop_sequences"),
    ],
)
def test_a_body_with_all_it_can_say(names: tuple[str, ...]) -> None:
    config = {"temperature": 0.1, **dict(zip(names, (64, 0.5, 20, ["|"]), strict=True))}
    body = {"schemaVersion": "messages-v1", "system": [{"text": "Be brief"}], "messages": HI, "inferenceConfig": config}
    asked = NOVA.read({**body, "seed": 3})
    assert asked.prompt == Prompt(0, (system("Be brief"), user("Hi")))
    assert asked.parameters == GenerationParameters(64, 0.1, 0.5, 20, ("|",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = NOVA.read({"messages": HI}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p, parameters.top_k) == (512, 0.7, 0.9, 0)


@pytest.mark.parametrize(
    ("more", "member", "expected"),
    [
        ({"schemaVersion": "v2"}, "schemaVersion", '"messages-v1"'),
        (
            {"inferenceConfig": {"maxTokens": 5, "max_new_tokens": 6}},
            "inferenceConfig.max_new_tokens",
            'the member left out: "maxTokens" says it already',
        ),
        ({"inferenceConfig": {"topK": 129}}, "inferenceConfig.topK", "a whole number, 0 to 128"),
        (
            {"toolConfig": {"tools": [{"toolSpec": {}}]}},
            "toolConfig",
            "the member left out: models here do not call tools yet",
        ),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}]},
            "messages[0].content[0].image",
            "the member left out: models here read and write texts alone",
        ),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], member: str, expected: str) -> None:
    found = faults(NOVA, {"messages": HI, **more})
    assert {name: fault[1] for name, fault in found.items()} == {member: expected}


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence"])
def test_a_whole_answer(reason: str) -> None:
    message = {"role": "assistant", "content": [{"text": "Good day"}]}
    assert whole(NOVA, response(reason)) == {"output": {"message": message}, "stopReason": reason, "usage": USAGE}


def test_a_stream() -> None:
    assert stream(NOVA, response("max_tokens")) == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Good"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": " day"}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "max_tokens"}},
        {"metadata": {"usage": USAGE, "metrics": {}, "trace": {}}} | METRICS,
    ]
