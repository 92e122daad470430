"""The choice of a threshold: an alert is given for every item whose score is at least as high."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.auc import grouped, scored_as
from outcrop.metrics.classification.binary_counts import MEASURES, BinaryCounts
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.rules import (
    RELATIONS,
    Constraint,
    Objective,
    parse_constraints,
    parse_objective,
)
from outcrop.metrics.lines import each
from outcrop.metrics.rows import has_value

_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sweep:
    """All thresholds that differ in their effect, and the four counts at each.

    Attributes:
        thresholds: Falling, shape ``(t,)``: infinity (no alert at all), then each distinct score, so that items with
            the same score change sides together.
        tp, fp, tn, fn: Whole numbers, shape ``(t,)`` each.
        n_left_out: Items without a label or without a score.
    """

    thresholds: NDArray[np.float64]
    tp: NDArray[np.float64]
    fp: NDArray[np.float64]
    tn: NDArray[np.float64]
    fn: NDArray[np.float64]
    n_left_out: int

    def measure(self, name: str) -> NDArray[np.float64]:
        """A measure of ``MEASURES`` at each threshold, shape ``(t,)``; NaN where it is 0/0."""
        return MEASURES[name](self.tp, self.fp, self.tn, self.fn)

    def counts(self, place: int) -> BinaryCounts:
        """The four counts at the threshold of that place."""
        return BinaryCounts(*(int(cells[place]) for cells in (self.tp, self.fp, self.tn, self.fn)))


@dataclass(frozen=True)
class Choice:
    """A threshold, and what it does on the items it was chosen by.

    Attributes:
        threshold: An alert is given for a score of at least this; infinity means no alert at all.
        counts: The four counts.
        value: What the objective has become: a share, or a cost in the unit of the given numbers.
        n_left_out: Items without a label or without a score.
    """

    threshold: float
    counts: BinaryCounts
    value: float
    n_left_out: int


def sweep(items: Sequence[Classified], positive: str) -> Sweep:
    """Try every threshold: the points of the ROC curve and of the curve of precision over recall.

    Args:
        items: Labels, and scores for ``positive``.
        positive: The label that alerts are for; all others are negative.

    Returns:
        All thresholds that differ in their effect.

    Raises:
        InvalidInput: No item has both a label and a score for ``positive``.
    """
    rows = each(scored_as(positive), 2)(items)
    left = rows[has_value(rows)]
    if not len(left):
        found = f"none of {len(items)} items has both a label and a score for {positive!r}"
        raise InvalidInput([Fault("items", None, "", found, "one or more that have both")])
    scores, positives, negatives = (values[::-1] for values in grouped(left))
    # An infinite score is an alert whatever the threshold, so "no alert" is then no choice.
    none = np.empty(0) if scores[0] == math.inf else np.zeros(1)
    tp, fp = np.append(none, np.cumsum(positives)), np.append(none, np.cumsum(negatives))
    thresholds = np.append(none + math.inf, scores)
    return Sweep(thresholds, tp, fp, fp[-1] - fp, tp[-1] - tp, len(rows) - len(left))


def choose_threshold(items: Sequence[Classified], positive: str, *, objective: str, constraints: str = "") -> Choice:
    """The threshold that is best by an objective among those that meet all constraints.

    Choose on one set of records and report on another: on its own records a threshold looks better than it is.

    Args:
        items: Labels, and scores for ``positive``.
        positive: The label that alerts are for; all others are negative.
        objective: ``maximise`` or ``minimise`` and a measure, or costs: ``maximise f1``, ``minimise 3*fn + fp``.
        constraints: Such as ``recall >= 0.85 and alerts <= 0.2``. Measures are those of ``MEASURES``. One that is 0/0
            at a threshold meets no constraint there.

    Returns:
        The best threshold; of several equally good ones that with the fewest false negatives, then the fewest false
        positives.

    Raises:
        InvalidInput: A text can't be read; no item has a label and a score; no threshold meets all constraints, and
            then the message has the best value that each one can reach, and where; or the objective is 0/0 at every
            threshold that meets them.
    """
    wanted, rules = parse_objective(objective), parse_constraints(constraints)
    swept = sweep(items, positive)
    meets = [_meets(swept, rule) for rule in rules]
    allowed = np.logical_and.reduce([np.ones(len(swept.thresholds), dtype=np.bool_), *meets])
    if not allowed.any():
        raise InvalidInput(_out_of_reach(swept, rules, meets))
    losses, values = _objective(swept, wanted)
    places = [place for place in np.flatnonzero(allowed).tolist() if not math.isnan(values[place])]
    if not places:
        raise InvalidInput([Fault("objective", None, "", f"{objective!r}, which is 0/0 everywhere", "another one")])
    best = min(places, key=lambda place: (losses[place], swept.fn[place], swept.fp[place]))
    return Choice(float(swept.thresholds[best]), swept.counts(best), float(values[best]), swept.n_left_out)


def _meets(swept: Sweep, rule: Constraint) -> _Mask:
    return np.asarray(RELATIONS[rule.relation](swept.measure(rule.measure), rule.bound), dtype=np.bool_)


def _objective(swept: Sweep, wanted: Objective) -> tuple[list[Any], list[float]]:
    """At each threshold, what is to be made small, and the value to tell."""
    sign = -1 if wanted.maximise else 1
    if isinstance(wanted.what, str):
        shares = swept.measure(wanted.what)
        return (sign * shares).tolist(), shares.tolist()
    cells = (counts.astype(np.int64).tolist() for counts in (swept.tp, swept.fp, swept.tn, swept.fn))
    totals = wanted.what.totals(zip(*cells, strict=True))
    return [sign * total for total in totals], [float(total) for total in totals]


def _out_of_reach(swept: Sweep, rules: Sequence[Constraint], meets: Sequence[_Mask]) -> list[Fault]:
    """The best value of each constraint where the others hold; where that is nowhere, of each alone."""
    every = np.ones(len(swept.thresholds), dtype=np.bool_)
    faults = []
    for place, rule in enumerate(rules):
        others = np.logical_and.reduce([every, *meets[:place], *meets[place + 1 :]])
        if others.any():
            faults.append(_best_of(swept, rule, others, "" if len(rules) == 1 else " while the others hold"))
    return faults or [_best_of(swept, rule, every, " alone, and nowhere with all the others") for rule in rules]


def _best_of(swept: Sweep, rule: Constraint, where: _Mask, condition: str) -> Fault:
    values = np.where(where, swept.measure(rule.measure), np.nan)
    want = "bounds that some threshold meets: loosen one, or bring a model that ranks better"
    if np.isnan(values).all():
        return Fault("constraints", None, str(rule), f"0/0 at every threshold{condition}", want)
    at_most = rule.relation.startswith(">")
    best = int(np.nanargmax(values) if at_most else np.nanargmin(values))
    reach = f"at {'most' if at_most else 'least'} {values[best]:g}{condition} (threshold {swept.thresholds[best]:g})"
    return Fault("constraints", None, str(rule), reach, want)
