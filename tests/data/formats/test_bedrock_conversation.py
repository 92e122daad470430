from __future__ import annotations

from typing import Any

import pytest

from outcrop.data.formats import bedrock_conversation
from outcrop.domain.records import Message, Role, TrainingRecord

SCHEMA = "bedrock-conversation-2024"


def value(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"schemaVersion": SCHEMA, **more, "messages": messages}


QUESTION = ("user", [{"text": "What is the capital of Mars?"}])
ANSWER = ("assistant", [{"text": "Mars does not have a capital."}])


def faults(given: dict[str, Any]) -> list[str]:
    result = bedrock_conversation.parse(given, 7, "data.jsonl")
    assert isinstance(result, list)
    return [str(fault).removeprefix("data.jsonl:7: ") for fault in result]


def test_bedrocks_own_example() -> None:
    given = value(QUESTION, ANSWER, system=[{"text": "You are a digital assistant"}])
    assert bedrock_conversation.parse(given, 7, "") == TrainingRecord(
        7,
        (
            Message(Role.SYSTEM, "You are a digital assistant"),
            Message(Role.USER, "What is the capital of Mars?"),
            Message(Role.ASSISTANT, "Mars does not have a capital."),
        ),
        needs_template=True,
    )


def test_several_texts_of_a_turn_are_lines_and_an_empty_system_list_is_none() -> None:
    record = bedrock_conversation.parse(value(("user", [{"text": "a"}, {"text": "b"}]), ANSWER, system=[]), 1, "")
    assert isinstance(record, TrainingRecord)
    assert [message.text for message in record.messages] == ["a\nb", ANSWER[1][0]["text"]]


@pytest.mark.parametrize("kind", ["image", "video", "document", "toolUse"])
def test_what_is_no_text(kind: str) -> None:
    assert faults(value(("user", [{kind: {"format": "png"}}]), ANSWER)) == [
        f'messages[0].content[0]: found content of the kind {kind}; expected {{"text": "…"}}: '
        "models here learn from texts alone"
    ]


def test_every_fault_is_reported() -> None:
    assert faults({"schemaVersion": "2023", "system": "S", "messages": [{"role": "user", "content": "Q"}], "x": 1}) == [
        f'schemaVersion: found "2023"; expected "{SCHEMA}"',
        'system: found "S"; expected a list of {"text": "…"}',
        'messages[0].content: found "Q"; expected a list of {"text": "…"}',
        'messages: found messages that end with one by "user"; expected "user" and "assistant" in turns, beginning '
        'with "user" and ending with "assistant"',
        'x: found an unknown field "x"; expected only "schemaVersion", "system", "messages"',
    ]


def test_a_missing_schema_is_named() -> None:
    given = value(QUESTION, ANSWER)
    del given["schemaVersion"]
    assert bedrock_conversation.looks_like(given)
    assert faults(given) == [f'schemaVersion: found no such field; expected "{SCHEMA}"']
