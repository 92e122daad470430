from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.forecast import METRICS, for_quantiles
from outcrop.metrics.forecast.forecasted import Forecasted, forecasted

from .doubles import ORACLE, items_of, value


def test_columns_become_lines() -> None:
    assert forecasted([1, None], {0.1: [0.5, 1], 0.9: [None, 2]}) == [
        Forecasted(1, {0.1: 0.5}),
        Forecasted(None, {0.1: 1, 0.9: 2}),
    ]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        forecasted([1, 2], {0.1: [1], 0.9: [1, 2]})
    assert str(caught.value) == "forecasted: quantiles[0.1]: found 1 values; expected 2, as many as actual has"


def test_metrics_of_the_notes_quantiles() -> None:
    metrics = for_quantiles([0.99, 0.9, 0.5, 0.1], unit="MWh")
    assert [metric.name for metric in metrics] == [
        "mean_wql",
        *("wql_p10", "pinball_p10", "coverage_p10"),
        *("wql_p50", "pinball_p50", "coverage_p50"),
        *("wql_p90", "pinball_p90", "coverage_p90"),
        *("wql_p99", "pinball_p99", "coverage_p99"),
        *("coverage_p10_p90", "width_p10_p90"),
        "crossing",
    ]
    assert {metric.name.partition("_")[0] for metric in metrics if metric.unit == "MWh"} == {"pinball", "width"}
    assert not any(math.isnan(value(metric, items_of(ORACLE["cases"][0]))) for metric in metrics)
    assert len({metric.signature for metric in metrics}) == len(metrics)


def test_metrics_by_name_are_those_of_a_table() -> None:
    levels = [0.025, 0.1, 0.5, 0.9, 0.975]
    by_name = {metric.signature for make in METRICS.values() for metric in make(levels)}
    assert by_name == {metric.signature for metric in for_quantiles(levels)}
    assert [metric.name for metric in METRICS["interval_coverage"](levels)] == [
        "coverage_p2.5_p97.5",
        "coverage_p10_p90",
    ]


def test_levels_without_a_partner_make_no_interval() -> None:
    assert METRICS["interval_width"]([0.5, 0.9]) == []


def test_wrong_levels_are_refused() -> None:
    with pytest.raises(InvalidInput, match="quantiles: found 90; expected a level between 0 and 1"):
        for_quantiles([10, 50, 90])
