"""What models scored on one dataset: rows of the same records, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outcrop.evaluation.scoring import Scored
from outcrop.metrics.protocol import Metric


@dataclass(frozen=True)
class DatasetScores:
    """What models scored on one dataset.

    Attributes:
        name: The dataset's name.
        scored: The models' rows, of the same records in the same order.
        metrics: What made the rows; the first decides.
        categories: The category of each record.
        clusters: What names the cluster of each record; None where all are independent.
        n_left_out: Records that not all models were given, and that are in no row here.
        conditions: What was the same for all models, by field: task, prompting, generation parameters.
    """

    name: str
    scored: tuple[Scored, ...]
    metrics: tuple[Metric[Any], ...]
    categories: tuple[str | None, ...]
    clusters: tuple[str, ...] | None = None
    n_left_out: int = 0
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def of(self, model: str) -> Scored | None:
        """A model's rows; None where it was not scored here."""
        return next((one for one in self.scored if one.model == model), None)
