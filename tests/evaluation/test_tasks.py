from __future__ import annotations

import pytest

from outcrop.domain.errors import NotFound
from outcrop.evaluation.tasks import TASKS, task_type
from outcrop.metrics import named


@pytest.mark.parametrize("name", ["summarization", "summarisation", "Summarization", "SUMMARISATION"])
def test_both_spellings_name_one_task(name: str) -> None:
    assert task_type(name) is TASKS["summarization"]


@pytest.mark.parametrize("name", ["", "summary", "summarization ", "übersetzung"])
def test_an_unknown_task_is_said(name: str) -> None:
    with pytest.raises(NotFound, match=f"there is no task type '{name}'; there is summarization"):
        task_type(name)


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_every_task_has_metrics_that_exist(task: object) -> None:
    kind = task_type(getattr(task, "name", ""))
    assert [named(metric).name for metric in kind.metrics] == list(kind.metrics)
    assert kind.max_tokens > 0


def test_the_verdict_of_a_summary_rests_on_rouge_l() -> None:
    assert task_type("summarization").metrics[0] == "rougeL"
