from __future__ import annotations

import math

import pytest

from outcrop.domain.errors import InvalidInput
from outcrop.metrics.regression.estimated import Estimated, estimated
from outcrop.metrics.regression.mase import mase, naive_scale

from .doubles import ORACLE, TOLERANCE, value


@pytest.mark.parametrize("season", [1, 11])
def test_sunspots_equal_utilsforecast(season: int) -> None:
    case = ORACLE["sunspots"]
    scale = naive_scale(case["history"], season)
    items = estimated(case["actual"], case["predicted"], [scale] * len(case["actual"]))
    assert value(mase(), items) == pytest.approx(case["mase"][str(season)], rel=TOLERANCE)


def test_scale_by_hand() -> None:
    assert naive_scale([1, 3, 2, 6]) == pytest.approx((2 + 1 + 4) / 3)
    assert naive_scale([1, 3, 2, 6], season=2) == pytest.approx((1 + 3) / 2)
    assert naive_scale([1, 3, math.nan, 6, 7]) == pytest.approx((2 + 1) / 2)
    assert math.isnan(naive_scale([1, math.nan]))


def test_each_item_has_the_scale_of_its_own_series() -> None:
    assert value(mase(), [Estimated(10, 12, 2), Estimated(1000, 1100, 400)]) == (1 + 0.25) / 2


@pytest.mark.parametrize("scale", [None, 0, math.nan, math.inf, -1])
def test_no_scale_no_value(scale: float | None) -> None:
    assert math.isnan(value(mase(), [Estimated(1, 2, scale)]))
    assert naive_scale([5, 5, 5]) == 0


@pytest.mark.parametrize(("history", "season"), [([], 1), ([1], 1), ([1, 2], 2), ([1, 2], 0)])
def test_a_history_without_a_pair_is_refused(history: list[float], season: int) -> None:
    with pytest.raises(InvalidInput, match=f"history: found {len(history)} values and a season of {season}; expected"):
        naive_scale(history, season)
