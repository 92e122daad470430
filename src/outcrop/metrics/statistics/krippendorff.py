"""Krippendorff's alpha: how far any number of observers agree beyond chance, each of whom may have left units out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.lines import LineSums, check_choice, ratio
from outcrop.metrics.protocol import Rows

Level = Literal["nominal", "ordinal", "interval", "ratio"]
"""What two unlike values have in common: nothing, their order, their distance, or their proportion."""

Unit = Sequence[object | None]
"""What the observers said of one thing, in any order; None where one said nothing."""

_Array = NDArray[np.float64]
_Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def krippendorff_alpha(values: Sequence[float | str], level: Level) -> LineSums[Unit]:
    """Krippendorff's alpha over units that were observed at least twice.

    ``1 - D_o / D_e``, the disagreement seen within units over that expected between all values. Both are sums over
    pairs of values within a unit of m, each weighted with ``1 / (m - 1)``, so a unit's row is its coincidences and the
    score a function of their sums. Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011.

    Args:
        values: All values there can be; for ``ordinal`` in their order, for ``interval`` and ``ratio`` numbers.
        level: What two unlike values have in common.

    Returns:
        A metric named ``krippendorff_alpha``, at most 1; 0 is chance, and it can be negative. It is undefined (NaN)
        where all values are one and the same. A unit with fewer than two values is not scored.

    Raises:
        InvalidInput: There are fewer than two values, one is there twice, or ``interval`` or ``ratio`` has values that
            are no numbers; ``prepare`` raises it for a value that is none of them.
    """
    check_choice("level", level, get_args(Level))
    known = _check_values(values, level)
    pairs = np.triu_indices(len(known))
    named = ",".join(f"{value}".translate({ord(mark): "_" for mark in "|,:"}) for value in known)
    return LineSums(
        "krippendorff_alpha",
        f"krippendorff_alpha|level:{level}|values:{named}|v1",
        tuple(f"{known[row]} with {known[column]}" for row, column in zip(*pairs, strict=True)),
        partial(_coincidences, known, pairs),
        partial(_alpha, _distances(known, level), pairs),
    )


def _check_values(values: Sequence[float | str], level: Level) -> tuple[float | str, ...]:
    known = tuple(values)
    faults = []
    if len(known) < 2 or len(set(known)) < len(known):
        faults.append(Fault("values", None, "", repr(known), "two values or more, each once"))
    if level in ("interval", "ratio") and not all(isinstance(value, int | float) for value in known):
        faults.append(Fault("values", None, "", repr(known), f"numbers, which the level {level} measures with"))
    if faults:
        raise InvalidInput(faults)
    return known


def _coincidences(known: tuple[float | str, ...], pairs: _Pairs, items: Sequence[Unit]) -> Rows:
    """Each unit's coincidences of two values, those of unlike ones once: shape ``(n, K (K + 1) / 2)``."""
    places: dict[object, int] = {value: place for place, value in enumerate(known)}
    counts = np.zeros((len(items), len(known)))
    for row, unit in enumerate(items):
        for value in unit:
            if value is not None:
                counts[row, _place(places, value)] += 1
    m = counts.sum(axis=1)[:, None, None]
    both = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(known))
    # Fewer than two values leave no pair: NaN, which 0 / 0 would only warn of.
    weighted = np.divide(both, m - 1, out=np.full_like(both, np.nan), where=m > 1)
    found: Rows = weighted[:, pairs[0], pairs[1]]
    return found


def _place(places: dict[object, int], value: object) -> int:
    if value not in places:
        raise InvalidInput([Fault("units", None, "", repr(value), f"one of {', '.join(map(repr, places))}")])
    return places[value]


Distances = _Array | Literal["ordinal"]


def _distances(known: tuple[float | str, ...], level: Level) -> Distances:
    """The squared distances of the values, ``(K, K)``; those of an order depend on how often each value is there."""
    if level == "ordinal":
        return "ordinal"
    if level == "nominal":
        return 1 - np.eye(len(known))
    numbers = np.array(known, dtype=np.float64)
    apart, together = numbers[:, None] - numbers, numbers[:, None] + numbers
    return apart**2 if level == "interval" else np.where(apart == 0, 0.0, ratio(apart, together) ** 2)


def _alpha(distances: Distances, pairs: _Pairs, sums: _Array) -> _Array:
    k = int(pairs[1].max()) + 1
    table = np.zeros((len(sums), k, k))
    table[:, pairs[0], pairs[1]] = sums
    table[:, pairs[1], pairs[0]] = sums
    counts = table.sum(axis=2)
    squared = _ordinal(counts) if isinstance(distances, str) else distances
    seen = (table * squared).sum(axis=(1, 2))
    expected = (counts[:, :, None] * counts[:, None, :] * squared).sum(axis=(1, 2))
    return 1 - ratio((counts.sum(axis=1) - 1) * seen, expected)


def _ordinal(counts: _Array) -> _Array:
    """``(Σ_{g=c..k} n_g - (n_c + n_k) / 2)²`` for the counts of each value, ``(b, K)`` to ``(b, K, K)``."""
    middle = np.cumsum(counts, axis=1) - counts / 2
    squared: _Array = (middle[:, :, None] - middle[:, None, :]) ** 2
    return squared
