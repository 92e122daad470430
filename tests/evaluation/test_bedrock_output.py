"""Bedrock's files of an automatic evaluation: where they are and what a line is."""

from __future__ import annotations

import json
import math
import re

import pytest

from outcrop.domain.records import EvaluationRecord
from outcrop.evaluation.bedrock_output import definition_path, output_lines, output_path
from outcrop.evaluation.judges.judged_responses import JudgedResponse

RECORDS = [
    EvaluationRecord(1, "Wo ist Köln?", "am Rhein", "geography"),
    EvaluationRecord(2, "And Bonn?\nSay it."),
]


def test_a_line_is_as_the_user_guide_has_it() -> None:
    """The document of the page "Review metrics for an automated model evaluation job", field by field."""
    lines = list(
        output_lines(
            "amazon.titan-v1:0",
            RECORDS,
            [("am Rhein", "end_turn"), ("", "max_tokens")],
            {"Builtin.Accuracy": [1.0, math.nan], "Builtin.Robustness": [17.5, 0.0]},
        )
    )
    assert [json.loads(line) for line in lines] == [
        {
            "automatedEvaluationResult": {
                "scores": [
                    {"metricName": "Builtin.Accuracy", "result": 1.0},
                    {"metricName": "Builtin.Robustness", "result": 17.5},
                ]
            },
            "inputRecord": {"prompt": "Wo ist Köln?", "referenceResponse": "am Rhein", "category": "geography"},
            "modelResponses": [
                {"modelIdentifier": "amazon.titan-v1:0", "response": "am Rhein", "stopReason": "end_turn"}
            ],
        },
        {
            "automatedEvaluationResult": {
                "scores": [
                    {"metricName": "Builtin.Accuracy", "result": None},
                    {"metricName": "Builtin.Robustness", "result": 0.0},
                ]
            },
            "inputRecord": {"prompt": "And Bonn?\nSay it."},
            "modelResponses": [{"modelIdentifier": "amazon.titan-v1:0", "response": "", "stopReason": "max_tokens"}],
        },
    ]
    assert "Köln" in lines[0]
    assert "\n" not in "".join(lines)


def test_what_judges_said_stands_with_the_scores() -> None:
    """The shape of the same page's example of a judge."""
    helpful = JudgedResponse("Builtin.Helpfulness", 0.6667, "anthropic.claude-v2", ("It helps.", "A little: ü."))
    other = JudgedResponse("tone", None, "anthropic.claude-v2", ())
    said = [("a", "end_turn")] * 2
    first, second = map(json.loads, output_lines("m", RECORDS, said, {"rougeL": [0.5, 1]}, [[helpful, other], []]))
    assert first["automatedEvaluationResult"]["scores"] == [
        {"metricName": "rougeL", "result": 0.5},
        {
            "metricName": "Builtin.Helpfulness",
            "result": 0.6667,
            "evaluatorDetails": [
                {"modelIdentifier": "anthropic.claude-v2", "explanation": "It helps."},
                {"modelIdentifier": "anthropic.claude-v2", "explanation": "A little: ü."},
            ],
        },
        {"metricName": "tone", "result": None, "evaluatorDetails": []},
    ]
    assert second["automatedEvaluationResult"]["scores"] == [{"metricName": "rougeL", "result": 1.0}]


def test_no_metric_is_no_score() -> None:
    (first, _) = output_lines("m", RECORDS, [("a", "end_turn")] * 2, {})
    assert json.loads(first)["automatedEvaluationResult"] == {"scores": []}


@pytest.mark.parametrize(("n_responses", "n_values"), [(1, 2), (2, 1), (3, 2)])
def test_every_record_has_a_response_and_a_value(n_responses: int, n_values: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        list(output_lines("m", RECORDS, [("a", "end_turn")] * n_responses, {"x": [0.0] * n_values}))


def test_the_path_is_where_scripts_look() -> None:
    path = output_path("meta.llama3-1-8b-instruct-v1:0", "question-answering", "my-set", "job1")
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    folders = "models/meta.llama3-1-8b-instruct-v1:0/taskTypes/QuestionAndAnswer/datasets/my-set/"
    assert re.fullmatch(re.escape(folders) + uuid + "_output.jsonl", path)
    assert path == output_path("meta.llama3-1-8b-instruct-v1:0", "question-answering", "my-set", "job1")
    assert len({path, output_path("m", "custom", "my-set", "job1"), output_path("m", "custom", "my-set", "job2")}) == 3


@pytest.mark.parametrize(
    ("task", "wire"),
    [
        ("summarization", "Summarization"),
        ("generation", "Generation"),
        ("translation", "Custom"),
        ("General", "General"),
        ("QuestionAndAnswer", "QuestionAndAnswer"),
    ],
)
def test_task_types_are_bedrocks(task: str, wire: str) -> None:
    assert f"/taskTypes/{wire}/" in output_path("m", task, "d", "j")


@pytest.mark.parametrize(("name", "part"), [("../../etc", ".._.._etc"), ("..", "__"), ("a b/ü", "a_b__"), ("", "_")])
def test_a_name_can_not_leave_its_folder(name: str, part: str) -> None:
    assert f"/datasets/{part}/" in output_path("m", "custom", name, "j")


@pytest.mark.parametrize(("name", "file"), [("Clarity", "Clarity.json"), ("../up", ".._up.json"), ("..", "...json")])
def test_a_definition_lies_in_a_folder_of_its_own(name: str, file: str) -> None:
    assert definition_path(name) == f"custom_metrics/{file}"
