"""One share of false findings among several, for looking through many."""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values after Benjamini and Hochberg's step-up correction: of those below α, a share of α is by luck on average.

    In ascending order the i-th of m becomes the smallest of ``m / j · p(j)`` for j from i on, at most 1. It holds for
    independent tests and for those that err the same way. For claims that each have to stand, ``holm``. Source:
    Benjamini & Hochberg, "Controlling the False Discovery Rate", 1995.

    Args:
        p_values: Of all findings looked through together; None where one could not be tested.

    Returns:
        The corrected values in the order given; None stays None and does not count.
    """
    order = sorted((p_value, place) for place, p_value in enumerate(p_values) if p_value is not None)
    corrected: list[float | None] = [None] * len(p_values)
    lowest = 1.0
    for rank, (p_value, place) in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, len(order) / rank * p_value)
        corrected[place] = lowest
    return corrected
