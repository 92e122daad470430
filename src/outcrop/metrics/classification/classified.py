"""A line of a classification table: the right label, the predicted one, and what the model gave each label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outcrop.metrics.lines import check_lengths


@dataclass(frozen=True)
class Classified:
    """A record with its right label and what a model said.

    Attributes:
        label: The right label; None where it is not known.
        prediction: The label that the model chose; None where it chose none. A text that is no known label is a
            wrong prediction, not a missing one.
        scores: By label, what the model gave it: probabilities, or numbers of any scale whose order counts. With two
            labels the score of one is enough. None where there are no scores.
    """

    label: str | None
    prediction: str | None
    scores: Mapping[str, float] | None = None

    def score_of(self, label: str) -> float | None:
        """The score of a label; None where it has none or it is NaN. It may be infinite."""
        score = math.nan if self.scores is None else self.scores.get(label, math.nan)
        return None if math.isnan(score) else score


def classified(
    labels: Sequence[str | None],
    predictions: Sequence[str | None] | None = None,
    scores: Mapping[str, Sequence[float | None]] | None = None,
) -> list[Classified]:
    """Lines from columns.

    Args:
        labels: The right labels.
        predictions: What the model chose, in the same order; None where there are only scores.
        scores: By label, a column of its scores in the same order. None and NaN mean that there is none.

    Returns:
        One item per line.

    Raises:
        InvalidInput: The columns are not all of the same length.
    """
    columns = scores or {}
    predicted = [None] * len(labels) if predictions is None else predictions
    lengths = {"labels": len(labels), "predictions": len(predicted)}
    check_lengths("classified", lengths | {f"scores[{label!r}]": len(column) for label, column in columns.items()})
    return [
        Classified(label, prediction, _line(columns, place))
        for place, (label, prediction) in enumerate(zip(labels, predicted, strict=True))
    ]


def _line(columns: Mapping[str, Sequence[float | None]], place: int) -> dict[str, float] | None:
    """The scores of one line, by label; None where it has none."""
    return {label: score for label, column in columns.items() if (score := column[place]) is not None} or None
