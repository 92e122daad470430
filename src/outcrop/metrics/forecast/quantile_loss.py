"""Quantile losses: the pinball loss of one level, and its ratio to the size of the series.

Source: Koenker & Bassett, "Regression Quantiles", 1978.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.forecast.forecasted import Forecasted, check_levels, percent
from outcrop.metrics.lines import LineMean, LineSums, each, ratio


def pinball(level: float, *, unit: str = "") -> LineMean[Forecasted]:
    """The mean pinball loss of one level: each unit too low costs ``level``, each unit too high ``1 - level``.

    Args:
        level: Between 0 and 1: 0.9 for P90.
        unit: The unit of the series.

    Returns:
        A metric named ``pinball_p90`` for 0.9, from 0, in ``unit``; for P50 half the mean absolute error. An item
        without a finite actual value and forecast gives a row of NaN.

    Raises:
        InvalidInput: ``level`` is not between 0 and 1.
    """
    (at,) = check_levels([level])

    def row(item: Forecasted) -> tuple[float] | None:
        numbers = item.numbers(at)
        return None if numbers is None else (_loss(at, *numbers),)

    name, signature = f"pinball_{percent(at)}", f"pinball|level:{at!r}|factor:1|stat:mean|v1"
    return LineMean(name, signature, ("loss",), each(row, 1), unit=unit, direction=Direction.LOWER)


def weighted_quantile_loss(level: float) -> LineSums[Forecasted]:
    """The weighted quantile loss of one level: ``2 Σ pinball loss / Σ |actual|``.

    With the factor 2, that of P50 is the WAPE.

    Source: Seeger et al., "Bayesian Intermittent Demand Forecasting for Large Inventories", 2016; Amazon Forecast's
    ``wQuantileLoss``.

    Args:
        level: Between 0 and 1: 0.9 for P90.

    Returns:
        A metric named ``wql_p90`` for 0.9, from 0. It is undefined (NaN) where all actual values are 0. An item
        without a finite actual value and forecast gives a row of NaN.

    Raises:
        InvalidInput: ``level`` is not between 0 and 1.
    """
    (at,) = check_levels([level])
    signature = f"wql|level:{at!r}|factor:2|stat:ratio-of-sums|v1"
    return _weighted(f"wql_{percent(at)}", signature, (at,))


def mean_weighted_quantile_loss(levels: Sequence[float]) -> LineSums[Forecasted]:
    """The mean of wQL over several levels: another number than any of theirs, with a name of its own.

    Args:
        levels: Each between 0 and 1.

    Returns:
        A metric named ``mean_wql``, from 0. It is undefined (NaN) where all actual values are 0. An item that lacks a
        finite actual value, or the forecast of one of the levels, gives a row of NaN: the mean is over the same items
        for all levels.

    Raises:
        InvalidInput: There is no level, one is not between 0 and 1, or one is there twice.
    """
    at = check_levels(levels)
    signature = f"mean_wql|levels:{','.join(map(repr, at))}|factor:2|stat:ratio-of-sums|v1"
    return _weighted("mean_wql", signature, at)


def _weighted(name: str, signature: str, levels: tuple[float, ...]) -> LineSums[Forecasted]:
    def row(item: Forecasted) -> tuple[float, float] | None:
        numbers = item.numbers(*levels)
        if numbers is None:
            return None
        actual, *forecasts = numbers
        losses = [_loss(level, actual, forecast) for level, forecast in zip(levels, forecasts, strict=True)]
        return sum(losses) / len(losses), abs(actual)

    return LineSums(name, signature, ("loss", "absolute_actual"), each(row, 2), _ratio, direction=Direction.LOWER)


def _loss(level: float, actual: float, forecast: float) -> float:
    return level * (actual - forecast) if actual >= forecast else (1 - level) * (forecast - actual)


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return ratio(2 * sums[:, 0], sums[:, 1])
