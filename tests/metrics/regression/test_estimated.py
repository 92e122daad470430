from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression import METRICS, all_metrics
from outcrop.metrics.regression.estimated import Estimated, estimated

from .doubles import value


def test_columns_become_lines() -> None:
    assert estimated([1, None], [2, 3]) == [Estimated(1, 2), Estimated(None, 3)]
    assert estimated([1], [2], [0.5]) == [Estimated(1, 2, 0.5)]


def test_unequal_lengths_are_refused_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        estimated([1, 2], [1], [1, 2, 3])
    assert [str(fault) for fault in caught.value.faults] == [
        "estimated: predictions: found 1 values; expected 2, as many as actual has",
        "estimated: scales: found 3 values; expected 2, as many as actual has",
    ]


@pytest.mark.parametrize("name", METRICS)
def test_metrics_carry_their_name(name: str) -> None:
    assert METRICS[name]().name == name
    assert METRICS[name]().signature.endswith("|v1")
    assert METRICS[name]().prepare([]).shape == (0, len(METRICS[name]().columns))


def test_signatures_differ() -> None:
    assert len({make().signature for make in METRICS.values()}) == len(METRICS)


def test_all_metrics() -> None:
    names = [metric.name for metric in all_metrics(unit="USD", scales=True)]
    assert names == list(METRICS)
    assert [metric.name for metric in all_metrics()] == names[:-1]
    assert {metric.name for metric in all_metrics(unit="USD") if metric.unit == "USD"} == {"mae", "rmse", "bias"}


@pytest.mark.parametrize("metric", all_metrics(scales=True), ids=lambda metric: metric.name)
def test_what_cannot_be_scored_is_counted_and_never_zero(metric: Metric[Estimated]) -> None:
    left_out = [
        Estimated(*pair, 1)
        for pair in [
            *((None, 1.0), (1.0, None), (math.nan, 1.0), (1.0, math.nan)),
            *((math.inf, 1.0), (1.0, -math.inf), (math.inf, math.inf), (1e308, -1e308)),
        ]
    ]
    kept = [Estimated(1.0, 2.0, 1), Estimated(3.0, 3.5, 1)]
    rows = metric.prepare(left_out + kept)
    assert [math.isnan(row[0]) for row in rows] == [True] * len(left_out) + [False, False]
    assert metric.score(rows) == value(metric, kept)
    assert math.isnan(value(metric, left_out))
    assert math.isnan(value(metric, []))
