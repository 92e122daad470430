"""One error rate for several claims."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values after Holm's step-down correction: below α, with a chance of at most α that any of them is by luck.

    In ascending order the i-th of m becomes the largest of ``(m - j + 1) · p(j)`` for j up to i, at most 1. It holds
    for dependent tests too. Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.

    Args:
        p_values: Of all claims made together; None where a claim could not be tested.

    Returns:
        The corrected values in the order given; None stays None and does not count.
    """
    order = sorted((p_value, place) for place, p_value in enumerate(p_values) if p_value is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p_value, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_value))
        corrected[place] = highest
    return corrected
