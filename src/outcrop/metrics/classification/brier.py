"""The Brier score: the squared distance of probabilities from what happened."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.domain.scores import Direction
from outcrop.metrics.classification.classified import Classified
from outcrop.metrics.classification.labels import check_labels, signed_labels
from outcrop.metrics.classification.probabilities import probabilities, probability
from outcrop.metrics.lines import LineMean, each


def brier(positive: str) -> LineMean[Classified]:
    """The mean of ``(p - y)²``, p being the probability of ``positive``, y 1 where it is the right label and else 0.

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950, in its common form of one term.

    Args:
        positive: The label whose probability is scored, against all other labels.

    Returns:
        A metric named ``brier``, in 0..1; 0.25 for a model that always says 0.5. An item without a label, or without a
        probability for ``positive``, gives a row of NaN.
    """

    def row(item: Classified) -> tuple[float] | None:
        chance = probability(item, positive)
        return None if chance is None or item.label is None else ((chance - (item.label == positive)) ** 2,)

    signature = f"brier|terms:1|pos:{signed_labels([positive])}|v1"
    return LineMean("brier", signature, ("squared_error",), each(row, 1), direction=Direction.LOWER)


def multiclass_brier(labels: Sequence[str]) -> LineMean[Classified]:
    """The mean of ``Σ (p_k - y_k)²`` over all labels, as Brier wrote it in 1950.

    With two labels it is twice ``brier``.

    Args:
        labels: All labels. Of two, the probability of one is enough.

    Returns:
        A metric named ``multiclass_brier``, in 0..2; ``1 - 1/K`` for a model that finds all ``K`` labels equally
        likely. An item whose right label is not among the labels, or without probabilities that add up to 1, gives a
        row of NaN.

    Raises:
        InvalidInput: There are fewer than two labels, or one is there twice.
    """
    known = check_labels(labels)

    def row(item: Classified) -> tuple[float] | None:
        chances = probabilities(item, known) if item.label in known else None
        if chances is None:
            return None
        return (sum((chance - (label == item.label)) ** 2 for label, chance in zip(known, chances, strict=True)),)

    signature = f"multiclass_brier|terms:all|labels:{signed_labels(sorted(known))}|v1"
    return LineMean("multiclass_brier", signature, ("squared_error",), each(row, 1), direction=Direction.LOWER)
