"""Evaluation records: a prompt, the response it should get, and the group it is reported under."""

from __future__ import annotations

from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.errors import Fault
from outcrop.domain.records import EvaluationRecord

NAME = "evaluation"
DESCRIPTION = '{"prompt": "…", "referenceResponse": "…" (optional), "category": "…" (optional)}'

_FIELDS = ("prompt", "referenceResponse", "category")
_STORED = "modelResponses"


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    if "completion" in value or "messages" in value:
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
