"""A query string, read by the parameters of its route: all faults at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from pydantic import TypeAdapter, ValidationError

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.server.api.route import Parameter

#: Names and values of one query; nobody compares more jobs.
_MOST = 200


def read_query(parameters: Sequence[Parameter], text: str) -> dict[str, Any]:
    """The value of every parameter.

    Args:
        parameters: Those that the route has.
        text: What follows the question mark.

    Raises:
        InvalidInput: Parameters are unknown, missing, given twice or of another type: one fault each.
    """
    try:
        given = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST, errors="strict")
    except ValueError as error:
        raise InvalidInput([Fault("query", None, "", text[:80], f"names and values: {error}")]) from error
    by_name = {parameter.name: parameter for parameter in parameters}
    faults = [*_unknown(by_name, given)]
    values: dict[str, Any] = {}
    for name, parameter in by_name.items():
        try:
            values[name] = _value(parameter, given.get(name))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    return values


@cache
def adapter(parameter: Parameter) -> TypeAdapter[Any]:
    """What reads a parameter's value, and has its schema."""
    return TypeAdapter(parameter.kind)


def _unknown(known: Mapping[str, Parameter], given: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    want = f"one of {', '.join(known)}" if known else "no parameters"
    return (
        Fault("query", None, name[:80], values[0][:80], want) for name, values in given.items() if name not in known
    )


def _value(parameter: Parameter, texts: Sequence[str] | None) -> Any:
    if texts is None:
        if parameter.required:
            raise InvalidInput([Fault("query", None, parameter.name, "nothing", parameter.about)])
        return parameter.default
    if len(texts) > 1 and not parameter.repeats:
        raise InvalidInput([Fault("query", None, parameter.name, f"{len(texts)} values", "one value")])
    if any("\0" in text for text in texts):
        raise InvalidInput([Fault("query", None, parameter.name, "a NUL character", "text")])
    try:
        return adapter(parameter).validate_python(list(texts) if parameter.repeats else texts[0])
    except ValidationError as error:
        raise InvalidInput(
            [Fault("query", None, parameter.name, repr(one["input"])[:80], one["msg"]) for one in error.errors()]
        ) from error
