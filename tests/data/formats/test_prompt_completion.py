from __future__ import annotations

import pytest

from outcrop.data.formats import prompt_completion
from outcrop.domain.records import Message, Role, TrainingRecord


def faults(value: dict[str, object]) -> list[str]:
    result = prompt_completion.parse(value, 7, "data.jsonl")
    assert isinstance(result, list)
    return [str(fault) for fault in result]


def test_a_record() -> None:
    record = prompt_completion.parse({"prompt": " Q? ", "completion": "A.\n"}, 7, "data.jsonl")
    messages = (Message(Role.USER, " Q? "), Message(Role.ASSISTANT, "A.\n"))
    assert record == TrainingRecord(7, messages, needs_template=False)


def test_every_fault_of_a_record_is_reported() -> None:
    assert faults({"promt": "Q", "completion": ["A"]}) == [
        'data.jsonl:7: prompt: found no such field; expected a text in "prompt"',
        "data.jsonl:7: completion: found a list of 1; expected a text that is not blank",
        'data.jsonl:7: promt: found an unknown field "promt"; expected "prompt", the closest known field',
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", '"", which is blank'),
        (" \n\u3000", '" \\n\\u3000", which is blank'),
        (None, "null"),
        (3, "the number 3"),
        ({"text": "A"}, 'an object with "text"'),
    ],
)
def test_a_text_that_says_nothing_or_is_none(value: object, found: str) -> None:
    expected = f"data.jsonl:7: completion: found {found}; expected a text that is not blank"
    assert faults({"prompt": "Q", "completion": value}) == [expected]
    assert faults({"prompt": value, "completion": "A"}) == [expected.replace("completion", "prompt")]


def test_an_unknown_field_that_is_close_to_none() -> None:
    (text,) = faults({"prompt": "Q", "completion": "A", "source": "web"})
    assert text == 'data.jsonl:7: source: found an unknown field "source"; expected only "prompt", "completion"'


@pytest.mark.parametrize("name", ["Completion", "completions", "COMPLETION", "complete_on"])
def test_a_misspelt_field_finds_the_closest(name: str) -> None:
    assert faults({"prompt": "Q", "completion": "A", name: "A"})[0].endswith('"completion", the closest known field')


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"prompt": "Q", "completion": "A"}, True),
        ({"prompt": "Q"}, True),
        ({"promt": "Q", "completion": "A"}, True),
        ({"prompt": "Q", "referenceResponse": "A"}, False),
        ({"prompt": "Q", "category": "C"}, False),
        ({"messages": [], "completion": "A"}, False),
        ({"instruction": "Q", "output": "A"}, False),
        ({}, False),
    ],
)
def test_what_is_meant_to_be_in_this_format(value: dict[str, object], answer: bool) -> None:
    assert prompt_completion.looks_like(value) is answer
