from __future__ import annotations

import pytest

from outcrop.data.formats import sharegpt
from outcrop.domain.records import Message, Role, TrainingRecord

HUMAN = {"from": "human", "value": "Q"}
GPT = {"from": "gpt", "value": "A"}
TALK = (Message(Role.USER, "Q"), Message(Role.ASSISTANT, "A"))


def test_a_conversation_with_its_number_and_a_system_text() -> None:
    system = {"from": "system", "value": "S"}
    record = sharegpt.parse({"id": "x_1", "conversations": [system, HUMAN, GPT, HUMAN, GPT]}, 7, "")
    assert record == TrainingRecord(7, (Message(Role.SYSTEM, "S"), *TALK, *TALK), needs_template=True)


def test_the_usual_names_of_roles_are_taken_too() -> None:
    turns = [{"from": "user", "value": "Q"}, {"from": "assistant", "value": "A"}]
    assert sharegpt.parse({"conversations": turns}, 7, "") == TrainingRecord(7, TALK, needs_template=True)


@pytest.mark.parametrize(
    ("turns", "want"),
    [
        ([GPT], 'conversations[0].from: found "gpt"; expected "human": "human" and "gpt" in turns, beginning with'),
        ([HUMAN, {"from": "bing", "value": "A"}], 'conversations[1].from: found "bing"; expected "gpt": '),
        ([HUMAN, {"from": "gpt"}], "conversations[1].value: found no such field; expected a text"),
        ([HUMAN, GPT, HUMAN], 'conversations: found messages that end with one by "human"; expected "human" and "gpt"'),
    ],
)
def test_faults(turns: list[object], want: str) -> None:
    result = sharegpt.parse({"conversations": turns}, 7, "data.jsonl")
    assert isinstance(result, list)
    assert str(result[0]).startswith(f"data.jsonl:7: {want}")
