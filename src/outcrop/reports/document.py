"""A report as plain JSON: every number as it was computed, none of them NaN or infinite."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum
from typing import Any

from outcrop.domain.scores import Report
from outcrop.evaluation.forgetting import Forgetting
from outcrop.evaluation.tables import TableReport


def document(report: Report | TableReport | Forgetting) -> dict[str, Any]:
    """The whole report as JSON's own types, by the names of its fields; a number that is not finite becomes None.

    Its keys are those of the report's class; for ``Report`` ``job``, ``name``, ``models``, ``scores``, ``comparisons``,
    ``groups``, ``moved``, ``verdicts`` and the rest. Nothing is shortened.
    """
    return {field.name: plain(getattr(report, field.name)) for field in dataclasses.fields(report)}


def plain(value: object) -> Any:
    """A value as JSON's own types: dataclasses by their fields' names, enums by value, NaN and infinity as None."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    # Metrics hand over numpy's numbers too, which JSON does not take.
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
