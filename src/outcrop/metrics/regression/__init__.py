"""Metrics of regression tables, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outcrop.metrics.protocol import Metric
from outcrop.metrics.regression.bias import bias
from outcrop.metrics.regression.estimated import Estimated
from outcrop.metrics.regression.mae import mae
from outcrop.metrics.regression.mape import mape, zero_actual
from outcrop.metrics.regression.mase import mase
from outcrop.metrics.regression.r2 import explained_variance, r2
from outcrop.metrics.regression.rmse import rmse
from outcrop.metrics.regression.smape import smape
from outcrop.metrics.regression.wape import wape

METRICS: Mapping[str, Callable[[], Metric[Estimated]]] = {
    "mae": mae,
    "rmse": rmse,
    "r2": r2,
    "explained_variance": explained_variance,
    "bias": bias,
    "wape": wape,
    "mape": mape,
    "zero_actual": zero_actual,
    "smape": smape,
    "mase": mase,
}
"""By name, what makes the metric as it is by default."""


def all_metrics(*, unit: str = "", scales: bool = False) -> list[Metric[Estimated]]:
    """The metrics that a regression table is scored by.

    Args:
        unit: The unit of the numbers.
        scales: Whether the items have scales, which MASE needs.

    Returns:
        The metrics, the one that a verdict would rest on first.
    """
    made: list[Metric[Estimated]] = [mae(unit=unit), rmse(unit=unit), r2(), explained_variance(), bias(unit=unit)]
    return [*made, wape(), mape(), zero_actual(), smape(), *([mase()] if scales else [])]
