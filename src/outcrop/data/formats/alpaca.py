"""Instructions with an input and the output to learn: the layout of the Alpaca data."""

from __future__ import annotations

from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import exchange
from outcrop.domain.errors import Fault
from outcrop.domain.records import Message, Record, Role, TrainingRecord

NAME = "alpaca"
DESCRIPTION = '{"instruction": "…", "input": "…" (optional, may be empty), "output": "…"}'
SHAPE = {"instruction": str, "input": str, "output": str}

#: The first data had the whole prompt, joined, in "text" too.
_FIELDS = ("instruction", "input", "output", "text")
_OF_OTHERS = ("messages", "conversations", "completion", "prompt")


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    return ("instruction" in value or "output" in value) and not any(name in value for name in _OF_OTHERS)


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it; instruction and input are joined by an empty line."""
    check = FieldCheck(where, line)
    instruction = check.text(value, "instruction")
    given = value.get("input")
    more = "" if given is None or given == "" else check.spoken("input", given, "a text, or an empty one")
    output = check.text(value, "output")
    check.only(value, _FIELDS)
    prompt = f"{instruction}\n\n{more}" if more else instruction
    messages = (Message(Role.USER, prompt), Message(Role.ASSISTANT, output))
    return check.faults or TrainingRecord(line, messages, needs_template=False)


def write(record: Record) -> dict[str, object]:
    """The record in this format, all of its prompt as the instruction.

    Raises:
        InvalidInput: It can't be expressed.
    """
    prompt, completion = exchange(record, NAME)
    return {"instruction": prompt, "input": "", "output": completion}
