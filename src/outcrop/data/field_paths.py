"""A field of a record by its path, ``category`` or ``metadata.product``, in whatever format the record is."""

from __future__ import annotations

from outcrop.data.reading import JsonObject, Line
from outcrop.domain.errors import Fault
from outcrop.domain.faults import described, shown


def value_at(value: JsonObject, path: str) -> tuple[bool, object]:
    """Whether a record has a field, and what is in it.

    Args:
        value: The record.
        path: Names with dots between them; a number is a place in a list, counted from 0. A name that itself has dots
            is found too, at the record's top.
    """
    if path in value:
        return True, value[path]
    found: object = value
    for name in path.split("."):
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return False, None
    return True, found


def scalar_at(line: Line, path: str, where: str) -> str | int | float | Fault:
    """A text or a number of a record, a truth value as 0 or 1; or the fault of a record that has none there."""
    there, value = value_at(line.value, path)
    if not there:
        own = ", ".join(shown(name) for name in list(line.value)[:8]) or "no fields"
        return Fault(where, line.number, path, "no such field", f"a text or a number in it; the record has {own}")
    if isinstance(value, (str, int, float)):
        return value
    return Fault(where, line.number, path, described(value), "a text or a number")
