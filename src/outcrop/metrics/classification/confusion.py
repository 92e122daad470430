"""The confusion matrix: how often each label was predicted as which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.binary_counts import BinaryCounts
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, places
from outcrop.metrics.lines import check_choice

Orientation = Literal["right", "predicted"]
"""What the rows of a table of counts are: right labels, or predictions."""

_OTHER = "(other)"


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of items by right label and prediction. A row is a right label, a column a prediction.

    Attributes:
        labels: The ``K`` labels, in the order of rows and columns.
        counts: ``K`` rows of ``K`` counts.
        other: By right label, predictions that are none of the labels.
        n_left_out: Items without a prediction or without one of the labels as right label; they are in no cell.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    other: tuple[int, ...]
    n_left_out: int = 0

    @property
    def n(self) -> int:
        """How many items are in the matrix."""
        return sum(map(sum, self.counts)) + sum(self.other)

    def outcomes(self, positive: str) -> BinaryCounts:
        """The four cells of one label against all others.

        Raises:
            InvalidInput: ``positive`` is none of the labels.
        """
        if positive not in self.labels:
            raise InvalidInput([Fault("positive", None, "", repr(positive), f"one of {', '.join(self.labels)}")])
        place = self.labels.index(positive)
        hits = self.counts[place][place]
        misses = sum(self.counts[place]) + self.other[place] - hits
        false_alarms = sum(row[place] for row in self.counts) - hits
        return BinaryCounts(tp=hits, fp=false_alarms, tn=self.n - hits - misses - false_alarms, fn=misses)

    def one_vs_rest_accuracies(self) -> dict[str, float]:
        """By label, the share of items on which "this label or not" was right.

        Their mean is not the accuracy, and is far above it where there are many labels: each label counts all the
        others as right that were confused among themselves.

        Returns:
            Shares in 0..1; NaN where the matrix is empty.
        """
        outcomes = {label: self.outcomes(label) for label in self.labels}
        return {label: (each.tp + each.tn) / self.n if self.n else math.nan for label, each in outcomes.items()}

    def items(self) -> list[Classified]:
        """One item for each count, so that any metric of items can be had from a matrix alone."""
        # Longer than any label, so that it is none of them.
        columns = (*self.labels, "".join(self.labels) + "?")
        return [
            Classified(label, prediction)
            for label, row, other in zip(self.labels, self.counts, self.other, strict=True)
            for prediction, count in zip(columns, (*row, other), strict=True)
            for _ in range(count)
        ]

    def __str__(self) -> str:
        """A table for a terminal, the orientation said in its corner."""
        corner = "right \\ predicted"
        with_other = any(self.other)
        head = [corner, *self.labels, *([_OTHER] if with_other else [])]
        body = [
            [label, *map(str, row), *([str(other)] if with_other else [])]
            for label, row, other in zip(self.labels, self.counts, self.other, strict=True)
        ]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        lines = [
            "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]) for cells in (head, *body)
        ]
        return "\n".join([*lines, f"{self.n} items, {self.n_left_out} left out"])


def confusion_matrix(items: Sequence[Classified], labels: Sequence[str]) -> ConfusionMatrix:
    """Count items by right label and prediction.

    Args:
        items: What to count.
        labels: All labels, in the order of rows and columns.

    Returns:
        The matrix; predictions that are none of the labels are in ``other``.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)
    right, predicted = places(items, known)
    scored = right >= 0
    cells = np.zeros((len(known), len(known) + 1), dtype=np.int64)
    np.add.at(cells, (right[scored], predicted[scored]), 1)
    rows = tuple(tuple(row) for row in cells[:, :-1].tolist())
    return ConfusionMatrix(known, rows, tuple(cells[:, -1].tolist()), int((~scored).sum()))


def matrix_of_counts(labels: Sequence[str], counts: Sequence[Sequence[int]], *, rows: Orientation) -> ConfusionMatrix:
    """A matrix from counts that are there already.

    Args:
        labels: The labels, in the order of both rows and columns.
        counts: ``K`` rows of ``K`` counts.
        rows: What a row of ``counts`` is: a right label, or a prediction. Sources differ, and the wrong choice swaps
            precision and recall, so there is no default.

    Returns:
        The matrix, its rows being right labels.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice, or the counts are not ``K`` rows of ``K``
            whole numbers from 0.
    """
    known = check_labels(labels)
    check_choice("rows", rows, get_args(Orientation))
    square = len(counts) == len(known) and all(len(row) == len(known) for row in counts)
    if not square or any(int(count) != count or count < 0 for row in counts for count in row):
        want = f"{len(known)} rows of {len(known)} whole numbers from 0"
        raise InvalidInput([Fault("counts", None, "", str(counts)[:200], want)])
    given = counts if rows == "right" else zip(*counts, strict=True)
    return ConfusionMatrix(known, tuple(tuple(map(int, row)) for row in given), (0,) * len(known))
