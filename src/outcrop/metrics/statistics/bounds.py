"""Bounds of a bootstrap interval: which of the sorted resamples they are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.intervals import check_confidence, t_p_value, t_quantile


def check_resamples(resamples: int, confidence: float) -> None:
    """Raise InvalidInput where ``confidence`` is not between 0 and 1, or so few resamples have no bounds for it."""
    check_confidence(confidence)
    # 1 - 0.9 falls short of a tenth in binary, and rounding up would show it.
    least = math.ceil(round(2 / (1 - confidence), 9)) - 1
    if resamples < least:
        fault = Fault("resamples", None, "", str(resamples), f"at least {least} for a confidence of {confidence:g}")
        raise InvalidInput([fault])


def expanded_tail(confidence: float, units: int) -> float:
    """The share of resamples beyond each bound, fewer than ``(1 - confidence) / 2`` where there are few records.

    Resamples scatter by ``√((n - 1) / n)`` too little, and have no longer tails for a scatter that is itself estimated;
    ``Φ(-√(n / (n - 1)) · t(n - 1))`` makes up for both. Source: Hesterberg, "What Teachers Should Know About the
    Bootstrap", 2015, section 4.3 (the expanded percentile interval).

    Args:
        confidence: Between 0 and 1.
        units: How many records or clusters are drawn from; two or more.
    """
    from scipy.special import ndtr

    return float(ndtr(-math.sqrt(units / (units - 1)) * t_quantile(confidence, units - 1)))


def expanded_p_value(share: float, units: int) -> float:
    """The p-value of a share of resamples: 1 - c for the confidence c at whose bound that share lies.

    Args:
        share: Of resamples on the far side of 0, above 0 and at most one half.
        units: How many records or clusters are drawn from; two or more.
    """
    from scipy.special import ndtri

    return t_p_value(float(ndtri(share)) * math.sqrt((units - 1) / units), units - 1)


def percentile_bounds(drawn: NDArray[np.float64], tail: float) -> tuple[float, float]:
    """The k-th smallest and the k-th largest resample, ``k = ⌊tail · (B + 1)⌋`` and at least 1.

    Args:
        drawn: The scores of the B resamples, ascending.
        tail: The share of resamples beyond each bound.
    """
    # 1 - 0.9 falls short of a tenth in binary, and the floor would show it.
    rank = max(1, math.floor(round(tail * (len(drawn) + 1), 9)))
    return float(drawn[rank - 1]), float(drawn[-rank])


def bca_bounds(
    drawn: NDArray[np.float64], value: float, without_one: NDArray[np.float64], tail: float
) -> tuple[float, float]:
    """The bias-corrected and accelerated bounds.

    The resamples are read at ``Φ(z0 + (z0 + z) / (1 - a (z0 + z)))`` for z the normal quantiles of ``tail`` and
    ``1 - tail``; z0 from the share of resamples below the value, a from the skewness of the scores without one record
    each. Source: Efron, "Better Bootstrap Confidence Intervals", 1987; Efron & Tibshirani, "An Introduction to the
    Bootstrap", 1993, section 14.3.

    Args:
        drawn: The scores of the B resamples, ascending.
        value: The score of all records.
        without_one: The scores without each record or cluster; shape ``(n,)``.
        tail: The share of resamples beyond each bound, before the correction.
    """
    from scipy.special import ndtr, ndtri

    resamples = len(drawn)
    tied = np.abs(drawn - value) <= 1e-12 * abs(value)
    below = float(((drawn < value) & ~tied).sum()) + 0.5 * float(tied.sum())
    # A value beyond all resamples would have no finite quantile.
    bias = float(ndtri(min(max(below, 0.5), resamples - 0.5) / resamples))
    pull = without_one.mean() - without_one
    squares = float(pull @ pull)
    acceleration = float((pull**3).sum()) / (6 * squares**1.5) if squares else 0.0

    def level(z: float) -> float:
        shift = bias + z
        spread = 1 - acceleration * shift
        return float(ndtr(bias + shift / spread)) if spread > 0 else float(shift > 0)

    low = math.floor(level(float(ndtri(tail))) * (resamples + 1))
    high = math.ceil(level(-float(ndtri(tail))) * (resamples + 1))
    return float(drawn[min(max(low, 1), resamples) - 1]), float(drawn[min(max(high, 1), resamples) - 1])
