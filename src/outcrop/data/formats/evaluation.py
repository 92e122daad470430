"""Evaluation records: a prompt, the response it should get, and the group it is reported under."""

from __future__ import annotations

from outcrop.data.formats import writing
from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.errors import Fault
from outcrop.domain.records import EvaluationRecord, Record

NAME = "evaluation"
DESCRIPTION = '{"prompt": "…", "referenceResponse": "…" (optional), "category": "…" (optional)}'
SHAPE = {"prompt": str, "referenceResponse": str, "category": str}

_FIELDS = ("prompt", "referenceResponse", "category")
_STORED = "modelResponses"
_OF_OTHERS = ("completion", "messages", "conversations", "instruction", "output")


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    if any(name in value for name in _OF_OTHERS):
        return False
    return any(name in value for name in (*_FIELDS, _STORED))


def parse(value: dict[str, object], line: int, where: str) -> EvaluationRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    prompt = check.text(value, "prompt")
    reference = check.optional_text(value, "referenceResponse")
    category = check.optional_text(value, "category")
    if _STORED in value:
        check.fault(_STORED, "stored responses", "the field left out: stored responses are not read yet")
    check.only(value, (*_FIELDS, _STORED) if _STORED in value else _FIELDS)
    if check.faults:
        return check.faults
    return EvaluationRecord(line, prompt, reference, category)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    found = writing.evaluation(record, NAME)
    fields = {"prompt": found.prompt, "referenceResponse": found.reference, "category": found.category}
    return {name: value for name, value in fields.items() if value is not None}
