"""Inclusion: the reference stands somewhere in the response.

Source: fmeval's factual knowledge score in its quasi-exact form; the idea is that of Petroni et al., "Language Models
as Knowledge Bases?", 2019.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.token_f1 import squad_words


def inclusion(*, delimiter: str | None = "<OR>") -> RecordMean:
    """The share of responses in which a reference stands, once both are normalised as in ``squad_words``.

    Characters are compared, not words: "art" stands in "party".

    Args:
        delimiter: What separates alternatives within one reference, as fmeval writes them; None where nothing does.
            Several references are alternatives too.

    Returns:
        A metric named ``inclusion``, in 0..1. A reference of which nothing is left can't be scored: it would stand in
        every response.

    Raises:
        InvalidInput: ``delimiter`` is empty.
    """
    if delimiter == "":
        raise InvalidInput([Fault("inclusion", None, "delimiter", "''", "some text, or None for no delimiter")])
    return RecordMean(
        name="inclusion",
        signature=f"inclusion|norm:squad1.1|match:characters|or:{delimiter or 'none'}|refs:best|stat:mean|v1",
        columns=("included",),
        count=partial(_count, delimiter),
        value=_value,
    )


def _count(delimiter: str | None, response: str, reference: str) -> tuple[float, ...] | None:
    alternatives = [reference] if delimiter is None else reference.split(delimiter)
    wanted = [text for alternative in alternatives if (text := _normalised(alternative))]
    found = _normalised(response)
    return (float(any(text in found for text in wanted)),) if wanted else None


def _normalised(text: str) -> str:
    return " ".join(squad_words(text))


def _value(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]
