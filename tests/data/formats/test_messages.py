from __future__ import annotations

import pytest

from outcrop.data.formats import messages
from outcrop.domain.records import Message, Role, TrainingRecord

USER = {"role": "user", "content": "Q"}
ASSISTANT = {"role": "assistant", "content": "A"}
WANTED = 'exactly one "user" message and then one "assistant" message'


def faults(value: dict[str, object]) -> list[str]:
    result = messages.parse(value, 7, "data.jsonl")
    assert isinstance(result, list)
    return [str(fault).removeprefix("data.jsonl:7: ") for fault in result]


def test_a_record_with_and_without_a_system_text() -> None:
    plain = (Message(Role.USER, "Q"), Message(Role.ASSISTANT, "A"))
    parsed = messages.parse({"messages": [USER, ASSISTANT]}, 7, "data.jsonl")
    assert parsed == TrainingRecord(7, plain, needs_template=True)
    parsed = messages.parse({"system": "Be brief.", "messages": [USER, ASSISTANT]}, 7, "data.jsonl")
    assert parsed == TrainingRecord(7, (Message(Role.SYSTEM, "Be brief."), *plain), needs_template=True)


def test_more_than_one_turn_is_not_supported_yet() -> None:
    assert faults({"messages": [USER, ASSISTANT] * 2}) == [
        'messages: found 4 messages ("user", "assistant", "user", "assistant"); '
        f"expected {WANTED}; multi-turn conversations are not supported yet"
    ]


@pytest.mark.parametrize(
    ("items", "found"), [([], "0 messages"), ([USER], '1 message ("user")'), ([3], "1 message (?)")]
)
def test_too_few_messages(items: list[object], found: str) -> None:
    assert faults({"messages": items}) == [f"messages: found {found}; expected {WANTED}"]


@pytest.mark.parametrize(("value", "found"), [("Q", '"Q"'), (None, "null"), ({}, "an empty object")])
def test_messages_that_are_no_list(value: object, found: str) -> None:
    assert faults({"messages": value}) == [f"messages: found {found}; expected a list: {WANTED}"]


def test_no_messages_at_all() -> None:
    assert faults({"system": "S"}) == [f"messages: found no such field; expected a list: {WANTED}"]


def test_a_system_message_among_the_messages_hides_no_other_fault() -> None:
    system = {"role": "system", "content": "Be brief."}
    assert faults({"messages": [system, USER, {"role": "assistant", "content": ""}]}) == [
        'messages[0].role: found "system"; expected the system text in the field "system", beside "messages"',
        'messages[2].content: found "", which is blank; expected a text that is not blank',
    ]


def test_roles_in_the_wrong_order() -> None:
    assert faults({"messages": [ASSISTANT, USER]}) == [
        f'messages[0].role: found "assistant"; expected "user": {WANTED}',
        f'messages[1].role: found "user"; expected "assistant": {WANTED}',
    ]


@pytest.mark.parametrize("role", ["Assistant", "asistant", "bot", "", None, 3, ["assistant"]])
def test_a_role_spelt_wrong(role: object) -> None:
    (text,) = faults({"messages": [USER, {"role": role, "content": "A"}]})
    assert text.startswith("messages[1].role: found ")
    assert text.endswith(f'; expected "assistant": {WANTED}')


def test_every_fault_of_a_message_is_reported() -> None:
    value = {"system": 3, "messages": [{"from": "human", "content": [{"text": "Q"}]}, "A"], "Mesages": []}
    assert faults(value) == [
        "system: found the number 3; expected a text that is not blank, or the field left out",
        'messages[0].role: found no such field; expected "user"',
        "messages[0].content: found a list of 1; expected a text that is not blank",
        'messages[0].from: found an unknown field "from"; expected only "role", "content"',
        'messages[1]: found "A"; expected an object with "role" and "content"',
        'Mesages: found an unknown field "Mesages"; expected "messages", the closest known field',
    ]


def test_a_blank_system_text() -> None:
    (text,) = faults({"system": " ", "messages": [USER, ASSISTANT]})
    assert text == 'system: found " ", which is blank; expected a text that is not blank, or the field left out'


def test_another_schema_is_one_fault() -> None:
    value: dict[str, object] = {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "S"}],
        "messages": [{"role": "user", "content": [{"text": "Q"}]}],
    }
    (text,) = faults(value)
    assert text.startswith('schemaVersion: found the schema "bedrock-conversation-2024"; expected {"system"')
    assert text.endswith("that schema is not read yet")
