"""A line of a regression table: the number that was right, and the predicted one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.metrics.lines import check_lengths


@dataclass(frozen=True)
class Estimated:
    """A record with its actual value and what a model predicted.

    Attributes:
        actual: What turned out to be right; None, NaN and infinity mean that it is not known.
        prediction: What the model said; None, NaN and infinity mean that it said nothing of use.
        scale: The size of error that the naive forecast made on the record's series, for MASE (``naive_scale``).
    """

    actual: float | None
    prediction: float | None
    scale: float | None = None

    def numbers(self) -> tuple[float, float] | None:
        """Actual value and prediction; None where one of them, or their difference, is no finite number."""
        if self.actual is None or self.prediction is None:
            return None
        actual, prediction = float(self.actual), float(self.prediction)
        return (actual, prediction) if math.isfinite(prediction - actual) else None


def estimated(
    actual: Sequence[float | None], predictions: Sequence[float | None], scales: Sequence[float | None] | None = None
) -> list[Estimated]:
    """Lines from columns.

    Args:
        actual: What was right.
        predictions: What the model said, in the same order.
        scales: For MASE, in the same order; None where there are none.

    Returns:
        One item per line.

    Raises:
        InvalidInput: The columns are not all of the same length.
    """
    sized = [None] * len(actual) if scales is None else scales
    check_lengths("estimated", {"actual": len(actual), "predictions": len(predictions), "scales": len(sized)})
    return [Estimated(*line) for line in zip(actual, predictions, sized, strict=True)]
