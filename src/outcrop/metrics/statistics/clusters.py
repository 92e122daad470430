"""Records that belong together: questions about one text, turns of one conversation, answers of one user."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.protocol import Rows

Clusters = Sequence[object] | NDArray[Any]
"""What names the cluster of each record: numbers, users' names; shape ``(n,)``."""

Codes = NDArray[np.int64]
"""Which cluster each record is in, counted from 0 without a gap; shape ``(n,)``."""

#: With fewer clusters a result says so: their scatter is then a guess, and intervals cover less than they promise.
FEW = 10


def cluster_codes(clusters: Clusters | None, kept: NDArray[np.bool_]) -> Codes | None:
    """The clusters of the records that are kept, as codes.

    Args:
        clusters: What names the cluster of each record (a number, a user's name); shape ``(n,)``. None for none.
        kept: Which records have a value; shape ``(n,)``.

    Returns:
        Shape ``(kept.sum(),)``; None where there are no clusters, or every record is alone in its own.

    Raises:
        InvalidInput: ``clusters`` and ``kept`` are not of one length.
    """
    if clusters is None:
        return None
    if len(clusters) != len(kept):
        found = f"{len(clusters)} for {len(kept)} records"
        raise InvalidInput([Fault("clusters", None, "", found, "one for each record, in the same order")])
    code_of: dict[object, int] = {}
    found_codes = [code_of.setdefault(name, len(code_of)) for name, keep in zip(clusters, kept, strict=True) if keep]
    return None if len(code_of) == len(found_codes) else np.array(found_codes, dtype=np.int64)


def n_units(codes: Codes | None, n: int) -> int:
    """How many things are independent of each other: the clusters, or the ``n`` records where there are none."""
    return n if codes is None else int(codes.max()) + 1


def sums_by_cluster(rows: Rows, codes: Codes | None) -> Rows:
    """The sum of the rows of each cluster, ``(n, k)`` to ``(n_units, k)``; the rows themselves where there are none."""
    if codes is None:
        return rows
    return np.stack([np.bincount(codes, column) for column in rows.T], axis=1)


def clustered_error(values: NDArray[np.float64], codes: Codes | None) -> float:
    """The standard error of a mean of records in clusters: ``√(C / (C - 1) · Σ_c (Σ_{i in c} (x_i - x̄))²) / n``.

    With every record alone in its cluster it is ``s / √n``. Source: Miller, "Adding Error Bars to Evals", 2024,
    appendix A, with the correction ``C / (C - 1)`` for C clusters, as statsmodels has it for a mean.

    Args:
        values: One per record; shape ``(n,)``.
        codes: Their clusters, two or more.

    Returns:
        The error, in the unit of the values.
    """
    totals = sums_by_cluster((values - values.mean())[:, None], codes)[:, 0]
    n_clusters = len(totals)
    return math.sqrt(n_clusters / (n_clusters - 1) * float(totals @ totals)) / len(values)


def over_clusters(codes: Codes | None) -> str:
    """How a method names the clusters it rests on; "" where there are none."""
    if codes is None:
        return ""
    found = n_units(codes, len(codes))
    return f" over {found} clusters" + (", which are few" if found < FEW else "")
