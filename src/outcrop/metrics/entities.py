"""Entities: how many were found with the right type at the right place.

Source: the scores of CoNLL-2003 (Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task", 2003): an
entity counts only as a whole, and all types together (micro averages).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.domain.scores import Direction
from outcrop.metrics.protocol import Rows
from outcrop.metrics.rows import has_value
from outcrop.metrics.tagging import Scheme, Span, faulty, spans


@dataclass(frozen=True)
class Tagged:
    """A sequence's tags, predicted and right, one for each of its tokens; None where there are none."""

    predicted: tuple[str, ...] | None
    reference: tuple[str, ...] | None


@dataclass(frozen=True)
class Spanned:
    """A text's entities, predicted and right; None where there is no answer, empty where there is no entity."""

    predicted: tuple[Span, ...] | None
    reference: tuple[Span, ...] | None


EntityItem = Tagged | Spanned


@dataclass(frozen=True)
class EntityMetric:
    """A ``Metric`` of entities; its score is a function of the sums of three counts.

    Attributes:
        name, signature: As ``Metric`` has them.
        scheme: How ``Tagged`` items are read.
        value: The scores of sums, shape ``(b, 3)`` to ``(b,)``.
    """

    name: str
    signature: str
    scheme: Scheme
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    columns: tuple[str, ...] = ("hits", "n_predicted", "n_reference")
    unit: str = ""
    direction: Direction = Direction.HIGHER

    def prepare(self, items: Sequence[EntityItem]) -> Rows:
        """Count each item: shape ``(n, 3)``.

        Raises:
            InvalidInput: A tag is not of the scheme, or an item has not as many predicted as right tags.
        """
        faults = [fault for number, item in enumerate(items) for fault in _faults(number, item, self.scheme)]
        if faults:
            raise InvalidInput(faults)
        return np.array([self._counts(item) for item in items], dtype=np.float64).reshape(len(items), 3)

    def _counts(self, item: EntityItem) -> tuple[float, float, float]:
        if item.predicted is None or item.reference is None:
            return (math.nan, math.nan, math.nan)
        if isinstance(item, Tagged):
            found, wanted = spans(item.predicted, self.scheme), spans(item.reference, self.scheme)
        else:
            found, wanted = frozenset(item.predicted), frozenset(item.reference)
        return len(found & wanted), len(found), len(wanted)

    def per_record(self, rows: Rows) -> None:
        """None: the score is not the mean of a value per item."""

    def of_sums(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of sums of rows, shape ``(b, 3)`` to ``(b,)``; NaN where undefined."""
        return self.value(sums)

    def score(self, rows: Rows) -> float:
        """The score of the sum of the rows that have a value; NaN where none has, or where it is undefined."""
        return float(self.value(rows[has_value(rows)].sum(axis=0, keepdims=True))[0])


def entity_precision(scheme: Scheme = "any") -> EntityMetric:
    """The share of predicted entities that are right, in 0..1; NaN where none was predicted.

    Args:
        scheme: How tags are read: see ``outcrop.metrics.tagging.spans``. ``Spanned`` items don't depend on it.

    Returns:
        A metric named ``entity_precision``. An item without prediction or reference has no value.
    """
    return _metric("precision", scheme, lambda sums: _ratio(sums[:, 0], sums[:, 1]))


def entity_recall(scheme: Scheme = "any") -> EntityMetric:
    """The share of right entities that were predicted, in 0..1; NaN where there are none. As ``entity_precision``."""
    return _metric("recall", scheme, lambda sums: _ratio(sums[:, 0], sums[:, 2]))


def entity_f1(scheme: Scheme = "any") -> EntityMetric:
    """The harmonic mean of both, in 0..1; NaN where none was predicted and there are none. As ``entity_precision``."""
    return _metric("f1", scheme, lambda sums: _ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2]))


def _metric(variant: str, scheme: Scheme, value: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> EntityMetric:
    name = f"entity_{variant}"
    return EntityMetric(name, f"{name}|scheme:{scheme}|match:type+span|avg:micro|v1", scheme, value)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios = np.full(len(over), np.nan)
    np.divide(over, under, out=ratios, where=under != 0)
    return ratios


def _faults(number: int, item: EntityItem, scheme: Scheme) -> Iterator[Fault]:
    if not isinstance(item, Tagged):
        return
    for side, tags in (("predicted", item.predicted), ("reference", item.reference)):
        for place in faulty(tags or (), scheme):
            field = f"items[{number}].{side}[{place}]"
            yield Fault("entities", None, field, repr((tags or ())[place]), f"O, or a tag of scheme {scheme}: B-PER")
    if item.predicted is not None and item.reference is not None and len(item.predicted) != len(item.reference):
        expected = f"{len(item.reference)}, as many as the reference has"
        yield Fault("entities", None, f"items[{number}].predicted", f"{len(item.predicted)} tags", expected)
