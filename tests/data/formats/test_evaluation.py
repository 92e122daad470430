from __future__ import annotations

import pytest

from outcrop.data.formats import evaluation
from outcrop.domain.records import EvaluationRecord


def faults(value: dict[str, object]) -> list[str]:
    result = evaluation.parse(value, 7, "data.jsonl")
    assert isinstance(result, list)
    return [str(fault).removeprefix("data.jsonl:7: ") for fault in result]


def test_a_record_with_and_without_what_is_optional() -> None:
    assert evaluation.parse({"prompt": "P"}, 7, "data.jsonl") == EvaluationRecord(7, "P")
    value: dict[str, object] = {"prompt": "P", "referenceResponse": "R", "category": "C"}
    assert evaluation.parse(value, 7, "data.jsonl") == EvaluationRecord(7, "P", "R", "C")


def test_every_fault_of_a_record_is_reported() -> None:
    assert faults({"promptt": "P", "reference_response": "R", "category": 3}) == [
        'prompt: found no such field; expected a text in "prompt"',
        "category: found the number 3; expected a text that is not blank, or the field left out",
        'promptt: found an unknown field "promptt"; expected "prompt", the closest known field',
        'reference_response: found an unknown field "reference_response"; '
        'expected "referenceResponse", the closest known field',
    ]


@pytest.mark.parametrize("name", ["referenceResponse", "category"])
@pytest.mark.parametrize(
    ("value", "found"), [("", '"", which is blank'), ("\t", '"\\t", which is blank'), (None, "null")]
)
def test_an_optional_text_is_left_out_and_never_blank(name: str, value: object, found: str) -> None:
    expected = f"{name}: found {found}; expected a text that is not blank, or the field left out"
    assert faults({"prompt": "P", name: value}) == [expected]


def test_stored_responses_are_not_read_yet() -> None:
    value: dict[str, object] = {"prompt": "P", "modelResponses": [{"response": "R", "modelIdentifier": "m"}]}
    expected = "modelResponses: found stored responses; expected the field left out: stored responses are not read yet"
    assert faults(value) == [expected]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"prompt": "P"}, True),
        ({"referenceResponse": "R"}, True),
        ({"prompt": "P", "modelResponses": []}, True),
        ({"prompt": "P", "completion": "C"}, False),
        ({"messages": [], "category": "C"}, False),
        ({"input": "P"}, False),
    ],
)
def test_what_is_meant_to_be_in_this_format(value: dict[str, object], answer: bool) -> None:
    assert evaluation.looks_like(value) is answer
