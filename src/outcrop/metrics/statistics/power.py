"""What a comparison can find before it is run: how often, from how many records, and how small a difference.

A design says how much one record scatters. What it needs is known beforehand or guessed low and high: the standard
deviation of the differences, the share of records on which two models disagree, the share that is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.intervals import normal_quantile, t_quantile

_MOST = 10**12


class Design(Protocol):
    """How a comparison is laid out."""

    @property
    def largest(self) -> float:
        """The largest difference that there can be."""
        ...

    def power(self, difference: float, n: int, alpha: float) -> float:
        """The chance that the two-sided test finds ``difference`` in ``n`` records."""
        ...


@dataclass(frozen=True)
class PairedMeans:
    """Two models on the same records, a value for each, compared by the paired t test.

    Attributes:
        deviation: The standard deviation of the differences, in the unit of the values; above 0.
    """

    deviation: float

    def __post_init__(self) -> None:
        _check(self.deviation > 0, "deviation", self.deviation, "above 0")

    @property
    def largest(self) -> float:
        """Without limit."""
        return math.inf

    def power(self, difference: float, n: int, alpha: float) -> float:
        """From the noncentral t distribution; 0 for fewer than two records."""
        from scipy.special import nctdtr

        if n < 2:
            return 0.0
        quantile, shift = t_quantile(1 - alpha, n - 1), math.sqrt(n) * abs(difference) / self.deviation
        # SciPy gives NaN for some tails, all below 1e-12.
        missed, wrong_way = np.nan_to_num([nctdtr(n - 1, shift, quantile), nctdtr(n - 1, shift, -quantile)])
        return float(1 - missed + wrong_way)


@dataclass(frozen=True)
class PairedShares:
    """Two models on the same records, each right or wrong, compared by McNemar's test.

    Source: Miettinen, "The Matched Pairs Design in the Case of All-or-None Responses", 1968: the variance of one
    record's difference is ``discordance - difference²``.

    Attributes:
        discordance: The share of records that one model alone gets right; above 0, at most 1.
    """

    discordance: float

    def __post_init__(self) -> None:
        _check(0 < self.discordance <= 1, "discordance", self.discordance, "a share above 0 and at most 1")

    @property
    def largest(self) -> float:
        """All of the records on which the models disagree go one way."""
        return self.discordance

    def power(self, difference: float, n: int, alpha: float) -> float:
        """From the normal approximation."""
        return _normal_power(difference, self.discordance - difference**2, n, alpha)


@dataclass(frozen=True)
class SeparateShares:
    """Two models on records of their own, n each, right or wrong.

    Attributes:
        share: The share that either gets right, about; above 0 and below 1.
    """

    share: float

    def __post_init__(self) -> None:
        _check(0 < self.share < 1, "share", self.share, "a share above 0 and below 1")

    @property
    def largest(self) -> float:
        """From none right to all."""
        return 1.0

    def power(self, difference: float, n: int, alpha: float) -> float:
        """From the normal approximation, with the variance of ``share`` for both models."""
        return _normal_power(difference, 2 * self.share * (1 - self.share), n, alpha)


def power(design: Design, difference: float, n: int, *, alpha: float = 0.05) -> float:
    """The chance that a difference is found.

    Args:
        design: How the comparison is laid out.
        difference: The true one, in the unit of the values.
        n: How many records there are (of each model, where they are separate).
        alpha: The share of true zeros that the two-sided test may reject.

    Returns:
        In 0..1; at a difference of 0 it is about ``alpha``.

    Raises:
        InvalidInput: ``difference`` is larger than the design allows, ``n`` is below 1, or ``alpha`` is not between 0
            and 1.
    """
    _check_difference(design, difference)
    _check(n >= 1, "n", n, "1 or more")
    _check(0 < alpha < 1, "alpha", alpha, "a share between 0 and 1, such as 0.05")
    return design.power(difference, n, alpha)


def required_records(design: Design, difference: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """The least number of records in which a difference is found with the chance ``power``.

    Args:
        design: How the comparison is laid out.
        difference: The true one, not 0, in the unit of the values.
        power: The chance wanted, above ``alpha`` and below 1.
        alpha: The share of true zeros that the two-sided test may reject.

    Returns:
        The number (of each model, where records are separate).

    Raises:
        InvalidInput: ``difference`` is 0, larger than the design allows, or so small that a million million records
            don't show it; ``power`` or ``alpha`` is out of range.
    """
    _check_difference(design, difference)
    _check(difference != 0, "difference", difference, "another one than 0")
    _check_chances(power, alpha)
    enough = 2
    while design.power(difference, enough, alpha) < power:
        enough *= 2
        _check(enough <= _MOST, "difference", difference, f"one that {_MOST:,} records show")
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if design.power(difference, middle, alpha) >= power else (middle, enough)
    return enough


def detectable_difference(design: Design, n: int, *, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The least difference that is found in n records with the chance ``power``.

    Args:
        design: How the comparison is laid out.
        n: How many records there are (of each model, where they are separate).
        power: The chance wanted, above ``alpha`` and below 1.
        alpha: The share of true zeros that the two-sided test may reject.

    Returns:
        The difference, above 0, in the unit of the values; None where even the largest is found less often.

    Raises:
        InvalidInput: ``n`` is below 2, or ``power`` or ``alpha`` is out of range.
    """
    _check(n >= 2, "n", n, "2 or more")
    _check_chances(power, alpha)

    def found(difference: float) -> bool:
        return design.power(difference, n, alpha) >= power

    high = min(1.0, design.largest)
    while not found(high):
        if high >= design.largest:
            return None
        high = min(2 * high, design.largest)
    return _least(found, high)


def _least(holds: Callable[[float], bool], high: float) -> float:
    """The least value from 0 to ``high`` for which something holds that holds for all above."""
    low = 0.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _normal_power(difference: float, variance: float, n: int, alpha: float) -> float:
    from scipy.special import ndtr

    if variance <= 0:
        return 1.0
    shift, quantile = abs(difference) * math.sqrt(n / variance), normal_quantile(1 - alpha)
    return float(ndtr(shift - quantile) + ndtr(-shift - quantile))


def _check_chances(power: float, alpha: float) -> None:
    _check(0 < alpha < 1, "alpha", alpha, "a share between 0 and 1, such as 0.05")
    _check(alpha < power < 1, "power", power, f"a share above alpha ({alpha:g}) and below 1, such as 0.8")


def _check_difference(design: Design, difference: float) -> None:
    _check(abs(difference) <= design.largest, "difference", difference, f"at most {design.largest:g} either way")


def _check(holds: bool, name: str, found: float, expected: str) -> None:
    if not holds:
        raise InvalidInput([Fault(name, None, "", f"{found:g}", expected)])
