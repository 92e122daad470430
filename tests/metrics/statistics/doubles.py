"""Metrics of the third shape: neither a mean over records nor a function of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Pair, Rows
from outcrop.metrics.rows import has_value
from outcrop.metrics.statistics.delong import auc_difference, auc_interval
from outcrop.metrics.statistics.intervals import Interval
from outcrop.metrics.statistics.paired import PairedDifference


@dataclass(frozen=True)
class Median:
    """The median of a column."""

    name: str = "median"
    signature: str = "median|v1"
    unit: str = "letters"
    direction: Direction = Direction.LOWER
    columns: tuple[str, ...] = ("length",)

    def prepare(self, items: Sequence[Pair]) -> Rows:
        """How long the responses are."""
        return np.array([[math.nan if item.response is None else float(len(item.response))] for item in items])

    def per_record(self, rows: Rows) -> None:
        """None: it is no mean."""

    def of_sums(self, sums: Rows) -> None:
        """None: it is no function of sums."""

    def score(self, rows: Rows) -> float:
        """The median of the rows that have a value."""
        left = rows[has_value(rows)]
        return float(np.median(left[:, 0])) if len(left) else math.nan


@dataclass(frozen=True)
class Auc(Median):
    """The area under the ROC curve of rows (score, positive), which knows its own interval and test."""

    name: str = "auc"
    signature: str = "auc|v1"
    unit: str = ""
    direction: Direction = Direction.HIGHER
    columns: tuple[str, ...] = ("score", "positive")

    def score(self, rows: Rows) -> float:
        """The share of pairs of a positive and another record that are in order."""
        left = rows[has_value(rows)]
        positives, others = left[left[:, 1] == 1, 0], left[left[:, 1] == 0, 0]
        if not len(positives) or not len(others):
            return math.nan
        above = np.sign(positives[:, None] - others).mean()
        return float((above + 1) / 2)

    def own_interval(self, rows: Rows) -> Interval:
        """DeLong's."""
        return auc_interval(rows[:, 0], rows[:, 1])

    def own_difference(self, baseline_rows: Rows, candidate_rows: Rows) -> PairedDifference:
        """DeLong's."""
        return auc_difference(baseline_rows[:, 0], candidate_rows[:, 0], baseline_rows[:, 1])


MEDIAN = Median()
AUC = Auc()
