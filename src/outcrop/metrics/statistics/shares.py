"""How sure a share is: so many of n records, each a yes or a no."""

from __future__ import annotations

import math

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.intervals import Interval, check_confidence, normal_quantile


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """A share and Wilson's score interval: the shares that a normal test at ``successes / n`` does not reject.

    It stays within 0..1 and has a width where all records succeed or none does. Its coverage swings around what it
    promises with n and the true share, as that of every interval for a share does that is not always too wide. Source:
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Args:
        successes: How many records are a yes.
        n: How many records there are, independent of each other.
        confidence: The share of such intervals that hold the true share, on average; between 0 and 1.

    Returns:
        The interval, in 0..1; without value and bounds for no records.

    Raises:
        InvalidInput: ``successes`` is not between 0 and ``n``, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    _check_successes(successes, n)
    if n == 0:
        return Interval(None, None, None, "no bounds: no values", 0)
    low, high = score_bounds(successes / n, n, normal_quantile(confidence))
    return Interval(successes / n, low, high, "Wilson", n)


def clopper_pearson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """A share and Clopper and Pearson's exact interval: it never covers less often than it says, and mostly more often.

    Each bound is the share at which so many successes or more (or fewer) have the probability α/2, a quantile of a beta
    distribution. Source: Clopper & Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial", 1934.

    Args:
        successes: How many records are a yes.
        n: How many records there are, independent of each other.
        confidence: The least share of such intervals that hold the true share; between 0 and 1.

    Returns:
        The interval, in 0..1; without value and bounds for no records.

    Raises:
        InvalidInput: ``successes`` is not between 0 and ``n``, or ``confidence`` is not between 0 and 1.
    """
    from scipy.special import betaincinv

    check_confidence(confidence)
    _check_successes(successes, n)
    if n == 0:
        return Interval(None, None, None, "no bounds: no values", 0)
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return Interval(successes / n, low, high, "Clopper-Pearson", n)


def score_bounds(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's bounds: the two θ with ``(share - θ)² = quantile² · θ (1 - θ) / n``.

    Args:
        share: What was seen, in 0..1.
        n: How many independent records it is worth; above 0, not always whole.
        quantile: How many standard errors the bounds lie away.
    """
    weight = quantile**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    # At 0 and 1 the bound is the share itself, which rounding would miss.
    return (middle - half if share > 0 else 0.0), (middle + half if share < 1 else 1.0)


def _check_successes(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise InvalidInput([Fault("successes", None, "", f"{successes} of {n}", "between none and all of them")])
