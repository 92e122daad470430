"""Inclusion: the reference stands somewhere in the response.

Source: fmeval's factual knowledge scores; the idea is that of Petroni et al., "Language Models as Knowledge Bases?",
2019.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.protocol import Rows
from outcrop.metrics.record_mean import RecordMean
from outcrop.metrics.token_f1 import squad_words


def inclusion(*, delimiter: str | None = "<OR>", together: str | None = "<AND>") -> RecordMean:
    """The share of responses in which a reference stands, once both are normalised as in ``squad_words``.

    Characters are compared, not words: "art" stands in "party".

    Args:
        delimiter: What separates alternatives within one reference, as fmeval writes them; None where nothing does.
            Several references are alternatives too.
        together: What separates the parts of an alternative that must all stand there; None where nothing does.

    Returns:
        A metric named ``inclusion``, in 0..1. A reference of which nothing is left can't be scored: it would stand in
        every response.

    Raises:
        InvalidInput: ``delimiter`` or ``together`` is empty: all faults.
    """
    return _inclusion("inclusion", "norm:squad1.1", _normalised, delimiter, together)


def exact_inclusion(*, delimiter: str | None = "<OR>", together: str | None = "<AND>") -> RecordMean:
    """The share of responses in which a reference stands character for character, but for case.

    Spaces at the ends of an alternative count, as in fmeval: "UK <OR> England" asks for " England".

    Args:
        delimiter: As ``inclusion`` has it.
        together: As ``inclusion`` has it.

    Returns:
        A metric named ``exact_inclusion``, in 0..1; otherwise as ``inclusion``.

    Raises:
        InvalidInput: ``delimiter`` or ``together`` is empty: all faults.
    """
    return _inclusion("exact_inclusion", "norm:lower", str.lower, delimiter, together)


def _inclusion(
    name: str, choice: str, normalised: Callable[[str], str], delimiter: str | None, together: str | None
) -> RecordMean:
    faults = [
        Fault(name, None, argument, "''", "some text, or None for no delimiter")
        for argument, value in (("delimiter", delimiter), ("together", together))
        if value == ""
    ]
    if faults:
        raise InvalidInput(faults)
    parts = f"or:{delimiter or 'none'}|and:{together or 'none'}"
    return RecordMean(
        name=name,
        signature=f"{name}|{choice}|match:characters|{parts}|refs:best|stat:mean|v1",
        columns=("included",),
        count=partial(_count, normalised, delimiter, together),
        value=_value,
    )


def _count(
    normalised: Callable[[str], str], delimiter: str | None, together: str | None, response: str, reference: str
) -> tuple[float, ...] | None:
    alternatives = [_parts(text, together) for text in _parts(reference, delimiter)]
    wanted = [[part for text in parts if (part := normalised(text))] for parts in alternatives]
    found = normalised(response)
    possible = [parts for parts in wanted if parts]
    return (float(any(all(part in found for part in parts) for parts in possible)),) if possible else None


def _parts(text: str, separator: str | None) -> list[str]:
    return [text] if separator is None else text.split(separator)


def _normalised(text: str) -> str:
    return " ".join(squad_words(text))


def _value(rows: Rows) -> NDArray[np.float64]:
    return rows[:, 0]
