"""Response dissimilarity: how far responses to perturbed prompts are from the response to the prompt as it is.

Source: ``BertScoreDissimilarity`` of fmeval 1.2.3 and its correction for models that sample, with any metric in
BERTScore's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Pair, Rows, TextMetric
from outcrop.metrics.robustness.responses import Responses, of_variants, require_per_record
from outcrop.metrics.rows import exact_mean


def response_dissimilarity(metric: TextMetric, perturbation: str) -> LineMean[Responses]:
    """1 less the metric's mean over the perturbed responses, the original response being the reference.

    Where a record has ``repeats``, 1 less the metric's mean over all pairs of its unperturbed responses is taken off,
    and less than 0 counts as 0.

    Args:
        metric: A mean over records whose best value is 1, such as ``bert_score``.
        perturbation: What ``perturbations.signed`` says of the variants.

    Returns:
        A metric named after the other one, as in ``dissimilarity_bert_score:typos``, from 0; lower is better. A record
        without an original response or any perturbed one has no value.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    require_per_record(metric, "response dissimilarity")
    return LineMean(
        of_variants(f"dissimilarity_{metric.name}", perturbation),
        f"dissimilarity|{perturbation}|of:{metric.signature}|less:repeats|stat:mean|v1",
        ("dissimilarity", "between_repeats"),
        partial(_count, metric),
        _value,
        direction=Direction.LOWER,
    )


def _count(metric: TextMetric, items: Sequence[Responses]) -> Rows:
    compared = [pairs for item in items for pairs in (_to_original(item), _between_repeats(item))]
    values = metric.per_record(metric.prepare([pair for pairs in compared for pair in pairs]))
    assert values is not None
    ends = np.cumsum([len(pairs) for pairs in compared])[:-1]
    means = [exact_mean(part) for part in np.split(values, ends)]
    rows = 1 - np.array(means[: len(compared)]).reshape(len(items), 2)
    # Without repeats nothing is taken off.
    rows[:, 1] = np.where(np.isnan(rows[:, 0]), np.nan, np.nan_to_num(rows[:, 1]))
    return rows


def _value(rows: Rows) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.maximum(rows[:, 0] - rows[:, 1], 0)
    return values


def _to_original(item: Responses) -> list[Pair]:
    return [] if item.original is None else [Pair(text, (item.original,)) for text in item.perturbed]


def _between_repeats(item: Responses) -> list[Pair]:
    if item.original is None:
        return []
    # In fmeval the first of each pair is the reference, and the original comes last.
    return [Pair(response, (reference,)) for reference, response in combinations((*item.repeats, item.original), 2)]
