"""A metric's rows from two models for the same records, and which of several pairs share their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.rows import defined, has_value
from outcrop.metrics.statistics.clusters import Clusters, Codes, cluster_codes, n_units
from outcrop.metrics.statistics.paired import check_same_records


@dataclass(frozen=True)
class Pairing:
    """What is compared.

    Attributes:
        metric: What is scored; it made both arrays of rows.
        baseline_rows: The rows of one model; shape ``(n, k)``.
        candidate_rows: The rows of the other for the same records in the same order; shape ``(n, k)``.
    """

    metric: Metric[Any]
    baseline_rows: Rows
    candidate_rows: Rows

    def both(self) -> NDArray[np.bool_]:
        """Which records both models have a value for; shape ``(n,)``.

        Raises:
            InvalidInput: The two don't have the same number of rows.
        """
        check_same_records(len(self.baseline_rows), len(self.candidate_rows))
        return has_value(self.baseline_rows) & has_value(self.candidate_rows)

    def difference(self) -> float | None:
        """The candidate's score less the baseline's; None where one of them is undefined."""
        return defined(self.metric.score(self.candidate_rows) - self.metric.score(self.baseline_rows))


@dataclass(frozen=True)
class SharedRecords:
    """Pairings whose values are of the same records, so that one draw of records serves them all.

    Attributes:
        places: Where they stand among the pairings given.
        pairings: With the rows of the records that both models have a value for, and no others.
        n: How many records these are.
        n_left_out: How many records lack a value for one model or both.
        codes: The clusters of the records; None where each record is independent.
    """

    places: tuple[int, ...]
    pairings: tuple[Pairing, ...]
    n: int
    n_left_out: int
    codes: Codes | None

    @property
    def units(self) -> int:
        """How many things are independent of each other: records, or clusters; 0 for no records."""
        return n_units(self.codes, self.n) if self.n else 0


def by_records(pairings: Sequence[Pairing], clusters: Clusters | None = None) -> list[SharedRecords]:
    """The pairings, grouped by the records that both models have a value for; records without are left out.

    Rows that were one array before stay one array, so that a baseline is added up once for all its candidates.

    Raises:
        InvalidInput: A pairing's two models don't have the same number of rows, or there is not one cluster name for
            each row.
    """
    masks = [pairing.both() for pairing in pairings]
    members: dict[bytes, list[int]] = {}
    for place, both in enumerate(masks):
        members.setdefault(both.tobytes(), []).append(place)
    return [
        _shared([pairings[place] for place in places], places, masks[places[0]], clusters)
        for places in members.values()
    ]


def _shared(
    pairings: Sequence[Pairing], places: Sequence[int], both: NDArray[np.bool_], clusters: Clusters | None
) -> SharedRecords:
    given = {id(rows): rows for pairing in pairings for rows in (pairing.baseline_rows, pairing.candidate_rows)}
    kept = {key: rows[both] for key, rows in given.items()}
    paired = tuple(
        Pairing(pairing.metric, kept[id(pairing.baseline_rows)], kept[id(pairing.candidate_rows)])
        for pairing in pairings
    )
    n = int(both.sum())
    return SharedRecords(tuple(places), paired, n, len(both) - n, cluster_codes(clusters, both))
