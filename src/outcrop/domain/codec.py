"""Values to plain JSON and back, checked by their types."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from outcrop.domain.errors import Fault, InvalidInput

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def to_json(value: object) -> dict[str, Any]:
    """A frozen value as plain JSON."""
    plain: dict[str, Any] = _adapter(cast("Hashable", type(value))).dump_python(value, mode="json")
    return plain


def from_json(kind: type[T], plain: object, where: str = "request") -> T:
    """A frozen value from plain JSON.

    Raises:
        InvalidInput: Fields are missing, unknown or of the wrong type: one fault each.
    """
    from pydantic import ValidationError

    try:
        value: T = _adapter(cast("Hashable", kind)).validate_python(plain)
    except ValidationError as error:
        faults = [
            Fault(where, None, ".".join(map(str, entry["loc"])), repr(entry.get("input"))[:80], entry["msg"])
            for entry in error.errors()
        ]
        raise InvalidInput(faults) from error
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
