"""Task types: what a model is asked, how its response is scored, and how long it may be."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.domain.errors import NotFound


@dataclass(frozen=True)
class TaskType:
    """A task type; the first of ``metrics`` is the one the verdict rests on.

    The record's prompt is sent as the user's message, word for word.
    """

    name: str
    metrics: tuple[str, ...]
    max_tokens: int
    about: str


TASKS = {
    task.name: task
    for task in (
        TaskType(
            "summarization",
            ("rougeL", "rouge1", "rouge2", "rougeLsum", "token_f1", "exact_match", "length_ratio"),
            128,
            "A text is said in fewer words; the response is held against a reference.",
        ),
    )
}


def task_type(name: str) -> TaskType:
    """The task type of that name; the spelling ``summarisation`` is taken too.

    Raises:
        NotFound: There is none.
    """
    found = TASKS.get(name.lower().replace("isation", "ization"))
    if found is None:
        raise NotFound(f"there is no task type {name!r}; there is {', '.join(TASKS)}")
    return found
