from __future__ import annotations

import pytest

from outcrop.data.formats import messages
from outcrop.domain.records import Message, Role, TrainingRecord

USER = {"role": "user", "content": "Q"}
ASSISTANT = {"role": "assistant", "content": "A"}
WANTED = '"user" and "assistant" in turns, beginning with "user" and ending with "assistant"'


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


def test_a_conversation_of_many_turns() -> None:
    plain = (Message(Role.USER, "Q"), Message(Role.ASSISTANT, "A"))
    assert messages.parse({"messages": [USER, ASSISTANT] * 3}, 7, "data.jsonl") == TrainingRecord(7, plain * 3, True)


@pytest.mark.parametrize(
    ("items", "field", "found"),
    [
        ([], "messages", "no messages"),
        ([USER], "messages", 'messages that end with one by "user"'),
        ([USER, ASSISTANT, USER], "messages", 'messages that end with one by "user"'),
        ([USER, USER, ASSISTANT], "messages[1].role", '"user"'),
        ([USER, ASSISTANT, ASSISTANT], "messages[2].role", '"assistant"'),
    ],
)
def test_turns_that_do_not_alternate(items: list[object], field: str, found: str) -> None:
    assert faults({"messages": items})[0].startswith(f"{field}: found {found}; expected ")
    assert faults({"messages": items})[0].endswith(WANTED)


@pytest.mark.parametrize(("value", "found"), [("Q", '"Q"'), (None, "null"), ({}, "an empty object")])
def test_messages_that_are_no_list(value: object, found: str) -> None:
    assert faults({"messages": value}) == [f"messages: found {found}; expected a list: {WANTED}"]


def test_no_messages_at_all() -> None:
    assert faults({"system": "S"}) == [f"messages: found no such field; expected a list: {WANTED}"]


def test_a_system_message_beside_a_system_field_hides_no_other_fault() -> None:
    system = {"role": "system", "content": "Be brief."}
    assert faults({"system": "S", "messages": [system, USER, {"role": "assistant", "content": ""}]}) == [
        'messages[0].role: found "system"; expected the system text in the field "system", beside "messages"',
        'messages[2].content: found "", which is blank; expected a text that is not blank',
    ]


def test_roles_in_the_wrong_order() -> None:
    assert faults({"messages": [ASSISTANT, USER]}) == [
        f'messages[0].role: found "assistant"; expected "user": {WANTED}',
        f'messages: found messages that end with one by "user"; expected {WANTED}',
    ]


@pytest.mark.parametrize("role", ["Assistant", "asistant", "bot", "", None, 3, ["assistant"], "tool"])
def test_a_role_spelt_wrong_is_one_fault(role: object) -> None:
    (text,) = faults({"messages": [USER, {"role": role, "content": "A"}]})
    assert text.startswith("messages[1].role: found ")
    assert text.endswith(f'; expected "assistant": {WANTED}')


def test_every_fault_of_a_message_is_reported() -> None:
    value = {"system": 3, "messages": [{"from": "human", "content": 7}, "A"], "Mesages": []}
    assert faults(value) == [
        "system: found the number 3; expected a text that is not blank, or the field left out",
        'messages[0].role: found no such field; expected "user"',
        "messages[0].content: found the number 7; expected a text that is not blank",
        'messages[0].from: found an unknown field "from"; expected only "role", "content"',
        'messages[1]: found "A"; expected an object with "role" and "content"',
        'Mesages: found an unknown field "Mesages"; expected "messages", the closest known field',
    ]


def test_contents_may_be_lists_of_texts_and_of_nothing_else() -> None:
    parts = [{"type": "text", "text": "Q"}, {"type": "text", "text": "more"}]
    record = messages.parse({"system": parts, "messages": [{"role": "user", "content": parts}, ASSISTANT]}, 7, "")
    assert isinstance(record, TrainingRecord)
    assert [message.text for message in record.messages] == ["Q\nmore", "Q\nmore", "A"]
    wanted = '{"type": "text", "text": "…"}'
    refused = f"expected {wanted}: models here learn from texts alone"
    image = [{"type": "image", "source": {}}, {"type": "text", "text": ""}, "Q", {}]
    assert faults({"messages": [{"role": "user", "content": image}, {"role": "assistant", "content": []}]}) == [
        f"messages[0].content[0]: found content of the kind image; {refused}",
        'messages[0].content[1].text: found "", which is blank; expected a text that is not blank',
        f'messages[0].content[2]: found "Q"; expected {wanted}',
        f"messages[0].content[3]: found content of the kind null; {refused}",
        "messages[1].content: found an empty list; expected a list with a text",
    ]


def test_a_blank_system_text() -> None:
    (text,) = faults({"system": " ", "messages": [USER, ASSISTANT]})
    assert text == 'system: found " ", which is blank; expected a text that is not blank, or the field left out'
