"""How two things go together by rank, given a third."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcrop.metrics.statistics.intervals import check_confidence, normal_quantile, t_p_value

#: Fewer records than this have no interval: Fisher's transformation needs some to be about normal.
FEWEST = 10

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Correlation:
    """A correlation in -1..1.

    Attributes:
        value: None where one of the two is the same everywhere, or is wholly told by the third.
        low, high: Bounds of the confidence interval; None where there are too few records for one.
        p_value: Two-sided, of no correlation; None where there are too few records.
        method: What made the bounds and the p-value, or why there are none.
        n: How many records it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    p_value: float | None
    method: str
    n: int


def rank_correlation(
    first: ArrayLike, second: ArrayLike, given: ArrayLike | None = None, confidence: float = 0.95
) -> Correlation:
    """Spearman's correlation, with the ranks of a third thing taken out where there is one.

    Ranks of ties are means. The partial correlation is that of what a straight line on the third's ranks leaves of the
    two others' ranks. The p-value is Student's on ``n - 2`` degrees of freedom, one less with a third; the interval is
    Fisher's transformation with the standard error ``√((1 + r² / 2) / (n - 3))``, n one less with a third. Sources:
    Spearman, 1904; Bonett & Wright, "Sample Size Requirements for Estimating Pearson, Kendall and Spearman
    Correlations", 2000, for the standard error.

    Args:
        first: One value per record, independent of each other; shape ``(n,)``. A record with NaN in any of the three
            is left out.
        second: The same of the other thing.
        given: What is taken out; None for nothing.
        confidence: Between 0 and 1.

    Raises:
        InvalidInput: ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    columns = [
        np.asarray(values, dtype=np.float64)
        for values in ([first, second] if given is None else [first, second, given])
    ]
    kept = ~np.isnan(np.stack(columns)).any(axis=0)
    ranks = [_ranks(column[kept]) for column in columns]
    n, taken_out = int(kept.sum()), len(columns) - 2
    if n < FEWEST:
        return Correlation(None, None, None, None, f"no test: fewer than {FEWEST} records", n)
    one, other = ranks[:2] if given is None else (_left(rank, ranks[2]) for rank in ranks[:2])
    spread = math.sqrt(float(one @ one) * float(other @ other))
    if spread <= _ROUNDING * n**3:
        return Correlation(None, None, None, None, "no test: nothing varies", n)
    value = min(1.0, max(-1.0, float(one @ other) / spread))
    low, high = _bounds(value, n - taken_out, confidence)
    name = "Spearman" if given is None else "partial Spearman"
    method = f"{name}, Fisher's interval, p by Student t"
    return Correlation(value, low, high, _p_value(value, n - 2 - taken_out), method, n)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks about their mean, those of ties the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[places]
    return ranks - (len(values) + 1) / 2


def _left(values: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a straight line on ``given`` leaves of the values, both about their means."""
    squares = float(given @ given)
    left: NDArray[np.float64] = values - given * (float(values @ given) / squares if squares else 0.0)
    return left


def _p_value(value: float, df: int) -> float:
    return t_p_value(value * math.sqrt(df / (1 - value**2)), df) if abs(value) < 1 else 0.0


def _bounds(value: float, n: int, confidence: float) -> tuple[float, float]:
    if abs(value) == 1:
        return value, value
    half = normal_quantile(confidence) * math.sqrt((1 + value**2 / 2) / (n - 3))
    middle = math.atanh(value)
    return math.tanh(middle - half), math.tanh(middle + half)
