"""Conversations as ShareGPT's dumps have them: who speaks in ``from``, what is said in ``value``."""

from __future__ import annotations

from outcrop.data.formats.conversation import Layout, read_turns
from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import conversation
from outcrop.domain.errors import Fault
from outcrop.domain.records import Record, Role, TrainingRecord

NAME = "sharegpt"
DESCRIPTION = '{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}, …]}'
SHAPE = {"conversations": [{"from": str, "value": str}]}

#: The dumps number their conversations.
_FIELDS = ("conversations", "id")
_ROLES = {
    "human": Role.USER,
    "user": Role.USER,
    "gpt": Role.ASSISTANT,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
}


def _value(check: FieldCheck, item: dict[str, object], inside: str) -> str:
    return check.text(item, "value", inside)


_LAYOUT = Layout("conversations", "from", _ROLES, ("from", "value"), text=_value)


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    return "conversations" in value


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    spoken = read_turns(check, value, _LAYOUT, system=True)
    check.only(value, _FIELDS)
    return check.faults or TrainingRecord(line, spoken, needs_template=True)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    system, turns = conversation(record, NAME)
    first = [] if system is None else [{"from": "system", "value": system}]
    return {"conversations": [*first, *({"from": _LAYOUT.word(each.role), "value": each.text} for each in turns)]}
