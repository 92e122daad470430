"""What several of these tests need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from outcrop.metrics.forecast.forecasted import Forecasted, forecasted
from outcrop.metrics.protocol import Metric

from ..doubles import FIXTURES

ORACLE: dict[str, Any] = json.loads((FIXTURES / "forecast.json").read_text(encoding="utf-8"))
LEVELS = (0.1, 0.5, 0.9, 0.99)

# The peers add in another order.
TOLERANCE = 1e-12

every_case = pytest.mark.parametrize("case", ORACLE["cases"], ids=lambda case: case["name"])


def items_of(case: dict[str, Any]) -> list[Forecasted]:
    return forecasted(case["actual"], dict(zip(LEVELS, zip(*case["forecasts"], strict=True), strict=True)))


def value(metric: Metric[Forecasted], items: Sequence[Forecasted]) -> float:
    return metric.score(metric.prepare(items))
