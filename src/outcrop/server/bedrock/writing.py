"""A result as the JSON of its shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from outcrop.server.bedrock.constraints import is_word
from outcrop.server.bedrock.service import Operation

if TYPE_CHECKING:
    from botocore.model import Shape


def write(operation: Operation, result: Mapping[str, Any]) -> bytes:
    """The body of a response.

    Args:
        operation: What was asked.
        result: By the names that the operation gives its members; those that are None are left out. Times are seconds
            since the epoch, or datetimes.

    Raises:
        ValueError: The result is not of the operation's shape: a mistake of ours.
    """
    shape = operation.output
    document = {} if shape is None else _written(shape, dict(result), operation.name)
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _written(shape: Shape, value: Any, path: str) -> Any:
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            return _structure(shape, value, path)
        case "list":
            return [_written(shape.member, each, path) for each in value]
        case "map":
            return {key: _written(shape.value, each, f"{path}.{key}") for key, each in value.items()}
        case "timestamp":
            moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "blob":
            return base64.b64encode(value).decode()
        case "string" if not is_word(shape, value):
            raise ValueError(f"{path}: {value!r} is none of {shape.metadata['enum']}")
    return value


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    present = {name: each for name, each in value.items() if each is not None}
    if unknown := present.keys() - shape.members.keys():
        raise ValueError(f"{path}: there are no members {sorted(unknown)}")
    if missing := set(shape.required_members) - present.keys():
        raise ValueError(f"{path}: the members {sorted(missing)} are missing")
    return {
        shape.members[name].serialization.get("name", name): _written(shape.members[name], each, f"{path}.{name}")
        for name, each in present.items()
    }
