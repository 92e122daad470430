"""Length ratio: how long the responses are for what they answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.sums import SumMetric


def length_ratio() -> SumMetric:
    """Words of all responses divided by words of all references.

    It is a ratio of sums, not a mean of ratios: one reference of a single word answered at length would move a mean
    of ratios more than a hundred ordinary records, and the means of a/b and of b/a can both exceed 1. Of several
    references the one whose length is nearest counts, the shorter of two as near.

    Returns:
        A metric named ``length_ratio``, from 0 and without upper bound; 1 is as long as the references, and neither
        way is better. A record whose references have no word has no value.
    """
    return SumMetric(
        name="length_ratio",
        signature="length_ratio|tok:white-space|refs:nearest|stat:ratio-of-sums|v1",
        columns=("n_response", "n_reference"),
        count=_count,
        value=_ratio,
        direction=Direction.NONE,
    )


def _count(response: str, references: tuple[str, ...]) -> tuple[float, ...] | None:
    n_response = len(response.split())
    lengths = [n_reference for reference in references if (n_reference := len(reference.split()))]
    return (n_response, min(lengths, key=lambda n: (abs(n - n_response), n))) if lengths else None


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=ratios, where=sums[:, 1] != 0)
    return ratios
