"""How numbers are printed: one place, so that page, Markdown and terminal say the same.

A value is printed to two significant digits of its interval: more digits would be noise. None and NaN are the same
thing here, a number that is not known, and print as an en dash.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from outcrop.domain.scores import Comparison, Score

UNKNOWN = "–"
MINUS = "−"
MOST_PLACES = 6


def known(value: float | None) -> float | None:
    """The value, or None where there is none or it is not a finite number."""
    return None if value is None or not math.isfinite(value) else float(value)


def _two_digits(size: float) -> int:
    """How many decimal places show two significant digits of ``size``."""
    return min(max(1 - math.floor(math.log10(size)), 0), MOST_PLACES)


def places(value: float | None, low: float | None, high: float | None) -> int:
    """How many decimal places a value is printed to.

    Two significant digits of half the interval's width; without an interval, three of the value itself.
    """
    value, low, high = known(value), known(low), known(high)
    if low is not None and high is not None and high > low:
        return _two_digits((high - low) / 2)
    return min(_two_digits(abs(value)) + 1, 4) if value else 3


def places_apart(first: float, second: float) -> int:
    """How many decimal places show two significant digits of how far two values lie apart."""
    return _two_digits(abs(first - second)) if first != second else 2


def fixed(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """The value with that many decimals, a real minus sign, and with ``signed`` a plus sign too.

    What rounds to zero has no sign.
    """
    value = known(value)
    if value is None:
        return UNKNOWN
    text = f"{abs(value):,.{decimals}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def interval(low: float | None, high: float | None, decimals: int, *, signed: bool = False) -> str:
    """``0.301 to 0.343``, or "" where there is no interval."""
    if known(low) is None or known(high) is None:
        return ""
    return f"{fixed(low, decimals, signed=signed)} to {fixed(high, decimals, signed=signed)}"


def count(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def records(number: int) -> str:
    """``1 record``, ``1,300 records``."""
    return f"{count(number)} record{'' if number == 1 else 's'}"


def too_few(n: int) -> str:
    """What stands in place of an interval that so few records do not support."""
    return f"not enough data (n={count(n)})"


def scored(n_scored: int, n_given: int) -> str:
    """``188 of 200 scored``; an unscored record is counted, never dropped."""
    return f"{count(n_scored)} of {count(n_given)} scored"


def p_value(value: float | None) -> str:
    """``p < 0.001``, ``p = 0.012``, ``p = 0.34``; "" where there is none."""
    value = known(value)
    if value is None:
        return ""
    if value < 0.001:
        return "p < 0.001"
    if value > 0.99:
        return "p > 0.99"
    return f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def percent(share: float | None) -> str:
    """A share as a percentage with two significant digits, ``4.1%``; whole from ten on."""
    share = known(share)
    if share is None:
        return UNKNOWN
    decimals = 0 if abs(share) >= 0.0995 or share == 0 else 1 if abs(share) >= 0.00995 else 2
    return fixed(100 * share, decimals) + "%"


def score_value(score: Score) -> str:
    """The score's value alone."""
    return fixed(score.value, places(score.value, score.low, score.high))


def score_interval(score: Score) -> str:
    """The score's interval, or why there is none."""
    if known(score.value) is None:
        if score.n_scored:
            return "undefined on these records"
        return "no records" if score.n_given == 0 else "no record could be scored"
    return interval(score.low, score.high, places(score.value, score.low, score.high)) or too_few(score.n_scored)


def difference(comparison: Comparison) -> str:
    """The difference alone, with its sign; an en dash without an interval, which would only wobble."""
    decimals = places(comparison.difference, comparison.low, comparison.high)
    bounded = interval(comparison.low, comparison.high, decimals)
    return fixed(comparison.difference, decimals, signed=True) if bounded else UNKNOWN


def difference_interval(comparison: Comparison) -> str:
    """The interval of the difference, or why there is none."""
    decimals = places(comparison.difference, comparison.low, comparison.high)
    return interval(comparison.low, comparison.high, decimals, signed=True) or too_few(comparison.n)


def against(first: float | None, second: float | None) -> tuple[str, str]:
    """Two values side by side, with as many digits as it takes to tell them apart."""
    first, second = known(first), known(second)
    if first is None or second is None:
        return fixed(first, places(first, None, None)), fixed(second, places(second, None, None))
    decimals = places_apart(first, second)
    return fixed(first, decimals), fixed(second, decimals)


def rounded_up(number: float) -> int:
    """Up to the next number with two significant digits: 1,234 gives 1,300."""
    step = 10 ** max(math.floor(math.log10(number)) - 1, 0) if number >= 1 else 1
    return math.ceil(number / step) * step


def figure(name: str, value: float | None) -> str:
    """An efficiency figure: a share as a percentage, a latency in seconds, anything else to three digits."""
    if name.endswith("_share"):
        return percent(value)
    value = known(value)
    if value is None:
        return UNKNOWN
    printed = fixed(value, 0 if value == int(value) or abs(value) >= 100 else places(value, None, None))
    return f"{printed} s" if name.startswith("latency_") else printed


def unit_of(scores: Sequence[Score], metric: str) -> str:
    """The unit of a metric, by its scores; "" for a share."""
    return next((score.unit for score in scores if score.metric == metric), "")
