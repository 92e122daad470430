"""Probabilities, read from an item's scores."""

from __future__ import annotations

from outcrop.metrics.classification.classified import Classified

# Softmax in single precision ends this far from 0, from 1 and from a sum of 1; in half precision the sum does.
_ROUNDING = 1e-6
_SUM_ROUNDING = 1e-3


def probability(item: Classified, label: str) -> float | None:
    """The probability that an item gives a label.

    Returns:
        A number in 0..1; what lies up to 1e-6 outside is moved to the end. None where the label has no score, or one
        that can't be a probability.
    """
    score = item.score_of(label)
    if score is None or not -_ROUNDING <= score <= 1 + _ROUNDING:
        return None
    return min(max(score, 0.0), 1.0)


def probabilities(item: Classified, labels: tuple[str, ...]) -> tuple[float, ...] | None:
    """The probabilities that an item gives all labels.

    Args:
        item: What a model said.
        labels: All labels. Of two, one may have no score: it has the rest of the other's probability.

    Returns:
        One number for each label, as given; None where a label has none, one can't be a probability, or their sum is
        further than 0.001 from 1.
    """
    found = {label: chance for label in labels if (chance := probability(item, label)) is not None}
    if len(labels) == 2 and len(found) == 1 and not all(label in (item.scores or {}) for label in labels):
        (rest,) = set(labels) - set(found)
        found[rest] = 1 - sum(found.values())
    if len(found) < len(labels) or abs(sum(found.values()) - 1) > _SUM_ROUNDING:
        return None
    return tuple(found[label] for label in labels)
