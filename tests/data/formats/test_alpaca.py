from __future__ import annotations

import pytest

from outcrop.data.formats import alpaca
from outcrop.domain.records import Message, Role, TrainingRecord


def parsed(value: dict[str, object]) -> tuple[str, str]:
    record = alpaca.parse(value, 7, "data.jsonl")
    assert isinstance(record, TrainingRecord), record
    prompt, completion = record.messages
    assert (prompt.role, completion.role, record.needs_template) == (Role.USER, Role.ASSISTANT, False)
    return prompt.text, completion.text


@pytest.mark.parametrize("more", [{}, {"input": ""}, {"input": None}])
def test_an_instruction_alone(more: dict[str, object]) -> None:
    assert parsed({"instruction": "Say hello.", **more, "output": "Hello."}) == ("Say hello.", "Hello.")


def test_instruction_and_input_are_joined_by_an_empty_line() -> None:
    value: dict[str, object] = {"instruction": "Translate.", "input": "Hallo", "output": "Hello", "text": "all of it"}
    assert parsed(value) == ("Translate.\n\nHallo", "Hello")


def test_every_fault_is_reported() -> None:
    result = alpaca.parse({"instruction": " ", "input": 3, "history": []}, 7, "data.jsonl")
    assert isinstance(result, list)
    assert [str(fault).removeprefix("data.jsonl:7: ") for fault in result] == [
        'instruction: found " ", which is blank; expected a text that is not blank',
        "input: found the number 3; expected a text, or an empty one",
        'output: found no such field; expected a text in "output"',
        'history: found an unknown field "history"; expected only "instruction", "input", "output", "text"',
    ]


def test_all_of_a_prompt_is_written_as_the_instruction() -> None:
    record = TrainingRecord(1, (Message(Role.USER, "a\n\nb"), Message(Role.ASSISTANT, "c")), needs_template=True)
    assert alpaca.write(record) == {"instruction": "a\n\nb", "input": "", "output": "c"}
