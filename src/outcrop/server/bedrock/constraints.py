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

#: An ARN of any model, an id with any suffixes, a name.
_ANY_MODEL = (
    r"arn:aws(-[a-z-]+)?:bedrock:[a-z0-9-]{1,20}:([0-9]{12})?:[a-z-]+/[a-zA-Z0-9._:-]{1,140}(/[a-z0-9]{12})?"
    r"|[a-zA-Z0-9][a-zA-Z0-9._:-]{0,127}"
)

#: What is accepted although its pattern is another: here every model can be a base, be evaluated, judge and answer, by
#: ARN or name, since nobody has to buy throughput for it first.
ALSO_LIKE: dict[str, str] = {
    "BaseModelIdentifier": f"{_ARN}(custom-model/imported|imported-model)/[a-z0-9]{{12}}",
    "ConversationalModelId": _ANY_MODEL,
    "EvaluationBedrockModelIdentifier": _ANY_MODEL,
    "EvaluatorModelIdentifier": _ANY_MODEL,
    "InvokeModelIdentifier": _ANY_MODEL,
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


def is_word(shape: Shape, value: str) -> bool:
    """Whether a text is one of a shape's words, where it has any."""
    words = shape.metadata.get("enum")
    return not words or value in words or value in ALSO.get(shape.name, ())


def _broken_by_text(shape: Shape, value: str) -> Iterator[str]:
    if not is_word(shape, value):
        yield f"Member must satisfy enum value set: [{', '.join(shape.metadata['enum'])}]"
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
