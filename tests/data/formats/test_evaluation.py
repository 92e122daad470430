from __future__ import annotations

import pytest

from outcrop.data.formats import evaluation
from outcrop.domain.records import EvaluationRecord, GivenResponse


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


def test_everything_that_a_record_can_have() -> None:
    value: dict[str, object] = {
        "prompt": "P",
        "referenceResponse": "b",
        "references": ["b", "c"],
        "choices": ["a", "b", "c"],
        "category": "C",
        "cluster": "page 3",
        "modelResponses": [{"response": "", "modelIdentifier": "m", "stopReason": "end_turn"}],
    }
    record = EvaluationRecord(7, "P", "b", "C", ("b", "c"), ("a", "b", "c"), "page 3", (GivenResponse("m", ""),))
    assert evaluation.parse(value, 7, "data.jsonl") == record
    assert record.right == ("b", "c")
    written = evaluation.write(record)
    assert evaluation.parse(written, 7, "data.jsonl") == record
    assert evaluation.parse({"text": "T"}, 7, "data.jsonl") == EvaluationRecord(7, "T")
    assert evaluation.parse({"prompt": "P", "references": ["x", "y"]}, 7, "d") == EvaluationRecord(
        7, "P", "x", references=("x", "y")
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"references": []}, "references: found an empty list; expected a list of texts, or the field left out"),
        ({"references": "x"}, 'references: found "x"; expected a list of texts, or the field left out'),
        ({"references": ["x", " "]}, 'references[1]: found " ", which is blank; expected a text that is not blank'),
        (
            {"references": ["x"], "referenceResponse": "y"},
            'references: found "x"; expected first what referenceRespons',
        ),
        ({"choices": ["a"]}, "choices: found 1, of which 1 differ; expected two or more, each once"),
        ({"choices": ["a", "a"]}, "choices: found 2, of which 1 differ; expected two or more, each once"),
        ({"choices": ["a", "b"], "referenceResponse": "c"}, 'choices: found no "c"; expected every right response am'),
        ({"text": "T"}, "text: found a text beside a prompt; expected one of the two"),
        ({"modelResponses": {}}, "modelResponses: found an empty object; expected a list of responses"),
        ({"modelResponses": ["R"]}, 'modelResponses[0]: found "R"; expected an object with response and mode'),
        ({"modelResponses": [{"modelIdentifier": "m"}]}, "modelResponses[0].response: found null; expected a text, "),
        ({"modelResponses": [{"response": "R"}]}, "modelResponses[0].modelIdentifier: found no such field; expected"),
        (
            {"modelResponses": [{"response": "R", "modelIdentifier": "m"}] * 2},
            'modelResponses: found 2 responses of "m"; expected one of each modelIdentifier',
        ),
    ],
)
def test_faults_of_what_is_ours(given: dict[str, object], words: str) -> None:
    (fault,) = faults({"prompt": "P", **given})
    assert fault.startswith(words)


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
