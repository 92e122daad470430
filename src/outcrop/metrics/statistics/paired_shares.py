"""How sure the difference of two shares is where both models answered the same records, each a yes or a no."""

from __future__ import annotations

import math
from collections.abc import Callable

from numpy.typing import ArrayLike

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.intervals import check_confidence, normal_quantile
from outcrop.metrics.statistics.mcnemar import mid_p_mcnemar
from outcrop.metrics.statistics.paired import PairedDifference, paired_sample

#: Halving [-1, 1] so often leaves less than a float's last place.
_HALVINGS = 60


def tango_bounds(gained: int, lost: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval for the difference of two paired shares.

    The differences δ that a score test does not reject: ``(gained - lost - n δ) / √(n (2 q + δ (1 - δ)))`` lies within
    the normal quantiles, q being the most likely share of losses where the difference is δ. Source: Tango,
    "Equivalence Test and Confidence Interval for the Difference in Proportions for the Paired-Sample Design", 1998.

    Args:
        gained: How many records the candidate alone gets right.
        lost: How many records the baseline alone gets right.
        n: How many records there are, one or more, independent of each other.
        confidence: The share of such intervals that hold the true difference, on average; between 0 and 1.

    Returns:
        The lower and the upper bound, in -1..1.

    Raises:
        InvalidInput: ``gained`` and ``lost`` are not counts among ``n`` records, or ``confidence`` is not between 0
            and 1.
    """
    check_confidence(confidence)
    if min(gained, lost) < 0 or gained + lost > n or n < 1:
        found = f"{gained} gained and {lost} lost of {n}"
        raise InvalidInput([Fault("records", None, "", found, "counts of 0 or more, together at most all records")])
    quantile = normal_quantile(confidence)
    seen = (gained - lost) / n
    low = _falls_to(lambda difference: _score(gained, lost, n, difference), quantile, -1, seen)
    high = _falls_to(lambda difference: _score(gained, lost, n, difference), -quantile, seen, 1)
    return low, high


def _score(gained: int, lost: int, n: int, difference: float) -> float:
    """How many standard errors the seen difference lies above ``difference``."""
    linear = (2 * n - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    share_lost = (math.sqrt(linear**2 - 8 * n * constant) - linear) / (4 * n)
    variance = n * (2 * share_lost + difference * (1 - difference))
    above = gained - lost - n * difference
    return above / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, above) if above else 0.0


def _falls_to(score: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a falling function passes a value."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > wanted else (low, middle)
    return (low + high) / 2


def paired_share_difference(baseline: ArrayLike, candidate: ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """The difference of two paired shares with Tango's interval and the mid-p of McNemar's test.

    The two come from different tests (the score test and the binomial one), so at the edge they may disagree.

    Args:
        baseline: One value per record, 0 or 1; shape ``(n,)``.
        candidate: The values of the same records in the same order; shape ``(n,)``. A record with NaN in either is
            left out and counted.
        confidence: The share of such intervals that hold the true difference, on average; between 0 and 1.

    Returns:
        Candidate minus baseline, with bounds in -1..1; without bounds and p-value for fewer than two records.

    Raises:
        InvalidInput: The two don't have the same number of values, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    pairs = paired_sample(baseline, candidate)
    without = pairs.untestable()
    if without is not None:
        return without
    gained, lost = int((pairs.differences > 0).sum()), int((pairs.differences < 0).sum())
    n = len(pairs.before)
    low, high = tango_bounds(gained, lost, n, confidence)
    method = "Tango score, p by McNemar's mid-p"
    return pairs.difference((gained - lost) / n, low, high, mid_p_mcnemar(gained, lost), method)
