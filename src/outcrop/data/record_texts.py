"""What a record says, as one normalised text, by which records are compared whatever their format."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from outcrop.data.field_paths import value_at
from outcrop.data.reading import JsonObject, Line
from outcrop.domain.errors import Fault

#: Fields in which formats keep what is said, in the order it is said in; anything else is about the record.
SPOKEN = (
    "system",
    "instruction",
    "context",
    "input",
    "inputs",
    "prompt",
    "question",
    "messages",
    "conversations",
    "conversationTurns",
    "text",
    "completion",
    "output",
    "response",
    "answer",
    "answers",
    "chosen",
    "rejected",
    "reference_answer",
    "referenceResponse",
    "referenceResponses",
)

#: Who speaks and how a part is stored, inside of a message.
_ABOUT = frozenset({"role", "from", "type", "format"})


def record_text(line: Line, fields: Sequence[str], where: str) -> str | Fault:
    """The normalised text of a record, or the fault of a record without one.

    Args:
        line: The record.
        fields: Paths of the fields to take; those of ``SPOKEN`` where empty, or every text of a record without any.
        where: The file, for the fault.
    """
    parts: list[object] = []
    for path in fields:
        there, value = value_at(line.value, path)
        if not there:
            return Fault(where, line.number, path, "no such field", "a field with a text, which --text names")
        parts.append(value)
    return normalised(" ".join(text for part in parts or _spoken(line.value) for text in _texts(part)))


def normalised(text: str) -> str:
    """The text without case, in Unicode's composed form (NFC), with single spaces between its words."""
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding can take a composed letter apart (ǰ), so the form is made last.
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def _spoken(value: JsonObject) -> list[object]:
    known = [value[name] for name in SPOKEN if name in value]
    return known or list(value.values())


def _texts(value: object) -> Iterator[str]:
    """Every text below a value, in the order of the file; a stack and not recursion, since JSON may be deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, dict):
            stack.extend(part for name, part in reversed(item.items()) if name not in _ABOUT)
