"""What several of these tests need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from outcrop.metrics.protocol import Metric, Pair, Rows

FIXTURES = Path(__file__).parents[1] / "fixtures" / "metrics"


def rows_of(metric: Metric, *pairs: tuple[str | None, str | None]) -> Rows:
    """The rows of (response, reference) pairs."""
    return metric.prepare([Pair(response, reference) for response, reference in pairs])


def values_of(metric: Metric, pairs: Sequence[tuple[str | None, str | None]]) -> list[float]:
    """The value of each (response, reference) pair."""
    values = metric.per_record(rows_of(metric, *pairs))
    assert values is not None
    return [float(value) for value in values]


def value_of(metric: Metric, response: str | None, reference: str | None) -> float:
    """The value of one pair."""
    return values_of(metric, [(response, reference)])[0]


def same(first: Rows, second: Rows) -> bool:
    """Whether both have the same rows, NaN being equal to NaN."""
    return first.shape == second.shape and bool(np.array_equal(first, second, equal_nan=True))
