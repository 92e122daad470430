"""What a yes-or-no decision costs in money: with the model, without it, and with an alert for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.classification.binary_counts import BinaryCounts
from outcrop.metrics.classification.class_counts import by_class, count_positive
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import signed_labels
from outcrop.metrics.classification.rules import Costs, parse_costs
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Rows


@dataclass(frozen=True)
class CostDecision:
    """What three ways to decide cost on the same items, in the unit of the given costs.

    Attributes:
        model: Alerts where the model gives them.
        nobody: No alert: every positive is missed.
        everybody: An alert for each: every negative is a false alarm.
    """

    model: float
    nobody: float
    everybody: float

    @property
    def cheapest(self) -> str:
        """``nobody``, ``everybody`` or ``model``; of equal ones the first, as a model that saves nothing is no use."""
        return min(("nobody", "everybody", "model"), key=lambda way: float(getattr(self, way)))


def decide(counts: BinaryCounts, costs: str) -> CostDecision:
    """Whether a model is worth its alerts.

    Args:
        counts: What the model did.
        costs: What one item of each cell costs, such as ``50*fn + 3*fp + 3*tp``; a cell not named costs nothing.

    Returns:
        The three costs.

    Raises:
        InvalidInput: ``costs`` can't be read.
    """
    positives, negatives = counts.tp + counts.fn, counts.fp + counts.tn
    ways = (
        (counts.tp, counts.fp, counts.tn, counts.fn),
        (0, 0, negatives, positives),
        (positives, negatives, 0, 0),
    )
    return CostDecision(*map(float, parse_costs(costs).totals(ways)))


def cost_threshold(costs: str) -> float:
    """The probability from which on an alert is the cheaper choice, if the probabilities are calibrated.

    ``(fp - tn) / (fp - tn + fn - tp)``; with right decisions free, ``fp / (fp + fn)``. Source: Elkan, "The Foundations
    of Cost-Sensitive Learning", 2001.

    Args:
        costs: What one item of each cell costs, such as ``3*fn + fp``.

    Returns:
        A probability in 0..1.

    Raises:
        InvalidInput: ``costs`` can't be read, or a wrong decision does not cost more than the right one.
    """
    given = parse_costs(costs)
    for_negative, for_positive = given.fp - given.tn, given.fn - given.tp
    if for_negative <= 0 or for_positive <= 0:
        want = "fp above tn and fn above tp: else one of the two decisions is never the cheaper one"
        raise InvalidInput([Fault("costs", None, "", repr(costs), want)])
    return float(for_negative / (for_negative + for_positive))


def mean_cost(positive: str, costs: str, *, unit: str = "") -> LineMean[Classified]:
    """The mean cost of a decision, so that the costs of two models can be compared on the same records.

    Args:
        positive: The label that alerts are for; all others are negative.
        costs: What one item of each cell costs, such as ``50*fn + 3*fp + 3*tp``.
        unit: The unit of the costs.

    Returns:
        A metric named ``mean_cost``, in ``unit`` per item; negative where gains are larger. An item without a label or
        a prediction gives a row of NaN.

    Raises:
        InvalidInput: ``costs`` can't be read.
    """
    given = parse_costs(costs)
    spelled = "+".join(f"{getattr(given, cell)}*{cell}" for cell in ("tp", "fp", "tn", "fn"))
    return LineMean(
        "mean_cost",
        f"mean_cost|pos:{signed_labels([positive])}|costs:{spelled}|v1",
        ("hits", "predicted", "actual"),
        count_positive(positive),
        partial(_costs, given),
        unit,
        Direction.LOWER,
    )


def _costs(costs: Costs, rows: Rows) -> NDArray[np.float64]:
    hits, predicted, actual = by_class(rows)
    fp, fn = predicted - hits, actual - hits
    cells = (costs.tp, hits), (costs.fp, fp), (costs.tn, 1 - hits - fp - fn), (costs.fn, fn)
    return np.asarray(sum(float(cost) * count for cost, count in cells))[:, 0]
