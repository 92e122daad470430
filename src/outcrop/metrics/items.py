"""Items of a list: how many of the right things a response names, wherever it names them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from outcrop.metrics.entities import EntityMetric, entity_f1, entity_precision, entity_recall
from outcrop.metrics.tagging import Span


def as_spans(items: Iterable[str]) -> tuple[Span, ...]:
    """Items as entities without a place, so that each counts once; case and inner white space don't count."""
    return tuple(dict.fromkeys(Span(" ".join(item.lower().split()), 0, 0) for item in items))


def item_precision() -> EntityMetric:
    """The share of named items that are right, in 0..1; NaN where none was named."""
    return _of_items(entity_precision(), "item_precision")


def item_recall() -> EntityMetric:
    """The share of right items that were named, in 0..1; NaN where there are none."""
    return _of_items(entity_recall(), "item_recall")


def item_f1() -> EntityMetric:
    """The harmonic mean of both, in 0..1; NaN where none was named and there are none."""
    return _of_items(entity_f1(), "item_f1")


def _of_items(metric: EntityMetric, name: str) -> EntityMetric:
    return replace(metric, name=name, signature=f"{name}|case:lower|match:whole|avg:micro|v1")


METRICS: dict[str, Callable[[], EntityMetric]] = {
    make.__name__: make for make in (item_f1, item_precision, item_recall)
}
"""By name, what makes the metric."""
