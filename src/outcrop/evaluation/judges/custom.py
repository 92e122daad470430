"""Criteria of one's own, in the shape of Bedrock's ``customMetricConfig``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.faults import described
from outcrop.domain.judging import Criterion, Rating
from outcrop.domain.scores import Direction

#: What instructions may name of a record.
VARIABLES = ("prompt", "prediction", "ground_truth", "context")
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

_NAME = re.compile(r"[0-9a-zA-Z_.-]{1,63}")
#: Bedrock's limits: metrics of a job, ratings of a scale, characters of instructions and of a definition.
MOST_METRICS, MOST_RATINGS, MOST_INSTRUCTIONS, MOST_DEFINITION = 10, 10, 5000, 100

_SHAPES = 'a list of definitions, one definition, or Bedrock\'s customMetricConfig: {"customMetrics": […]}'


def custom_criteria(text: str, where: str) -> tuple[Criterion, ...]:
    """Read criteria from JSON.

    A definition has ``name`` (or ``metricName``), ``instructions`` and ``ratingScale``, a list of ``{"definition": …,
    "value": {"floatValue": 1}}`` or ``{"stringValue": …}``, all of one kind; it may stand within
    ``customMetricDefinition``. Larger values are better, unless our own key ``"direction"`` says ``"lower"``.

    Args:
        text: One definition, a list of them, or a ``customMetricConfig``.
        where: What faults call it.

    Raises:
        InvalidInput: Everything that is wrong with it, one fault each.
    """
    faults: list[Fault] = []

    def fault(field: str, found: object, expected: str) -> None:
        faults.append(Fault(where, None, field, found if isinstance(found, str) else described(found), expected))

    try:
        given = _definitions(json.loads(text))
    except ValueError as error:
        raise InvalidInput([Fault(where, None, "", str(error), "JSON")]) from error
    if given is None or not 1 <= len(given) <= MOST_METRICS:
        raise InvalidInput([Fault(where, None, "", "no criteria", f"{_SHAPES}; 1 to {MOST_METRICS} of them")])
    checked = [list(_faults(path, entry)) for path, entry in given]
    for one in (fault_ for found in checked for fault_ in found):
        fault(*one)
    names = [str(_name(entry)).lower() for _, entry in given if isinstance(entry, dict)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        fault("name", f"{name!r} more than once", "each name once")
    if faults:
        raise InvalidInput(faults)
    return tuple(_criterion(entry) for _, entry in given)


def definition(criterion: Criterion) -> dict[str, Any]:
    """A criterion in the shape of the files that Bedrock's console reads; ``custom_criteria`` reads it too."""
    scale = [
        {
            "definition": rating.definition,
            "value": {"stringValue": rating.answer} if rating.value is None else {"floatValue": rating.value},
        }
        for rating in criterion.scale
    ]
    turned = {"direction": criterion.direction.value} if criterion.direction is Direction.LOWER else {}
    described = {"metricName": criterion.name, "instructions": criterion.instructions, "ratingScale": scale, **turned}
    return {"customMetricDefinition": described}


def _definitions(given: Any) -> list[tuple[str, Any]] | None:
    """The definitions with their paths; None where there is no place for any."""
    path = ""
    for key in ("customMetricConfig", "customMetrics"):
        if isinstance(given, dict) and key in given:
            given, path = given[key], f"{path}.{key}".lstrip(".")
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list):
        return None
    found = []
    for place, entry in enumerate(given):
        inner = isinstance(entry, dict) and "customMetricDefinition" in entry
        suffix = ".customMetricDefinition" if inner else ""
        found.append((f"{path}[{place}]{suffix}", entry["customMetricDefinition"] if inner else entry))
    return found


def _name(entry: dict[str, Any]) -> Any:
    return entry.get("name", entry.get("metricName"))


_Found = tuple[str, object, str]


def _faults(path: str, entry: Any) -> Iterator[_Found]:
    """What is wrong with a definition: field, what was found, what was expected."""
    if not isinstance(entry, dict):
        yield path, entry, "an object with name, instructions and ratingScale"
        return
    name, instructions = _name(entry), entry.get("instructions")
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        yield f"{path}.name", name, "1 to 63 letters, digits, '-', '_' or '.'"
    elif name.lower().startswith("builtin."):
        yield f"{path}.name", name, "a name that does not begin with Builtin."
    if not (isinstance(instructions, str) and 1 <= len(instructions.strip()) <= MOST_INSTRUCTIONS):
        yield f"{path}.instructions", instructions, f"a text of 1 to {MOST_INSTRUCTIONS} characters"
    else:
        yield from _variable_faults(f"{path}.instructions", instructions)
    if entry.get("direction", "higher") not in ("higher", "lower"):
        yield f"{path}.direction", entry["direction"], "higher or lower"
    known = {"name", "metricName", "instructions", "ratingScale", "direction"}
    for key in sorted(entry.keys() - known):
        yield f"{path}.{key}", "a field that a definition does not have", ", ".join(sorted(known))
    yield from _scale_faults(f"{path}.ratingScale", entry.get("ratingScale"))


def _variable_faults(path: str, instructions: str) -> Iterator[_Found]:
    named = set(VARIABLE.findall(instructions))
    for name in sorted(named - set(VARIABLES)):
        yield path, f"{{{{{name}}}}}", f"variables among {', '.join(f'{{{{{one}}}}}' for one in VARIABLES)}"
    if "prediction" not in named:
        yield path, "no {{prediction}}", "{{prediction}} where the response is to stand"


def _scale_faults(path: str, scale: Any) -> Iterator[_Found]:
    if not isinstance(scale, list) or not 2 <= len(scale) <= MOST_RATINGS:
        yield path, scale, f"2 to {MOST_RATINGS} ratings; without them an answer can't be read"
        return
    good = []
    for place, rating in enumerate(scale):
        definition = rating.get("definition") if isinstance(rating, dict) else None
        if not (isinstance(definition, str) and 1 <= len(definition.strip()) <= MOST_DEFINITION):
            yield f"{path}[{place}].definition", definition, f"a text of 1 to {MOST_DEFINITION} characters"
        value = _value(rating)
        if value is None:
            found = rating.get("value") if isinstance(rating, dict) else rating
            yield f"{path}[{place}].value", found, '{"floatValue": a number} or {"stringValue": a text}'
        else:
            good.append(value)
    if len({type(value) for value in good}) > 1:
        yield path, "numbers and texts", "values of one kind"
    answers = [_answer(value).lower() for value in good]
    for answer in sorted({answer for answer in answers if answers.count(answer) > 1}):
        yield path, f"the value {answer} more than once", "each value once"


def _value(rating: Any) -> float | str | None:
    """The value of a rating, a float or a text; None where it is none."""
    value = rating.get("value") if isinstance(rating, dict) else None
    if not isinstance(value, dict) or len(value) != 1:
        return None
    number, word = value.get("floatValue"), value.get("stringValue")
    if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
        return float(number)
    return word.strip() if isinstance(word, str) and 1 <= len(word.strip()) <= MOST_DEFINITION else None


def _answer(value: float | str) -> str:
    return f"{value:.12g}" if isinstance(value, float) else value


def _criterion(entry: dict[str, Any]) -> Criterion:
    values = [(rating["definition"].strip(), _value(rating)) for rating in entry["ratingScale"]]
    scale = tuple(
        Rating(_answer(value), definition, value if isinstance(value, float) else None)
        for definition, value in values
        if value is not None
    )
    numeric = scale[0].value is not None
    direction = Direction(entry.get("direction", "higher")) if numeric else Direction.NONE
    return Criterion(_name(entry), entry["instructions"], scale, direction)
