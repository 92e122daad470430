"""Training records as messages: one question by the user, one answer by the assistant, which is learnt."""

from __future__ import annotations

from outcrop.data.faults import described, shown
from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.errors import Fault
from outcrop.domain.records import Message, Role, TrainingRecord

NAME = "messages"
DESCRIPTION = (
    '{"system": "…" (optional), "messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
)

_FIELDS = ("system", "messages")
_MESSAGE_FIELDS = ("role", "content")
_ROLES = (Role.USER, Role.ASSISTANT)
_WANTED = 'exactly one "user" message and then one "assistant" message'


def looks_like(value: dict[str, object]) -> bool:
    """Whether a record is meant to be in this format, right or wrong."""
    return "messages" in value


def parse(value: dict[str, object], line: int, where: str) -> TrainingRecord | list[Fault]:
    """The record of one line, or every fault in it."""
    check = FieldCheck(where, line)
    if "schemaVersion" in value:
        found = f"the schema {described(value['schemaVersion'])}"
        check.fault("schemaVersion", found, f"{DESCRIPTION}: that schema is not read yet")
        return check.faults
    system = check.optional_text(value, "system")
    spoken = _messages(check, value)
    check.only(value, _FIELDS)
    if check.faults:
        return check.faults
    first = () if system is None else (Message(Role.SYSTEM, system),)
    return TrainingRecord(line, (*first, *spoken), needs_template=True)


def _messages(check: FieldCheck, value: dict[str, object]) -> tuple[Message, ...]:
    items = value.get("messages")
    if not isinstance(items, list):
        check.fault("messages", described(items) if "messages" in value else "no such field", f"a list: {_WANTED}")
        return ()
    skipped = _system_among(check, items)
    turns = items[skipped:]
    if len(turns) != len(_ROLES):
        check.fault("messages", _counted(turns), _turns_wanted(len(turns)))
        return ()
    roles = zip(_ROLES, turns, strict=True)
    return tuple(_message(check, item, role, skipped + index) for index, (role, item) in enumerate(roles))


def _system_among(check: FieldCheck, items: list[object]) -> int:
    """How many messages to pass over: a system message at the front has its own fault, and hides no other."""
    first = items[0] if items else None
    if not isinstance(first, dict) or first.get("role") != Role.SYSTEM:
        return 0
    check.fault("messages[0].role", '"system"', 'the system text in the field "system", beside "messages"')
    return 1


def _turns_wanted(count: int) -> str:
    return f"{_WANTED}; multi-turn conversations are not supported yet" if count > len(_ROLES) else _WANTED


def _counted(turns: list[object]) -> str:
    roles = [turn.get("role") if isinstance(turn, dict) else None for turn in turns[:6]]
    named = ", ".join(shown(role) if isinstance(role, str) else "?" for role in roles)
    more = ", …" if len(turns) > len(roles) else ""
    return f"{len(turns)} {'message' if len(turns) == 1 else 'messages'}" + (f" ({named}{more})" if turns else "")


def _message(check: FieldCheck, item: object, role: Role, index: int) -> Message:
    inside = f"messages[{index}]"
    if not isinstance(item, dict):
        check.fault(inside, described(item), 'an object with "role" and "content"')
        return Message(role, "")
    if "role" not in item:
        check.fault(f"{inside}.role", "no such field", shown(role))
    elif item["role"] != role:
        check.fault(f"{inside}.role", described(item["role"]), f"{shown(role)}: {_WANTED}")
    text = check.text(item, "content", f"{inside}.")
    check.only(item, _MESSAGE_FIELDS, f"{inside}.")
    return Message(role, text)
