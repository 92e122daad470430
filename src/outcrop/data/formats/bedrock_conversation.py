"""Conversations as Bedrock's Converse API writes them: lists of content blocks, under a schema version."""

from __future__ import annotations

from outcrop.data.formats.conversation import Layout, parts, read_turns
from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import conversation
from outcrop.domain.errors import Fault
from outcrop.domain.faults import described, shown
from outcrop.domain.records import Message, Record, Role, TrainingRecord

NAME = "bedrock-conversation-2024"
DESCRIPTION = (
    '{"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "…"}] (optional), '
    '"messages": [{"role": "user", "content": [{"text": "…"}]}, {"role": "assistant", …}, …]}'
)
SHAPE = {"schemaVersion": str, "system": [{"text": str}], "messages": [{"role": str, "content": [{"text": str}]}]}

_FIELDS = ("schemaVersion", "system", "messages")


def _content(check: FieldCheck, item: dict[str, object], inside: str) -> str:
    return _blocks(check, item.get("content"), f"{inside}content", "content" in item)


_LAYOUT = Layout(
    "messages", "role", {"user": Role.USER, "assistant": Role.ASSISTANT}, ("role", "content"), text=_content
)


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong: by its schema, or by content without types."""
    if "schemaVersion" in value:
        return True
    items = value.get("messages")
    first = items[0] if isinstance(items, list) and items else None
    blocks = first.get("content") if isinstance(first, dict) else None
    block = blocks[0] if isinstance(blocks, list) and blocks else None
    return isinstance(block, dict) and "type" not in block


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    if value.get("schemaVersion") != NAME:
        found = described(value["schemaVersion"]) if "schemaVersion" in value else "no such field"
        check.fault("schemaVersion", found, shown(NAME))
    system = _blocks(check, value["system"], "system", True) if value.get("system", []) != [] else None
    spoken = read_turns(check, value, _LAYOUT, system=False)
    check.only(value, _FIELDS)
    first = () if system is None else (Message(Role.SYSTEM, system),)
    return check.faults or TrainingRecord(line, (*first, *spoken), needs_template=True)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    system, turns = conversation(record, NAME)
    spoken = [{"role": message.role.value, "content": [{"text": message.text}]} for message in turns]
    return {"schemaVersion": NAME, **({} if system is None else {"system": [{"text": system}]}), "messages": spoken}


def _blocks(check: FieldCheck, value: object, field: str, given: bool) -> str:
    if isinstance(value, list):
        return parts(check, value, field, typed=False)
    check.fault(field, described(value) if given else "no such field", 'a list of {"text": "…"}')
    return ""
