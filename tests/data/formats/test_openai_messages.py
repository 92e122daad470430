from __future__ import annotations

from typing import Any

import pytest

from outcrop.data.formats import openai_messages
from outcrop.domain.records import Message, Role, TrainingRecord

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Q"}
ASSISTANT = {"role": "assistant", "content": "A"}


def parsed(*messages: dict[str, Any], **more: Any) -> TrainingRecord:
    record = openai_messages.parse({"messages": list(messages), **more}, 7, "data.jsonl")
    assert isinstance(record, TrainingRecord), record
    return record


def faults(*messages: dict[str, Any], **more: Any) -> list[str]:
    result = openai_messages.parse({"messages": list(messages), **more}, 7, "data.jsonl")
    assert isinstance(result, list)
    return [str(fault).removeprefix("data.jsonl:7: ") for fault in result]


def test_the_system_text_is_the_first_message() -> None:
    talk = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Q"), Message(Role.ASSISTANT, "A"))
    assert parsed(SYSTEM, USER, ASSISTANT) == TrainingRecord(7, talk, needs_template=True)
    assert parsed({**SYSTEM, "role": "developer"}, USER, ASSISTANT).messages == talk
    assert parsed(USER, ASSISTANT, USER, ASSISTANT).messages == talk[1:] * 2


def test_a_system_text_in_the_middle() -> None:
    (text,) = faults(USER, ASSISTANT, SYSTEM, ASSISTANT)
    assert text.startswith('messages[2].role: found "system"; expected "user": ')


def test_a_weight_of_0_takes_the_loss_from_a_turn() -> None:
    record = parsed(USER, {**ASSISTANT, "weight": 0}, USER, {**ASSISTANT, "weight": 1}, USER, ASSISTANT)
    assert [message.learnt for message in record.messages[1::2]] == [False, True, True]
    assert openai_messages.write(record)["messages"] == [USER, {**ASSISTANT, "weight": 0}, *[USER, ASSISTANT] * 2]


@pytest.mark.parametrize("weight", [0.5, 2, "0", True])
def test_another_weight(weight: object) -> None:
    (text,) = faults(USER, {**ASSISTANT, "weight": weight})
    assert text.startswith("messages[1].weight: found ")
    assert text.endswith("expected 0 or 1, in a message by the assistant")
    assert faults({**USER, "weight": 0}, ASSISTANT)[0].startswith("messages[0].weight: found the number 0")


def test_names_are_taken_and_empty_calls_tolerated() -> None:
    assert parsed({**USER, "name": "Ann"}, {**ASSISTANT, "tool_calls": None, "refusal": None}, tools=[]).messages


def test_tools_are_refused() -> None:
    call = {"role": "assistant", "content": "A", "tool_calls": [{"id": "1"}]}
    assert faults(USER, call, tools=[{"type": "function"}]) == [
        "tools: found a list of 1; expected the field left out: calls of tools are not learnt",
        "messages[1].tool_calls: found a list of 1; expected the field left out: calls of tools, audio and refusals "
        "are not learnt",
    ]
    assert faults(USER, {"role": "tool", "content": "A"})[0].startswith('messages[1].role: found "tool"')


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        ({"messages": [USER, ASSISTANT]}, False),
        ({"messages": [SYSTEM]}, True),
        ({"messages": [USER, {**ASSISTANT, "weight": 1}]}, True),
        ({"messages": [USER], "tools": []}, True),
        ({"messages": "x"}, False),
    ],
)
def test_what_only_this_format_has(value: dict[str, object], marked: bool) -> None:
    assert openai_messages.is_marked(value) is marked
