"""Delta: how far a metric moves when prompts are perturbed, up or down, as fmeval reports it.

Source: ``MeanDeltaScores`` of fmeval 1.2.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineMean
from outcrop.metrics.protocol import Rows, TextMetric
from outcrop.metrics.robustness.responses import Responses, before_and_after, mean_rows, of_variants, require_per_record
from outcrop.metrics.rows import has_value


def delta(metric: TextMetric, perturbation: str) -> LineMean[Responses]:
    """The mean absolute difference between a record's value and those of its variants.

    It counts a gain as damage, and so is above 0 even where perturbation changes nothing on average. It is here to be
    set beside fmeval's numbers; ``drop`` says what was lost.

    Args:
        metric: A metric of texts that is a mean over records.
        perturbation: What ``perturbations.signed`` says of the variants.

    Returns:
        A metric named after the other one, as in ``delta_rougeL:typos``, in its unit, from 0; lower is better. A record
        without an original value or any perturbed one has no value.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    require_per_record(metric, "delta")
    return LineMean(
        of_variants(f"delta_{metric.name}", perturbation),
        f"delta|{perturbation}|of:{metric.signature}|stat:mean-absolute|v1",
        ("delta",),
        lambda items: deltas(metric, items)[:, :1],
        unit=metric.unit,
        direction=Direction.LOWER,
    )


def deltas(metric: TextMetric, items: Sequence[Responses]) -> Rows:
    """The mean absolute difference and the original value of each record, ``(n, 2)``; NaN where one is missing."""
    original, perturbed = before_and_after(metric, items)
    moved = mean_rows([abs(each - before) for each, before in zip(perturbed, original, strict=True)], 1)
    rows = np.concatenate([moved, original], axis=1)
    rows[~has_value(rows)] = np.nan
    return rows
