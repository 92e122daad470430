from __future__ import annotations

from typing import Any

import pytest

from outcrop.dialects.mistral_chat import MISTRAL_CHAT
from outcrop.domain.generation import GenerationParameters, Prompt
from tests.dialects.samples import METRICS, faults, response, stream, system, user, whole

HI = {"role": "user", "content": "Hi"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}


def test_a_body_with_all_it_can_say() -> None:
    messages = [{"role": "system", "content": "Be brief"}, HI, {"role": "assistant", "content": "So"}]
    body = {"messages": messages, "max_tokens": 64, "temperature": 0.1, "top_p": 0.5, "stop": ["|"], "random_seed": 3}
    asked = MISTRAL_CHAT.read(body)
    assert asked.prompt == Prompt(0, (system("Be brief"), user("Hi")), begun="So")
    assert asked.parameters == GenerationParameters(64, 0.1, 0.5, 0, ("|",), 3)


def test_what_is_left_out_is_as_usual() -> None:
    parameters = MISTRAL_CHAT.read({"messages": [HI]}).parameters
    assert (parameters.max_tokens, parameters.temperature, parameters.top_p, parameters.top_k) == (512, 0.7, 1.0, 0)


@pytest.mark.parametrize(
    ("body", "members"),
    [
        ({"messages": [HI], "tools": [{}], "response_format": {"type": "json_object"}}, {"tools", "response_format"}),
        ({"messages": [{"role": "system", "content": "Be brief"}]}, {"messages"}),
        (
            {"messages": [HI, {"role": "assistant", "content": "", "tool_calls": [{}]}]},
            {"messages[1].content", "messages[1].tool_calls"},
        ),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, {"messages[0].content"}),
        ({"messages": [HI], "seed": 1, "random_seed": 1}, {"random_seed"}),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], members: set[str]) -> None:
    assert set(faults(MISTRAL_CHAT, body)) == members


def test_a_whole_answer() -> None:
    answer = whole(MISTRAL_CHAT, response("max_tokens"))
    assert answer.pop("id")
    assert answer.pop("created") > 1.7e9
    choice = {"index": 0, "message": {"role": "assistant", "content": "Good day"}, "stop_reason": "length"}
    assert answer == {"object": "chat.completion", "model": "a-model", "choices": [choice], "usage": USAGE}


def test_a_stream() -> None:
    chunks = stream(MISTRAL_CHAT, response())
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert [chunk["choices"][0]["message"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"role": None, "content": "Good"},
        {"role": None, "content": " day"},
        {"role": None, "content": ""},
    ]
    assert [chunk["choices"][0]["stop_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert chunks[-1] == chunks[-1] | {"usage": USAGE} | METRICS
