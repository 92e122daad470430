"""Exact match: the response is the reference, character for character."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean


def exact_match() -> RecordMean:
    """The share of responses that equal their reference, white space at both ends aside.

    Case, punctuation, inner white space and Unicode form all count; a looser comparison is ``quasi_exact_match``.

    Returns:
        A metric named ``exact_match``, in 0..1; an empty response to an empty reference matches.
    """
    return RecordMean(
        name="exact_match",
        signature="exact_match|strip:ends|case:kept|norm:none|refs:best|stat:mean|v1",
        columns=("match",),
        count=_count,
        value=_value,
    )


def _count(response: str, reference: str) -> tuple[float, ...]:
    return (float(response.strip() == reference.strip()),)


def _value(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]
