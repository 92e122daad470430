from __future__ import annotations

import pytest

from outcrop.cli.evaluate import TASK_NAMES
from outcrop.domain.errors import NotFound
from outcrop.evaluation.task_metrics import task_metrics
from outcrop.evaluation.tasks import TASKS, task_type


@pytest.mark.parametrize(
    ("name", "task"),
    [
        *((name, "summarization") for name in ("summarization", "summarisation", "Summarization", "SUMMARISATION")),
        *((name, "question-answering") for name in ("QuestionAndAnswer", "question_answering", "qa")),
        *((name, "multiple-choice") for name in ("multiple-choice", "MultipleChoice")),
    ],
)
def test_every_spelling_names_one_task(name: str, task: str) -> None:
    assert task_type(name) is TASKS[task]


@pytest.mark.parametrize("name", ["", "summary", "summarization ", "übersetzung"])
def test_an_unknown_task_is_said(name: str) -> None:
    with pytest.raises(NotFound, match=f"there is no task type '{name}'; there is summarization"):
        task_type(name)


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_every_task_has_metrics_that_exist(task: object) -> None:
    kind = task_type(getattr(task, "name", ""))
    made = task_metrics(kind, kind.metrics, labels=("a", "b"))
    assert [metric.name for metric in made] == list(kind.metrics)
    assert kind.max_tokens > 0


def test_help_texts_name_every_task() -> None:
    assert tuple(TASKS) == TASK_NAMES


def test_the_verdict_of_a_summary_rests_on_rouge_l() -> None:
    assert task_type("summarization").metrics[0] == "rougeL"


@pytest.mark.parametrize("name", ["question-answering", "classification", "generation"])
def test_bedrocks_name_for_accuracy(name: str) -> None:
    kind = TASKS[name]
    (ours,) = task_metrics(kind, [kind.accuracy], labels=("a", "b"))
    (theirs,) = task_metrics(kind, ["Builtin.Accuracy"], labels=("a", "b"))
    assert (theirs.name, theirs.signature) == ("Builtin.Accuracy", ours.signature)
    with pytest.raises(NotFound):
        task_metrics(TASKS["translation"], ["Builtin.Accuracy"])
