"""Conversations as messages, the system text the first of them: the layout of OpenAI's fine-tuning files."""

from __future__ import annotations

from dataclasses import replace

from outcrop.data.formats import bedrock_conversation
from outcrop.data.formats.conversation import Layout, content, read_turns
from outcrop.data.formats.fields import FieldCheck
from outcrop.data.formats.writing import conversation
from outcrop.domain.errors import Fault
from outcrop.domain.faults import described
from outcrop.domain.records import Message, Record, Role, TrainingRecord

NAME = "openai-messages"
DESCRIPTION = (
    '{"messages": [{"role": "system", "content": "…"} (optional), {"role": "user", …}, {"role": "assistant", …}, …]}'
)
SHAPE = {"messages": [{"role": str, "content": str, "weight": int}]}

#: Fields of functions and tools, which a model here does not learn to call.
_TOOLS = ("tools", "functions", "parallel_tool_calls")
_CALLS = ("tool_calls", "function_call", "tool_call_id", "audio", "refusal")
_MARKS = frozenset({"name", "weight", *_CALLS})
_ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
_LAYOUT = Layout("messages", "role", _ROLES, ("role", "content", "name", "weight", *_CALLS), text=content)


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    return "messages" in value and "system" not in value and not bedrock_conversation.looks_like(value)


def is_marked(value: dict[str, object]) -> bool:
    """Whether a record has something that only this format knows."""
    items = value.get("messages")
    messages = items if isinstance(items, list) else []
    return any(name in value for name in _TOOLS) or any(
        isinstance(item, dict) and (item.get("role") in ("system", "developer") or not _MARKS.isdisjoint(item))
        for item in messages
    )


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    spoken = read_turns(check, value, _LAYOUT, system=True)
    _no_tools(check, value)
    check.only(value, ("messages", *_TOOLS))
    learnt = _weights(check, value)
    if check.faults:
        return check.faults
    messages = (replace(message, learnt=weight) for message, weight in zip(spoken, learnt, strict=True))
    return TrainingRecord(line, tuple(messages), needs_template=True)


def write(record: Record) -> dict[str, object]:
    """The record in this format.

    Raises:
        InvalidInput: It can't be expressed.
    """
    system, turns = conversation(record, NAME, unlearnt=True)
    first = [] if system is None else [{"role": "system", "content": system}]
    return {"messages": [*first, *map(_written, turns)]}


def _written(message: Message) -> dict[str, object]:
    return {"role": message.role.value, "content": message.text, **({} if message.learnt else {"weight": 0})}


def _no_tools(check: FieldCheck, value: dict[str, object]) -> None:
    """Add a fault for each field of a tool that says something; many programs write empty ones."""
    for name in _TOOLS:
        if value.get(name):
            check.fault(name, described(value[name]), "the field left out: calls of tools are not learnt")
    for place, item in enumerate(_items(value)):
        for name in _CALLS:
            if item.get(name):
                expected = "the field left out: calls of tools, audio and refusals are not learnt"
                check.fault(f"messages[{place}].{name}", described(item[name]), expected)


def _weights(check: FieldCheck, value: dict[str, object]) -> list[bool]:
    """Whether each message is learnt; ``weight`` is 0 or 1, and stands with the assistant only."""
    learnt = []
    for place, item in enumerate(_items(value)):
        weight = item.get("weight")
        if weight is not None and (weight not in (0, 1) or isinstance(weight, bool) or item.get("role") != "assistant"):
            check.fault(f"messages[{place}].weight", described(weight), "0 or 1, in a message by the assistant")
        learnt.append(weight != 0 or weight is None)
    return learnt


def _items(value: dict[str, object]) -> list[dict[str, object]]:
    items = value.get("messages")
    return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []
