"""What Bedrock's automatic evaluation leaves in S3: a file of records for each model, task type and dataset.

The shape is that of the user guide's page "Review metrics for an automated model evaluation job".
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outcrop.domain.records import EvaluationRecord
from outcrop.evaluation.judges.judged_responses import JudgedResponse

#: Task types as Bedrock writes them; others are ``Custom``.
TASKS = {
    "summarization": "Summarization",
    "question-answering": "QuestionAndAnswer",
    "classification": "Classification",
    "generation": "Generation",
}

_OTHERS = ("Custom", "General")

_UNSAFE = re.compile(r"[^A-Za-z0-9._:-]")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://outcrop/evaluation-output")


def output_path(model: str, task: str, dataset: str, job: str) -> str:
    """Where the file goes below the job's prefix: ``models/…/taskTypes/…/datasets/…/UUID_output.jsonl``.

    The UUID follows from the arguments, so that a job that is resumed writes the same file. What a path can't hold
    becomes ``_``.

    Args:
        model: The model's name.
        task: Outcrop's name of the task type, or Bedrock's.
        dataset: The dataset's name.
        job: The job's id.
    """
    name = uuid.uuid5(_NAMESPACE, json.dumps([job, model, task, dataset]))
    return f"models/{_part(model)}/taskTypes/{task_name(task)}/datasets/{_part(dataset)}/{name}_output.jsonl"


def task_name(task: str) -> str:
    """A task type as Bedrock writes it."""
    return task if task in (*TASKS.values(), *_OTHERS) else TASKS.get(task, "Custom")


def definition_path(metric: str) -> str:
    """Where the definition of a metric of one's own goes below the job's prefix."""
    return f"custom_metrics/{_part(f'{metric}.json')}"


def _part(name: str) -> str:
    """A name as one part of a path."""
    safe = _UNSAFE.sub("_", name)
    return safe if safe.strip(".") else "_" * max(len(safe), 1)


def output_lines(
    model: str,
    records: Sequence[EvaluationRecord],
    responses: Sequence[tuple[str, str]],
    values: Mapping[str, Sequence[float]],
    judged: Sequence[Sequence[JudgedResponse]] = (),
) -> Iterator[str]:
    """One JSON object for each record: its scores, the record, and what the model answered.

    Args:
        model: The model's identifier.
        records: The dataset.
        responses: The text and the stop reason of each, in the order of the records.
        values: By the metric's name on the wire (``Builtin.Accuracy``, say), a value for each record; NaN where it
            could not be scored, which becomes ``null``.
        judged: What judges said of each response; empty where none judged.

    Yields:
        Lines without their ends.

    Raises:
        ValueError: There is not one response and one value of each metric for every record, or what judges said is of
            other records.
    """
    columns = [[(name, value) for value in column] for name, column in values.items()]
    by_record = zip(*columns, strict=True) if columns else iter([()] * len(records))
    said = judged or [()] * len(records)
    for record, (text, stop_reason), scores, rulings in zip(records, responses, by_record, said, strict=True):
        asked = {"prompt": record.prompt, "referenceResponse": record.reference, "category": record.category}
        line = {
            "automatedEvaluationResult": {
                "scores": [
                    {"metricName": name, "result": float(value) if math.isfinite(value) else None}
                    for name, value in scores
                ]
                + [_judged(one) for one in rulings]
            },
            "inputRecord": {name: value for name, value in asked.items() if value is not None},
            "modelResponses": [{"modelIdentifier": model, "response": text, "stopReason": stop_reason}],
        }
        yield json.dumps(line, ensure_ascii=False)


def _judged(one: JudgedResponse) -> dict[str, Any]:
    details = [{"modelIdentifier": one.judge, "explanation": explanation} for explanation in one.explanations]
    return {"metricName": one.criterion, "result": one.result, "evaluatorDetails": details}
