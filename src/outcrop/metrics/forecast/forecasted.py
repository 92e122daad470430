"""A line of a forecast table: what happened, and the quantiles that were forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.lines import check_lengths


@dataclass(frozen=True)
class Forecasted:
    """A step of a series with what happened and what was forecast.

    Attributes:
        actual: What happened; None, NaN and infinity mean that it is not known.
        quantiles: By level (0.9 for P90), the forecast that the actual value stays at or below with that probability.
    """

    actual: float | None
    quantiles: Mapping[float, float]

    def numbers(self, *levels: float) -> tuple[float, ...] | None:
        """The actual value and the forecasts of the levels; None where one of them is no finite number."""
        actual = math.nan if self.actual is None else float(self.actual)
        found = (actual, *(float(self.quantiles.get(level, math.nan)) for level in levels))
        return found if all(map(math.isfinite, found)) else None


def forecasted(actual: Sequence[float | None], quantiles: Mapping[float, Sequence[float | None]]) -> list[Forecasted]:
    """Lines from columns.

    Args:
        actual: What happened.
        quantiles: By level, a column of forecasts in the same order. None and NaN mean that there is none.

    Returns:
        One item per line.

    Raises:
        InvalidInput: The columns are not all of the same length.
    """
    lengths = {"actual": len(actual)} | {f"quantiles[{level}]": len(column) for level, column in quantiles.items()}
    check_lengths("forecasted", lengths)
    return [
        Forecasted(
            happened, {level: said for level, column in quantiles.items() if (said := column[place]) is not None}
        )
        for place, happened in enumerate(actual)
    ]


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels, lowest first.

    Raises:
        InvalidInput: There is none, one is not between 0 and 1, or one is there twice.
    """
    faults = [
        Fault("quantiles", None, "", f"{level:g}", "a level between 0 and 1, such as 0.9 for P90")
        for level in levels
        if not 0 < level < 1
    ]
    if not levels or len(set(levels)) < len(levels):
        faults.append(Fault("quantiles", None, "", repr(tuple(levels)), "one level or more, each once"))
    if faults:
        raise InvalidInput(faults)
    return tuple(sorted(levels))


def percent(level: float) -> str:
    """The common name of a level: ``p90`` for 0.9, ``p97.5`` for 0.975."""
    return f"p{100 * level:g}"
