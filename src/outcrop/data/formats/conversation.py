"""What the formats of conversations share: turns that alternate, and contents that are texts or lists of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from outcrop.data.formats.fields import FieldCheck
from outcrop.domain.faults import described, shown
from outcrop.domain.records import Message, Role


@dataclass(frozen=True)
class Layout:
    """How a format writes a conversation.

    Attributes:
        messages: The field with the list of messages.
        role: The field of a message that says who speaks.
        roles: Whom each word in it means; of several words for one, the first is the usual one.
        fields: All fields that a message may have.
        text: Reads what a message says, given the place of the message in faults.
    """

    messages: str
    role: str
    roles: Mapping[str, Role]
    fields: tuple[str, ...]
    text: Callable[[FieldCheck, dict[str, object], str], str]

    @property
    def wanted(self) -> str:
        """The order of turns, in words."""
        user, assistant = shown(self.word(Role.USER)), shown(self.word(Role.ASSISTANT))
        return f"{user} and {assistant} in turns, beginning with {user} and ending with {assistant}"

    def word(self, role: Role) -> str:
        """The usual word for a role."""
        return next(word for word, known in self.roles.items() if known is role)


def first_role(value: dict[str, object], layout: Layout) -> object:
    """What the first message says of who speaks; None where there is none."""
    items = value.get(layout.messages)
    first = items[0] if isinstance(items, list) and items else None
    return first.get(layout.role) if isinstance(first, dict) else None


def read_turns(check: FieldCheck, value: dict[str, object], layout: Layout, *, system: bool) -> tuple[Message, ...]:
    """The messages of a record, in turns; every one that is wrong leaves a fault.

    Args:
        check: Takes the faults.
        value: The record.
        layout: How its format writes messages.
        system: Whether the first message may be a system text.
    """
    items = value.get(layout.messages)
    if not isinstance(items, list) or not items:
        found = described(items) if layout.messages in value else "no such field"
        check.fault(layout.messages, "no messages" if items == [] else found, f"a list: {layout.wanted}")
        return ()
    begins = system and isinstance(items[0], dict) and _role(items[0], layout) is Role.SYSTEM
    turns = items[begins:]
    spoken = [_message(check, items[0], Role.SYSTEM, 0, layout)] if begins else []
    expected = Role.USER
    for place, item in enumerate(turns, start=int(begins)):
        message = _message(check, item, expected, place, layout)
        expected = Role.USER if message.role is Role.ASSISTANT else Role.ASSISTANT
        spoken.append(message)
    if expected is Role.ASSISTANT or not turns:
        last = layout.word(spoken[-1].role)
        check.fault(layout.messages, f"messages that end with one by {shown(last)}", layout.wanted)
    return tuple(spoken)


def content(check: FieldCheck, item: dict[str, object], inside: str) -> str:
    """The field ``content``: a text, or a list of ``{"type": "text", "text": "…"}``."""
    value = item.get("content")
    return (
        parts(check, value, f"{inside}content", typed=True) if isinstance(value, list) else _text(check, item, inside)
    )


def parts(check: FieldCheck, items: Sequence[object], field: str, *, typed: bool) -> str:
    """The texts of a list of content blocks, each on a line of its own; any other block leaves a fault."""
    if not items:
        check.fault(field, "an empty list", "a list with a text")
    texts = [_part(check, item, f"{field}[{place}]", typed=typed) for place, item in enumerate(items)]
    return "\n".join(texts)


def _part(check: FieldCheck, item: object, field: str, *, typed: bool) -> str:
    wanted = '{"type": "text", "text": "…"}' if typed else '{"text": "…"}'
    if not isinstance(item, dict):
        check.fault(field, described(item), wanted)
        return ""
    kind = item.get("type") if typed else next((name for name in item if name != "text"), "text")
    if kind != "text":
        found = f"content of the kind {described(kind)}" if typed and kind is None else f"content of the kind {kind}"
        check.fault(field, found, f"{wanted}: models here learn from texts alone")
        return ""
    check.only(item, ("type", "text") if typed else ("text",), f"{field}.")
    return check.text(item, "text", f"{field}.")


def _text(check: FieldCheck, item: dict[str, object], inside: str) -> str:
    return check.text(item, "content", inside)


def _role(item: dict[str, object], layout: Layout) -> Role | None:
    word = item.get(layout.role)
    return layout.roles.get(word) if isinstance(word, str) else None


def _message(check: FieldCheck, item: object, expected: Role, place: int, layout: Layout) -> Message:
    inside = f"{layout.messages}[{place}]"
    if not isinstance(item, dict):
        check.fault(inside, described(item), f"an object with {' and '.join(map(shown, layout.fields[:2]))}")
        return Message(expected, "")
    role = _role(item, layout)
    if layout.role not in item:
        check.fault(f"{inside}.{layout.role}", "no such field", shown(layout.word(expected)))
    elif role is not expected:
        found = described(item[layout.role])
        check.fault(f"{inside}.{layout.role}", found, f"{shown(layout.word(expected))}: {layout.wanted}")
    text = layout.text(check, item, f"{inside}.")
    check.only(item, layout.fields, f"{inside}.")
    return Message(role if role in (Role.USER, Role.ASSISTANT) else expected, text)
