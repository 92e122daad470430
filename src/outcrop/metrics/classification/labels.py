"""The labels that a metric knows, and where an item stands among them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from outcrop.domain.errors import Fault, InvalidInput
from outcrop.metrics.classification.classified import Classified

_ESCAPED = str.maketrans({mark: f"%{ord(mark):02X}" for mark in "%|,:"})
_WRITTEN_OUT = 5


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, if they can be told apart.

    Raises:
        InvalidInput: There are fewer than two, or one is there twice. A text alone is one label, not its letters.
    """
    given = (labels,) if isinstance(labels, str) else tuple(labels)
    faults = [
        Fault("labels", None, "", f"{label!r} {n} times", "each label once")
        for label, n in Counter(given).items()
        if n > 1
    ]
    if len(given) < 2:
        faults.append(Fault("labels", None, "", repr(given), "two labels or more"))
    if faults:
        raise InvalidInput(faults)
    return given


def signed_labels(labels: Sequence[str]) -> str:
    """Labels as a signature has them: written out up to five, their number and hash beyond."""
    if len(labels) <= _WRITTEN_OUT:
        return ",".join(label.translate(_ESCAPED) for label in labels)
    digest = hashlib.sha256(json.dumps(list(labels)).encode()).hexdigest()
    return f"{len(labels)}#{digest[:8]}"


def places(items: Sequence[Classified], labels: tuple[str, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the right labels and the predictions stand among the ``K`` labels.

    Args:
        items: Labels and predictions.
        labels: The labels that are known.

    Returns:
        Two arrays of shape ``(n,)``. Right labels 0..K-1; predictions 0..K, K being all texts that are no known label.
        Both are -1 where the item can't be scored: without a prediction, or without a right label that is known.
    """
    known: dict[str | None, int] = {label: place for place, label in enumerate(labels)}
    right = [-1 if item.prediction is None else known.get(item.label, -1) for item in items]
    predicted = [
        -1 if place < 0 else known.get(item.prediction, len(labels)) for place, item in zip(right, items, strict=True)
    ]
    return np.array(right, dtype=np.intp), np.array(predicted, dtype=np.intp)
