from __future__ import annotations

import math

from outcrop.domain.scores import Direction
from outcrop.metrics.length_ratio import length_ratio
from outcrop.metrics.protocol import TextMetric

from .doubles import rows_of


def test_is_a_ratio_of_sums() -> None:
    metric: TextMetric = length_ratio()
    rows = rows_of(metric, ("one two three four", "one"), ("one two", "one two three four five"))
    assert rows.tolist() == [[4, 1], [2, 5]]
    assert metric.score(rows) == 1  # the mean of the ratios is 2.2
    assert metric.per_record(rows) is None
    assert metric.direction is Direction.NONE


def test_what_cannot_be_scored() -> None:
    metric = length_ratio()
    rows = rows_of(metric, (None, "a"), ("a", None), ("a b c", " "), ("", "a b"), ("a", "a b"))
    assert [math.isnan(row[0]) for row in rows] == [True, True, True, False, False]
    assert metric.score(rows) == 0.25
    assert math.isnan(metric.score(rows[:3]))
    assert math.isnan(metric.score(rows[:0]))
