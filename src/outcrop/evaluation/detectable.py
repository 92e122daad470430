"""How small a difference a comparison could find, and how many records another one would take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from outcrop.domain.scores import Comparison
from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import has_value
from outcrop.metrics.statistics.clusters import Clusters, cluster_codes, n_units
from outcrop.metrics.statistics.intervals import normal_quantile, standard_error
from outcrop.metrics.statistics.paired import paired_sample
from outcrop.metrics.statistics.power import PairedMeans, detectable_difference, required_records

#: The chance with which a difference is to be found, and the share of true zeros that may be taken for one.
POWER, ALPHA = 0.8, 0.05


@dataclass(frozen=True)
class Detectable:
    """What a comparison's records could show.

    Attributes:
        n: The records that were paired.
        deviation: The standard deviation of the paired differences of independent records that would scatter as much,
            in the metric's unit; None where nothing tells.
        difference: The least true difference that is found with the chance ``POWER``, in the metric's unit; None where
            nothing tells how much records scatter.
        basis: What the scatter was taken from, or why there is none.
        wanted: Another difference, which somebody asked for; None for none.
        records: How many records that one takes; None without it.
    """

    n: int
    deviation: float | None
    difference: float | None
    basis: str
    wanted: float | None = None
    records: int | None = None


def detectable(
    metric: Metric[Any],
    baseline_rows: Rows,
    candidate_rows: Rows,
    comparison: Comparison,
    *,
    clusters: Clusters | None = None,
    wanted: float | None = None,
) -> Detectable:
    """How small a difference a paired comparison finds with a chance of 80 %, two-sided, at α 0.05.

    Records scatter as they did: by the standard deviation of the paired differences where the score is a mean, else by
    as much as the width of the comparison's interval says. Records in clusters count as their clusters.

    Args:
        metric: What is scored.
        baseline_rows: The baseline's rows; shape ``(n, k)``.
        candidate_rows: The candidate's, of the same records in the same order.
        comparison: What compares the two on these rows.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.
        wanted: A difference whose number of records is asked for, above 0, in the metric's unit.

    Raises:
        InvalidInput: ``wanted`` is 0, or so small that a million million records don't show it.
    """
    found = _scatter(metric, baseline_rows, candidate_rows, comparison, clusters)
    if isinstance(found, str):
        return Detectable(comparison.n, None, None, found, wanted)
    design, units, basis = found
    per_unit = comparison.n / units
    return Detectable(
        comparison.n,
        design.deviation * math.sqrt(per_unit),
        detectable_difference(design, units, power=POWER, alpha=ALPHA),
        basis,
        wanted,
        None if wanted is None else math.ceil(required_records(design, wanted, power=POWER, alpha=ALPHA) * per_unit),
    )


def _scatter(
    metric: Metric[Any], baseline_rows: Rows, candidate_rows: Rows, comparison: Comparison, clusters: Clusters | None
) -> tuple[PairedMeans, int, str] | str:
    """How independent units scatter, how many there are, and what that was taken from; or why nothing tells."""
    before, after = metric.per_record(baseline_rows), metric.per_record(candidate_rows)
    if before is None or after is None:
        both = has_value(baseline_rows) & has_value(candidate_rows)
        units = n_units(cluster_codes(clusters, both), int(both.sum())) if both.any() else 0
        if comparison.low is None or comparison.high is None:
            return "too few records to say how much they scatter"
        error, basis = (comparison.high - comparison.low) / 2 / normal_quantile(1 - ALPHA), "the interval’s width"
    else:
        pairs = paired_sample(before, after, clusters)
        if pairs.untestable() is not None:
            return "too few records to say how much they scatter"
        units = pairs.units
        error, basis = standard_error(pairs.differences, pairs.codes), "the paired standard deviation seen"
        if error <= pairs.rounding:
            return "all records differ by the same, so nothing tells how much they scatter"
    if not (np.isfinite(error) and error > 0 and units > 1):
        return "nothing tells how much records scatter"
    return PairedMeans(error * math.sqrt(units)), units, basis + (", by clusters" if units < comparison.n else "")
