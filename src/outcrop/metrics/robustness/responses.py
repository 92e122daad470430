"""What a model wrote to a prompt and to its variants, and what a metric of texts makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import NotSupported
from outcrop.metrics.protocol import Pair, Rows, TextMetric
from outcrop.metrics.rows import has_value


@dataclass(frozen=True)
class Responses:
    """A model's responses to a prompt and to its perturbed variants.

    Attributes:
        original: To the prompt as it is; None where there is none.
        perturbed: To each variant; None where there is none. Without a variant a record has no value.
        references: The right responses to the prompt, which are those to its variants too.
        repeats: More responses to the prompt as it is, of a model that samples; empty for one that does not.
    """

    original: str | None
    perturbed: tuple[str | None, ...]
    references: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()


def of_variants(name: str, perturbation: str) -> str:
    """The name of a metric under a perturbation: ``drop_rougeL:typos``; the kinds stand before the first bracket."""
    return f"{name}:{perturbation.partition('(')[0]}"


def before_and_after(metric: TextMetric, items: Sequence[Responses]) -> tuple[Rows, list[Rows]]:
    """What the metric counts of the original responses and of the perturbed ones, held against the references.

    Args:
        metric: A metric of texts.
        items: The responses of each record.

    Returns:
        Values, shape ``(n, 1)``, where the metric has one per record, and else its rows, ``(n, k)``; and the same for
        the perturbed responses of each record, ``(m, k)`` for the m that could be scored.
    """
    originals = [Pair(item.original, item.references) for item in items]
    variants = [Pair(text, item.references) for item in items for text in item.perturbed]
    # Together, so that a metric that reads through a model sees each text once.
    counted = metric.prepare([*originals, *variants])
    values = metric.per_record(counted)
    rows = counted if values is None else values[:, None]
    ends = np.cumsum([len(items), *(len(item.perturbed) for item in items)]).tolist()
    perturbed = [rows[start:end] for start, end in pairwise(ends)]
    return rows[: len(items)], [each[has_value(each)] for each in perturbed]


def require_per_record(metric: TextMetric, what: str) -> None:
    """Make sure that a metric has a value for each record.

    Raises:
        NotSupported: It has not.
    """
    if metric.per_record(np.empty((0, len(metric.columns)))) is None:
        raise NotSupported(
            f"{what} needs a value for each record, and {metric.name} has one for all records together; choose a "
            "metric that is a mean over records, such as rougeL"
        )


def mean_rows(rows: Sequence[Rows], width: int) -> NDArray[np.float64]:
    """The mean row of each record, ``(n, width)``; NaN where a record has none."""
    means = np.full((len(rows), width), np.nan)
    for place, each in enumerate(rows):
        if len(each):
            means[place] = each.mean(axis=0)
    return means
