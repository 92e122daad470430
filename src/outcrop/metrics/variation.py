"""Variation: how far the responses that a model samples for one prompt differ among themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean, each
from outcrop.metrics.protocol import Pair, Rows, TextMetric
from outcrop.metrics.robustness.responses import require_per_record
from outcrop.metrics.rows import exact_mean


@dataclass(frozen=True)
class Samples:
    """The responses that a model gave when it was asked one prompt several times; None where there is none."""

    responses: tuple[str | None, ...]

    @property
    def written(self) -> tuple[str, ...]:
        """The responses that there are."""
        return tuple(text for text in self.responses if text is not None)


def all_agree() -> LineMean[Samples]:
    """The share of prompts whose responses are all the same, white space at their ends aside.

    Returns:
        A metric named ``all_agree``, in 0..1. A prompt with fewer than two responses has no value.
    """
    return LineMean(
        "all_agree", "all_agree|strip:ends|stat:mean|v1", ("agree",), each(_agree, 1), direction=Direction.NONE
    )


def _agree(item: Samples) -> tuple[float] | None:
    texts = {text.strip() for text in item.written}
    return None if len(item.written) < 2 else (float(len(texts) == 1),)


def pairwise(metric: TextMetric) -> LineMean[Samples]:
    """The mean of a metric over all pairs of a prompt's responses, each in turn being the reference.

    Args:
        metric: A mean over records, such as ``rougeL``.

    Returns:
        A metric named after the other one, as in ``pairwise_rougeL``; the score is the mean over prompts, so that
        each prompt counts alike. A prompt with fewer than two responses has no value.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    require_per_record(metric, "pairwise")
    return LineMean(
        f"pairwise_{metric.name}",
        f"pairwise|of:{metric.signature}|stat:mean|v1",
        ("mean",),
        partial(_pairwise, metric),
        unit=metric.unit,
        direction=Direction.NONE,
    )


def _pairwise(metric: TextMetric, items: Sequence[Samples]) -> Rows:
    pairs = [[Pair(one, (other,)) for one, other in permutations(item.written, 2)] for item in items]
    values = metric.per_record(metric.prepare([pair for own in pairs for pair in own]))
    assert values is not None
    ends = np.cumsum([len(own) for own in pairs])[:-1]
    means = [exact_mean(part) for part in np.split(values, ends)]
    return np.array(means[: len(items)], dtype=np.float64).reshape(len(items), 1)


@dataclass(frozen=True)
class Variation:
    """How the variance of a metric's values divides, in the square of its unit.

    Attributes:
        within: Of the responses to one prompt, around its own mean; None where no prompt has two values.
        between: Of the prompts' means, without what repeating alone makes of them; may come out below 0, which says
            that there is none. None where fewer than two prompts have a value, or ``within`` is None.
        share_within: ``within / (within + between)``, a ``between`` below 0 counting as 0; None where both are 0 or
            one is None.
        n_prompts, n_values: What they rest on.
    """

    within: float | None
    between: float | None
    share_within: float | None
    n_prompts: int
    n_values: int


def variation(values: NDArray[np.float64]) -> Variation:
    """Divide the variance of values into that within prompts and that between them.

    The components of a one-way layout with random effects, by the analysis of variance: ``within`` is the mean square
    within prompts; ``between`` that between prompts, less ``within``, divided by the effective number of values of a
    prompt. Source: Searle, Casella & McCulloch, "Variance Components", 1992, section 3.6.

    Args:
        values: A metric's value for each response, shape ``(prompts, responses)``; NaN where there is none.
    """
    counts = (~np.isnan(values)).sum(axis=1)
    left, counts = values[counts > 0], counts[counts > 0]
    prompts, n = len(left), int(counts.sum())
    if n == prompts:
        return Variation(None, None, None, prompts, n)
    means = np.nansum(left, axis=1) / counts
    within = float(np.nansum((left - means[:, None]) ** 2)) / (n - prompts)
    if prompts < 2:
        return Variation(within, None, None, prompts, n)
    around = float(counts @ (means - (counts @ means) / n) ** 2) / (prompts - 1)
    effective = (n - float(counts @ counts) / n) / (prompts - 1)
    between = (around - within) / effective
    whole = within + max(between, 0.0)
    return Variation(within, between, within / whole if whole else None, prompts, n)


def values_of(metric: TextMetric, items: Sequence[Samples], references: Sequence[tuple[str, ...]]) -> Rows:
    """A metric's value for each response, ``(prompts, responses)``; NaN where there is none.

    Args:
        metric: A mean over records.
        items: The responses of each prompt.
        references: The right responses to each prompt.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    require_per_record(metric, "variation")
    pairs = [Pair(text, own) for item, own in zip(items, references, strict=True) for text in item.responses]
    flat = metric.per_record(metric.prepare(pairs))
    assert flat is not None
    table = np.full((len(items), max((len(item.responses) for item in items), default=0)), math.nan)
    start = 0
    for row, item in zip(table, items, strict=True):
        row[: len(item.responses)] = flat[start : start + len(item.responses)]
        start += len(item.responses)
    return table
