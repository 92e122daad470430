"""Quasi exact match: the response is the reference, but for case, punctuation, articles and white space.

Source: the normalisation of SQuAD's official script, which HELM and fmeval use under this name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.token_f1 import squad_words


def quasi_exact_match() -> RecordMean:
    """The share of responses that equal a reference once both are normalised as in ``squad_words``.

    Returns:
        A metric named ``quasi_exact_match``, in 0..1, of several references that with the best value. Two texts of
        which nothing is left are equal.
    """
    return RecordMean(
        name="quasi_exact_match",
        signature="quasi_exact_match|norm:squad1.1|refs:best|stat:mean|v1",
        columns=("match",),
        count=_count,
        value=_value,
    )


def _count(response: str, reference: str) -> tuple[float, ...]:
    return (float(squad_words(response) == squad_words(reference)),)


def _value(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]
