"""What several of these tests need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression.estimated import Estimated, estimated

from ..doubles import FIXTURES

ORACLE: dict[str, Any] = json.loads((FIXTURES / "regression.json").read_text(encoding="utf-8"))

# The peers add in another order; R² of numbers near a billion loses seven digits in the numbers themselves.
TOLERANCE = 1e-12

every_case = pytest.mark.parametrize("case", ORACLE["cases"], ids=lambda case: case["name"])


def items_of(case: dict[str, Any]) -> list[Estimated]:
    return estimated(case["actual"], case["predicted"])


def value(metric: Metric[Estimated], items: Sequence[Estimated]) -> float:
    return metric.score(metric.prepare(items))


def score(metric: Metric[Estimated], actual: Sequence[float], predictions: Sequence[float]) -> float:
    return value(metric, estimated(actual, predictions))
