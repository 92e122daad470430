"""Whether two models differ in a corpus metric, by swapping which of them wrote which response."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.statistics.clusters import Clusters, sums_by_cluster
from outcrop.metrics.statistics.draws import drawn_swaps
from outcrop.metrics.statistics.pairing import Pairing, SharedRecords, by_records
from outcrop.metrics.statistics.summable import Summable, joined, summable

PERMUTATIONS = 10_000

_ROUNDING = 1e-9


def randomised_p_values(
    pairings: Sequence[Pairing],
    *,
    seed: int,
    permutations: int = PERMUTATIONS,
    clusters: Clusters | None = None,
) -> list[float | None]:
    """The two-sided p-values of approximate randomisation, for metrics whose scores are functions of sums.

    If it made no difference which model wrote a response, swapping the two models' responses to some records would
    leave the difference as it is likely to be. R times each record is swapped with a chance of one half;
    ``p = (1 + c) / (1 + R)``, c counting the times that the difference is at least as far from 0 as the one seen. The
    test rejects no more often than it may, however few records there are. Of records in clusters, whole clusters are
    swapped. Source: Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989; Riezler & Maxwell, "On Some
    Pitfalls in Automatic Evaluation and Significance Testing for MT", 2005.

    The same swaps serve all pairings whose values are of the same records, as one matrix product.

    Args:
        pairings: What is compared; all rows are of the same n records in the same order. A record with NaN in either
            array of a pairing is left out there.
        seed: The same seed and number of records (or clusters) swap the same ones.
        permutations: R, how often records are swapped.
        clusters: What names the cluster of each record; shape ``(n,)``. None where records are independent.

    Returns:
        For each pairing a p-value, at least ``1 / (1 + R)``; None for fewer than two records or clusters, where a
        score is undefined or infinite, and where the metric is no function of sums.

    Raises:
        InvalidInput: A pairing's two models don't have the same number of rows, there is not one cluster name for each
            row, or ``permutations`` is below 1.
    """
    if permutations < 1:
        raise InvalidInput([Fault("permutations", None, "", str(permutations), "1 or more")])
    found: list[float | None] = [None] * len(pairings)
    for shared in by_records(pairings, clusters):
        if shared.units > 1:
            for place, p_value in _shared_p_values(shared, seed, permutations).items():
                found[place] = p_value
    return found


def _shared_p_values(shared: SharedRecords, seed: int, permutations: int) -> dict[int, float | None]:
    """By place, for the pairings that can be added up."""
    tables = [
        (place, before, after)
        for place, pairing in zip(shared.places, shared.pairings, strict=True)
        if (before := summable(pairing.metric, pairing.baseline_rows))
        and (after := summable(pairing.metric, pairing.candidate_rows))
    ]
    if not tables:
        return {}
    moves = [sums_by_cluster(after.rows - before.rows, shared.codes) for _, before, after in tables]
    whole, columns = joined(moves)
    parts = []
    for swaps in drawn_swaps(shared.units, permutations, seed):
        moved = swaps @ whole
        parts.append(
            [_change(before, after, moved[:, own]) for (_, before, after), own in zip(tables, columns, strict=True)]
        )
    changes = np.concatenate(parts, axis=1)
    nothing = [_change(before, after, np.zeros((1, before.rows.shape[1])))[0] for _, before, after in tables]
    return {place: _p_value(seen, each) for (place, _, _), seen, each in zip(tables, nothing, changes, strict=True)}


def _change(before: Summable, after: Summable, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences where sums of so much have moved from the candidate to the baseline; ``(b, k)`` to ``(b,)``."""
    return after.scores(after.rows.sum(axis=0) - moved) - before.scores(before.rows.sum(axis=0) + moved)


def _p_value(seen: float, changes: NDArray[np.float64]) -> float | None:
    if not np.isfinite(seen) or not np.isfinite(changes).all():
        return None
    # Rounding must not make a permutation that leaves all as it is fall short of what was seen.
    as_far = int((np.abs(changes) >= abs(seen) - _ROUNDING * np.abs(changes).max()).sum())
    return (1 + as_far) / (1 + len(changes))
