"""The four counts of a yes-or-no decision, and what is measured on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.lines import ratio

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class BinaryCounts:
    """How many items fell into each cell.

    Attributes:
        tp: True positives: positive, and an alert was given.
        fp: False positives: negative, and an alert was given.
        tn: True negatives: negative, and no alert.
        fn: False negatives: positive, and no alert.
    """

    tp: int
    fp: int
    tn: int
    fn: int

    def measures(self) -> dict[str, float]:
        """Every measure of ``MEASURES``; NaN where it is 0/0."""
        cells = [np.array([count], dtype=np.float64) for count in (self.tp, self.fp, self.tn, self.fn)]
        return {name: float(measure(*cells)[0]) for name, measure in MEASURES.items()}


# Each is one division of whole numbers, so equal shares are equal floats, and 17 of 20 is exactly 0.85.
MEASURES: Mapping[str, Callable[[Counts, Counts, Counts, Counts], Counts]] = {
    "recall": lambda tp, fp, tn, fn: ratio(tp, tp + fn),
    "precision": lambda tp, fp, tn, fn: ratio(tp, tp + fp),
    "specificity": lambda tp, fp, tn, fn: ratio(tn, tn + fp),
    "fnr": lambda tp, fp, tn, fn: ratio(fn, tp + fn),
    "fpr": lambda tp, fp, tn, fn: ratio(fp, tn + fp),
    "accuracy": lambda tp, fp, tn, fn: ratio(tp + tn, tp + fp + tn + fn),
    "f1": lambda tp, fp, tn, fn: ratio(2 * tp, 2 * tp + fp + fn),
    "alerts": lambda tp, fp, tn, fn: ratio(tp + fp, tp + fp + tn + fn),
}
"""By name, shares of tp, fp, tn and fn, each of shape ``(t,)``; NaN where 0/0. ``alerts`` is the share of alerts."""
