"""What several of these tests need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from outcrop.metrics.protocol import Pair, Rows, TextMetric

FIXTURES = Path(__file__).parents[1] / "fixtures" / "metrics"


def a_pair(response: str | None, *references: str | None) -> Pair:
    """A response and its references; None is none."""
    return Pair(response, tuple(reference for reference in references if reference is not None))


def rows_of(metric: TextMetric, *pairs: tuple[str | None, str | None]) -> Rows:
    """The rows of (response, reference) pairs."""
    return metric.prepare([a_pair(response, reference) for response, reference in pairs])


def values_of(metric: TextMetric, pairs: Sequence[tuple[str | None, str | None]]) -> list[float]:
    """The value of each (response, reference) pair."""
    values = metric.per_record(rows_of(metric, *pairs))
    assert values is not None
    return [float(value) for value in values]


def value_of(metric: TextMetric, response: str | None, reference: str | None) -> float:
    """The value of one pair."""
    return values_of(metric, [(response, reference)])[0]


def same(first: Rows, second: Rows) -> bool:
    """Whether both have the same rows, NaN being equal to NaN."""
    return first.shape == second.shape and bool(np.array_equal(first, second, equal_nan=True))
