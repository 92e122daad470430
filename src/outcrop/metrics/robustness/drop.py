"""Drop: how much a metric loses when prompts are perturbed, with its sign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import NotSupported
from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Rows, TextMetric
from outcrop.metrics.robustness.responses import Responses, before_and_after, mean_rows, of_variants
from outcrop.metrics.rows import exact_mean, has_value
from outcrop.metrics.statistics.pairing import Pairing


def drop(metric: TextMetric, perturbation: str) -> Drop:
    """The metric on the original prompts less that on the perturbed ones, the mean of each record's variants.

    Of a metric where lower is better the difference is turned round, so that a drop above 0 is a loss either way. A
    gain is a drop below 0: what perturbation takes from some records and gives to others cancels out, as it should.

    Args:
        metric: A metric of texts that has a better way.
        perturbation: What ``perturbations.signed`` says of the variants.

    Raises:
        NotSupported: Neither way is better in this metric.
    """
    if metric.direction is Direction.NONE:
        raise NotSupported(f"{metric.name} has no better way, so it can't drop; choose a metric that has one")
    return Drop(metric, perturbation)


@dataclass(frozen=True)
class Drop:
    """A ``Metric`` of ``Responses``; ``drop`` makes it.

    A row is what the metric counts of the original response, then the mean of that over the perturbed ones. Its
    intervals come from the paired comparison of the two, which ``paired`` gives.
    """

    metric: TextMetric
    perturbation: str
    direction: Direction = Direction.LOWER

    @property
    def name(self) -> str:
        """``drop_`` and the metric's name, with the kinds of perturbation."""
        return of_variants(f"drop_{self.metric.name}", self.perturbation)

    @property
    def signature(self) -> str:
        """The perturbation and the metric's own signature."""
        return f"drop|{self.perturbation}|of:{self.metric.signature}|v1"

    @property
    def unit(self) -> str:
        """The metric's."""
        return self.metric.unit

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the original response, then those of the perturbed ones."""
        names = self.metric.columns if self._summed else ("value",)
        return tuple(f"{side}_{name}" for side in ("original", "perturbed") for name in names)

    def prepare(self, items: Sequence[Responses]) -> Rows:
        """What is counted of each record; a row of NaN without an original or any perturbed value."""
        original, perturbed = before_and_after(self.metric, items)
        rows = np.concatenate([original, mean_rows(perturbed, original.shape[1])], axis=1)
        rows[~has_value(rows)] = np.nan
        return rows

    def per_record(self, rows: Rows) -> NDArray[np.float64] | None:
        """The drop of each record, ``(n,)``, where the metric has a value for each."""
        return None if self._summed else self._sign * (rows[:, 0] - rows[:, 1])

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The drop of sums of rows, ``(b, 2k)`` to ``(b,)``, where the metric is a function of sums."""
        if not self._summed:
            return None
        before, after = (self.metric.of_sums(half) for half in np.split(sums, 2, axis=1))
        return None if before is None or after is None else self._sign * (before - after)

    def score(self, rows: Rows) -> float:
        """The mean drop of the records that have one, or the drop of all together; NaN where none has one."""
        left = rows[has_value(rows)]
        if not len(left):
            return math.nan
        if not self._summed:
            return exact_mean(self._sign * (left[:, 0] - left[:, 1]))
        before, after = np.split(left, 2, axis=1)
        return self._sign * (self.metric.score(before) - self.metric.score(after))

    def paired(self, rows: Rows) -> Pairing:
        """The same as a comparison whose difference is the drop."""
        before, after = np.split(rows, 2, axis=1)
        first, second = (after, before) if self.metric.direction is Direction.HIGHER else (before, after)
        if self._summed:
            return Pairing(self.metric, first, second)
        own = self.metric
        return Pairing(
            LineMean(own.name, own.signature, ("value",), self.prepare, unit=own.unit, direction=own.direction),
            first,
            second,
        )

    @property
    def _summed(self) -> bool:
        """Whether the metric has no value for each record."""
        return self.metric.per_record(np.empty((0, len(self.metric.columns)))) is None

    @property
    def _sign(self) -> int:
        return 1 if self.metric.direction is Direction.HIGHER else -1
