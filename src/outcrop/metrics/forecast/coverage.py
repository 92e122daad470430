"""Coverage: how often the actual value stays where the forecast said it would; and how wide that was."""

from __future__ import annotations

from outcrop.domain.scores import Direction
from outcrop.metrics.forecast.forecasted import Forecasted, check_levels, percent
from outcrop.metrics.lines import LineMean, each


def level_coverage(level: float) -> LineMean[Forecasted]:
    """The share of actual values at or below the forecast of a level; it should be the level itself.

    Args:
        level: Between 0 and 1: 0.9 for P90.

    Returns:
        A metric named ``coverage_p90`` for 0.9, in 0..1; nearest to ``level`` is best, so neither way is better. An
        item without a finite actual value and forecast gives a row of NaN.

    Raises:
        InvalidInput: ``level`` is not between 0 and 1.
    """
    (at,) = check_levels([level])

    def row(item: Forecasted) -> tuple[float] | None:
        numbers = item.numbers(at)
        return None if numbers is None else (float(numbers[0] <= numbers[1]),)

    name, signature = f"coverage_{percent(at)}", f"coverage|level:{at!r}|ends:in|stat:mean|v1"
    return LineMean(name, signature, ("covered",), each(row, 1), direction=Direction.NONE)


def interval_coverage(low: float, high: float) -> LineMean[Forecasted]:
    """The share of actual values between the forecasts of two levels, ends included; it should be ``high - low``.

    Args:
        low: Level of the lower end: 0.1 for P10.
        high: Level of the upper end: 0.9 for P90.

    Returns:
        A metric named ``coverage_p10_p90`` for 0.1 and 0.9, in 0..1; nearest to ``high - low`` is best, so neither way
        is better. An interval whose ends cross covers nothing. An item without a finite actual value and both
        forecasts gives a row of NaN.

    Raises:
        InvalidInput: A level is not between 0 and 1, or both are the same.
    """
    below, above = check_levels([low, high])

    def row(item: Forecasted) -> tuple[float] | None:
        numbers = item.numbers(below, above)
        return None if numbers is None else (float(numbers[1] <= numbers[0] <= numbers[2]),)

    name = f"coverage_{percent(below)}_{percent(above)}"
    signature = f"coverage|levels:{below!r},{above!r}|ends:in|stat:mean|v1"
    return LineMean(name, signature, ("covered",), each(row, 1), direction=Direction.NONE)


def interval_width(low: float, high: float, *, unit: str = "") -> LineMean[Forecasted]:
    """The mean distance between the forecasts of two levels.

    Of two forecasts with the right coverage the narrower one says more.

    Args:
        low: Level of the lower end: 0.1 for P10.
        high: Level of the upper end: 0.9 for P90.
        unit: The unit of the series.

    Returns:
        A metric named ``width_p10_p90`` for 0.1 and 0.9, from 0, in ``unit``. An item whose ends cross has no width;
        it gives a row of NaN, as does one without a finite actual value and both forecasts.

    Raises:
        InvalidInput: A level is not between 0 and 1, or both are the same.
    """
    below, above = check_levels([low, high])

    def row(item: Forecasted) -> tuple[float] | None:
        numbers = item.numbers(below, above)
        return None if numbers is None or numbers[1] > numbers[2] else (numbers[2] - numbers[1],)

    name = f"width_{percent(below)}_{percent(above)}"
    signature = f"width|levels:{below!r},{above!r}|crossed:left-out|stat:mean|v1"
    return LineMean(name, signature, ("width",), each(row, 1), unit=unit, direction=Direction.LOWER)
