"""A request's path, query, headers and body as values, checked against the operation's shape."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from outcrop.server.bedrock.constraints import broken
from outcrop.server.bedrock.service import Operation
from outcrop.server.errors import WireError

if TYPE_CHECKING:
    from botocore.model import Shape, StructureShape

#: Deeper than any request is; Python's own limit would be met by a body made for it.
_DEEPEST = 60

_MOST_SHOWN = 100


@dataclass(frozen=True)
class Received:
    """A request as it came; ``labels`` are those of its path, ``query`` is raw, names of ``headers`` in lower case."""

    labels: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes


def read(operation: Operation, received: Received) -> dict[str, Any]:
    """What is asked, by the names that the operation gives its members; times are datetimes in UTC.

    Members that the model does not know are passed over, and so are those that are null.

    Raises:
        WireError: ValidationException with all that is wrong, or SerializationException for what is no JSON.
    """
    shape = operation.input
    if shape is None:
        return {}
    reader = _Reader()
    sent = _located(shape, received)
    if body := _body(shape, received):
        sent |= body
    values = reader.structure(shape, sent, "")
    if reader.faults:
        raise WireError("ValidationException", _summary(reader.faults))
    return values


def read_value(shape: Shape, given: Any, path: str) -> Any:
    """A value of a shape, from a document that a request carries as a text; ``path`` is what it is called.

    Raises:
        WireError: ValidationException with all that is wrong.
    """
    reader = _Reader()
    value = reader.value(shape, given, path, 0)
    if reader.faults:
        raise WireError("ValidationException", _summary(reader.faults))
    return value


def _summary(faults: Sequence[str]) -> str:
    count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
    return f"{count}: {'; '.join(faults)}"


class _Text(str):
    """A value from a path, a query or a header, which says every type by letters."""


def _located(shape: StructureShape, received: Received) -> dict[str, Any]:
    """What the path, the query and the headers say."""
    try:
        query = parse_qsl(received.query, keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError as error:
        raise WireError("ValidationException", f"the query can't be read: {error}") from None
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if wire in received.labels:
                found[name] = _Text(received.labels[wire])
            case "querystring":
                given = [_Text(value) for key, value in query if key == wire]
                if given:
                    found[name] = given if member.type_name == "list" else given[-1]
            case "header" if wire.lower() in received.headers:
                found[name] = _Text(received.headers[wire.lower()])
    return found


def _body(shape: StructureShape, received: Received) -> dict[str, Any]:
    """What the body says of the members that nothing else says."""
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        return {payload: received.body}
    members = {
        member.serialization.get("name", name): name
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }
    if not received.body or not members:
        return {}
    document = read_document(received.body)
    if payload is not None:
        return {payload: document}
    return {members[wire]: value for wire, value in document.items() if wire in members}


def read_document(body: bytes) -> dict[str, Any]:
    """A body's JSON object.

    Raises:
        WireError: SerializationException: it is none.
    """
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError("SerializationException", f"the body is no JSON that can be read: {error}") from None
    if not isinstance(document, dict):
        raise WireError("SerializationException", "the body is no JSON object")
    return document


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


@dataclass
class _Reader:
    """Reads values of a shape and gathers what is wrong with them."""

    faults: list[str] = field(default_factory=list)

    def structure(self, shape: StructureShape, given: Mapping[str, Any], path: str, depth: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, member in shape.members.items():
            value = given.get(name)
            where = f"{path}.{name}" if path else name
            if value is None:
                if name in shape.required_members:
                    self.faults.append(f"Value at '{where}' failed to satisfy constraint: Member must not be null")
                continue
            found[name] = self.value(member, value, where, depth + 1)
        if shape.metadata.get("union") and len(found) != 1:
            named = ", ".join(found) or "none"
            self.faults.append(f"Value at '{path}' must have exactly one of its members set, found {named}")
        return found

    def value(self, shape: Shape, given: Any, path: str, depth: int) -> Any:
        """The value, or None, and a fault, where it is none."""
        if depth > _DEEPEST:
            self.faults.append(f"Value at '{path}' lies deeper than {_DEEPEST} levels")
            return None
        match shape.type_name:
            case "structure":
                if shape.is_document_type:
                    return given
                return self._of(dict, shape, given, path, lambda: self.structure(shape, given, path, depth))
            case "list":
                return self._of(list, shape, given, path, lambda: self._list(shape, given, path, depth))
            case "map":
                return self._of(dict, shape, given, path, lambda: self._map(shape, given, path, depth))
        value = _scalar(shape.type_name, given)
        if value is None:
            self.faults.append(f"Value {_shown(given)} at '{path}' is no {shape.type_name}")
            return None
        self._check(shape, value, path)
        return value

    def _of(self, kind: type, shape: Shape, given: Any, path: str, read: Any) -> Any:
        if not isinstance(given, kind):
            self.faults.append(f"Value {_shown(given)} at '{path}' is no {shape.type_name}")
            return None
        self._check(shape, given, path)
        return read()

    def _check(self, shape: Shape, value: Any, path: str) -> None:
        for what in broken(shape, value):
            self.faults.append(f"Value {_shown(value)} at '{path}' failed to satisfy constraint: {what}")

    def _list(self, shape: Any, given: list[Any], path: str, depth: int) -> list[Any]:
        entries = enumerate(given, 1)
        return [self.value(shape.member, each, f"{path}.{place}.member", depth + 1) for place, each in entries]

    def _map(self, shape: Any, given: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        found = {}
        for key, value in given.items():
            where = f"{path}.{key[:_MOST_SHOWN]}"
            self._check(shape.key, key, where)
            found[key] = self.value(shape.value, value, f"{where}.member", depth + 1)
        return found


def _scalar(kind: str, given: Any) -> Any:
    """A value of a plain type; None where it is none."""
    if isinstance(given, _Text):
        return _from_text(kind, str(given))
    match kind:
        case "string" | "character":
            return given if isinstance(given, str) and _is_unicode(given) else None
        case "boolean":
            return given if isinstance(given, bool) else None
        case "integer" | "long":
            return given if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**63 else None
        case "float" | "double":
            numeric = isinstance(given, int | float) and not isinstance(given, bool)
            return _finite(given) if numeric else None
        case "timestamp":
            return _time(given)
        case "blob":
            return given if isinstance(given, bytes) else _decoded(given)
    return None


def _is_unicode(text: str) -> bool:
    """Whether a text can be written down: JSON can name halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _from_text(kind: str, text: str) -> Any:
    try:
        match kind:
            case "integer" | "long":
                return int(text) if text.lstrip("+-").isdecimal() and len(text) < 20 else None
            case "float" | "double":
                return _finite(float(text))
            case "boolean":
                return {"true": True, "false": False}.get(text)
            case "timestamp":
                return _time(text)
    except ValueError:
        return None
    return text if kind == "string" else None


def _finite(number: float) -> float | None:
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _time(given: Any) -> datetime | None:
    """A moment, from ISO 8601 or from seconds since the epoch."""
    try:
        if isinstance(given, str) and not given.replace(".", "", 1).lstrip("-").isdecimal():
            moment = datetime.fromisoformat(given)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(given, bool):
            return None
        return datetime.fromtimestamp(float(given), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _decoded(given: Any) -> bytes | None:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    text = str(value)
    return f"'{text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + '…'}'"
