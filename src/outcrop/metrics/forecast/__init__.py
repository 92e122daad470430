"""Metrics of forecast tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from outcrop.metrics.forecast.coverage import interval_coverage, interval_width, level_coverage
from outcrop.metrics.forecast.crossing import crossing
from outcrop.metrics.forecast.forecasted import Forecasted, check_levels
from outcrop.metrics.forecast.quantile_loss import mean_weighted_quantile_loss, pinball, weighted_quantile_loss
from outcrop.metrics.protocol import Metric

METRICS: Mapping[str, Callable[[Sequence[float]], list[Metric[Forecasted]]]] = {
    "mean_wql": lambda levels: [mean_weighted_quantile_loss(levels)],
    "wql": lambda levels: [weighted_quantile_loss(level) for level in levels],
    "pinball": lambda levels: [pinball(level) for level in levels],
    "coverage": lambda levels: [level_coverage(level) for level in levels],
    "interval_coverage": lambda levels: [interval_coverage(*ends) for ends in _intervals(levels)],
    "interval_width": lambda levels: [interval_width(*ends) for ends in _intervals(levels)],
    "crossing": lambda levels: [crossing(levels)],
}
"""By name, what makes the metrics of some levels: one for each level or interval, or one for all."""


def for_quantiles(levels: Sequence[float], *, unit: str = "") -> list[Metric[Forecasted]]:
    """The metrics that a table with these quantiles is scored by.

    Args:
        levels: The levels that are forecast: 0.1, 0.5 and 0.9 for P10, P50 and P90.
        unit: The unit of the series.

    Returns:
        The metrics, the one that a verdict would rest on first. Levels as far from 0 as others from 1 make intervals.

    Raises:
        InvalidInput: There is no level, one is not between 0 and 1, or one is there twice.
    """
    at = check_levels(levels)
    made: list[Metric[Forecasted]] = [mean_weighted_quantile_loss(at)]
    for level in at:
        made += [weighted_quantile_loss(level), pinball(level, unit=unit), level_coverage(level)]
    for ends in _intervals(at):
        made += [interval_coverage(*ends), interval_width(*ends, unit=unit)]
    return [*made, crossing(at)]


def _intervals(levels: Sequence[float]) -> list[tuple[float, float]]:
    """Pairs of levels that leave the same share out on both sides, widest first."""
    ascending = sorted(levels)
    return [(low, high) for low in ascending for high in ascending if low < high and abs(low + high - 1) < 1e-9]
