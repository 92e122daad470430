"""The scores of resampled records, for many metrics and models at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Metric, Rows
from outcrop.metrics.statistics.clusters import Codes, n_units, sums_by_cluster
from outcrop.metrics.statistics.draws import drawn_counts
from outcrop.metrics.statistics.summable import joined, summable


def resampled_scores(
    samples: Sequence[tuple[Metric[Any], Rows]], codes: Codes | None = None, *, seed: int, resamples: int
) -> NDArray[np.float64]:
    """The scores of resamples in which every sample draws the same records.

    The sums of all samples whose scores are functions of sums come from one matrix product, ``counts @ rows``; the
    others' rows are drawn one resample after the other.

    Args:
        samples: Metrics and their rows of the same n records, one or more, without NaN; shape ``(n, k)`` each.
        codes: The clusters of the records; whole clusters are drawn. None where records are independent.
        seed: The same seed and number of records (or clusters) draw the same ones.
        resamples: How often all records are drawn again, with replacement.

    Returns:
        Shape ``(len(samples), resamples)``; NaN where a metric is undefined.
    """
    units = n_units(codes, len(samples[0][1]))
    tables = {place: table for place, (metric, rows) in enumerate(samples) if (table := summable(metric, rows))}
    # A column without effect stands where there would be none at all.
    whole, columns = joined([np.zeros((units, 1)), *(sums_by_cluster(table.rows, codes) for table in tables.values())])
    columns_of = dict(zip(tables, columns[1:], strict=True))
    parts = []
    for counts in drawn_counts(units, resamples, seed):
        sums = counts @ whole
        parts.append(
            [
                tables[place].scores(sums[:, columns_of[place]])
                if place in tables
                else _of_rows(*sample, counts, codes)
                for place, sample in enumerate(samples)
            ]
        )
    return np.concatenate(parts, axis=1)


def _of_rows(metric: Metric[Any], rows: Rows, counts: NDArray[np.float64], codes: Codes | None) -> NDArray[np.float64]:
    times = counts.astype(np.int64)
    return np.array([metric.score(rows.repeat(each if codes is None else each[codes], axis=0)) for each in times])
