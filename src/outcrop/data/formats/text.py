"""Texts to learn as they are, each in the field ``text``: continued pre-training."""

from __future__ import annotations

from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import document
from outcrop.domain.errors import Fault
from outcrop.domain.records import Record, TextRecord

NAME = "text"
DESCRIPTION = '{"text": "…"}'
SHAPE = {"text": str}

_FIELDS = ("text",)
_OF_OTHERS = ("prompt", "completion", "instruction", "output", "messages", "conversations")


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    return "text" in value and not any(name in value for name in _OF_OTHERS)


def parse(value: dict[str, object], line: int, where: str) -> TextRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    text = check.text(value, "text")
    check.only(value, _FIELDS)
    return check.faults or TextRecord(line, text)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    return {"text": document(record, NAME)}
