"""Precision and recall over words: the different words of one text that the other has too.

Source: ``precision_over_words`` and ``recall_over_words`` of fmeval 1.2.3.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.token_f1 import squad_words


def precision_over_words() -> RecordMean:
    """The mean share of the response's different words that stand in the reference.

    Returns:
        A metric named ``precision_over_words``, in 0..1, of several references that with the best value. A response of
        which no word is left has the value 0.
    """
    return _over_words("precision_over_words", whole=1)


def recall_over_words() -> RecordMean:
    """The mean share of the reference's different words that stand in the response.

    Returns:
        A metric named ``recall_over_words``, in 0..1, of several references that with the best value. A reference of
        which no word is left has the value 0, as in fmeval.
    """
    return _over_words("recall_over_words", whole=2)


def _over_words(name: str, whole: int) -> RecordMean:
    return RecordMean(
        name=name,
        signature=f"{name}|norm:squad1.1|words:set|empty:0|refs:best|stat:mean|v1",
        columns=("hits", "n_response", "n_reference"),
        count=_count,
        value=partial(_share, whole),
    )


def _count(response: str, reference: str) -> tuple[float, ...]:
    found, wanted = set(squad_words(response)), set(squad_words(reference))
    return len(found & wanted), len(found), len(wanted)


def _share(whole: int, rows: Rows) -> NDArray[np.float64]:
    values = np.zeros(len(rows))
    np.divide(rows[:, 0], rows[:, whole], out=values, where=rows[:, whole] != 0)
    return values
