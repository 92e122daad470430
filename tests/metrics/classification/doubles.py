"""What several of these tests need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.protocol import Metric

from ..doubles import FIXTURES

ORACLE: dict[str, Any] = json.loads((FIXTURES / "classification.json").read_text(encoding="utf-8"))

# The peers add in another order.
TOLERANCE = 1e-12

#: The notes' matrix: Platinum, Gold, Silver; rows are predictions.
CLASSES = ("Platinum", "Gold", "Silver")
GOLDEN = [[30, 20, 10], [50, 60, 10], [20, 20, 80]]

labels = st.sampled_from("abc")
scores = st.integers(0, 8).map(lambda eighths: eighths / 8)


def case_names(group: str) -> list[str]:
    return [case["name"] for case in ORACLE[group]]


def a_case(group: str, name: str) -> dict[str, Any]:
    return next(case for case in ORACLE[group] if case["name"] == name)


def said(pairs: Iterable[tuple[str | None, str | None]]) -> list[Classified]:
    """Items of (right label, prediction)."""
    return [Classified(right, prediction) for right, prediction in pairs]


def scored(pairs: Iterable[tuple[object, float]], positive: str = "yes") -> list[Classified]:
    """Items of (whether it is positive, score of the positive label)."""
    return [Classified(positive if so else "no", None, {positive: score}) for so, score in pairs]


def value(metric: Metric[Classified], items: Sequence[Classified]) -> float:
    return metric.score(metric.prepare(items))
