"""Relative delta: ``Builtin.Robustness`` where responses have references, as Bedrock reports it.

Source: the report of an automatic evaluation job in Amazon Bedrock's user guide: ``delta / score × 100 %``, of F1 for
question answering, BERTScore for summarisation, accuracy for classification.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.scores import Direction
from outcrop.metrics.lines import LineSums, ratio
from outcrop.metrics.protocol import TextMetric
from outcrop.metrics.robustness.delta import deltas
from outcrop.metrics.robustness.responses import Responses, require_per_record

#: What Bedrock calls robustness, whatever it is computed from.
BUILTIN = "Builtin.Robustness"


def relative_delta(metric: TextMetric, perturbation: str) -> LineSums[Responses]:
    """The sum of the deltas, in per cent of the sum of the original values.

    Args:
        metric: A metric of texts that is a mean over records.
        perturbation: What ``perturbations.signed`` says of the variants.

    Returns:
        A metric named ``Builtin.Robustness``, in per cent, from 0; lower is better. NaN where the original values are
        all 0: nothing is left that could be lost.

    Raises:
        NotSupported: The metric has no value for each record.
    """
    require_per_record(metric, BUILTIN)
    return LineSums(
        BUILTIN,
        f"{BUILTIN}|{perturbation}|of:{metric.signature}|stat:delta-per-score|v1",
        ("delta", "score"),
        lambda items: deltas(metric, items),
        _per_cent,
        unit="%",
        direction=Direction.LOWER,
    )


def _per_cent(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return 100 * ratio(sums[:, 0], sums[:, 1])
