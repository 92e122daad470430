"""Checking values against a shape's bounds, patterns and words, which AWS's clients leave to the server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from botocore.model import Shape

#: What is accepted although the model does not list it: AWS takes ``General`` in every sample of a judge evaluation.
ALSO: dict[str, tuple[str, ...]] = {"EvaluationTaskType": ("General",)}

_ARN = "arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:"

#: What is accepted although its pattern is another: here every model can be a base, and be evaluated, by ARN or name.
ALSO_LIKE: dict[str, str] = {
    "BaseModelIdentifier": f"{_ARN}(custom-model/imported|imported-model)/[a-z0-9]{{12}}",
    "EvaluationBedrockModelIdentifier": (
        f"{_ARN}custom-model/(imported|[a-z0-9-]+[.][a-z0-9.:-]+)/[a-z0-9]{{12}}|([0-9a-zA-Z][_-]?)+"
    ),
}

#: Some of the patterns take exponential time on texts that are made for it; no honest text takes a thousandth of this.
_PATIENCE = 0.05


def broken(shape: Shape, value: Any) -> Iterator[str]:
    """What a value breaks, as AWS words it: ``Member must have length less than or equal to 63``.

    Args:
        shape: What the value is to be.
        value: Of the shape's type: a text, a list, a map or a number.
    """
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    sized = isinstance(value, str | list | dict | bytes)
    if not sized and (isinstance(value, bool) or not isinstance(value, int | float)):
        return
    size: float = len(value) if sized else value
    what = "have length" if sized else "have value"
    if low is not None and size < low:
        yield f"Member must {what} greater than or equal to {low}"
    if high is not None and size > high:
        yield f"Member must {what} less than or equal to {high}"
    elif isinstance(value, str):
        yield from _broken_by_text(shape, value)


def _broken_by_text(shape: Shape, value: str) -> Iterator[str]:
    words = shape.metadata.get("enum")
    if words and value not in words and value not in ALSO.get(shape.name, ()):
        yield f"Member must satisfy enum value set: [{', '.join(words)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and not any(_matches(each, value) for each in (pattern, *_also_like(shape))):
        yield f"Member must satisfy regular expression pattern: {pattern}"


def _also_like(shape: Shape) -> tuple[str, ...]:
    return (ALSO_LIKE[shape.name],) if shape.name in ALSO_LIKE else ()


def _matches(pattern: str, value: str) -> bool:
    try:
        return _compiled(pattern).fullmatch(value, timeout=_PATIENCE) is not None
    except TimeoutError:
        return False


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)
