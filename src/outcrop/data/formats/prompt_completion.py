"""Training records as a prompt and the completion to learn."""

from __future__ import annotations

from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import exchange
from outcrop.domain.errors import Fault
from outcrop.domain.records import Message, Record, Role, TrainingRecord

NAME = "prompt-completion"
DESCRIPTION = '{"prompt": "…", "completion": "…"}'
SHAPE = {"prompt": str, "completion": str}

_FIELDS = ("prompt", "completion")
_OF_OTHERS = ("conversations", "instruction", "output", "referenceResponse", "category", "modelResponses")


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong: it completes, or has a prompt and no more."""
    if "messages" in value:
        return False
    return "completion" in value or ("prompt" in value and not any(name in value for name in _OF_OTHERS))


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    prompt = check.text(value, "prompt")
    completion = check.text(value, "completion")
    check.only(value, _FIELDS)
    if check.faults:
        return check.faults
    return TrainingRecord(line, (Message(Role.USER, prompt), Message(Role.ASSISTANT, completion)), needs_template=False)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    prompt, completion = exchange(record, NAME)
    return {"prompt": prompt, "completion": completion}
