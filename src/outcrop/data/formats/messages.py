"""Conversations as messages, with the system text in a field beside them: Anthropic's layout."""

from __future__ import annotations

from outcrop.data.formats import bedrock_conversation, openai_messages
from outcrop.data.formats.conversation import Layout, content, first_role, parts, read_turns
from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import conversation
from outcrop.domain.errors import Fault
from outcrop.domain.records import Message, Record, Role, TrainingRecord

NAME = "messages"
DESCRIPTION = '{"system": "…" (optional), "messages": [{"role": "user", "content": "…"}, {"role": "assistant", …}, …]}'
SHAPE = {"system": str, "messages": [{"role": str, "content": str}]}

_FIELDS = ("system", "messages")
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_LAYOUT = Layout("messages", "role", _ROLES, ("role", "content"), text=content)


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    if "messages" not in value or bedrock_conversation.looks_like(value):
        return False
    return "system" in value or not openai_messages.is_marked(value)


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    given = value.get("system")
    system = (
        parts(check, given, "system", typed=True) if isinstance(given, list) else check.optional_text(value, "system")
    )
    if first_role(value, _LAYOUT) == "system":
        check.fault("messages[0].role", '"system"', 'the system text in the field "system", beside "messages"')
    spoken = read_turns(check, value, _LAYOUT, system=True)
    check.only(value, _FIELDS)
    first = () if system is None else (Message(Role.SYSTEM, system),)
    return check.faults or TrainingRecord(line, (*first, *spoken), needs_template=True)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    system, turns = conversation(record, NAME)
    spoken = [{"role": message.role.value, "content": message.text} for message in turns]
    return {**({} if system is None else {"system": system}), "messages": spoken}
