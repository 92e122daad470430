from __future__ import annotations

import math
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.forecast.forecasted import Forecasted
from outcrop.metrics.forecast.quantile_loss import mean_weighted_quantile_loss, pinball, weighted_quantile_loss
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.regression.wape import wape

from .doubles import LEVELS, TOLERANCE, every_case, items_of, value

numbers = st.integers(-20, 20).map(float)


@every_case
@pytest.mark.parametrize("level", LEVELS)
def test_one_level_equals_the_peers(case: dict[str, Any], level: float) -> None:
    expected = case["levels"][str(level)]
    assert value(pinball(level), items_of(case)) == pytest.approx(expected["pinball"], abs=TOLERANCE)
    assert value(weighted_quantile_loss(level), items_of(case)) == pytest.approx(expected["wql"], abs=TOLERANCE)


@every_case
def test_the_mean_over_levels_equals_utilsforecast(case: dict[str, Any]) -> None:
    found = value(mean_weighted_quantile_loss(LEVELS), items_of(case))
    assert found == pytest.approx(case["values"]["mean_wql"], abs=TOLERANCE)
    # All items have all levels, so it is the mean of the four.
    assert found == pytest.approx(fmean(value(weighted_quantile_loss(level), items_of(case)) for level in LEVELS))


def test_by_hand() -> None:
    items = [Forecasted(10, {0.9: 12}), Forecasted(10, {0.9: 8}), Forecasted(-5, {0.9: -5})]
    assert value(pinball(0.9), items) == pytest.approx((0.2 + 1.8 + 0) / 3)
    assert value(weighted_quantile_loss(0.9), items) == pytest.approx(2 * 2.0 / 25)


@given(st.lists(st.tuples(numbers, numbers), max_size=10))
def test_wql_of_the_median_is_wape(pairs: list[tuple[float, float]]) -> None:
    loss = value(weighted_quantile_loss(0.5), [Forecasted(actual, {0.5: said}) for actual, said in pairs])
    rows = wape().prepare([Estimated(actual, said) for actual, said in pairs])
    assert loss == pytest.approx(wape().score(rows), nan_ok=True)


def test_an_all_zero_series_is_undefined() -> None:
    items = [Forecasted(0, {0.5: 1, 0.9: 2})] * 3
    assert math.isnan(value(weighted_quantile_loss(0.5), items))
    assert math.isnan(value(mean_weighted_quantile_loss([0.5, 0.9]), items))
    assert value(pinball(0.5), items) == 0.5


def test_zeros_in_a_series_take_part() -> None:
    assert value(weighted_quantile_loss(0.5), [Forecasted(0, {0.5: 1}), Forecasted(10, {0.5: 9})]) == 0.2


def test_a_missing_actual_value_is_in_neither_sum() -> None:
    # Counted with an error of 0 and a size of 0 as well, it would change nothing here and much in a mean.
    items = [Forecasted(10, {0.5: 8}), Forecasted(None, {0.5: 8}), Forecasted(math.nan, {0.5: 8})]
    rows = weighted_quantile_loss(0.5).prepare(items)
    assert [math.isnan(row[0]) for row in rows] == [False, True, True]
    assert weighted_quantile_loss(0.5).score(rows) == pytest.approx(0.2)
    assert value(pinball(0.5), items) == 1


@pytest.mark.parametrize("forecasts", [{}, {0.5: math.nan, 0.9: 1}, {0.5: math.inf, 0.9: 1}, {0.9: 1}])
def test_a_missing_forecast_is_left_out(forecasts: dict[float, float]) -> None:
    for metric in (pinball(0.5), weighted_quantile_loss(0.5), mean_weighted_quantile_loss([0.5, 0.9])):
        assert math.isnan(value(metric, [Forecasted(10, forecasts)]))
        assert math.isnan(value(metric, []))


def test_names_and_signatures() -> None:
    assert pinball(0.975, unit="MWh").name == "pinball_p97.5"
    assert pinball(0.975, unit="MWh").unit == "MWh"
    assert weighted_quantile_loss(0.1).signature == "wql|level:0.1|factor:2|stat:ratio-of-sums|v1"
    assert mean_weighted_quantile_loss([0.9, 0.1]).signature == mean_weighted_quantile_loss([0.1, 0.9]).signature


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, math.nan])
def test_levels_are_between_0_and_1(level: float) -> None:
    for make in (lambda: pinball(level), lambda: weighted_quantile_loss(level)):
        with pytest.raises(InvalidInput, match=r"quantiles: found .*; expected a level between 0 and 1"):
            make()


@pytest.mark.parametrize("levels", [[], [0.5, 0.5]])
def test_levels_are_some_and_distinct(levels: list[float]) -> None:
    with pytest.raises(InvalidInput, match="expected one level or more, each once"):
        mean_weighted_quantile_loss(levels)
