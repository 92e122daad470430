"""Rows that may be added up before they are scored: what makes a resample one line of a matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Metric, Rows


@dataclass(frozen=True)
class Summable:
    """Rows, and the scores of their sums.

    Attributes:
        rows: Without NaN; shape ``(n, k)``.
        scores: From sums of rows, shape ``(b, k)``, to scores, shape ``(b,)``.
    """

    rows: Rows
    scores: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def summable(metric: Metric[Any], rows: Rows) -> Summable | None:
    """The rows as the metric adds them up; None where its score is no function of sums.

    A mean over records is the sum of their values over the sum of as many ones.

    Args:
        metric: What is scored.
        rows: Its rows, one or more, without NaN; shape ``(n, k)``.
    """
    values = metric.per_record(rows)
    if values is not None:
        return Summable(np.stack([values, np.ones(len(values))], axis=1), _mean)
    if metric.of_sums(rows.sum(axis=0, keepdims=True)) is None:
        return None

    def scores(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        found = metric.of_sums(sums)
        assert found is not None
        return found

    return Summable(rows, scores)


def _mean(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = sums[:, 0] / sums[:, 1]
    return means


def joined(tables: Sequence[Rows]) -> tuple[Rows, list[slice]]:
    """Tables of as many rows side by side, shape ``(n, sum of the k)``, and the columns that are each one's."""
    ends = np.cumsum([table.shape[1] for table in tables], dtype=np.int64).tolist()
    columns = [slice(end - table.shape[1], end) for end, table in zip(ends, tables, strict=True)]
    return np.concatenate(tables, axis=1), columns
