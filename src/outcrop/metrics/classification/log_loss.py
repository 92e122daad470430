"""Log loss: how surprised the model was by the right labels."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from outcrop.domain.scores import Direction
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.classification.probabilities import probabilities
from outcrop.metrics.lines import LineMean, each

_LEAST = sys.float_info.epsilon


def log_loss(labels: Sequence[str]) -> LineMean[Classified]:
    """The mean of ``-ln p``, p being the probability of the right label: cross-entropy, in nats.

    A probability below 2.2e-16 counts as 2.2e-16, as in scikit-learn, so one item costs at most 36.04 and not
    infinity. Source: Good, "Rational Decisions", 1952.

    Args:
        labels: All labels. Of two, the probability of one is enough.

    Returns:
        A metric named ``log_loss``, from 0; ``ln K`` for a model that finds all ``K`` labels equally likely. An item
        whose right label is not among the labels, or without probabilities that add up to 1, gives a row of NaN.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)

    def row(item: Classified) -> tuple[float] | None:
        chances = probabilities(item, known) if item.label in known else None
        if chances is None or item.label is None:
            return None
        return (-math.log(max(chances[known.index(item.label)], _LEAST)),)

    signature = f"log_loss|base:e|clip:2.2e-16|labels:{signed_labels(sorted(known))}|v1"
    return LineMean("log_loss", signature, ("nats",), each(row, 1), unit="nats", direction=Direction.LOWER)
